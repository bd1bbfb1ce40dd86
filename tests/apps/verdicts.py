# SPDX-License-Identifier: GPL-2.0
"""Run Python's own tests and print the verdict of each: ID VERDICT.

usage: verdicts.py MODULE [PATTERN...]

Tests whose id contains a PATTERN are left out.  What the tests print goes to
standard error.
"""

import os
import sys
import unittest

from test import support

out = None


class Verdicts(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self.verdict = "ok"
        print("begin", test.id(), file=sys.stderr, flush=True)

    def stopTest(self, test):
        super().stopTest(test)
        print(test.id(), self.verdict, file=out, flush=True)

    def bad(self, test, verdict, err):
        self.verdict = verdict
        print(verdict, test.id(), self._exc_info_to_string(err, test), file=sys.stderr, flush=True)
        if not hasattr(test, "_testMethodName"):    # of a class or a module
            print(test.id(), verdict, file=out, flush=True)

    def addError(self, test, err):
        self.bad(test, "ERROR", err)

    def addFailure(self, test, err):
        self.bad(test, "FAIL", err)

    def addSubTest(self, test, subtest, err):
        if err:
            self.bad(test, "FAIL", err)

    def addSkip(self, test, reason):
        self.verdict = "skipped"

    def addExpectedFailure(self, test, err):
        self.verdict = "expected failure"

    def addUnexpectedSuccess(self, test):
        self.verdict = "unexpected success"


def tests_in(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_in(test)
        else:
            yield test


def main():
    global out
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    module, patterns = sys.argv[1], sys.argv[2:]
    # Its network is the machine itself; what others do needs more than that.
    support.use_resources = ["network"] if module == "test_socketserver" else []
    support.verbose = 0
    all_tests = unittest.defaultTestLoader.loadTestsFromName("test." + module)
    wanted = unittest.TestSuite(t for t in tests_in(all_tests) if not any(p in t.id() for p in patterns))
    result = Verdicts()
    wanted.run(result)
    print("tests", result.testsRun, file=out)


if __name__ == "__main__":      # and not where a process that a test starts imports this again
    main()

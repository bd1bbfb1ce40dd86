# SPDX-License-Identifier: GPL-2.0
#
# make check-kselftest        the kernel's own selftests, natively and in Dune mode, in both
#                             rings: those that take a moment each
#                             (T=kselftest/x86 for one collection; HOST=1 on this machine)
# make check-kselftest-long   all of them, also those that take minutes

KSELFTEST := $(B)/kselftest/tests
KSELFTEST_FILES := selftests filters differences with-hugepages with-swap

TESTS_KSELFTEST := $(B)/tests/guest/kselftest
tests: $(TESTS_KSELFTEST)

# Static: it is to depend on nothing that a selftest might break.
$(TESTS_KSELFTEST): tests/kselftest/run.c | $(DEPS)
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(ALL_C) -static -MF $@.d $< -o $@
-include $(TESTS_KSELFTEST).d

# The programs, and what the driver reads beside them.
.PHONY: kselftest check-kselftest check-kselftest-long
kselftest:
	@tests/kselftest/build
	@cp -p $(addprefix tests/kselftest/,$(KSELFTEST_FILES)) $(KSELFTEST)/

check-kselftest:
	@$(if $(HOST),scripts/host-ready)
	@scripts/deps build check $(if $(HOST),,vm)
	@$(MAKE) --no-print-directory user kselftest
	@tests/kselftest/self-check
	@DUNE_TESTS=tests/kselftest/tests.list tests/run $(if $(HOST),--host) $(or $(T),quick)

check-kselftest-long:
	@$(MAKE) --no-print-directory check-kselftest T='$(or $(T),kselftest/)'

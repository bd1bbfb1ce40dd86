// SPDX-License-Identifier: GPL-2.0
/*
 * kselftest - runs selftests of the kernel natively and in Dune mode, and compares.
 *
 *	kselftest [--native] [--ring 3] [--with COMMAND] [--only WORD] [--verbose] [--list]
 *		  [PATTERN]...
 *
 * What is compared is what a program prints and how it ends, line by line.  Natively a
 * selftest may fail or be skipped (the kernel, the machine or this system may lack what
 * it needs); it is to do the same in Dune mode.  A point of our TAP is one selftest:
 *
 *	ok 1 - x86/sigreturn: same as natively (12 ok, 0 not ok)
 *
 *	--native	the second run is native as well: is the test steady at all?
 *	--ring 3	in ring 3 of Dune mode; the names end with @ring3 then
 *	--with COMMAND	what runs a program in Dune mode (default: dune-run)
 *	--only WORD	of those that match only the ones with this word
 *	--verbose	show all that the programs print
 *	--list		only print the names
 *	PATTERN		part of a name, a name with * in it, or a word of the list
 *
 * The files are in $KSELFTEST, /kselftest or build/kselftest/tests; a field ends with
 * a | that has spaces around it:
 *
 *	selftests	NAME | COMMAND | SECONDS | WORDS
 *	filters		NAME | REGEX | REPLACEMENT | REASON
 *	differences	NAME | REGEX | REASON
 *
 * COMMAND is for the shell, in the directory of NAME; $RUN in it is where a program is
 * started (without it: at its beginning).  SECONDS is how long one run may take.  The
 * word "unordered" is for programs whose threads print in any order; "quick" for those
 * that take the emulated machine a moment only, "long" for the others; "hardware" for what
 * is only run when this word or its full name is asked for, with the reason after it.  NAME in the other two may
 * have * in it.  A filter applies to each line of both runs; "(drop)" as its
 * replacement drops the line.  A difference explains the lines "-..." (only natively)
 * and "+..." (only in Dune mode) that match REGEX; one that explains nothing any more
 * is a failure too, so that the list stays true.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_OUTPUT	(4 << 20)	/* bytes kept of what one run prints */
#define MAX_SHOWN	40		/* lines of a difference that are shown */
#define MAX_FIELDS	4
#define MAX_ENTRIES	512
#define KILL_SECONDS	10		/* for what a test left behind to go away */

/* One line of one of the three files. */
struct entry {
	char *field[MAX_FIELDS];
	int fields;
	regex_t regex;
	bool used;
};

struct table {
	struct entry entry[MAX_ENTRIES];
	int entries;
};

/* What a program printed, with a last line that says how it ended. */
struct output {
	char *text;
	size_t length;
	int ok, not_ok;
	double seconds, cpu;		/* how long it took, and how much of that it worked */
};

static struct table selftests, filters, differences;
static const char *runner = "dune-run";
static const char *suffix = "", *only;
static bool verbose;

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...)
{
	va_list args;

	printf("Bail out! ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	exit(2);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* What all children that have ended had of the CPU. */
static double cpu_of_children(void)
{
	struct rusage r;

	getrusage(RUSAGE_CHILDREN, &r);
	return r.ru_utime.tv_sec + r.ru_stime.tv_sec +
	       (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static bool starts_with(const char *s, const char *start)
{
	return strncmp(s, start, strlen(start)) == 0;
}

/* ---- the files ----------------------------------------------------------------- */

static char *trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return s;
}

/* Cut a line at each | between spaces; the last field keeps what is left. */
static void split(struct entry *e, char *line, int fields)
{
	char *bar;

	while (e->fields < fields - 1) {
		for (bar = strchr(line, '|'); bar; bar = strchr(bar + 1, '|'))
			if (bar > line && isspace((unsigned char)bar[-1]) &&
			    (!bar[1] || isspace((unsigned char)bar[1])))
				break;
		if (!bar)
			break;
		*bar = '\0';
		e->field[e->fields++] = trim(line);
		line = bar + 1;
	}
	e->field[e->fields++] = trim(line);
}

/* Read a file of lines with so many fields; field number @regex is compiled. */
static void read_table(struct table *t, const char *name, int fields, int regex)
{
	FILE *file = fopen(name, "re");
	char *line = NULL, *text;
	struct entry *e;
	size_t size = 0;

	if (!file)
		die("%s: %s", name, strerror(errno));
	while (getline(&line, &size, file) > 0) {
		text = trim(line);
		if (!*text || *text == '#')
			continue;
		if (t->entries == MAX_ENTRIES)
			die("%s: too long", name);
		e = &t->entry[t->entries++];
		split(e, strdup(text), fields);
		if (e->fields != fields)
			die("%s: %s: %d fields, not %d", name, e->field[0], e->fields, fields);
		if (regex && regcomp(&e->regex, e->field[regex], REG_EXTENDED))
			die("%s: %s: wrong expression: %s", name, e->field[0], e->field[regex]);
	}
	free(line);
	fclose(file);
}

static void read_tables(void)
{
	const char *dirs[] = { getenv("KSELFTEST"), "/kselftest", "build/kselftest/tests" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (dirs[i] && chdir(dirs[i]) == 0) {
			read_table(&selftests, "selftests", 4, 0);
			read_table(&filters, "filters", 4, 1);
			read_table(&differences, "differences", 3, 1);
			return;
		}
	die("no selftests here: bring build/kselftest/tests as /kselftest");
}

static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; (p = strstr(p, word)); p += n)
		if ((p == words || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' '))
			return true;
	return false;
}

static bool matches(struct entry *test, const char *pattern)
{
	const char *name = test->field[0], *words = test->field[3];

	if (has_word(words, "hardware"))
		return strcmp(pattern, name) == 0 || strcmp(pattern, "hardware") == 0;
	return strstr(name, pattern) || has_word(words, pattern) || fnmatch(pattern, name, 0) == 0;
}

static bool wanted(struct entry *test, char **patterns)
{
	if (only && !has_word(test->field[3], only))
		return false;
	if (!*patterns)
		return !has_word(test->field[3], "hardware");
	while (*patterns)
		if (matches(test, *patterns++))
			return true;
	return false;
}

/* ---- one run --------------------------------------------------------------------- */

static void __attribute__((noreturn))
child(const char *name, const char *command, const char *with, int out)
{
	char text[4096], dir[256];

	/* What the tests have of their own: a session, no input, a plain environment. */
	setsid();
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(out, 1);
	dup2(out, 2);
	snprintf(dir, sizeof(dir), "%.*s", (int)strcspn(name, "/"), name);
	if (chdir(dir) < 0)
		perror(dir);
	setenv("RUN", with, 1);
	snprintf(text, sizeof(text), "%s%s", strstr(command, "$RUN") ? "" : "exec $RUN ./",
		 command);
	execl("/bin/sh", "sh", "-c", text, NULL);
	_exit(127);
}

/* Kill what is in session @session and our own children; returns how many there are. */
static int kill_round(pid_t session)
{
	int parent, in_session, pid, fields, left = 0;
	struct dirent *entry;
	char path[64], state;
	DIR *proc = opendir("/proc");
	FILE *stat;

	if (!proc)
		return 0;
	while ((entry = readdir(proc))) {
		pid = atoi(entry->d_name);
		if (pid <= 1 || pid == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		stat = fopen(path, "re");
		if (!stat)
			continue;
		fields = fscanf(stat, "%*d (%*[^)]) %c %d %*d %d", &state, &parent, &in_session);
		fclose(stat);
		if (fields == 3 && (parent == getpid() || in_session == session)) {
			kill(pid, SIGKILL);
			left++;
		}
	}
	closedir(proc);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return left;
}

/* Children of what was killed become ours (we are their subreaper), and are next. */
static bool kill_leftovers(pid_t session)
{
	double deadline = now() + KILL_SECONDS;

	while (kill_round(session)) {
		if (now() > deadline)
			return false;
		usleep(1000);
	}
	return true;
}

static void append(struct output *o, const char *data, size_t n)
{
	if (o->length + n > MAX_OUTPUT)
		n = MAX_OUTPUT - o->length;
	o->text = realloc(o->text, o->length + n + 1);
	if (!o->text)
		die("no memory");
	memcpy(o->text + o->length, data, n);
	o->length += n;
	o->text[o->length] = '\0';
}

static void __attribute__((format(printf, 2, 3)))
append_line(struct output *o, const char *format, ...)
{
	char line[256];
	va_list args;

	if (o->length && o->text[o->length - 1] != '\n')
		append(o, "\n", 1);
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	append(o, line, strlen(line));
}

/* Take what the pipe holds, waiting at most @ms for it.  False: at its end. */
static bool take(struct output *o, int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char data[65536];
	ssize_t n;

	if (poll(&p, 1, ms) <= 0)
		return true;
	n = read(fd, data, sizeof(data));
	if (n <= 0)
		return false;
	append(o, data, n);
	return true;
}

static void append_end(struct output *o, bool ended, int status, bool clean)
{
	if (!ended)
		append_line(o, "(time-out)\n");
	else if (WIFSIGNALED(status))
		append_line(o, "(signal %d%s)\n", WTERMSIG(status),
			    WCOREDUMP(status) ? ", core dumped" : "");
	else
		append_line(o, "(exit status %d)\n", WEXITSTATUS(status));
	if (!clean)
		append_line(o, "(left a process that cannot be killed)\n");
}

/* Run a test to its end or its time-out, with @with in front of its program. */
static void run(struct output *o, struct entry *test, const char *with)
{
	double begin = now(), deadline = begin + atoi(test->field[2]), cpu = cpu_of_children();
	bool open = true, ended = false, clean;
	int ends[2], status = 0;
	pid_t pid;

	append(o, "", 0);
	if (pipe2(ends, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		child(test->field[0], test->field[1], with, ends[1]);
	if (pid < 0)
		die("fork: %s", strerror(errno));
	close(ends[1]);
	/* A leftover may hold the pipe, and a program may close it: look for both ends. */
	while (!ended && now() < deadline) {
		if (open)
			open = take(o, ends[0], 10);
		else
			usleep(10000);
		ended = waitpid(pid, &status, WNOHANG) == pid;
	}
	o->seconds = now() - begin;
	clean = kill_leftovers(pid);
	o->cpu = cpu_of_children() - cpu;
	while (open && clean)
		open = take(o, ends[0], 1000);
	close(ends[0]);
	append_end(o, ended, status, clean);
}

/* ---- what is compared ------------------------------------------------------------ */

/* Does a line tell of a point?  TAP, and the brackets of the older tests. */
static void count_line(struct output *o, const char *line)
{
	line += strspn(line, "# \t");
	if (starts_with(line, "not ok") || strstr(line, "[FAIL"))
		o->not_ok++;
	else if (starts_with(line, "ok ") || strstr(line, "[OK]") || strstr(line, "[PASS]"))
		o->ok++;
}

/* Replace every match in a line; the result is the caller's. */
static char *substitute(char *line, const regex_t *regex, const char *replacement)
{
	struct output o = { 0 };
	regmatch_t m;
	char *p = line;

	append(&o, "", 0);
	while (*p && regexec(regex, p, 1, &m, p == line ? 0 : REG_NOTBOL) == 0) {
		if (m.rm_eo == 0)
			m.rm_eo = m.rm_so = 1;	/* an empty match: get on */
		else
			append(&o, p, m.rm_so), append(&o, replacement, strlen(replacement));
		if (m.rm_so == m.rm_eo)
			append(&o, p, 1);
		p += m.rm_eo;
	}
	append(&o, p, strlen(p));
	free(line);
	return o.text;
}

/* Apply the filters for a test to a line; NULL if one drops it. */
static char *filter(const char *name, char *line)
{
	struct entry *f;

	for (int i = 0; i < filters.entries; i++) {
		f = &filters.entry[i];
		if (fnmatch(f->field[0], name, 0))
			continue;
		if (strcmp(f->field[2], "(drop)"))
			line = substitute(line, &f->regex, f->field[2]);
		else if (regexec(&f->regex, line, 0, NULL, 0) == 0) {
			free(line);
			return NULL;
		}
	}
	return line;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Write the lines of a run, filtered, to a file, and count the points in them. */
static void write_lines(struct output *o, struct entry *test, const char *path)
{
	FILE *file = fopen(path, "we");
	char **lines = NULL, *rest = o->text, *line;
	size_t n = 0;

	if (!file)
		die("%s: %s", path, strerror(errno));
	while ((line = strsep(&rest, "\n"))) {
		count_line(o, line);
		line = filter(test->field[0], strdup(line));
		if (!line)
			continue;
		lines = realloc(lines, (n + 1) * sizeof(*lines));
		lines[n++] = line;
	}
	if (has_word(test->field[3], "unordered"))
		qsort(lines, n, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < n; i++) {
		fprintf(file, "%s\n", lines[i]);
		free(lines[i]);
	}
	free(lines);
	fclose(file);
}

/* ---- comparing ------------------------------------------------------------------- */

/* The name that a test has on the list of differences. */
static const char *full_name(struct entry *test)
{
	static char name[256];

	snprintf(name, sizeof(name), "%s%s", test->field[0], suffix);
	return name;
}

/* Is a line "-..." or "+..." on the list of differences? */
static bool explained(struct entry *test, const char *line)
{
	const char *name = full_name(test);
	struct entry *d;

	for (int i = 0; i < differences.entries; i++) {
		d = &differences.entry[i];
		if (fnmatch(d->field[0], name, 0) == 0 &&
		    regexec(&d->regex, line, 0, NULL, 0) == 0)
			return d->used = true;
	}
	return false;
}

/* What differs, line by line; returns how many lines are not on the list. */
static int compare(struct entry *test, const char *native, const char *dune,
		   struct output *text, int *listed)
{
	char command[512], *line = NULL;
	size_t size = 0;
	int lines = 0, unknown = 0;
	bool known;
	FILE *diff;

	snprintf(command, sizeof(command), "diff -U 0 %s %s", native, dune);
	diff = popen(command, "re");
	if (!diff)
		die("diff: %s", strerror(errno));
	while (getline(&line, &size, diff) > 0) {
		/* the first two lines name the files */
		if (++lines <= 2 || (*line != '-' && *line != '+'))
			continue;
		line[strcspn(line, "\n")] = '\0';
		known = explained(test, line);
		known ? (*listed)++ : unknown++;
		if (*listed + unknown <= MAX_SHOWN || (!known && unknown <= MAX_SHOWN))
			append_line(text, "#   %s %s%s\n", *line == '-' ? "natively: " : "Dune mode:",
				    line + 1, known ? "   (listed)" : "");
	}
	free(line);
	if (WEXITSTATUS(pclose(diff)) > 1)
		die("diff failed");
	return unknown;
}

/* Entries for this very test that no line needed. */
static int outdated(struct entry *test, struct output *text)
{
	struct entry *d;
	int n = 0;

	for (int i = 0; i < differences.entries; i++) {
		d = &differences.entry[i];
		if (strcmp(d->field[0], full_name(test)) || d->used)
			continue;
		append_line(text, "#   no longer: %s\n", d->field[1]);
		n++;
	}
	return n;
}

static void show(const char *what, const char *text)
{
	printf("# ---- %s\n# ", what);
	for (; *text; text++) {
		putchar(*text);
		if (*text == '\n' && text[1])
			fputs("# ", stdout);
	}
}

/* Returns whether the test did the same in both ways. */
static bool judge(int number, struct entry *test, struct output *native, struct output *dune,
		  bool second_native)
{
	struct output text = { 0 };
	int listed = 0, unknown, old;
	bool ok;

	append(&text, "", 0);
	write_lines(native, test, "/tmp/kselftest.native");
	write_lines(dune, test, "/tmp/kselftest.dune");
	unknown = compare(test, "/tmp/kselftest.native", "/tmp/kselftest.dune", &text, &listed);
	old = second_native ? 0 : outdated(test, &text);
	ok = !unknown && !old;
	printf("%sok %d - %s: ", ok ? "" : "not ", number, full_name(test));
	if (unknown)
		printf("%d lines differ from native", unknown);
	else if (old)
		printf("%d listed differences are gone", old);
	else if (listed)
		printf("%d lines differ as listed", listed);
	else
		printf("same as natively");
	printf(" (%d ok, %d not ok)\n", native->ok, native->not_ok);
	printf("#   %.1f s (%.1f s of CPU) natively, %.1f s (%.1f s) in %s\n%s", native->seconds,
	       native->cpu, dune->seconds, dune->cpu, second_native ? "a second run" : "Dune mode",
	       text.text);
	free(text.text);
	return ok;
}

static bool run_test(int number, struct entry *test, bool second_native)
{
	struct output native = { 0 }, dune = { 0 };
	bool ok;

	run(&native, test, "");
	run(&dune, test, second_native ? "" : runner);
	if (verbose) {
		show("natively", native.text);
		show("in Dune mode", dune.text);
	}
	ok = judge(number, test, &native, &dune, second_native);
	fflush(stdout);
	free(native.text);
	free(dune.text);
	return ok;
}

int main(int argc, char **argv)
{
	bool native = false, list = false;
	int n = 0, failed = 0;

	for (argv++; *argv && starts_with(*argv, "--"); argv++) {
		if (strcmp(*argv, "--native") == 0)
			native = true;
		else if (strcmp(*argv, "--verbose") == 0)
			verbose = true;
		else if (strcmp(*argv, "--list") == 0)
			list = true;
		else if (strcmp(*argv, "--with") == 0 && argv[1])
			runner = *++argv;
		else if (strcmp(*argv, "--only") == 0 && argv[1])
			only = *++argv;
		else if (strcmp(*argv, "--ring") == 0 && argv[1] && strcmp(*++argv, "3") == 0)
			runner = "dune-run --ring 3", suffix = "@ring3";
		else
			die("unknown option %s", *argv);
	}
	read_tables();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < selftests.entries; i++) {
		struct entry *test = &selftests.entry[i];

		if (!wanted(test, argv))
			continue;
		n++;
		if (list)
			puts(test->field[0]);
		else
			failed += !run_test(n, test, native);
	}
	if (list)
		return 0;
	printf("1..%d\n", n);
	return failed || !n;
}

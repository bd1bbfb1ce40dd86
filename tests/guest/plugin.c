// SPDX-License-Identifier: GPL-2.0
/*
 * <dune/plugin.h> with plugins that behave: loading, calls, buffers, grants, limits, reset; alone, several,
 * and in threads. What plugins do that do not behave is hostile_plugin.c.
 */
#define _GNU_SOURCE
#include <dune/dune.h>
#include <dune/pgtable.h>
#include <dune/plugin.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "plugin.h"
#include "tap.h"

/* No test is to fail because the machine is slow. */
#define PATIENCE	(300UL * 1000000000)

static const struct dune_plugin_policy patient = { .time_ns = PATIENCE };

/* ---- Calls -------------------------------------------------------------------------------------- */

static void test_calls(struct dune_plugin *p)
{
	uint64_t twelve[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3 }, fn, value;

	ok_eq(call2(p, "add", 40, 2), 42, "a call");
	ok_eq(call2(p, "add", -5UL, 3), -2, "with other numbers");
	fn = symbol(p, "twelve");
	ok_eq(dune_plugin_call(p, fn, twelve, 12, &value), 0, "twelve arguments");
	ok_eq(value, 321987654321, "arrive in order");
	ok_eq(dune_plugin_call(p, fn, twelve, 13, &value), -EINVAL, "thirteen are refused");
	ok_eq(dune_plugin_call(p, fn, twelve, 12, NULL), 0, "the result may be left there");
	ok_eq(dune_plugin_call(p, 1UL << 47, NULL, 0, NULL), -EINVAL, "a function that is nobody's address");
	ok_eq(dune_plugin_sym(p, "no_such_function", &fn), -ENOENT, "a symbol that is not there");
	ok_eq(call0(p, "count"), 42, "data of its own");
	ok_eq(call0(p, "count"), 43, "stay as it left them");
}

/* ---- Buffers --------------------------------------------------------------------------------------- */

static void test_buffers(struct dune_plugin *p)
{
	static const char text[] = "every byte of it counts";
	char back[sizeof(text)];
	uint64_t at;

	ok_eq(dune_plugin_put(p, text, sizeof(text), &at), 0, "a buffer");
	ok_eq(call2(p, "upper", at, sizeof(text)), sizeof(text), "which it changes");
	ok_eq(dune_plugin_read(p, back, at, sizeof(text)), 0, "and that is read");
	ok_str(back, "EVERY BYTE OF IT COUNTS", "as it left it");
	ok_eq(dune_plugin_read(p, back, (uintptr_t)text, 4), -EFAULT, "the host's memory is not the plugin's to read");
	ok_eq(dune_plugin_write(p, symbol(p, "add"), text, 4), -EFAULT, "and its code not to be written");
	ok_eq(dune_plugin_write(p, at + 4096 - 2, text, 4), -EFAULT, "nor what is beyond a buffer");
	ok_eq(dune_plugin_free(p, at, sizeof(text)), 0, "a buffer goes");
	ok_eq(dune_plugin_read(p, back, at, 1), -EFAULT, "and is gone");
	ok_eq(dune_plugin_alloc(p, 0, &at), -EINVAL, "a buffer of nothing");
	ok_eq(dune_plugin_alloc(p, 1UL << 40, &at), -EINVAL, "one of a TiB");
	ok_eq(dune_plugin_alloc(p, 65UL << 20, &at), -ENOMEM, "one that is more than the policy has");
}

static void test_grants(struct dune_plugin *p)
{
	unsigned char *memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at, writable;
	long sum;

	memset(memory, 1, 4 * PAGE);
	ok_eq(dune_plugin_grant(p, memory + PAGE, 2 * PAGE, DUNE_PROT_READ, &at), 0, "two pages are granted");
	ok_eq(call2(p, "sum", at, 2 * PAGE), 2 * PAGE, "it sees them");
	memory[PAGE] = 101;
	ok_eq(call2(p, "sum", at, 2 * PAGE), 2 * PAGE + 100, "and what the host changes");
	ok_eq(try2(p, "sum", at, 2 * PAGE + 1), -EFAULT, "but not what is beyond");
	dune_plugin_reset(p);
	ok_eq(try2(p, "upper", at, 4), -EFAULT, "it cannot write there");
	dune_plugin_reset(p);
	ok_eq(call2(p, "sum", at, 1), 101, "a reset leaves grants alone");
	ok_eq(dune_plugin_grant(p, memory, PAGE, DUNE_PROT_READ | DUNE_PROT_WRITE, &writable), 0, "one to write to");
	strcpy((char *)memory, "abc");
	call2(p, "upper", writable, 4);
	ok_str((char *)memory, "ABC", "is written to");
	ok_eq(dune_plugin_revoke(p, at, 2 * PAGE), 0, "revoked");
	ok_eq(try2(p, "sum", at, 1), -EFAULT, "it is gone");
	ok_eq(dune_plugin_revoke(p, at, PAGE), -EINVAL, "and cannot be revoked twice");
	dune_plugin_reset(p);
	ok_eq(dune_plugin_revoke(p, writable, PAGE), 0, "the other one");
	ok_eq(dune_plugin_grant(p, memory + 1, PAGE, DUNE_PROT_READ, &at), -EINVAL, "part of a page");
	ok_eq(dune_plugin_grant(p, memory, PAGE, DUNE_PROT_READ | DUNE_PROT_EXEC, &at), -EINVAL, "code");
	for (sum = 0, at = 0; at < 4 * PAGE; at++)
		sum += memory[at];
	ok_eq(sum, 4 * PAGE - 4 + 'A' + 'B' + 'C' + 0 + 100, "nothing else was written");
	munmap(memory, 4 * PAGE);
}

/* ---- Reset -------------------------------------------------------------------------------------------- */

static void test_reset(struct dune_plugin *p)
{
	struct dune_plugin_stats before, after;
	uint64_t counter;
	size_t quiet;
	int value = 0;

	ok_eq(dune_plugin_reset(p), 0, "reset");
	dune_plugin_stats(p, &before);
	call2(p, "add", 1, 1);
	dune_plugin_reset(p);
	dune_plugin_stats(p, &after);
	quiet = after.restored;
	ok(quiet > 0 && quiet < 16, "a call that writes nothing leaves %zu pages to restore, of %zu", quiet, after.saved);
	call1(p, "dirty", 100);
	dune_plugin_reset(p);
	dune_plugin_stats(p, &after);
	ok(after.restored >= 100 && after.restored <= 100 + quiet + 2, "one that writes to 100 leaves %zu", after.restored);

	call0(p, "count");
	call0(p, "count");
	counter = symbol(p, "counter");
	dune_plugin_read(p, &value, counter, sizeof(value));
	ok_eq(value, 43, "it counted");
	dune_plugin_reset(p);
	dune_plugin_read(p, &value, counter, sizeof(value));
	ok_eq(value, 41, "and has not, after a reset");
	value = 7;
	dune_plugin_write(p, counter, &value, sizeof(value));
	ok_eq(call0(p, "count"), 8, "the host writes to its memory");
	dune_plugin_reset(p);
	ok_eq(call0(p, "count"), 42, "and that is undone as well");

	dune_plugin_reset(p);
	ok_ne(call1(p, "keep", 1 << 20), 0, "a MiB by mmap()");
	ok_ne(call1(p, "keep", 100000), 0, "and more of the heap");
	dune_plugin_reset(p);
	dune_plugin_stats(p, &after);
	ok_eq(after.pages, before.pages, "are given back");
	ok_eq(call1(p, "keep", 50 << 20) != 0, 1, "50 MiB");
	dune_plugin_reset(p);
	ok_eq(call1(p, "keep", 50 << 20) != 0, 1, "and again");
	dune_plugin_reset(p);
	ok_eq(call1(p, "keep", 70 << 20), 0, "70 MiB is more than the policy has");
	dune_plugin_reset(p);
	ok_eq(call0(p, "count"), 42, "it works");
}

/* ---- Files ------------------------------------------------------------------------------------------- */

static void test_files(const char *object)
{
	static const char *const proc[] = { "/etc/passwd", NULL };
	struct dune_plugin_policy policy = { .read = proc, .time_ns = PATIENCE };
	struct dune_plugin *p = open_plugin(object, &patient);

	ok_eq(call_text(p, "read_file", object), 0x7f, "it may read itself");
	ok_eq((int)call_text(p, "read_file", "/etc/passwd"), -1, "but no other file");
	dune_plugin_close(p);
	p = open_plugin(object, &policy);
	ok_eq(call_text(p, "read_file", "/etc/passwd"), 'r', "the policy may name one");
	ok_eq((int)call_text(p, "read_file", "/etc/group"), -1, "which is not another one");
	ok_eq((int)call_text(p, "read_file", "/usr/lib/../../etc/group"), -1, "whatever the path");
	ok_eq((int)call_text(p, "read_file", "/proc/self/maps"), -1, "and not the host's maps");
	dune_plugin_close(p);
}

/* ---- Opening ------------------------------------------------------------------------------------------- */

static void test_open(const char *object)
{
	struct dune_plugin_policy policy = { .flags = 1U << 31, .time_ns = PATIENCE };
	struct dune_plugin *p = (void *)1;

	ok_eq(dune_plugin_open("/nowhere.so", &patient, &p), -ENOENT, "an object that is not there");
	ok(!p, "is no plugin");
	ok_eq(dune_plugin_open(object, &policy, &p), -EINVAL, "an unknown flag");
	policy = (struct dune_plugin_policy){ .stack = 1, .time_ns = PATIENCE };
	ok_eq(dune_plugin_open(object, &policy, &p), -EINVAL, "a stack of one page");
	ok_eq(dune_plugin_open("/etc/passwd", &patient, &p), -ENOEXEC, "a file that is no object");
	ok(p && dune_plugin_error(p)->reason == DUNE_PLUGIN_LOAD, "ld.so says: %s", p ? dune_plugin_error(p)->text : "");
	ok_eq(dune_plugin_reset(p), -ENOTRECOVERABLE, "which cannot be reset");
	dune_plugin_close(p);
	policy = (struct dune_plugin_policy){ .memory = 1 << 20, .time_ns = PATIENCE };
	ok_eq(dune_plugin_open(object, &policy, &p), -ENOEXEC, "a MiB is too little for its libraries");
	diag("%s", dune_plugin_error(p)->text);
	dune_plugin_close(p);
	dune_plugin_close(NULL);
}

/* ---- Several, and threads ------------------------------------------------------------------------------- */

struct job {
	struct dune_plugin *own, *shared;
	bool inside;
	int wrong;
};

static void *work(void *arg)
{
	struct job *job = arg;
	int i;

	if (job->inside && dune_enter())
		return NULL;
	for (i = 0; i < 50; i++) {
		job->wrong += call2(job->own, "add", i, 1000) != i + 1000;
		job->wrong += call2(job->shared, "add", i, 5) != i + 5;
		if (i % 10 == 0)
			job->wrong += dune_plugin_reset(job->own) != 0;
	}
	return NULL;
}

static void test_several(const char *object)
{
	struct dune_plugin *shared = open_plugin(object, &patient);
	struct job job[3];
	pthread_t thread[3];
	int i;

	for (i = 0; i < 3; i++) {
		job[i] = (struct job){ .own = open_plugin(object, &patient), .shared = shared, .inside = i == 1, .wrong = 0 };
		call0(job[i].own, "count");
	}
	ok_eq(call0(job[0].own, "count"), 43, "several of one object");
	ok_eq(call0(shared, "count"), 42, "have each their own data");
	for (i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, work, &job[i]);
	for (i = 0; i < 3; i++) {
		pthread_join(thread[i], NULL);
		ok_eq(job[i].wrong, 0, "a thread with a plugin of its own and one that all share%s",
		      job[i].inside ? ", in Dune mode" : "");
		dune_plugin_close(job[i].own);
	}
	dune_plugin_close(shared);
}

/* ---- Forks, and no memory ---------------------------------------------------------------------------------- */

static void test_fork(const char *object)
{
	struct dune_plugin *p = open_plugin(object, &patient);
	int status = -1;
	pid_t pid;

	call0(p, "count");
	pid = fork();
	if (!pid) {
		alarm(300);
		_exit(call0(p, "count") == 43 && call2(p, "add", 1, 2) == 3 && !dune_plugin_reset(p) &&
		      call0(p, "count") == 42 ? 7 : 8);
	}
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 7, "the child of a fork has a plugin of its own (status %#x)", status);
	ok_eq(call0(p, "count"), 43, "and its parent the one it had");
	dune_plugin_close(p);
}

/* Linux refuses to map: where it was to be may be anybody's now. */
static void test_no_memory(const char *object)
{
	struct dune_plugin *p = open_plugin(object, &patient);
	struct rlimit old, none = { PAGE, 0 };	/* 0 means something else to Linux */

	getrlimit(RLIMIT_DATA, &old);
	none.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_DATA, &none);
	ok_eq(call1(p, "keep", 1 << 20), 0, "no memory for it from Linux");
	setrlimit(RLIMIT_DATA, &old);
	ok_eq(call2(p, "add", 1, 2), 3, "it goes on");
	ok_eq(dune_plugin_reset(p), -EIO, "but a place in it is lost");
	dune_plugin_close(p);
	p = open_plugin(object, &patient);
	ok_eq(call2(p, "add", 1, 2), 3, "another one is whole");
	dune_plugin_close(p);
}

/* ---- An object of Debian's --------------------------------------------------------------------------------- */

static void test_zlib(void)
{
	static const char *const path = "/lib/x86_64-linux-gnu/libz.so.1";
	static const char text[] = "123456789";
	struct dune_plugin *p;
	uint64_t at;

	if (access(path, R_OK)) {
		skip(2, "there is no libz");
		return;
	}
	p = open_plugin(path, &patient);
	dune_plugin_put(p, text, sizeof(text), &at);
	ok_eq(call3(p, "crc32", 0, at, 9), 0xcbf43926, "zlib's CRC of 1 to 9");
	ok_eq(call3(p, "adler32", 1, at, 9), 0x091e01de, "and its Adler sum");
	dune_plugin_close(p);
}

static long all_of_it(const char *object)
{
	struct dune_plugin *p = open_plugin(object, &patient);

	test_calls(p);
	test_buffers(p);
	test_grants(p);
	test_reset(p);
	dune_plugin_close(p);
	return 0;
}

int main(int argc, char **argv)
{
	const char *object = argc > 1 ? argv[1] : "/usr/local/bin/good.so";
	int err = dune_init();

	if (err)
		bail("dune_init: %s", strerror(-err));
	diag("from ordinary mode");
	all_of_it(object);
	dune_enter();
	diag("from Dune mode");
	all_of_it(object);
	dune_leave();
	test_files(object);
	test_open(object);
	test_several(object);
	test_fork(object);
	test_no_memory(object);
	test_zlib();
	return tap_done();
}

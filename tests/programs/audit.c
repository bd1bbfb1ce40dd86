// SPDX-License-Identifier: GPL-2.0
/*
 * Audit: its records tell of each call that a process makes, once, with its arguments and its result,
 * and of no other.
 *
 * This program is the machine's audit daemon while it runs, so it is for machines of its own, with
 * audit=1 among the kernel's arguments.
 */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "series.h"

#define QUIET_MS	20000	/* nothing for so long: no record comes any more */

/* ---- Records ------------------------------------------------------------ */

struct record {
	int type;
	char text[600];
};

#define RECORDS_MAX	16384

static struct record records[RECORDS_MAX];
static int nr_records;
static int audit_fd;

static void keep(int type, const char *text)
{
	if (nr_records == RECORDS_MAX)
		bail("more records than there is room for");
	records[nr_records].type = type;
	snprintf(records[nr_records++].text, sizeof(records[0].text), "%.599s", text);
}

/* The next message; its type, or -1. Records are kept, but for those that come with each call and say nothing. */
static int next_message(char *data, size_t size)
{
	static char buffer[16384] __attribute__((aligned(8)));
	struct pollfd fd = { audit_fd, POLLIN, 0 };
	struct nlmsghdr *head = (struct nlmsghdr *)buffer;
	ssize_t n;
	size_t length;

	if (poll(&fd, 1, QUIET_MS) != 1)
		return -1;
	n = recv(audit_fd, buffer, sizeof(buffer) - 1, 0);
	if (n < (ssize_t)NLMSG_HDRLEN)
		return -1;
	buffer[n] = 0;
	length = (size_t)n - NLMSG_HDRLEN;
	memcpy(data, NLMSG_DATA(head), length < size ? length : size);
	if (head->nlmsg_type >= AUDIT_FIRST_USER_MSG && head->nlmsg_type != AUDIT_EOE &&
	    head->nlmsg_type != AUDIT_PROCTITLE)
		keep(head->nlmsg_type, NLMSG_DATA(head));
	return head->nlmsg_type;
}

/* Ask the kernel for something; 0 or -errno. */
static int request(int type, const void *data, size_t length)
{
	struct {
		struct nlmsghdr head;
		char data[2048];
	} m = { .head = { .nlmsg_len = (unsigned int)NLMSG_LENGTH(length), .nlmsg_type = (unsigned short)type,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK } };
	struct nlmsgerr answer;
	int got;

	memcpy(m.data, data, length);
	if (send(audit_fd, &m, m.head.nlmsg_len, 0) < 0)
		return -errno;
	do
		got = next_message((char *)&answer, sizeof(answer));
	while (got >= 0 && got != NLMSG_ERROR);
	return got < 0 ? -ETIMEDOUT : answer.error;
}

/* Records of the calls of this process's children (@add), or no more. */
static int rule(bool add)
{
	struct audit_rule_data r = { .flags = AUDIT_FILTER_EXIT, .action = AUDIT_ALWAYS, .field_count = 1 };

	memset(r.mask, 0xff, sizeof(r.mask));
	r.fields[0] = AUDIT_PPID;
	r.values[0] = (unsigned int)getpid();
	r.fieldflags[0] = AUDIT_EQUAL;
	return request(add ? AUDIT_ADD_RULE : AUDIT_DEL_RULE, &r, sizeof(r));
}

static int set_status(bool on)
{
	struct audit_status s = {
		.mask = AUDIT_STATUS_PID | AUDIT_STATUS_FAILURE | AUDIT_STATUS_BACKLOG_LIMIT,
		.pid = on ? (unsigned int)getpid() : 0,
		.failure = AUDIT_FAIL_SILENT,
		.backlog_limit = 8192,
	};

	return request(AUDIT_SET, &s, sizeof(s));
}

static void begin_auditing(void)
{
	const int room = 4 << 20;
	int err;

	audit_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
	if (audit_fd < 0)
		skip_all("no audit here: %s", strerror(errno));
	setsockopt(audit_fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	err = set_status(true);
	if (err)
		bail("cannot be the audit daemon: %s", strerror(-err));
}

/* ---- What records say --------------------------------------------------- */

/* The field @name of a record, read in @base; 0 and *@there false where it has none. */
static long field(const struct record *r, const char *name, int base, bool *there)
{
	char word[32];
	const char *p;

	snprintf(word, sizeof(word), " %s=", name);
	p = strstr(r->text, word);
	*there = p;
	return p ? (long)strtoul(p + strlen(word), NULL, base) : 0;
}

static bool says(const struct record *r, const char *name, int base, long want)
{
	bool there;

	return field(r, name, base, &there) == want && there;
}

static bool is_call(const struct record *r, pid_t pid, long nr)
{
	return r->type == AUDIT_SYSCALL && says(r, "pid", 10, pid) && (nr < 0 || says(r, "syscall", 10, nr));
}

/* Read on until there is the record of @pid's call @nr with first argument @arg; its index, or -1. */
static int await_call(pid_t pid, long nr, long arg)
{
	char unused[8];
	int i = 0;

	do {
		for (; i < nr_records; i++)
			if (is_call(&records[i], pid, nr) && says(&records[i], "a0", 16, arg))
				return i;
	} while (next_message(unused, sizeof(unused)) >= 0);
	return -1;
}

/* Is there a record of that type with these words, from index @from on? */
static bool told(int from, int type, const char *words)
{
	for (; from < nr_records; from++)
		if (records[from].type == type && strstr(records[from].text, words))
			return true;
	return false;
}

/* A call that is to be made again is told of as interrupted. */
static bool agrees(const struct record *r, const struct made *m)
{
	long ret = m->ret == RESTARTS ? -EINTR : m->ret;

	if (!says(r, "arch", 16, AUDIT_ARCH_X86_64) || !says(r, "syscall", 10, m->nr))
		return false;
	if (m->returns)
		return true;
	return says(r, "exit", 10, ret) && !strstr(r->text, ret < 0 ? " success=yes" : " success=no") &&
	       says(r, "a0", 16, m->args[0]) && says(r, "a1", 16, m->args[1]) && says(r, "a2", 16, m->args[2]);
}

/* ---- The tests ---------------------------------------------------------- */

static void compare_series(pid_t pid, const char *who)
{
	struct made made[SERIES_MAX];
	int n = series_of(pid, made), i, at = 0;
	int begin = await_call(pid, MARK_CALL, MARK_BEGIN), end = await_call(pid, MARK_CALL, MARK_END);
	const char *wrong = NULL;

	for (i = begin + 1; begin >= 0 && i < end && !wrong; i++) {
		if (!is_call(&records[i], pid, -1))
			continue;
		if (at == n || !agrees(&records[i], &made[at]))
			wrong = records[i].text;
		else
			at++;
	}
	if (!ok(begin >= 0 && end > begin && !wrong && at == n, "the calls of a %s: each, once, as it was made", who))
		diag("  %d of %d, marks at %d and %d; %s", at, n, begin, end, wrong ?: "the rest is missing");
	ok(told(begin, AUDIT_PATH, " name=\"/nonexistent/series\" nametype=UNKNOWN"),
	   "a %s: the path that it named", who);
}

static void process(void)
{
	series_make();
	series_call(SYS_exit_group, 33, 0, 0);
}

static void test_process(void)
{
	pid_t pid;

	nr_records = 0;
	pid = child(process);
	compare_series(pid, "process");
	ok(await_call(pid, SYS_exit_group, 33) >= 0, "a process: its end");
	ok_eq(WEXITSTATUS(status_of(pid)), 33, "and its status");
}

static volatile int created, finished;

static void *thread(void *arg)
{
	while (!created)
		;
	series_make();
	finished = 1;
	return NULL;
}

/* The first thread makes no call meanwhile; signals are for the other. */
static void with_thread(void)
{
	pthread_t t;
	sigset_t set;

	need(!pthread_create(&t, NULL, thread, NULL));
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	created = 1;
	while (!finished)
		;
	pthread_join(t, NULL);
}

static void test_thread(void)
{
	pid_t pid;

	nr_records = 0;
	pid = child(with_thread);
	compare_series(pid, "thread");
	ok_eq(status_of(pid), 0, "the process of that thread ends as it should");
}

static void execute(void)
{
	series_call(SYS_execve, (long)"/proc/self/exe", (long)(char *[]){ "audit", "--nothing", NULL }, 0);
}

static void test_exec(void)
{
	pid_t pid;

	nr_records = 0;
	pid = child(execute);
	ok(await_call(pid, SYS_exit_group, 0) >= 0, "a program that is executed is told of");
	ok(told(0, AUDIT_EXECVE, " argc=2 a0=\"audit\" a1=\"--nothing\""), "execve: its arguments");
	ok_eq(status_of(pid), 0, "execve: its status");
}

/* The calls before the rule are not told of, those after it are, all of them. */
static volatile long *calls_made;
static volatile int *stop;

static void call_on(void)
{
	while (!*stop) {
		series_call(SYS_getpgid, 0x10000000 + *calls_made, 0, 0);
		++*calls_made;
	}
}

static void test_rule(void)
{
	long first = -1, next = -1;
	bool there, all = true;
	pid_t pid;
	int i;

	calls_made = shared(sizeof(*calls_made));
	stop = shared(sizeof(*stop));
	ok(!rule(false), "the rule is taken away");
	nr_records = 0;
	pid = child(call_on);
	ok(eventually(*calls_made > 100), "a process is making calls");
	ok(!rule(true), "and there is a rule again");
	i = (int)*calls_made;
	ok(eventually(*calls_made > i + 100), "it goes on making calls");
	*stop = 1;
	status_of(pid);
	await_call(pid, SYS_exit_group, 0);
	for (i = 0; i < nr_records; i++) {
		if (!is_call(&records[i], pid, SYS_getpgid))
			continue;
		if (next < 0)
			first = next = field(&records[i], "a0", 16, &there);
		all &= says(&records[i], "a0", 16, next++);
	}
	ok(first > 0x10000000 + 100 && all && next == 0x10000000 + *calls_made,
	   "calls are told of from the rule on, without a gap (%ld of %ld)", next - first, *calls_made);
}

static void filtered(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_LOG),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { 4, code };

	need(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog));
	series_call(SYS_getppid, 0, 0, 0);
	abort();
}

static void test_filter(void)
{
	char words[128];
	pid_t pid;

	nr_records = 0;
	pid = child(filtered);
	ok_eq(WTERMSIG(status_of(pid)), SIGABRT, "a process with a filter aborts");
	snprintf(words, sizeof(words), "sig=0 arch=c000003e syscall=%d compat=0 ip=%p code=0x7ffc0000",
		 SYS_getppid, (const void *)series_call_on);
	/* the next process is the end of the records of this one */
	await_call(child(process), SYS_exit_group, 33);
	ok(told(0, AUDIT_SECCOMP, words), "seccomp: what a filter logs, and where");
	ok(told(0, AUDIT_ANOM_ABEND, " sig=6"), "the signal that ends a process is told of");
	wait(NULL);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return 0;
	begin_auditing();
	series_prepare();
	ok(!rule(true), "a rule: all calls of the children");
	test_process();
	test_thread();
	test_exec();
	test_rule();
	test_filter();
	rule(false);
	set_status(false);
	return tap_done();
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Processes: fork() and vfork(), what parent and child share and what not, how children end
 * and are waited for, and who belongs to whom (groups, sessions, orphans).
 */
#define _GNU_SOURCE
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/times.h>

#include "child.h"

#define PAGE	4096UL

static const char *self_path = "/proc/self/exe";

/* ---- Memory after fork() ------------------------------------------------ */

static volatile int global = 1;
static int *heap, *shm;
static int pipe_fd[2];

static void change_all(void)
{
	volatile int local = 1;

	need(global == 1 && *heap == 1 && *shm == 1);
	global = *heap = *shm = local = 2;
	need(global == 2 && *heap == 2 && local == 2);
}

/* Waits for the parent to have changed its memory. */
static void sees_old(void)
{
	char c;

	need(read(pipe_fd[0], &c, 1) == 1);
	need(global == 1 && *heap == 1);
	need(*shm == 3);
}

static void test_memory(void)
{
	volatile int local = 1;
	pid_t pid;

	heap = malloc(sizeof(*heap));
	shm = shared(PAGE);
	*heap = *shm = 1;
	ok_child(change_all, "a child changes all its memory");
	ok(global == 1 && *heap == 1 && local == 1,
	   "its parent does not see that: data, heap, stack");
	ok_eq(*shm, 2, "its parent sees what it wrote to shared memory");

	if (pipe(pipe_fd))
		bail("pipe");
	pid = child(sees_old);
	global = *heap = *shm = 3;
	if (write(pipe_fd[1], "x", 1) != 1)
		bail("write");
	ok_eq(status_of(pid), 0, "what the parent writes after fork() the child does not see");
	global = *heap = 1;
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

#define BIG	200
static char *big;

static void change_every_other(void)
{
	for (size_t i = 0; i < BIG; i += 2)
		big[i * PAGE] = 'c';
	for (size_t i = 0; i < BIG; i++)
		need(big[i * PAGE] == (i & 1 ? 'p' : 'c'));
}

static void test_many_pages(void)
{
	int good = 1;
	pid_t pid;

	big = mmap(NULL, BIG * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < BIG; i++)
		big[i * PAGE] = 'p';
	pid = child(change_every_other);
	/* not those that the child looks at to see that it has its own */
	for (size_t i = 0; i < BIG; i += 2)
		big[i * PAGE] = 'q';
	ok_eq(status_of(pid), 0,
	      "200 pages, each written by the child, the parent or both: the child's view");
	for (size_t i = 0; i < BIG; i++)
		good &= big[i * PAGE] == (i & 1 ? 'p' : 'q');
	ok(good, "200 pages: the parent's view");
	munmap(big, BIG * PAGE);
}

/* ---- Many, nested, from odd places -------------------------------------- */

static int code;

static void exit_with_code(void)
{
	_exit(code);
}

static void test_many(void)
{
	int wrong = 0;
	pid_t pid[10];

	for (code = 0; code < 50; code++) {
		int st = status_of(child(exit_with_code));

		wrong += !WIFEXITED(st) || WEXITSTATUS(st) != code;
	}
	ok_eq(wrong, 0, "50 children, one after the other");
	for (code = 0; code < 10; code++)
		pid[code] = child(exit_with_code);
	for (int i = 9; i >= 0; i--) {
		int st = status_of(pid[i]);

		wrong += !WIFEXITED(st) || WEXITSTATUS(st) != i;
	}
	ok_eq(wrong, 0, "10 children at once, waited for in the other order");
}

static int depth;

static void nested(void)
{
	pid_t parent = getppid();

	need(parent > 0 && getpid() != parent);
	if (depth++ < 3)
		need(status_of(child(nested)) == 0);
}

static volatile pid_t forked;
static volatile int in_handler_depth;

static void fork_in_handler(int sig)
{
	in_handler_depth++;
	forked = fork();
	if (!forked)
		global = 77;
	in_handler_depth--;
}

static void test_odd_places(void)
{
	int st;

	ok_child(nested, "children of children, four deep");

	signal(SIGUSR1, fork_in_handler);
	raise(SIGUSR1);
	/* The child returns from the handler too, to here. */
	if (!forked)
		_exit(global == 77 && !in_handler_depth ? 55 : 1);
	st = status_of(forked);
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 55,
	   "a child made in a signal handler returns from it");
	ok_eq(global, 1, "and its parent too, with its own memory");
	signal(SIGUSR1, SIG_DFL);
}

/* ---- vfork() ------------------------------------------------------------ */

static volatile int touched;

static void test_vfork(void)
{
	volatile int local = 1;
	volatile int wrong = 0;
	int st = 0;
	pid_t pid;

	pid = vfork();
	if (!pid) {
		touched = 5;
		local = 6;
		_exit(7);
	}
	ok(touched == 5 && local == 6,
	   "vfork(): the parent sees what the child wrote, and waited for it");
	waitpid(pid, &st, 0);
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 7, "vfork() and _exit(): the status");
	for (volatile int i = 0; i < 20; i++) {
		pid = vfork();
		if (!pid) {
			execl(self_path, "processes", "--exit", "8", (char *)NULL);
			_exit(1);
		}
		waitpid(pid, &st, 0);
		wrong += !WIFEXITED(st) || WEXITSTATUS(st) != 8;
	}
	ok_eq(wrong, 0, "vfork() and execve(), 20 times");
	pid = vfork();
	if (!pid) {
		execl("/no/such/program", "x", (char *)NULL);
		_exit(errno == ENOENT ? 9 : 1);
	}
	waitpid(pid, &st, 0);
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 9, "vfork() and an execve() that fails");
	st = system("exit 3");
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 3, "system()");
}

/* ---- Waiting ------------------------------------------------------------ */

static void wait_for_kill(void)
{
	for (;;)
		pause();
}

static void killed_by_term(void)
{
	raise(SIGTERM);
}

static void test_wait(void)
{
	siginfo_t si;
	struct rusage ru;
	struct tms t;
	pid_t pid;
	int st = -1;

	code = 200;
	st = status_of(child(exit_with_code));
	ok(WIFEXITED(st) && WEXITSTATUS(st) == 200, "wait status of _exit(200)");
	st = status_of(child(killed_by_term));
	ok(WIFSIGNALED(st) && WTERMSIG(st) == SIGTERM && !WCOREDUMP(st), "wait status of SIGTERM");

	pid = child(wait_for_kill);
	ok_eq(waitpid(pid, &st, WNOHANG), 0, "WNOHANG: 0 while it runs");
	kill(pid, SIGSTOP);
	ok_eq(waitpid(pid, &st, WUNTRACED), pid, "WUNTRACED tells of a stop");
	ok(WIFSTOPPED(st) && WSTOPSIG(st) == SIGSTOP, "wait status of a stop");
	kill(pid, SIGCONT);
	ok_eq(waitpid(pid, &st, WCONTINUED), pid, "WCONTINUED tells of going on");
	ok(WIFCONTINUED(st), "wait status of going on");
	kill(pid, SIGKILL);
	ok(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) == 0 && si.si_code == CLD_KILLED &&
	   si.si_status == SIGKILL &&
	   si.si_pid == pid, "waitid(WNOWAIT): CLD_KILLED");
	ok_eq(wait4(pid, &st, 0, &ru), pid, "wait4() takes it");
	ok(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL, "wait status of SIGKILL");
	ok(waitpid(-1, &st, 0) == -1 && errno == ECHILD, "ECHILD when there is no child");
	ok(times(&t) != (clock_t)-1, "times()");
	ok(getrusage(RUSAGE_CHILDREN, &ru) == 0 && ru.ru_minflt > 0,
	   "getrusage() of the children counts their faults");
}

static void echo(void)
{
	char c;

	close(pipe_fd[1]);
	while (read(pipe_fd[0], &c, 1) == 1)
		(*shm)++;
}

static void test_pipe(void)
{
	int writes = 0;
	pid_t pid;

	*shm = 0;
	if (pipe(pipe_fd))
		bail("pipe");
	pid = child(echo);
	close(pipe_fd[0]);
	for (int i = 0; i < 100; i++)
		writes += write(pipe_fd[1], "x", 1) == 1;
	close(pipe_fd[1]);
	ok(status_of(pid) == 0 && *shm == 100 && writes == 100,
	   "100 bytes to a child by a pipe, and its end");
}

/* ---- Groups, sessions, orphans ------------------------------------------ */

static void own_group(void)
{
	need(getpgrp() == getpgid(getppid()));
	need(!setpgid(0, 0) && getpgrp() == getpid());
	need(getsid(0) == getsid(getppid()));
}

static void own_session(void)
{
	need(setsid() == getpid());
	need(getsid(0) == getpid() && getpgrp() == getpid());
	need(open("/dev/tty", O_RDWR) == -1);
}

static void group_dies(void)
{
	pid_t a, b;
	int st;

	need(!setpgid(0, 0));
	signal(SIGTERM, SIG_IGN);
	a = fork();
	if (!a) {
		signal(SIGTERM, SIG_DFL);
		wait_for_kill();
	}
	b = fork();
	if (!b) {
		signal(SIGTERM, SIG_DFL);
		wait_for_kill();
	}
	while (state_of(a) != 'S' || state_of(b) != 'S')
		pause_ms(1);
	kill(0, SIGTERM);
	need(waitpid(-getpgrp(), &st, 0) > 0 && WIFSIGNALED(st) && WTERMSIG(st) == SIGTERM);
	need(waitpid(-getpgrp(), &st, 0) > 0 && WIFSIGNALED(st) && WTERMSIG(st) == SIGTERM);
}

/* shm[0]: the orphan's memory is alive, shm[1]: its new parent, shm[2]: its first one. */
static void leaves_orphan(void)
{
	pid_t me = getpid();

	if (fork() == 0) {
		shm[2] = me;
		if (!eventually(getppid() != me))
			_exit(1);
		/* touch memory whose other owner is gone */
		for (size_t i = 0; i < BIG; i++)
			big[i * PAGE] = (char)i;
		for (size_t i = 0; i < BIG; i++)
			if (big[i * PAGE] != (char)i)
				_exit(1);
		shm[1] = getppid();
		shm[0] = 1;
		_exit(0);
	}
}

static void pdeathsig_chain(void)
{
	pid_t me = getpid();

	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGUSR2);
		*shm = getppid() == me ? getpid() : -1;
		wait_for_kill();
	}
	while (!*(volatile int *)shm)
		pause_ms(1);
}

static void daemon_lives(void)
{
	if (daemon(0, 0))
		_exit(1);
	shm[1] = getsid(0) != shm[3] && getsid(0) == getpid();
	shm[0] = getpid();
	_exit(0);
}

static void test_family(void)
{
	pid_t pid;
	int st;

	ok_child(own_group, "setpgid(): a group of its own");
	ok_child(own_session, "setsid(): a session of its own, without a terminal");
	ok_child(group_dies, "kill(0): all of the group get the signal");

	big = mmap(NULL, BIG * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < BIG; i++)
		big[i * PAGE] = 'z';
	ok_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0, "orphans come to this process");
	memset(shm, 0, 16);
	pid = child(leaves_orphan);
	ok_eq(status_of(pid), 0, "a parent ends before its child");
	st = -1;
	ok(wait(&st) > 0 && st == 0, "the orphan ends well, here");
	ok(shm[0] && shm[1] == getpid(),
	   "it has a new parent, and the memory it shared with the old one");

	memset(shm, 0, 16);
	pid = child(pdeathsig_chain);
	ok_eq(status_of(pid), 0, "a parent of a child with PR_SET_PDEATHSIG ends");
	pid = wait(&st);
	ok(pid == *shm && WIFSIGNALED(st) && WTERMSIG(st) == SIGUSR2,
	   "PR_SET_PDEATHSIG: the child is killed");

	memset(shm, 0, 16);
	shm[3] = getsid(0);
	pid = child(daemon_lives);
	ok_eq(status_of(pid), 0, "daemon(): the first process ends");
	ok(wait(&st) > 0 && st == 0 && shm[0] && shm[1],
	   "daemon(): the other goes on in a session of its own");
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* ---- What the process is ------------------------------------------------ */

static void test_identity(void)
{
	char name[17] = "", path[512] = "", line[512];
	unsigned long from, to, here = (unsigned long)test_identity;
	int found = 0, stack = 0;
	FILE *f;
	ssize_t n;

	ok_eq(syscall(SYS_getpid), gettid_(), "the main thread's tid is the pid");
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	ok(n > 0 && strstr(path, "processes"), "/proc/self/exe is this program");
	prctl(PR_GET_NAME, name);
	ok(!strncmp(name, "processes", 9), "its name is that of the program");
	prctl(PR_SET_NAME, "renamed");
	prctl(PR_GET_NAME, name);
	ok_str(name, "renamed", "PR_SET_NAME");

	f = fopen("/proc/self/maps", "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 && here >= from && here < to)
			found = strstr(line, "r-xp") && strstr(line, "processes");
		if (strstr(line, "[stack]") && sscanf(line, "%lx-%lx", &from, &to) == 2)
			stack = (unsigned long)&line >= from && (unsigned long)&line < to;
	}
	if (f)
		fclose(f);
	ok(found, "/proc/self/maps: this code is in a mapping of this program");
	ok(stack, "/proc/self/maps: the stack is the stack");
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "--exit"))
		return atoi(argv[2]);
	test_identity();
	test_memory();
	test_many_pages();
	test_many();
	test_odd_places();
	test_vfork();
	test_wait();
	test_pipe();
	test_family();
	return tap_done();
}

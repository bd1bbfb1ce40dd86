// SPDX-License-Identifier: GPL-2.0
/*
 * A tracer that comes to a running program, looks at it, and goes again: in a loop, in a sleep, in
 * threads. The program must not notice.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "tracing.h"

static volatile struct {
	long running, rounds, stop, wrong, slept, handled;
	pid_t tid[4];
} *s;

/* ---- Programs to attach to ---------------------------------------------- */

/* Says that it runs when it is in its loop. */
void spin_loop(volatile long *stop, volatile long *running);
extern const char spin_at[], spin_end[];
__asm__(".pushsection .text\n"
	"spin_loop:\n\tmovl $0x5b, %ebx\n\tmovq $1, (%rsi)\n"
	"spin_at:\tcmpq $0, (%rdi)\n\tje spin_at\n"
	"spin_end:\tret\n"
	".popsection");

static void computes(void)
{
	register long kept __asm__("r13") = 0x1313;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	__asm__ volatile("call spin_loop" : "+r"(kept) : "D"(&s->stop), "S"(&s->running)
			 : "rbx", "memory", "cc");
	_exit(kept == 0x1313 ? 33 : 1);
}

static void sleeps(void)
{
	struct timespec t = { 0, 200000000 };

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	s->running = 1;
	s->slept = nanosleep(&t, NULL);
	_exit(s->slept ? 1 : 33);
}

static int pipe_fd[2];

static void reads(void)
{
	char c = 0;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	s->running = 1;
	_exit(read(pipe_fd[0], &c, 1) == 1 && c == 'r' ? 33 : 1);
}

static void works(void)
{
	unsigned long a = 1;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	while (!s->stop) {
		unsigned long b = a;

		for (int i = 0; i < 2000; i++)
			b = b * 6364136223846793005UL + 1442695040888963407UL;
		for (int i = 0; i < 2000; i++)
			a = a * 6364136223846793005UL + 1442695040888963407UL;
		s->wrong += a != b || getppid() == getpid();
		s->rounds++;
		s->running = 1;
	}
	_exit(33);
}

static pid_t start(void (*fn)(void))
{
	pid_t pid;

	memset((void *)s, 0, sizeof(*s));
	pid = child(fn);
	if (!eventually(s->running))
		bail("the child does not run");
	return pid;
}

static int in_spin(unsigned long rip)
{
	return rip >= (uintptr_t)spin_at && rip < (uintptr_t)spin_end;
}

static void ended_well(pid_t pid, const char *what)
{
	int st = status_of(pid);

	if (!ok(WIFEXITED(st) && WEXITSTATUS(st) == 33, "%s: it notices nothing", what))
		diag("  status %#x", st);
}

/* ---- PTRACE_ATTACH ------------------------------------------------------ */

static void test_attach(void)
{
	pid_t pid = start(computes);
	int st, good = 1;
	regs_t r;

	for (int i = 0; i < 5; i++) {
		good &= !ptrace(PTRACE_ATTACH, pid, NULL, NULL);
		st = wait_stop(pid);
		good &= stopped_by(st, SIGSTOP);
		r = regs_of(pid);
		good &= in_spin(r.rip) && r.rbx == 0x5b && r.r13 == 0x1313 && r.orig_rax == -1UL;
		good &= !ptrace(PTRACE_DETACH, pid, NULL, NULL);
	}
	ok(good, "attached to a loop, 5 times: it stops in the loop, with its registers");
	s->stop = 1;
	ended_well(pid, "detached");
}

static void test_sleeping(void)
{
	pid_t pid = start(sleeps);
	int st, good;
	regs_t r;

	eventually(state_of(pid) == 'S');
	good = !ptrace(PTRACE_ATTACH, pid, NULL, NULL);
	st = wait_stop(pid);
	r = regs_of(pid);
	/* In a call: the number is there, and the result asks for a restart. */
	ok(good && stopped_by(st, SIGSTOP) &&
	   (r.orig_rax == SYS_clock_nanosleep || r.orig_rax == SYS_nanosleep) &&
	   (long)r.rax <= -512 && (long)r.rax >= -516, "attached to a sleep: it stops in its call");
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	ended_well(pid, "a sleep goes on");

	if (pipe(pipe_fd))
		bail("pipe");
	pid = start(reads);
	eventually(state_of(pid) == 'S');
	good = !ptrace(PTRACE_ATTACH, pid, NULL, NULL);
	st = wait_stop(pid);
	r = regs_of(pid);
	ok(good && stopped_by(st, SIGSTOP) && r.orig_rax == SYS_read &&
	   r.rdi == (unsigned long)pipe_fd[0] && (long)r.rax == -512,
	   "attached to a read(): it stops in its call, to be made again");
	/* The next stop is at the entry of the very call. */
	st = go_on(PTRACE_SYSCALL, pid, 0);
	r = regs_of(pid);
	ok(stopped_by(st, SIGTRAP) && r.orig_rax == SYS_read && (long)r.rax == -ENOSYS,
	   "it is made again, seen as a call");
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	if (write(pipe_fd[1], "r", 1) != 1)
		bail("write");
	ended_well(pid, "a read goes on");
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

/* ---- PTRACE_SEIZE ------------------------------------------------------- */

static void test_seize(void)
{
	pid_t pid = start(works);
	int st, good = 1, calls = 0;
	long before;
	regs_t r;

	ok_eq(ptrace(PTRACE_SEIZE, pid, NULL, (long)PTRACE_O_TRACESYSGOOD), 0, "PTRACE_SEIZE");
	before = s->rounds;
	ok(eventually(s->rounds > before), "it runs on, seized");
	for (int i = 0; i < 10; i++) {
		good &= !ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
		st = wait_stop(pid);
		good &= st >> 8 == (SIGTRAP | PTRACE_EVENT_STOP << 8);
		before = s->rounds;
		good &= state_of(pid) == 't' && s->rounds == before;
		good &= !ptrace(PTRACE_CONT, pid, NULL, NULL);
	}
	ok(good, "PTRACE_INTERRUPT stops it, ten times");

	ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
	wait_stop(pid);
	for (int i = 0; i < 20; i++) {
		st = go_on(PTRACE_SYSCALL, pid, 0);
		r = regs_of(pid);
		/* its only calls, in turn, each with an entry and an exit */
		calls += stopped_by(st, SYSCALL_STOP) &&
			(r.orig_rax == SYS_getppid || r.orig_rax == SYS_getpid);
	}
	ok_eq(calls, 20, "from then on its calls are seen");
	good = !ptrace(PTRACE_DETACH, pid, NULL, NULL);
	before = s->rounds;
	ok(good && eventually(s->rounds > before + 2), "detached, it runs on");

	/* Stopped by a job-control signal, seen as that. */
	good = !ptrace(PTRACE_SEIZE, pid, NULL, NULL);
	kill(pid, SIGSTOP);
	st = wait_stop(pid);
	good &= stopped_by(st, SIGSTOP);
	ptrace(PTRACE_CONT, pid, NULL, (long)SIGSTOP);
	st = wait_stop(pid);
	good &= st >> 8 == (SIGSTOP | PTRACE_EVENT_STOP << 8);
	good &= !ptrace(PTRACE_LISTEN, pid, NULL, NULL);
	kill(pid, SIGCONT);
	st = wait_stop(pid);
	good &= st >> 8 == (SIGTRAP | PTRACE_EVENT_STOP << 8);
	ok(good, "a group stop, PTRACE_LISTEN, and its end by SIGCONT");
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	st = wait_stop(pid);			/* SIGCONT itself */
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	before = s->rounds;
	ok(stopped_by(st, SIGCONT) && eventually(s->rounds > before + 2) && !s->wrong,
	   "detached, it runs on and computes right");
	s->stop = 1;
	ended_well(pid, "seized, stopped, detached");
}

/* ---- Threads ------------------------------------------------------------ */

static void *thread_works(void *arg)
{
	int me = (int)(intptr_t)arg;
	unsigned long a = 1, b = 1;

	s->tid[me] = gettid_();
	while (!s->stop) {
		for (int i = 0; i < 1000; i++) {
			a = a * 6364136223846793005UL + 1;
			b = b * 6364136223846793005UL + 1;
		}
		__atomic_add_fetch(&s->wrong, a != b, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void has_threads(void)
{
	pthread_t t[3];

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	for (intptr_t i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, thread_works, (void *)i);
	while (!s->tid[0] || !s->tid[1] || !s->tid[2])
		usleep(500);
	s->running = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	_exit(s->wrong ? 1 : 33);
}

static void test_threads(void)
{
	pid_t pid = start(has_threads);
	int good = 1, st, stopped = 0;

	for (int i = 0; i < 3; i++)
		good &= !ptrace(PTRACE_SEIZE, s->tid[i], NULL, NULL);
	ok(good, "three threads of a program are seized");
	for (int i = 0; i < 3; i++)
		ptrace(PTRACE_INTERRUPT, s->tid[i], NULL, NULL);
	for (int i = 0; i < 3; i++) {
		st = wait_stop(s->tid[i]);
		stopped += st >> 8 == (SIGTRAP | PTRACE_EVENT_STOP << 8) &&
			state_of(s->tid[i]) == 't';
	}
	ok_eq(stopped, 3, "all stop");
	for (int i = 0; i < 3; i++)
		ptrace(PTRACE_DETACH, s->tid[i], NULL, NULL);
	s->stop = 1;
	ended_well(pid, "detached from all");
}

/* ---- Ends --------------------------------------------------------------- */

static volatile pid_t *victim;

/* The tracer dies: its tracee goes on without, or dies with it. */
static void dies_with_tracee(void)
{
	need(!ptrace(PTRACE_SEIZE, *victim, NULL, NULL));
	need(!ptrace(PTRACE_INTERRUPT, *victim, NULL, NULL));
	wait_stop(*victim);
	_exit(0);
}

static void exitkill(void)
{
	need(!ptrace(PTRACE_SEIZE, *victim, NULL, (long)PTRACE_O_EXITKILL));
	_exit(0);
}

static void test_tracer_ends(void)
{
	long before;
	int st;

	*victim = start(works);
	ok_child(dies_with_tracee, "a tracer ends while its tracee is stopped");
	before = s->rounds;
	ok(eventually(s->rounds > before + 2), "the tracee runs on");
	ok_child(exitkill, "a tracer with PTRACE_O_EXITKILL ends");
	st = status_of(*victim);
	ok(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL, "its tracee is killed");
}

int main(void)
{
	s = shared(4096);
	victim = shared(4096);
	test_attach();
	test_sleeping();
	test_seize();
	test_threads();
	test_tracer_ends();
	return tap_done();
}

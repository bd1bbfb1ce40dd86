// SPDX-License-Identifier: GPL-2.0
/*
 * The module in and out.
 *
 *	load		insert and remove, again and again; who is refused what
 *	load kvm	beside KVM (its modules are loaded): who has VT-x, has it alone
 *	load refused TEXT	the module does not load here, and the kernel's log says why
 */
#define _GNU_SOURCE
#include <dune/dune.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tap.h"

#define MODULE	"/vm/modules.d/dune.ko"	/* where vm/run puts it */
#define ROUNDS	20

static int insert(void)
{
	int fd = open(MODULE, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		bail("%s: %s", MODULE, strerror(errno));
	ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	if (!ret)
		chmod("/dev/dune", 0666);	/* no udev here */
	return ret;
}

static int remove_it(void)
{
	return syscall(SYS_delete_module, "dune", O_NONBLOCK) ? -errno : 0;
}

/* ---- Processes that use it -------------------------------------------------------- */

/* What @fn returns in a child: 0 to 255. */
static int in_child(int (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		alarm(10);
		_exit(fn());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int traps;

static int on_breakpoint(struct dune_trap *trap)
{
	traps++;
	return DUNE_TRAP_DONE;
}

static long use_it(void *arg)
{
	__asm__ volatile("int3");
	return getpid();
}

/* 0, or the errno with which it failed. */
static int dune_run(void)
{
	int err = dune_init();
	long result = 0;

	if (err)
		return -err;
	dune_on_exception(DUNE_VECTOR_BP, on_breakpoint, 0);
	err = dune_call(use_it, NULL, &result);
	return err ? -err : !(traps == 1 && result == getpid()) * 255;
}

/* A child that has a space, and keeps it until it is told. */
static struct holder {
	pid_t pid;
	int ready, go;
} holder_start(int (*fn)(void))
{
	int ready[2], go[2];
	struct holder h;
	char c;

	if (pipe(ready) || pipe(go))
		bail("pipe");
	h = (struct holder){ fork(), ready[0], go[1] };
	if (!h.pid) {
		close(ready[0]);
		close(go[1]);
		c = fn();
		if (write(ready[1], &c, 1) != 1 || read(go[0], &c, 1) < 0)
			_exit(1);
		_exit(0);
	}
	close(ready[1]);
	close(go[0]);
	if (read(ready[0], &c, 1) != 1 || c)
		bail("the child that should hold VT-x failed (%d)", c);
	return h;
}

static void holder_end(struct holder h)
{
	close(h.go);
	close(h.ready);
	waitpid(h.pid, NULL, 0);
}

/* ---- In and out --------------------------------------------------------------------- */

static void test_rounds(void)
{
	int i, removed = 0, inserted = 0, ran = 0;

	for (i = 0; i < ROUNDS; i++) {
		removed += remove_it() == 0;
		inserted += insert() == 0;
		ran += in_child(dune_run) == 0;
	}
	ok_eq(removed, ROUNDS, "removed %d times", ROUNDS);
	ok_eq(inserted, ROUNDS, "inserted %d times", ROUNDS);
	ok_eq(ran, ROUNDS, "a program used it each time");
}

static int no_device(void)
{
	return -dune_init();
}

static void test_refusals(void)
{
	struct holder h;

	ok_eq(insert(), -EEXIST, "not twice");
	h = holder_start(dune_run);
	ok_eq(remove_it(), -EWOULDBLOCK, "not out while a process has a space");
	ok_eq(in_child(dune_run), 0, "another process may use it at the same time");
	kill(h.pid, SIGKILL);
	holder_end(h);
	ok_eq(remove_it(), 0, "out, as soon as that is dead");
	ok(access("/dev/dune", F_OK), "the device is gone");
	ok_eq(in_child(no_device), ENOENT, "dune_init(): -ENOENT");
	ok_eq(remove_it(), -ENOENT, "not out twice");
	ok_eq(insert(), 0, "in again");
	ok_eq(in_child(dune_run), 0, "and it works");
}

/* ---- Beside KVM ------------------------------------------------------------------------ */

/* 0 or an errno; the VM lives as long as the process. */
static int create_vm(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0)
		return errno;
	return ioctl(kvm, KVM_CREATE_VM, 0) < 0 ? errno : 0;
}

/* The ways of a VM: a VCPU that can be made proves that VT-x works. */
static int use_vm(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);

	if (vm < 0)
		return errno;
	return ioctl(vm, KVM_CREATE_VCPU, 0) < 0 ? errno : 0;
}

static void test_kvm(void)
{
	struct holder h;
	int err, i, bad = 0;

	ok_eq(in_child(use_vm), 0, "KVM works before Dune was used");
	ok_eq(in_child(dune_run), 0, "Dune works while KVM is idle");
	ok_eq(in_child(use_vm), 0, "KVM works while Dune is idle: VT-x was given back");
	h = holder_start(create_vm);
	ok_eq(in_child(dune_run), EBUSY, "while a VM is open, a space is -EBUSY");
	holder_end(h);
	ok_eq(in_child(dune_run), 0, "afterwards it is not");
	h = holder_start(dune_run);
	err = in_child(create_vm);
	ok(err > 0 && err < 1000, "while a space is open, KVM_CREATE_VM fails: %s", strerror(err));
	ok_eq(in_child(dune_run), 0, "and Dune still works");
	holder_end(h);
	for (i = 0; i < 10; i++)
		bad += in_child(use_vm) || in_child(dune_run);
	ok_eq(bad, 0, "then by turns, 10 times");
}

/* ---- Where it cannot work --------------------------------------------------------------- */

static bool log_says(const char *text)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[2048];
	bool found = false;
	ssize_t n;

	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		record[n > 0 ? n : 0] = 0;
		if (strstr(record, "dune: cannot run here") && strstr(record, text)) {
			diag("%.*s", (int)strcspn(record, "\n"), record);
			found = true;
		}
	}
	close(fd);
	return found;
}

static void test_refused(const char *why)
{
	ok_eq(insert(), -EOPNOTSUPP, "the module does not load: EOPNOTSUPP");
	ok(log_says(why), "the kernel's log says why: %s", why);
	ok(access("/dev/dune", F_OK), "there is no device");
	ok_eq(insert(), -EOPNOTSUPP, "nor does it a second time");
	ok_eq(in_child(no_device), ENOENT, "dune_init(): -ENOENT");
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "refused")) {
		test_refused(argv[2]);
		return tap_done();
	}
	if (access(MODULE, R_OK))
		skip_all("no %s", MODULE);
	if (argc > 1 && !strcmp(argv[1], "kvm")) {
		test_kvm();
	} else {
		test_rounds();
		test_refusals();
	}
	return tap_done();
}

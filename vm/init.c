// SPDX-License-Identifier: GPL-2.0
/*
 * PID 1 of the emulated machine.
 *
 * It sets up an ordinary small system, loads the kernel modules it was given,
 * runs one command, says on a serial port how that ended, and powers off.
 * vm/run believes nothing but that report, so a machine that dies on the way
 * cannot pass for a success.
 *
 *	ttyS0	the kernel's console
 *	ttyS1	standard output of the command
 *	ttyS2	standard error of the command
 *	ttyS3	our report, one line: "exit N", "signal N" or "setup WHY"
 *
 * What to do is in files that vm/run put into the initramfs:
 *
 *	/vm/modules	one line for each module: PATH [PARAMETERS]
 *	/vm/argv	the command, its words separated by NUL
 *	/vm/disk	only with --disk: DEVICE TYPE of what is to be the root file
 *			system, in place of the initramfs
 *	/vm/added	with it: files to copy there
 *	/vm/terminal	only with --interactive: ttyS1 is the user's terminal, of
 *			this size and kind: ROWS COLUMNS TERM
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define BOCHS_SHUTDOWN_PORT 0x8900
#define PATH "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

static int report_fd = -1;

/* ---- the end -------------------------------------------------------------- */

static void drain(const char *tty)
{
	int fd = open(tty, O_WRONLY | O_NOCTTY);

	if (fd < 0)
		return;
	tcdrain(fd);
	close(fd);
}

/* Bochs powers off when this word arrives at its port, byte by byte. */
static void power_off(void)
{
	const char *word = "Shutdown";

	if (ioperm(BOCHS_SHUTDOWN_PORT, 1, 1) == 0)
		while (*word)
			outb(*word++, BOCHS_SHUTDOWN_PORT);
	for (;;)
		pause();
}

/* The report comes last: it vouches that all output went out before it. */
static void finish(const char *format, ...)
{
	va_list args;

	kill(-1, SIGKILL);
	drain("/dev/ttyS1");
	drain("/dev/ttyS2");
	drain("/dev/ttyS0");
	va_start(args, format);
	vdprintf(report_fd, format, args);
	va_end(args);
	tcdrain(report_fd);
	power_off();
}

static void setup_failed(const char *what)
{
	finish("setup %s: %s\n", what, strerror(errno));
}

/* ---- the system ------------------------------------------------------------ */

static const struct {
	const char *type, *where, *options;
} mounts[] = {
	{ "devtmpfs",	"/dev",			"mode=0755" },
	{ "proc",	"/proc",		NULL },
	{ "sysfs",	"/sys",			NULL },
	{ "debugfs",	"/sys/kernel/debug",	NULL },
	{ "tracefs",	"/sys/kernel/tracing",	NULL },
	{ "devpts",	"/dev/pts",		"mode=0620,ptmxmode=0666" },
	{ "tmpfs",	"/dev/shm",		"mode=1777" },
	{ "tmpfs",	"/tmp",			"mode=1777" },
	{ "tmpfs",	"/run",			"mode=0755" },
};

/* Was something brought along that a mount would hide? rmdir() can tell. */
static bool in_use(const char *dir)
{
	if (rmdir(dir) < 0 && errno == ENOTEMPTY)
		return true;
	mkdir(dir, 0755);
	return false;
}

static void mount_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		if (strcmp(mounts[i].type, "tmpfs") == 0 && in_use(mounts[i].where)) {
			chmod(mounts[i].where, 01777);
			continue;
		}
		mkdir(mounts[i].where, 0755);
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type, 0,
			  mounts[i].options) < 0)
			fprintf(stderr, "init: mount %s: %s\n", mounts[i].where,
				strerror(errno));
	}
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

static void loopback_up(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		fprintf(stderr, "init: cannot bring lo up: %s\n", strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* A serial port has to pass every byte unchanged: no "\n" to "\r\n". */
static int open_port(const char *tty)
{
	struct termios t;
	int fd = open(tty, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || tcgetattr(fd, &t) < 0)
		return fd;
	cfmakeraw(&t);
	cfsetspeed(&t, B115200);
	t.c_cflag |= CLOCAL;
	tcsetattr(fd, TCSANOW, &t);
	return fd;
}

/* ---- modules ---------------------------------------------------------------- */

static void load_module(const char *path, const char *parameters)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	/* EEXIST: two of those that were asked for need it. */
	if (fd < 0 || (syscall(SYS_finit_module, fd, parameters, 0) < 0 && errno != EEXIST))
		setup_failed(path);
	close(fd);
}

/* The test runner looks for complaints of the kernel from this mark on. */
static void say_to_kernel_log(const char *line)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	write(fd, line, strlen(line));
	close(fd);
}

static void load_modules(void)
{
	FILE *list = fopen("/vm/modules", "re");
	char *line = NULL, *parameters;
	size_t size = 0;

	if (!list)
		return;
	say_to_kernel_log("<6>dune-vm: loading modules\n");
	while (getline(&line, &size, list) > 0) {
		line[strcspn(line, "\n")] = '\0';
		parameters = strchr(line, ' ');
		if (parameters)
			*parameters++ = '\0';
		load_module(line, parameters ? parameters : "");
	}
	free(line);
	fclose(list);
	/* There is no udev here to apply our rule for the device. */
	chmod("/dev/dune", 0666);
}

/* ---- the disk --------------------------------------------------------------- */

#define DISK_SECONDS 30

/* The driver of a disk looks for it in the background. */
static void wait_for_device(const char *device)
{
	for (int i = 0; i < DISK_SECONDS * 50; i++) {
		if (access(device, F_OK) == 0)
			return;
		usleep(20000);
	}
	errno = ENODEV;
	setup_failed(device);
}

/* Copy what the run adds, with busybox, before the disk hides it. */
static void copy_added(const char *root)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/busybox", "cp", "-a", "/vm/added/.", root, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
		setup_failed("copying /vm/added to the disk");
}

/*
 * Make the disk the root of all processes, as an initramfs does that hands over
 * to a system. /vm stays in view.
 */
static void enter_disk(void)
{
	char device[64], type[16];
	FILE *f = fopen("/vm/disk", "re");

	if (!f)
		return;
	if (fscanf(f, "%63s %15s", device, type) != 2)
		setup_failed("/vm/disk");
	fclose(f);
	wait_for_device(device);
	mkdir("/vm/root", 0755);
	if (mount(device, "/vm/root", type, MS_NOATIME, "noinit_itable") < 0)
		setup_failed(device);
	copy_added("/vm/root");
	mkdir("/vm/root/vm", 0755);
	if (mount("/vm", "/vm/root/vm", NULL, MS_BIND, NULL) < 0 ||
	    chdir("/vm/root") < 0 ||
	    mount(".", "/", NULL, MS_MOVE, NULL) < 0 ||
	    chroot(".") < 0 || chdir("/") < 0)
		setup_failed("the disk as root");
	mount_all();
	setenv("PATH", "/dune/bin:/dune/tests:/dune/apps:" PATH, 1);
}

/* ---- the command -------------------------------------------------------------- */

/* Split /vm/argv in place; the buffers live as long as we do. */
static char **read_argv(void)
{
	static char buffer[65536];
	static char *argv[4096];
	size_t n = 0;
	int fd = open("/vm/argv", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer) - 1);

	if (length <= 0)
		setup_failed("/vm/argv");
	close(fd);
	for (char *p = buffer; p < buffer + length && n < ARRAY_SIZE(argv) - 1;
	     p += strlen(p) + 1)
		argv[n++] = p;
	return argv;
}

/* Batch: input from nowhere, output to two ports. */
static void connect_ports(void)
{
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(open_port("/dev/ttyS1"), 1);
	dup2(open_port("/dev/ttyS2"), 2);
}

/* Interactive: one port for everything, and it is our controlling terminal. */
static void connect_terminal(FILE *settings)
{
	struct winsize size = { 0 };
	char term[64] = "dumb";
	int tty;

	fscanf(settings, "%hu %hu %63s", &size.ws_row, &size.ws_col, term);
	fclose(settings);
	setenv("TERM", term, 1);

	tty = open("/dev/ttyS1", O_RDWR);
	ioctl(tty, TIOCSWINSZ, &size);
	dup2(tty, 0);
	dup2(tty, 1);
	dup2(tty, 2);
}

static void run_command(char **argv)
{
	FILE *terminal = fopen("/vm/terminal", "re");

	setsid();
	if (terminal)
		connect_terminal(terminal);
	else
		connect_ports();
	execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	/* As a shell does: 127 for not found, 126 for not executable. */
	_exit(errno == ENOENT ? 127 : 126);
}

/* Orphans are ours to reap; only the end of the command counts. */
static int wait_for(pid_t command)
{
	int status;
	pid_t pid;

	do {
		pid = waitpid(-1, &status, 0);
	} while (pid != command);
	return status;
}

int main(void)
{
	int status;
	pid_t command;

	mount_all();
	report_fd = open_port("/dev/ttyS3");
	sethostname("dune-vm", 7);
	loopback_up();
	setenv("PATH", PATH, 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "dumb", 1);
	load_modules();
	enter_disk();

	command = fork();
	if (command < 0)
		setup_failed("fork");
	if (command == 0)
		run_command(read_argv());
	status = wait_for(command);
	if (WIFSIGNALED(status))
		finish("signal %d\n", WTERMSIG(status));
	finish("exit %d\n", WEXITSTATUS(status));
}

// SPDX-License-Identifier: GPL-2.0
/*
 * launch [--jit] [--log] [--errno NR] [--kill NR] [--trap NR] PROGRAM [ARG]...
 *
 * Starts a program under the monitor with a policy that allows all calls but those named:
 * no namespaces, so that what holds is the monitor alone. With --log what it refuses is on standard
 * error, a line each. Ends as the program did.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sandbox/policy/policy.h"

#define FD_FIRST	512
#define FILTER_MAX	64

enum { POLICY = FD_FIRST, STARTER, DEVICE, LOG };

static struct {
	struct sandbox_policy policy;
	struct sock_filter filter[FILTER_MAX];
} blob;

static void die(const char *what)
{
	fprintf(stderr, "launch: %s: %s\n", what, strerror(errno));
	exit(125);
}

static void add(struct sock_filter f)
{
	blob.filter[blob.policy.bpf_count++] = f;
}

static void add_rule(const char *nr, uint32_t verdict)
{
	add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)atoi(nr), 0, 1));
	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict));
}

static void put(int fd, int number)
{
	if (fd < 0 || dup2(fd, number) < 0)
		die("descriptor");
	close(fd);
}

static void write_policy(void)
{
	int fd = memfd_create("policy", 0);

	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	blob.policy.size = (uint32_t)(sizeof(blob.policy) + blob.policy.bpf_count * sizeof(blob.filter[0]));
	if (write(fd, &blob, blob.policy.size) != (ssize_t)blob.policy.size)
		die("policy");
	put(fd, POLICY);
}

static void start(char **argv, int argc)
{
	struct rlimit limit = { FD_FIRST, FD_FIRST };
	char *own[5 + argc], number[12];
	int n = 0;

	snprintf(number, sizeof(number), "%d", POLICY);
	own[n++] = "dune-sandbox-start";
	own[n++] = "--policy-fd";
	own[n++] = number;
	own[n++] = "--";
	for (int i = 0; i <= argc; i++)
		own[n++] = argv[i];
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("setrlimit");
	syscall(SYS_execveat, STARTER, "", own, environ, AT_EMPTY_PATH);
	die("dune-sandbox-start");
}

static const char *const kinds[] = {
	"?", "filter", "call", "pointer", "descriptor", "path", "argument", "jit", "death",
};

static void read_log(int fd)
{
	struct sandbox_record r;
	ssize_t n;

	while ((n = recv(fd, &r, sizeof(r), 0)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			fprintf(stderr, "refused: %s, call %d: %.*s\n",
				r.kind < SANDBOX_KINDS ? kinds[r.kind] : "?", r.nr, (int)r.text_len, r.text);
}

static int starter_fd(void)
{
	char path[4096], *slash;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	int fd;

	path[n > 0 ? n : 0] = 0;
	slash = strrchr(path, '/');
	if (slash) {
		strcpy(slash + 1, "dune-sandbox-start");
		fd = open(path, O_RDONLY);
		if (fd >= 0)
			return fd;
	}
	fd = open("/bin/dune-sandbox-start", O_RDONLY);
	return fd >= 0 ? fd : open("build/bin/dune-sandbox-start", O_RDONLY);
}

int main(int argc, char **argv)
{
	struct rlimit limit = { 2 * FD_FIRST, 2 * FD_FIRST };
	int i, status, line[2];
	pid_t pid;

	blob.policy = (struct sandbox_policy){
		.magic = SANDBOX_POLICY_MAGIC, .version = SANDBOX_POLICY_VERSION, .header_size = sizeof(blob.policy),
		.bpf_offset = sizeof(blob.policy), .fd_first = FD_FIRST, .policy_fd = POLICY, .starter_fd = STARTER,
		.device_fd = DEVICE, .log_fd = -1, .learn_fd = -1,
	};
	add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	for (i = 1; i < argc && !strncmp(argv[i], "--", 2); i++) {
		if (!strcmp(argv[i], "--jit"))
			blob.policy.flags |= SANDBOX_ALLOW_JIT;
		else if (!strcmp(argv[i], "--log"))
			blob.policy.flags |= SANDBOX_LOG;
		else if (!strcmp(argv[i], "--errno"))
			add_rule(argv[++i], SECCOMP_RET_ERRNO | EPERM);
		else if (!strcmp(argv[i], "--trap"))
			add_rule(argv[++i], SECCOMP_RET_TRAP | 7);
		else if (!strcmp(argv[i], "--kill"))
			add_rule(argv[++i], SECCOMP_RET_KILL_PROCESS);
	}
	setrlimit(RLIMIT_NOFILE, &limit);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, line))
		die("socketpair");
	if (blob.policy.flags & SANDBOX_LOG)
		blob.policy.log_fd = LOG;
	put(starter_fd(), STARTER);
	put(open("/dev/dune", O_RDWR), DEVICE);
	write_policy();
	pid = fork();
	if (!pid) {
		close(line[0]);
		put(line[1], LOG);
		start(argv + i, argc - i);
	}
	close(line[1]);
	close(STDIN_FILENO);
	read_log(line[0]);
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// SPDX-License-Identifier: GPL-2.0
/* --log and --learn: lines of records, hostile ones too; and profiles of what was counted. */
#include "tap.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "sandbox/cli/learn.h"
#include "sandbox/cli/log.h"
#include "sandbox/cli/profile.h"
#include "sandbox/policy/bpf.h"

#define HEAD	offsetof(struct sandbox_record, text)

static char line[2048];

static const char *format(const struct sandbox_record *r, size_t length)
{
	size_t n = log_format(r, length, line, sizeof(line));

	if (!n || n > sizeof(line) || line[n - 1] != '\n')
		return "no line";
	line[n - 1] = 0;
	return line;
}

static void lines(void)
{
	struct sandbox_record r = {
		.kind = SANDBOX_BY_FILTER, .verdict = SECCOMP_RET_ERRNO | 1, .pid = 2, .tid = 3, .nr = SYS_mount,
		.ip = 0x1000, .args = { 1, 2, 3, 4, 5, 6 },
	};

	ok_str(format(&r, HEAD), "2/3: mount(0x1, 0x2, 0x3, 0x4, 0x5, 0x6) at 0x1000: the profile -> EPERM; "
	       "to allow it: {\"names\": [\"mount\"], \"action\": \"SCMP_ACT_ALLOW\"} in the profile (--seccomp)",
	       "a call that the profile refuses");
	r.kind = SANDBOX_BY_JIT;
	r.nr = SYS_mprotect;
	ok(strstr(format(&r, HEAD), "writable and executable -> EPERM; to allow it: --allow-jit"), "memory");
	r.kind = SANDBOX_BY_POINTER;
	ok(strstr(format(&r, HEAD), "nothing allows it"), "a pointer");
	r.kind = SANDBOX_BY_PATH;
	r.text_len = 5;
	memcpy(r.text, "/a\033\n\\", 5);
	ok(strstr(format(&r, HEAD + 5), "leads out: /a\\x1b\\x0a\\x5c -> "), "what a terminal would obey is not printed");
	r.text_len = UINT32_MAX;
	ok(strstr(format(&r, HEAD + 1), "leads out: / -> "), "a text that is shorter than it says");
	memset(r.text, 1, sizeof(r.text));
	r.text_len = sizeof(r.text);
	ok(strstr(format(&r, sizeof(r)), "\\x01\\x01\\x01"), "the longest text");
	r.kind = SANDBOX_BY_DEATH;
	r.nr = -1;
	r.text_len = 3;
	memcpy(r.text, "why", 3);
	ok_str(format(&r, HEAD + 3), "2/3: the program is ended: why", "a death");
	r.kind = 12345;
	ok(strstr(format(&r, HEAD), "does not know"), "an unknown kind");
	r.nr = 511;
	r.verdict = SECCOMP_RET_ERRNO | 4000;
	ok(strstr(format(&r, HEAD), "call 511(") && strstr(line, "error 4000"), "an unknown call and error");
	ok(strstr(format(&r, 3), "which is none"), "a short record");
	ok(strstr(format(&r, sizeof(r) + 1), "which is none"), "a long one");
}

/* Whatever the sandbox sends, a line comes out, and nothing but print. */
static void random_records(int count)
{
	uint64_t state = 88172645463325252ULL;
	int bad = 0;

	for (int i = 0; i < count; i++) {
		struct sandbox_record r;
		size_t n;

		for (size_t k = 0; k < sizeof(r) / 8; k++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			memcpy((char *)&r + k * 8, &state, 8);
		}
		r.kind = (uint32_t)(state % 12);
		if (state & 0x1000)
			r.nr = (int)(state >> 20 & 511);
		n = log_format(&r, state >> 40 & 511, line, sizeof(line));
		bad += !n || n > sizeof(line) || line[n - 1] != '\n';
		for (size_t k = 0; k + 1 < n; k++)
			bad += line[k] < ' ' || line[k] > '~';
	}
	ok_eq(bad, 0, "%d records of random bits are lines of print", count);
}

/* ---- learning --------------------------------------------------------------------------------- */

static struct sock_filter *filter;

static uint32_t verdict(int nr, uint64_t a0, uint64_t a1)
{
	struct seccomp_data call = { .nr = nr, .arch = AUDIT_ARCH_X86_64, .args = { a0, a1 } };

	return sandbox_bpf_run(filter, &call);
}

static void see(struct sandbox_learn *learn, int nr, uint64_t a0, uint64_t a1, bool refused)
{
	struct seccomp_data call = { .nr = nr, .args = { a0, a1 } };

	sandbox_learn_call(learn, &call, refused);
}

static void learning(void)
{
	char name[] = "/tmp/sandbox-learn-XXXXXX", *why = NULL;
	struct sandbox_learn *seen, *learn;
	int fd = learn_begin(&seen), file = mkstemp(name);
	struct profile p;
	uint32_t count;

	learn = mmap(NULL, sizeof(*learn), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (learn == MAP_FAILED || file < 0)
		bail("no memory");
	ok(ftruncate(fd, 0) < 0, "nobody can take the memory away from us");
	ok_eq(write(file, "before", 6), 6, "a file with something in it");
	learn_write(seen, file, name);
	ok_eq(lseek(file, 0, SEEK_END), 6, "nothing was done, nothing is written");
	lseek(file, 0, SEEK_SET);
	see(learn, SYS_read, 0, 0, false);
	see(learn, SYS_socket, 1, 2, false);
	see(learn, SYS_ioctl, 0, 0x5401, false);
	see(learn, SYS_ioctl, 0, 0x80045430, false);
	see(learn, SYS_mount, 0, 0, true);
	for (uint64_t i = 0; i < SANDBOX_VALUES + 1; i++)
		see(learn, SYS_prctl, i, 0, false);
	learn_write(seen, file, name);
	if (!profile_load(&p, name, &why) || !profile_filter(&p, &filter, &count, &why))
		bail("%s", why);
	ok_eq(verdict(SYS_read, 0, 0), SECCOMP_RET_ALLOW, "a call that was made");
	ok(verdict(SYS_write, 0, 0) != SECCOMP_RET_ALLOW, "not one that was not");
	ok(verdict(SYS_mount, 0, 0) != SECCOMP_RET_ALLOW, "not one that the monitor refused");
	ok(verdict(SYS_socket, 1, 7) == SECCOMP_RET_ALLOW && verdict(SYS_socket, 2, 2) != SECCOMP_RET_ALLOW,
	   "sockets of the domain that was seen");
	ok(verdict(SYS_ioctl, 9, 0x5401) == SECCOMP_RET_ALLOW &&
	   verdict(SYS_ioctl, 9, 0x80045430) == SECCOMP_RET_ALLOW &&
	   verdict(SYS_ioctl, 0, 0x5412) != SECCOMP_RET_ALLOW, "ioctls of the requests that were seen");
	ok_eq(verdict(SYS_prctl, 1000, 0), SECCOMP_RET_ALLOW, "any where there were too many");
	ok_eq(verdict(SYS_exit_group, 0, 0), SECCOMP_RET_ALLOW, "an end is always allowed");
	unlink(name);
}

int main(void)
{
	lines();
	random_records(100000);
	learning();
	return tap_done();
}

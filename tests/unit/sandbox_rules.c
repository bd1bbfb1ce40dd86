// SPDX-License-Identifier: GPL-2.0
/* The policy blob: what sandbox_rules_init() takes and refuses; verdicts; learning. */
#include "tap.h"

#include <errno.h>
#include <linux/audit.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "sandbox/policy/policy.h"

#define FILTER	3

struct blob {
	struct sandbox_policy p;
	struct sock_filter filter[FILTER];
};

static struct blob right(void)
{
	return (struct blob){
		.p = {
			.magic = SANDBOX_POLICY_MAGIC, .version = SANDBOX_POLICY_VERSION,
			.header_size = sizeof(struct sandbox_policy), .size = sizeof(struct blob),
			.bpf_offset = offsetof(struct blob, filter), .bpf_count = FILTER,
			.fd_first = 100, .policy_fd = 100, .starter_fd = 101, .device_fd = 102,
			.log_fd = -1, .learn_fd = -1,
		},
		.filter = {
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),
			BPF_STMT(BPF_RET | BPF_A, 0),
		},
	};
}

static void refused(struct blob blob, size_t size, const char *text)
{
	struct sandbox_rules rules;
	const char *why = NULL;
	int err = sandbox_rules_init(&rules, &blob, size, &why);

	ok(err == -EINVAL && why, "refused: %s (%s)", text, why ?: "no reason given");
}

#define REFUSED(change, text) do {		\
	struct blob b = right();		\
	b.change;				\
	refused(b, sizeof(b), text);		\
} while (0)

static void shapes(void)
{
	struct sandbox_rules rules;
	struct blob b = right();
	const char *why;

	ok_eq(sandbox_rules_init(&rules, &b, sizeof(b), &why), 0, "a right one is taken");
	for (size_t size = 0; size < sizeof(b); size += 8)
		refused(b, size, "cut short");
	refused(b, sizeof(b) + 8, "longer than it says");
	REFUSED(p.magic++, "another magic");
	REFUSED(p.version++, "another version");
	REFUSED(p.header_size += 8, "a longer header");
	REFUSED(p.flags = SANDBOX_FLAGS + 1, "an unknown flag");
	REFUSED(p.reserved = 1, "a reserved word");
	REFUSED(p.reserved2 = 1, "another reserved word");
	REFUSED(p.bpf_count = 0, "no filter");
	REFUSED(p.bpf_count = FILTER + 1, "a filter that goes on behind the end");
	REFUSED(p.bpf_count = 0x20000000, "a filter whose bytes wrap");
	REFUSED(p.bpf_count = 0xffffffff, "a filter of the largest count");
	REFUSED(p.bpf_offset = 0, "a filter in the header");
	REFUSED(p.bpf_offset += 4, "a filter that is not aligned");
	b = right();
	b.p.bpf_offset += 4;
	b.p.bpf_count = 1;
	b.filter[0].k = BPF_RET | BPF_K;
	refused(b, sizeof(b), "a right filter that is not aligned");
	REFUSED(p.bpf_offset = 0xfffffff8, "a filter far away");
	REFUSED(filter[0].k = 64, "a filter that Linux would refuse");
	REFUSED(p.fd_first = 2, "no descriptors for the program");
	REFUSED(p.fd_first = -1, "a negative first descriptor");
	REFUSED(p.policy_fd = 99, "the policy among the program's descriptors");
	REFUSED(p.starter_fd = -1, "no starter");
	REFUSED(p.device_fd = 5, "the device among the program's descriptors");
	REFUSED(p.log_fd = 103, "a log that no flag asks for");
	REFUSED(p.flags = SANDBOX_LOG, "no log");
	REFUSED(p.flags = SANDBOX_LEARN, "nothing to learn into");
	REFUSED(p.learn_fd = 0, "a place to learn that no flag asks for");
}

/* Random bits in a right blob: whatever is taken can be run. */
static void random_bits(int count)
{
	uint64_t state = 88172645463325252ULL;
	int taken = 0;

	for (int i = 0; i < count; i++) {
		struct seccomp_data call = { .nr = 1 };
		struct sandbox_rules rules;
		struct blob b = right();
		const char *why;

		for (int n = 0; n < 2; n++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			((unsigned char *)&b)[state % sizeof(b)] ^= (unsigned char)(1u << (state >> 60 & 7));
		}
		if (sandbox_rules_init(&rules, &b, sizeof(b), &why))
			continue;
		sandbox_verdict(&rules, &call);
		taken++;
	}
	ok(taken > 0 && taken < count, "%d of %d damaged blobs are taken, and run", taken, count);
}

/* The filter of right() returns the first argument's low half. */
static void verdict(uint32_t returned, uint32_t want, const char *text)
{
	struct seccomp_data call = { .nr = 1, .arch = AUDIT_ARCH_X86_64, .args = { returned } };
	struct sandbox_rules rules;
	struct blob b = right();
	const char *why;

	sandbox_rules_init(&rules, &b, sizeof(b), &why);
	ok_eq(sandbox_verdict(&rules, &call), want, "%s", text);
	/* and from a filter that says so whatever the arguments are */
	b.filter[1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, returned);
	sandbox_rules_init(&rules, &b, sizeof(b), &why);
	ok_eq(sandbox_verdict(&rules, &call), want, "%s, always", text);
	ok_eq(sandbox_always(&rules, 1), want == SECCOMP_RET_ALLOW, "which allows it, or not");
}

static void verdicts(void)
{
	verdict(SECCOMP_RET_ALLOW, SECCOMP_RET_ALLOW, "allow");
	verdict(SECCOMP_RET_ERRNO | EPERM, SECCOMP_RET_ERRNO | EPERM, "an error");
	verdict(SECCOMP_RET_ERRNO | 0xffff, SECCOMP_RET_ERRNO | 4095, "the largest error");
	verdict(SECCOMP_RET_TRAP | 7, SECCOMP_RET_TRAP | 7, "trap");
	verdict(SECCOMP_RET_KILL_THREAD, SECCOMP_RET_KILL_THREAD, "kill the thread");
	verdict(SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_PROCESS, "kill the process");
	verdict(SECCOMP_RET_LOG, SECCOMP_RET_LOG, "log");
	verdict(SECCOMP_RET_TRACE | 1, SECCOMP_RET_TRACE | 1, "trace");
	verdict(0x12340000, SECCOMP_RET_KILL_PROCESS, "an unknown action kills");
	verdict(0x7fff8000 & 0xfffe0000, SECCOMP_RET_KILL_PROCESS, "so does one that is nearly allow");
}

static void always(void)
{
	struct sandbox_rules rules;
	struct blob b = right();
	const char *why;

	b.filter[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 200, 0, 0);
	b.filter[2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	sandbox_rules_init(&rules, &b, sizeof(b), &why);
	ok(sandbox_always(&rules, 0) && sandbox_always(&rules, SANDBOX_CALLS - 1), "all are allowed");
	ok(!sandbox_always(&rules, SANDBOX_CALLS) && !sandbox_always(&rules, UINT64_MAX),
	   "but no numbers that there are not");
	b.filter[1] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16);
	sandbox_rules_init(&rules, &b, sizeof(b), &why);
	ok(!sandbox_always(&rules, 0), "none where an argument is looked at");
}

static void learning(void)
{
	struct sandbox_learn *learn = calloc(1, sizeof(*learn));
	struct seccomp_data call = { .nr = SYS_socket, .args = { 1 } };
	struct sandbox_values *values = &learn->values[SANDBOX_VALUES_SOCKET];

	sandbox_learn_call(learn, &call, false);
	sandbox_learn_call(learn, &call, false);
	sandbox_learn_call(learn, &call, true);
	ok_eq(learn->made[SYS_socket], 2, "calls are counted");
	ok_eq(learn->refused[SYS_socket], 1, "and refused ones");
	ok_eq(values->slot[0], SANDBOX_VALUE_USED | 1, "the value is kept");
	ok_eq(values->slot[1], 0, "once");
	for (uint64_t i = 0; i < SANDBOX_VALUES; i++) {
		call.args[0] = 0xabc00000000 | (i + 1);
		sandbox_learn_call(learn, &call, false);
	}
	ok_eq(values->slot[SANDBOX_VALUES - 1], SANDBOX_VALUE_USED | SANDBOX_VALUES,
	      "as many values as fit, 32 bits of each");
	ok_eq(values->overflow, 0, "and no more yet");
	call.args[0] = 0;
	sandbox_learn_call(learn, &call, false);
	ok_eq(values->overflow, 1, "one more");
	call.nr = -1;
	sandbox_learn_call(learn, &call, false);
	call.nr = SANDBOX_CALLS;
	sandbox_learn_call(learn, &call, false);
	ok_eq(learn->values[SANDBOX_VALUES_IOCTL].slot[0], 0, "other calls' values are untouched");
	free(learn);
}

int main(void)
{
	shapes();
	random_bits(200000);
	verdicts();
	always();
	learning();
	return tap_done();
}

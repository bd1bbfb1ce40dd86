// SPDX-License-Identifier: GPL-2.0
/* Profiles: what is taken and refused, and what the filters made of them say. */
#include "tap.h"

#include <errno.h>
#include <linux/audit.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "sandbox/cli/default_profile.h"
#include "sandbox/cli/profile.h"
#include "sandbox/policy/bpf.h"
#include "sandbox/policy/policy.h"

#define OTHERS	"/usr/share/containers/seccomp.json"

/* ---- errors ---------------------------------------------------------------------------- */

/* The text is a profile with ' for ". */
static char *quoted(const char *text)
{
	char *copy = strdup(text);

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	return copy;
}

static bool parse(struct profile *p, const char *text, char **why)
{
	char *copy = quoted(text);
	bool right = profile_parse(p, "p.json", copy, strlen(copy), why);

	free(copy);
	return right;
}

static void refused(const char *text, const char *want)
{
	struct profile p;
	char *why = NULL;

	if (!ok(!parse(&p, text, &why) && why && strstr(why, want), "refused: %s", want))
		diag("  %s: %s", text, why ?: "taken");
	free(why);
}

#define RULE(rule) "{'defaultAction':'SCMP_ACT_ERRNO','syscalls':[" rule "]}"

static void errors(void)
{
	refused("", "p.json:1:1: not JSON: it ends too early");
	refused("{\n\t'a': 1,\n\tb\n}", "p.json:3:2: not JSON");
	refused("{'defaultAction':'SCMP_ACT_ALLOW'} x", "p.json:1:36: not JSON: something follows");
	refused("{'defaultAction':'SCMP_ACT_ALLOW'", "it ends too early");
	refused("[]", "no JSON object");
	refused("null ", "no JSON object");
	refused("{}", "\"defaultAction\" is missing");
	refused("{'defaultAction': 3}", "\"defaultAction\" is int, not string");
	refused("{'defaultAction':'ALLOW'}", "there is no action ALLOW");
	refused("{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':4096}", "\"defaultErrnoRet\" is more than 4095");
	refused("{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':-1}", "negative");
	refused("{'defaultAction':'SCMP_ACT_ERRNO','defaultErrno':'EWHAT'}", "there is no error EWHAT");
	refused("{'defaultAction':'SCMP_ACT_ERRNO','syscall':[]}", "unknown key \"syscall\"");
	refused("{'defaultAction':'SCMP_ACT_ERRNO','syscalls':{}}", "\"syscalls\" is object, not array");
	refused(RULE("3"), "syscalls[0]: is no object");
	refused(RULE("{'names':['read']}"), "syscalls[0]: \"action\" is missing");
	refused(RULE("{'action':'SCMP_ACT_ALLOW'}"), "syscalls[0]: \"names\" is missing");
	refused(RULE("{'names':['read'],'name':'x','action':'SCMP_ACT_ALLOW'}"), "both");
	refused(RULE("{'names':['read',1],'action':'SCMP_ACT_ALLOW'}"), "no string");
	refused(RULE("{'names':['read'],'action':'SCMP_ACT_ALLOW','arg':[]}"), "unknown key \"arg\"");
	refused(RULE("{'names':['read'],'action':'SCMP_ACT_ALLOW'},"
		     "{'names':['read'],'action':'SCMP_ACT_ALLOW','args':[{'index':0,'op':'SCMP_CMP_EQ'},"
		     "{'index':6,'op':'SCMP_CMP_EQ'}]}"), "syscalls[1].args[1]: \"index\" is more than 5");
	refused(RULE("{'names':['read'],'action':'SCMP_ACT_ALLOW','args':[{'op':'SCMP_CMP_EQ'}]}"),
		"\"index\" is missing");
	refused(RULE("{'names':['read'],'action':'SCMP_ACT_ALLOW','args':[{'index':0}]}"), "\"op\" is missing");
	refused(RULE("{'names':['read'],'action':'SCMP_ACT_ALLOW','args':[{'index':0,'op':'EQ'}]}"), "there is no EQ");
	refused(RULE("{'names':['read'],'action':'SCMP_ACT_ALLOW','args':[{'index':0,'op':'SCMP_CMP_EQ','value':-1}]}"),
		"negative");
	refused(RULE("{'names':['read'],'action':'SCMP_ACT_ALLOW','includes':{'cap':[]}}"), "unknown key \"cap\"");
	refused(RULE("{'names':['read'],'action':'SCMP_ACT_ALLOW','includes':{'minKernel':'new'}}"), "minKernel");
	refused(RULE("{'names':['read'],'action':'SCMP_ACT_ERRNO','errnoRet':'EPERM'}"), "\"errnoRet\" is string, not int");
}

/* ---- verdicts ------------------------------------------------------------------------------ */

static struct sock_filter *filter;
static uint32_t filter_count;

static void use(const char *text)
{
	struct profile p;
	char *why = NULL;

	free(filter);
	filter = NULL;
	if (!parse(&p, text, &why) || !profile_filter(&p, &filter, &filter_count, &why))
		bail("%s", why);
	if (sandbox_bpf_check(filter, filter_count))
		bail("a filter of libseccomp that the monitor would refuse");
	profile_free(&p);
}

static uint32_t verdict(int nr, uint64_t a0, uint64_t a1)
{
	struct seccomp_data call = { .nr = nr, .arch = AUDIT_ARCH_X86_64, .args = { a0, a1 } };

	return sandbox_bpf_run(filter, &call);
}

#define ALLOW		SECCOMP_RET_ALLOW
#define ERROR(n)	(SECCOMP_RET_ERRNO | (n))

static void one_operator(const char *op, uint64_t value, uint64_t two, const char *allowed, const uint64_t *values)
{
	char text[512], got[32] = "";

	snprintf(text, sizeof(text), RULE("{'names':['read'],'action':'SCMP_ACT_ALLOW','args':[{'index':1,"
		 "'value':%llu,'valueTwo':%llu,'op':'SCMP_CMP_%s'}]}"),
		 (unsigned long long)value, (unsigned long long)two, op);
	use(text);
	for (int i = 0; i < 4; i++)
		strcat(got, verdict(SYS_read, 0, values[i]) == ALLOW ? "y" : "n");
	ok_str(got, allowed, "%s %#llx", op, (unsigned long long)value);
}

static void operators(void)
{
	static const uint64_t small[] = { 4, 5, 6, 0x100000005 };
	static const uint64_t large[] = { 5, 0xfffffffffffffffe, 0xffffffffffffffff, 0xffffffff };

	one_operator("EQ", 5, 0, "nynn", small);
	one_operator("NE", 5, 0, "ynyy", small);
	one_operator("LT", 5, 0, "ynnn", small);
	one_operator("LE", 5, 0, "yynn", small);
	one_operator("GT", 5, 0, "nnyy", small);
	one_operator("GE", 5, 0, "nyyy", small);
	one_operator("MASKED_EQ", 6, 4, "yyny", small);
	one_operator("EQ", UINT64_MAX, 0, "nnyn", large);
	one_operator("LT", UINT64_MAX, 0, "yyny", large);
	one_operator("MASKED_EQ", 0xffffffff00000000, 0, "ynny", large);
}

static void actions(void)
{
	use("{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':38,'syscalls':["
	    "{'names':['read'],'action':'SCMP_ACT_ALLOW'}, {'name':'write','action':'SCMP_ACT_ERRNO'},"
	    "{'names':['open'],'action':'SCMP_ACT_ERRNO','errnoRet':13},"
	    "{'names':['dup'],'action':'SCMP_ACT_ERRNO','errnoRet':38},"
	    "{'names':['close'],'action':'SCMP_ACT_ERRNO','errnoRet':1,'errno':'ENODEV'},"
	    "{'names':['stat'],'action':'SCMP_ACT_KILL'}, {'names':['fstat'],'action':'SCMP_ACT_KILL_PROCESS'},"
	    "{'names':['poll'],'action':'SCMP_ACT_TRAP'}, {'names':['lseek'],'action':'SCMP_ACT_LOG'},"
	    "{'names':['mmap'],'action':'SCMP_ACT_TRACE','errnoRet':7}, {'names':['mprotect'],'action':'SCMP_ACT_NOTIFY'},"
	    "{'names':['pivot_root','no_such_call','read'],'action':'SCMP_ACT_ALLOW','comment':'x'}]}");
	ok_eq(verdict(SYS_read, 0, 0), ALLOW, "allowed");
	ok_eq(verdict(SYS_write, 0, 0), ERROR(EPERM), "a rule's error is EPERM where it has none");
	ok_eq(verdict(SYS_open, 0, 0), ERROR(13), "its own error");
	ok_eq(verdict(SYS_close, 0, 0), ERROR(ENODEV), "an error's name counts more than its number");
	ok_eq(verdict(SYS_stat, 0, 0), SECCOMP_RET_KILL_THREAD, "kill");
	ok_eq(verdict(SYS_fstat, 0, 0), SECCOMP_RET_KILL_PROCESS, "kill the process");
	ok_eq(verdict(SYS_poll, 0, 0), SECCOMP_RET_TRAP, "trap");
	ok_eq(verdict(SYS_lseek, 0, 0), SECCOMP_RET_LOG, "log");
	ok_eq(verdict(SYS_mmap, 0, 0), SECCOMP_RET_TRACE | 7, "trace");
	ok_eq(verdict(SYS_mprotect, 0, 0), SECCOMP_RET_USER_NOTIF, "notify");
	ok_eq(verdict(SYS_getpid, 0, 0), ERROR(38), "the default, with its error");
	ok_eq(verdict(SYS_dup, 0, 0), ERROR(38), "a rule that says what the default says");
	ok_eq(verdict(SYS_pivot_root, 0, 0), ALLOW, "names beside unknown ones");
	ok_eq(verdict(SYS_read | 0x40000000, 0, 0), SECCOMP_RET_KILL_PROCESS, "x32 is another architecture");
}

static void conditions(void)
{
	use(RULE("{'names':['read'],'action':'SCMP_ACT_ALLOW','args':[{'index':0,'value':1,'op':'SCMP_CMP_EQ'},"
		 "{'index':1,'value':2,'op':'SCMP_CMP_EQ'}]}"));
	ok(verdict(SYS_read, 1, 2) == ALLOW && verdict(SYS_read, 1, 3) != ALLOW && verdict(SYS_read, 0, 2) != ALLOW,
	   "conditions on two arguments both have to hold");
	use(RULE("{'names':['read'],'action':'SCMP_ACT_ALLOW','args':[{'index':0,'value':1,'op':'SCMP_CMP_EQ'},"
		 "{'index':0,'value':2,'op':'SCMP_CMP_EQ'}]}"));
	ok(verdict(SYS_read, 1, 0) == ALLOW && verdict(SYS_read, 2, 0) == ALLOW && verdict(SYS_read, 3, 0) != ALLOW,
	   "of two conditions on one argument either does");
}

/* Allowed, or not, with this in the rule? */
static bool counts(const char *words)
{
	char text[512];

	snprintf(text, sizeof(text), RULE("{'names':['read'],'action':'SCMP_ACT_ALLOW',%s}"), words);
	use(text);
	return verdict(SYS_read, 0, 0) == ALLOW;
}

static void included(void)
{
	ok(counts("'includes':{}, 'excludes':{}"), "empty includes and excludes");
	ok(counts("'includes':null, 'args':null"), "null for what is not there");
	ok(!counts("'includes':{'caps':['CAP_SYS_ADMIN']}"), "the program has no capabilities");
	ok(counts("'excludes':{'caps':['CAP_SYS_ADMIN']}"), "which nothing excludes");
	ok(counts("'includes':{'arches':['x32','amd64']}"), "this architecture");
	ok(!counts("'includes':{'arches':['arm64']}"), "another one");
	ok(!counts("'excludes':{'arches':['amd64']}"), "this one excluded");
	ok(counts("'excludes':{'arches':['s390x']}"), "another one excluded");
	ok(counts("'includes':{'minKernel':'4.8'}"), "an old kernel");
	ok(!counts("'includes':{'minKernel':'999.0'}"), "one that is not there yet");
	ok(!counts("'includes':{'minKernel':'4.8','arches':['arm64']}"), "all have to hold");
	use("{'ociVersion':'1.0','linux':{'seccomp':" RULE("{'names':['read'],'action':'SCMP_ACT_ALLOW'}") "}}");
	ok_eq(verdict(SYS_read, 0, 0), ALLOW, "the profile in an OCI config.json");
}

/* ---- files ------------------------------------------------------------------------------------ */

static bool use_file(const char *path)
{
	struct profile p;
	char *why = NULL;

	free(filter);
	filter = NULL;
	if (!ok(profile_load(&p, path, &why) && profile_filter(&p, &filter, &filter_count, &why), "%s",
		path ?: "our own profile")) {
		diag("%s", why);
		return false;
	}
	if (!ok(!sandbox_bpf_check(filter, filter_count), "makes a filter of %u that the monitor takes", filter_count))
		return false;
	profile_free(&p);
	return true;
}

/* What is looked up is what the filter says, to each call, and with arguments at random. */
static void looked_up(const char *name)
{
	struct {
		struct sandbox_policy p;
		struct sock_filter filter[SANDBOX_BPF_MAX];
	} *blob = calloc(1, sizeof(*blob));
	struct sandbox_rules *rules = calloc(1, sizeof(*rules));
	int different = 0, constant = 0;
	uint64_t state = 1;
	const char *why;

	memcpy(blob->filter, filter, filter_count * sizeof(*filter));
	blob->p = (struct sandbox_policy){
		.magic = SANDBOX_POLICY_MAGIC, .version = SANDBOX_POLICY_VERSION, .header_size = sizeof(blob->p),
		.size = (uint32_t)(sizeof(blob->p) + filter_count * sizeof(*filter)),
		.bpf_offset = sizeof(blob->p), .bpf_count = filter_count,
		.fd_first = 10, .policy_fd = 10, .starter_fd = 11, .device_fd = 12, .log_fd = -1, .learn_fd = -1,
	};
	if (sandbox_rules_init(rules, blob, blob->p.size, &why))
		bail("%s", why);
	for (int nr = -2; nr < SANDBOX_CALLS + 2; nr++)
		for (int i = 0; i < 64; i++) {
			struct seccomp_data call = { .nr = nr, .arch = i ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_I386 };

			for (int a = 0; a < 6; a++) {
				state = state * 6364136223846793005ULL + 1442695040888963407ULL;
				call.args[a] = state >> (state % 64);
			}
			different += sandbox_verdict(rules, &call) != sandbox_bpf_run(filter, &call);
		}
	for (int nr = 0; nr < SANDBOX_CALLS; nr++)
		constant += rules->constant[nr / 64] >> (nr % 64) & 1;
	ok_eq(different, 0, "%s: what is looked up is what the filter says", name);
	ok(constant > SANDBOX_CALLS - 20 && constant < SANDBOX_CALLS, "which is so for %d of %d calls", constant,
	   SANDBOX_CALLS);
	free(rules);
	free(blob);
}

static void files(void)
{
	static const int never[] = { SYS_ptrace, SYS_mount, SYS_unshare, SYS_setns, SYS_bpf, SYS_init_module,
				     SYS_kexec_load, SYS_io_uring_setup, SYS_userfaultfd, SYS_perf_event_open,
				     SYS_keyctl, SYS_process_vm_writev, SYS_reboot, SYS_chroot };

	if (use_file(NULL)) {
		looked_up("ours");
		ok_eq(verdict(SYS_openat, 0, 0), ALLOW, "it allows openat");
		for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
			ok_eq(verdict(never[i], 0, 0), ERROR(EPERM), "it refuses %s", profile_call_name(never[i]));
		ok_eq(verdict(SYS_clone3, 0, 0), ERROR(ENOSYS), "clone3 is not there");
		ok_eq(verdict(SYS_clone, 0x01200011, 0), ALLOW, "fork");
		ok_eq(verdict(SYS_clone, 0x003d0f00, 0), ALLOW, "pthread_create");
		ok_eq(verdict(SYS_clone, 0x10000011, 0), ERROR(EPERM), "no new user namespace");
		ok_eq(verdict(SYS_ioctl, 0, 0x5413), ALLOW, "TIOCGWINSZ");
		ok_eq(verdict(SYS_ioctl, 0, 0x5412), ERROR(EPERM), "no TIOCSTI");
		ok_eq(verdict(SYS_ioctl, 0, 0x100005412), ERROR(EPERM), "nor with bits that Linux does not look at");
		ok_eq(verdict(SYS_ioctl, 0, 0x541c), ERROR(EPERM), "no TIOCLINUX");
		ok_eq(verdict(SYS_socket, 1, 0), ALLOW, "AF_UNIX");
		ok_eq(verdict(SYS_socket, 17, 0), ERROR(EPERM), "no AF_PACKET");
	}
	if (access(OTHERS, R_OK)) {
		skip(8, "golang-github-containers-common is not installed");
		return;
	}
	if (use_file(OTHERS)) {
		looked_up("theirs");
		ok_eq(verdict(SYS_openat, 0, 0), ALLOW, "it allows openat");
		ok_eq(verdict(SYS_bpf, 0, 0), ERROR(EPERM), "bpf is for CAP_SYS_ADMIN");
		ok_eq(verdict(SYS_personality, 8, 0), ALLOW, "one personality");
		ok_eq(verdict(SYS_personality, 0x40000, 0), ERROR(ENOSYS), "not another");
	}
}

/* Profiles with errors of all kinds: a message or a filter, and nothing else. */
static void damaged(int count)
{
	size_t length = (size_t)(default_profile_end - default_profile);
	char *text = malloc(length);
	uint64_t state = 88172645463325252ULL;
	int wrong = 0, taken = 0;

	for (int i = 0; i < count; i++) {
		struct profile p;
		char *why = NULL;

		memcpy(text, default_profile, length);
		for (int n = 0; n < 1 + i % 3; n++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			text[state % length] = state >> 32 & 3 ? "{}[]\":,-0e9\n\\ x"[(state >> 40) % 17] :
				(char)(state >> 48);
		}
		if (profile_parse(&p, "p", text, state >> 60 ? length : (state >> 20) % length, &why)) {
			taken++;
			wrong += why != NULL;
			if (i % 16 == 0 && profile_filter(&p, &filter, &filter_count, &why))
				wrong += sandbox_bpf_check(filter, filter_count) != NULL;
			profile_free(&p);
		} else {
			wrong += !why;
		}
		free(why);
	}
	free(text);
	ok_eq(wrong, 0, "%d damaged profiles: each has a message, or makes a filter", count);
	ok(taken > 0 && taken < count, "%d of them were taken", taken);
}

int main(void)
{
	errors();
	operators();
	actions();
	conditions();
	included();
	files();
	damaged(4000);
	return tap_done();
}

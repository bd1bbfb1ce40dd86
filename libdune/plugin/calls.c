// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The system calls that a plugin has. What is not in the table is refused.
 *
 * Arguments are in @trap, which is ring 0's memory: they do not change while they are looked at.
 * Linux gets descriptors and lengths of the library's own, buffers of the library's own, and addresses
 * of the compartment only to map there; contents go through bounce buffers.
 */
#define _GNU_SOURCE
#include "plugin.h"
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include "raw.h"

#define CHUNK	4096UL

/* ---- Files ---------------------------------------------------------------------------------------- */

/* The open, in this thread at this moment, of a path in the plugin's memory. */
static long open_path(struct dune_plugin *p, uint64_t path, int flags)
{
	char copy[CHUNK];
	long ret = plugin_copy_string(p, copy, path, sizeof(copy));

	return ret ? ret : plugin_file_open(p, copy, flags);
}

static long do_open(struct dune_plugin *p, struct dune_trap *t)
{
	return open_path(p, t->rdi, t->rsi);
}

static long do_openat(struct dune_plugin *p, struct dune_trap *t)
{
	return open_path(p, t->rsi, t->rdx);
}

static long do_close(struct dune_plugin *p, struct dune_trap *t)
{
	return plugin_file_close(p, t->rdi);
}

/* @offset: below 0: where the descriptor is. */
static long read_chunks(struct dune_plugin *p, int fd, uint64_t to, uint64_t len, int64_t offset)
{
	char bounce[CHUNK];
	long done = 0, n;

	if (fd < 0)
		return -EBADF;
	while (len) {
		uint64_t want = len < CHUNK ? len : CHUNK;

		if (!plugin_has(p, to, want, PG_WRITE))
			return done ? done : -EFAULT;
		n = offset < 0 ? sys(SYS_read, fd, (long)bounce, want, 0, 0, 0) :
				 sys(SYS_pread64, fd, (long)bounce, want, offset + done, 0, 0);
		if (n <= 0)
			return done ? done : n;
		if (plugin_copy_in(p, to, bounce, n))
			return -EFAULT;
		done += n;
		to += n;
		len -= n;
		if ((uint64_t)n < want || __atomic_load_n(&p->expired, __ATOMIC_RELAXED))
			break;
	}
	return done;
}

static long do_read(struct dune_plugin *p, struct dune_trap *t)
{
	return read_chunks(p, plugin_file(p, t->rdi), t->rsi, t->rdx, -1);
}

static long do_pread(struct dune_plugin *p, struct dune_trap *t)
{
	if ((int64_t)t->r10 < 0)
		return -EINVAL;
	return read_chunks(p, plugin_file(p, t->rdi), t->rsi, t->rdx, t->r10);
}

static long do_lseek(struct dune_plugin *p, struct dune_trap *t)
{
	return sys(SYS_lseek, plugin_file(p, t->rdi), t->rsi, t->rdx, 0, 0, 0);
}

static long stat_host(struct dune_plugin *p, int fd, uint64_t to)
{
	struct stat st;
	long ret = sys(SYS_fstat, fd, (long)&st, 0, 0, 0, 0);

	return ret < 0 ? ret : plugin_copy_in(p, to, &st, sizeof(st));
}

static long stat_path(struct dune_plugin *p, uint64_t path, uint64_t to)
{
	long fd = open_path(p, path, 0), ret;

	if (fd < 0)
		return fd;
	ret = stat_host(p, plugin_file(p, fd), to);
	plugin_file_close(p, fd);
	return ret;
}

static long do_fstat(struct dune_plugin *p, struct dune_trap *t)
{
	return stat_host(p, plugin_file(p, t->rdi), t->rsi);
}

static long do_stat(struct dune_plugin *p, struct dune_trap *t)
{
	return stat_path(p, t->rdi, t->rsi);
}

static long do_newfstatat(struct dune_plugin *p, struct dune_trap *t)
{
	char first;

	if (t->r10 & AT_EMPTY_PATH && !plugin_copy_out(p, &first, t->rsi, 1) && !first)
		return stat_host(p, plugin_file(p, t->rdi), t->rdx);
	return stat_path(p, t->rsi, t->rdx);
}

static long do_access(struct dune_plugin *p, struct dune_trap *t)
{
	long fd = open_path(p, t->rdi, 0);

	if (fd < 0)
		return fd;
	plugin_file_close(p, fd);
	return t->rsi & 2 ? -EACCES : 0;
}

/* Refused, unless the policy has it. */
static long do_write(struct dune_plugin *p, struct dune_trap *t)
{
	char bounce[CHUNK];
	uint64_t len = t->rdx < CHUNK ? t->rdx : CHUNK;

	if (plugin_copy_out(p, bounce, t->rsi, len))
		return -EFAULT;
	return sys(SYS_write, t->rdi, (long)bounce, len, 0, 0, 0);
}

/* ---- Memory ------------------------------------------------------------------------------------------ */

static uint64_t in_pages(uint64_t len)
{
	return len > SPACE_SIZE ? 0 : (len + PAGE - 1) & ~(PAGE - 1);
}

static long do_mmap(struct dune_plugin *p, struct dune_trap *t)
{
	uint64_t address = t->rdi, len = in_pages(t->rsi);
	int flags = t->r10, fd = -1;

	if (!len || !(flags & MAP_PRIVATE) || flags & MAP_SHARED)
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		fd = plugin_file(p, t->r8);
		if (fd < 0)
			return -EBADF;
	}
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
		address = plugin_find(p, len);
		if (!address)
			return -ENOMEM;
	} else if (flags & MAP_FIXED_NOREPLACE) {
		return -EOPNOTSUPP;
	}
	return plugin_map(p, address, len, t->rdx & ~PROT_GROWSDOWN & ~PROT_GROWSUP, fd, fd < 0 ? 0 : t->r9);
}

static long do_munmap(struct dune_plugin *p, struct dune_trap *t)
{
	return plugin_unmap(p, t->rdi, in_pages(t->rsi));
}

static long do_mprotect(struct dune_plugin *p, struct dune_trap *t)
{
	return plugin_protect(p, t->rdi, in_pages(t->rsi), t->rdx);
}

/* As Linux: on any error, where the heap ends now. */
static long do_brk(struct dune_plugin *p, struct dune_trap *t)
{
	uint64_t start = p->base + HEAP_AT, old = (p->heap + PAGE - 1) & ~(PAGE - 1), new;

	if (t->rdi < start || t->rdi > p->base + MAPS_AT)
		return p->heap;
	new = (t->rdi + PAGE - 1) & ~(PAGE - 1);
	if (new > old && plugin_map(p, old, new - old, PROT_READ | PROT_WRITE, -1, 0) < 0)
		return p->heap;
	if (new < old && plugin_unmap(p, new, old - new) < 0)
		return p->heap;
	p->heap = t->rdi;
	return p->heap;
}

/* malloc() then copies. */
static long do_mremap(struct dune_plugin *p, struct dune_trap *t)
{
	return -ENOMEM;
}

/* It is advice. */
static long do_madvise(struct dune_plugin *p, struct dune_trap *t)
{
	return -ENOSYS;
}

/* ---- The thread ---------------------------------------------------------------------------------------- */

static long do_arch_prctl(struct dune_plugin *p, struct dune_trap *t)
{
	if (t->rdi != ARCH_SET_FS)
		return -EINVAL;
	/* one that is not canonical would be ring 0's fault */
	if (t->rsi >> 47)
		return -EPERM;
	*dune_ring3_fs_base() = t->rsi;
	return 0;
}

/* One thread, and nobody who could wake it. */
static long do_futex(struct dune_plugin *p, struct dune_trap *t)
{
	return (t->rsi & FUTEX_CMD_MASK) == FUTEX_WAKE ? 0 : -EAGAIN;
}

static long do_prlimit(struct dune_plugin *p, struct dune_trap *t)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (t->rdx)
		return -EPERM;
	if (t->rsi == RLIMIT_STACK)
		limit.rlim_cur = limit.rlim_max = p->policy.stack;
	return plugin_copy_in(p, t->r10, &limit, sizeof(limit));
}

static long do_one(struct dune_plugin *p, struct dune_trap *t)
{
	return 1;
}

/* It has no effect, and is not missed. */
static long do_nothing(struct dune_plugin *p, struct dune_trap *t)
{
	return 0;
}

static long do_nosys(struct dune_plugin *p, struct dune_trap *t)
{
	return -ENOSYS;
}

/* ---- The machine ------------------------------------------------------------------------------------------ */

static long do_clock_gettime(struct dune_plugin *p, struct dune_trap *t)
{
	struct timespec now;
	long ret = t->rdi > CLOCK_BOOTTIME ? -EINVAL : sys(SYS_clock_gettime, t->rdi, (long)&now, 0, 0, 0, 0);

	return ret ? ret : plugin_copy_in(p, t->rsi, &now, sizeof(now));
}

static long do_gettimeofday(struct dune_plugin *p, struct dune_trap *t)
{
	struct timespec now;
	long tv[2];

	sys(SYS_clock_gettime, CLOCK_REALTIME, (long)&now, 0, 0, 0, 0);
	tv[0] = now.tv_sec;
	tv[1] = now.tv_nsec / 1000;
	return t->rdi ? plugin_copy_in(p, t->rdi, tv, sizeof(tv)) : 0;
}

static long do_time(struct dune_plugin *p, struct dune_trap *t)
{
	struct timespec now;

	sys(SYS_clock_gettime, CLOCK_REALTIME, (long)&now, 0, 0, 0, 0);
	return now.tv_sec;
}

static long do_getrandom(struct dune_plugin *p, struct dune_trap *t)
{
	char bounce[256];
	uint64_t len = t->rsi < sizeof(bounce) ? t->rsi : sizeof(bounce);
	long n = sys(SYS_getrandom, (long)bounce, len, t->rdx & 3, 0, 0, 0);

	if (n > 0 && plugin_copy_in(p, t->rdi, bounce, n))
		return -EFAULT;
	return n;
}

/* What a libc looks for, and nothing of this machine. */
static long do_uname(struct dune_plugin *p, struct dune_trap *t)
{
	struct utsname name;

	clear_bytes(&name, sizeof(name));
	copy_bytes(name.sysname, "Linux", 6);
	copy_bytes(name.nodename, "plugin", 7);
	copy_bytes(name.release, "6.1.0", 6);
	copy_bytes(name.version, "dune", 5);
	copy_bytes(name.machine, "x86_64", 7);
	return plugin_copy_in(p, t->rdi, &name, sizeof(name));
}

/* ---- The table ----------------------------------------------------------------------------------------------- */

typedef long (*call_fn)(struct dune_plugin *p, struct dune_trap *t);

static const call_fn calls[] = {
	[SYS_open] = do_open, [SYS_openat] = do_openat, [SYS_close] = do_close, [SYS_read] = do_read,
	[SYS_pread64] = do_pread, [SYS_lseek] = do_lseek, [SYS_fstat] = do_fstat, [SYS_stat] = do_stat,
	[SYS_newfstatat] = do_newfstatat, [SYS_access] = do_access,

	[SYS_mmap] = do_mmap, [SYS_munmap] = do_munmap, [SYS_mprotect] = do_mprotect, [SYS_brk] = do_brk,
	[SYS_mremap] = do_mremap, [SYS_madvise] = do_madvise,

	[SYS_arch_prctl] = do_arch_prctl, [SYS_futex] = do_futex, [SYS_prlimit64] = do_prlimit,
	[SYS_getpid] = do_one, [SYS_gettid] = do_one, [SYS_set_tid_address] = do_one,
	[SYS_getuid] = do_nothing, [SYS_geteuid] = do_nothing, [SYS_getgid] = do_nothing, [SYS_getegid] = do_nothing,
	[SYS_set_robust_list] = do_nothing, [SYS_rt_sigprocmask] = do_nothing, [SYS_rt_sigaction] = do_nothing,
	[SYS_sched_yield] = do_nothing, [SYS_rseq] = do_nosys, [SYS_sched_getaffinity] = do_nosys,
	[SYS_sysinfo] = do_nosys,

	[SYS_clock_gettime] = do_clock_gettime, [SYS_gettimeofday] = do_gettimeofday, [SYS_time] = do_time,
	[SYS_getrandom] = do_getrandom, [SYS_uname] = do_uname,
};

static call_fn find(const struct dune_plugin *p, const struct dune_trap *t)
{
	if (t->rax == SYS_write && p->policy.flags & DUNE_PLUGIN_OUTPUT && (t->rdi == 1 || t->rdi == 2))
		return do_write;
	return t->rax < sizeof(calls) / sizeof(calls[0]) ? calls[t->rax] : NULL;
}

bool plugin_syscall(struct dune_plugin *p, struct dune_trap *trap)
{
	call_fn fn;

	if (trap->rax == SYS_exit || trap->rax == SYS_exit_group)
		plugin_end(p, DUNE_PLUGIN_EXIT, trap);
	fn = find(p, trap);
	if (!fn)
		return false;
	trap->rax = fn(p, trap);
	return true;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The smallest guest of /dev/kvm: 16-bit code in one page of memory, which makes its calls by an
 * OUT. That exits to its user space, as every monitor that keeps a process in a KVM guest has
 * it for a call that the host's kernel has to make.
 */
#include "kvm.h"
#include "bench.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PORT	0x10
#define CODE_AT	0
#define ANSWER_AT 0x800

static int vcpu, stats_fd = -1;
static off_t exits_at;
static struct kvm_run *run;
static char *memory;

/* mov $39, %al; again: out %al, $0x10; jmp again */
static const unsigned char code[] = { 0xb0, 39, 0xe6, PORT, 0xeb, 0xfc };

static int kvm_ioctl(int fd, unsigned long request, unsigned long arg, const char *what)
{
	int ret = ioctl(fd, request, arg);

	if (ret < 0)
		bench_fail("%s: %s", what, strerror(errno));
	return ret;
}

/* ---- The exits it counts ----------------------------------------------------------- */

static uint64_t exits(void)
{
	uint64_t value = 0;

	if (pread(stats_fd, &value, sizeof(value), exits_at) != sizeof(value))
		return 0;
	return value;
}

#ifdef KVM_GET_STATS_FD
/* The binary statistics say themselves what is where. */
static void find_exits(void)
{
	struct kvm_stats_header header;
	size_t size, i;
	char *desc;

	stats_fd = ioctl(vcpu, KVM_GET_STATS_FD, NULL);
	if (stats_fd < 0 || pread(stats_fd, &header, sizeof(header), 0) != sizeof(header))
		return;
	size = sizeof(struct kvm_stats_desc) + header.name_size;
	desc = malloc(size);
	for (i = 0; desc && i < header.num_desc; i++) {
		const struct kvm_stats_desc *d = (const void *)desc;

		if (pread(stats_fd, desc, size, header.desc_offset + i * size) != (ssize_t)size)
			break;
		if (!strcmp(desc + sizeof(*d), "exits")) {
			exits_at = header.data_offset + d->offset;
			bench_other_exits = exits;
		}
	}
	free(desc);
}
#else
static void find_exits(void)
{
}
#endif

/* ---- The guest ------------------------------------------------------------------------ */

static void add_memory(int vm)
{
	struct kvm_userspace_memory_region region = { .memory_size = PAGE };

	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		bench_fail("mmap: %s", strerror(errno));
	memcpy(memory + CODE_AT, code, sizeof(code));
	region.userspace_addr = (uintptr_t)memory;
	kvm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, (uintptr_t)&region, "KVM_SET_USER_MEMORY_REGION");
}

static void start_at_0(void)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rip = CODE_AT, .rflags = 2 };

	kvm_ioctl(vcpu, KVM_GET_SREGS, (uintptr_t)&sregs, "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	kvm_ioctl(vcpu, KVM_SET_SREGS, (uintptr_t)&sregs, "KVM_SET_SREGS");
	kvm_ioctl(vcpu, KVM_SET_REGS, (uintptr_t)&regs, "KVM_SET_REGS");
}

void kvm_setup(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, size;

	if (kvm < 0)
		bench_skip("/dev/kvm: %s (modprobe kvm_intel)", strerror(errno));
	vm = kvm_ioctl(kvm, KVM_CREATE_VM, 0, "KVM_CREATE_VM");
	add_memory(vm);
	vcpu = kvm_ioctl(vm, KVM_CREATE_VCPU, 0, "KVM_CREATE_VCPU");
	size = kvm_ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0, "KVM_GET_VCPU_MMAP_SIZE");
	run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		bench_fail("mmap: %s", strerror(errno));
	start_at_0();
	find_exits();
}

long kvm_run(void)
{
	kvm_ioctl(vcpu, KVM_RUN, 0, "KVM_RUN");
	if (run->exit_reason != KVM_EXIT_IO || run->io.port != PORT)
		bench_fail("the KVM guest ended with reason %u", run->exit_reason);
	return *((unsigned char *)run + run->io.data_offset);
}

void kvm_answer(long value)
{
	*(volatile long *)(memory + ANSWER_AT) = value;
}

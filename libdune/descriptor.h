/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Segment descriptors, the task state segment, gates: Intel SDM vol. 3, 3.4.5, 8.7, 6.14. */
#ifndef LIBDUNE_DESCRIPTOR_H
#define LIBDUNE_DESCRIPTOR_H

#include <stdint.h>

#define GDT_ENTRIES	16
#define GDT_LIMIT	(GDT_ENTRIES * 8 - 1)
#define GDT_TSS		8	/* and 9 */
#define GDT_CPU		15
#define SEL_TSS		(GDT_TSS * 8)
#define SEL_CPU		(GDT_CPU * 8 + 3)

#define IDT_ENTRIES	256
#define IDT_LIMIT	(IDT_ENTRIES * 16 - 1)

struct dune_tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, io_bitmap;
} __attribute__((packed));

struct dune_gate {
	uint16_t offset0, selector;
	uint8_t ist, type;
	uint16_t offset1;
	uint32_t offset2, reserved;
};

/* Bits 40-47 of a descriptor, then its flags (bits 52-55), as Linux writes them. */
#define DESCRIPTOR(access, flags, base, limit)			\
	(((limit) & 0xffffULL) | ((base) & 0xffffffULL) << 16 |	\
	 (uint64_t)(access) << 40 | ((limit) >> 16 & 0xfULL) << 48 | \
	 (uint64_t)(flags) << 52 | ((base) >> 24 & 0xffULL) << 56)

/* A thread's GDT and TSS; @ist_top[] are the tops of the IST stacks. */
void dune_gdt_init(uint64_t *gdt, struct dune_tss *tss);
void dune_tss_init(struct dune_tss *tss, const uint64_t *ist_top, int stacks);

/* vDSO getcpu() reads its answer by LSL: give the guest's descriptor this CPU's. Ordinary mode. */
static inline void dune_gdt_set_cpu(uint64_t *gdt)
{
	uint64_t cpu = 0;

	__asm__ volatile("lsl %1, %0" : "+r"(cpu) : "r"((uint64_t)SEL_CPU) : "cc");
	gdt[GDT_CPU] = DESCRIPTOR(0xf5, 0x4, 0ULL, cpu);
}

/* The process's IDT. dune_idt_init() makes it, once. */
extern struct dune_gate *dune_idt;
int dune_idt_init(void);

#endif /* LIBDUNE_DESCRIPTOR_H */

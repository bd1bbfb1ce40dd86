/* SPDX-License-Identifier: GPL-2.0 */
/* Lending the program's registers to Linux, and taking them back. */
#ifndef DUNE_LEND_H
#define DUNE_LEND_H

#include <linux/types.h>

struct dune_vcpu;
struct pt_regs;

/*
 * Whose the registers of the program are, for a VCPU that is run by the door.
 *
 *	            jump to the door             something for Linux to do
 *	  IDLE ------------------------> RUNNING -------------------------> LENT
 *	   ^   <------------------------  |  ^                               |
 *	   |     something for libdune       | the page fault of the door    | before user mode
 *	   |                                 |                               v
 *	   +- ENDING <- death, execve() ---- AWAITED <-----------------------+
 *
 * From the jump on the VCPU is that thread's, and holds a reference to itself.
 */
enum vcpu_state { VCPU_IDLE, VCPU_RUNNING, VCPU_LENT, VCPU_AWAITED, VCPU_ENDING };

/*
 * The VCPU that the calling thread was taken back for and has not reached, NULL if there is none.
 * Interrupts or preemption off.
 */
struct dune_vcpu *vcpu_awaited(void);
/* The VCPU that the calling thread is lent from, NULL if it is not. Likewise. */
struct dune_vcpu *vcpu_lent(void);

/* Is this a program that can go on in Dune mode? Selectors of its ring 0 are made those of ring 3. */
bool lend_fits(struct pt_regs *regs);

/* IDLE to RUNNING, or AWAITED to RUNNING for the same thread. -EBUSY if it is not this thread's to run. */
int vcpu_claim(struct dune_vcpu *vcpu);
/* RUNNING to IDLE. */
void vcpu_release(struct dune_vcpu *vcpu);

/*
 * RUNNING to LENT, with the program as it is in vcpu->regs: Linux sees @ip, and a
 * system call @nr that returned @ret, or none if @nr is -1.
 */
void vcpu_lend(struct dune_vcpu *vcpu, unsigned long ip, long nr, long ret);
/* Likewise, for the system call at @ip to be made in ordinary mode. */
void vcpu_lend_call(struct dune_vcpu *vcpu, unsigned long ip);

/*
 * While RUNNING: lend the registers to one handler of the kernel's that works on those saved at
 * the entry (rt_sigreturn), made at the program's SYSCALL, and take back what it leaves. As an
 * exit's handler (exit.c).
 */
int vcpu_lend_for(struct dune_vcpu *vcpu, long (*fn)(const struct pt_regs *regs));

/* After a run that ended with VCPU_STAY_LENT: to LENT, with what that handler left. */
void vcpu_stay_lent(struct dune_vcpu *vcpu);

/* Prepare a new VCPU for all this. */
void vcpu_lend_init(struct dune_vcpu *vcpu);

int lend_init(void);
void lend_exit(void);

#endif /* DUNE_LEND_H */

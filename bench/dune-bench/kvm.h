/* SPDX-License-Identifier: GPL-2.0 */
/* The smallest guest of /dev/kvm: it asks for getpid() for ever, by OUT. */
#ifndef BENCH_KVM_H
#define BENCH_KVM_H

void kvm_setup(void);

/* Let it go on to its next call, and return the number. */
long kvm_run(void);

/* What it finds as the result. */
void kvm_answer(long value);

#endif /* BENCH_KVM_H */

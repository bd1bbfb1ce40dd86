/* SPDX-License-Identifier: GPL-2.0 */
/* What the VCPUs of a space did, for who reads it when all are gone. */
#ifndef DUNE_TALLY_H
#define DUNE_TALLY_H

#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/dune.h>

/**
 * struct tally - the counters of a space
 * @there:	VCPUs that are
 * @over:	there will be no more
 * @told:	a VCPU's page said that the process has told its counters itself
 * @report:	of those that are gone
 */
struct tally {
	spinlock_t lock;
	unsigned int there;
	bool over, told;
	struct dune_report report;
	wait_queue_head_t gone;
};

void tally_init(struct tally *tally);
void tally_begin(struct tally *tally);				/* a VCPU is made */
void tally_end(struct tally *tally, const struct dune_run *run);	/* it is gone */
void tally_over(struct tally *tally);				/* there will be no more; may be called with locks held */

/* read(): wait until all is over. */
ssize_t tally_read(struct tally *tally, char __user *to, size_t size, bool wait);

#endif /* DUNE_TALLY_H */

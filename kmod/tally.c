// SPDX-License-Identifier: GPL-2.0
/*
 * What the VCPUs of a space did. A process that a signal ends tells nobody of it; its
 * counters are kept here for who has the space's descriptor.
 */
#include "tally.h"

void tally_init(struct tally *tally)
{
	spin_lock_init(&tally->lock);
	init_waitqueue_head(&tally->gone);
	tally->report.size = sizeof(tally->report);
}

void tally_begin(struct tally *tally)
{
	spin_lock(&tally->lock);
	tally->there++;
	tally->report.vcpus++;
	spin_unlock(&tally->lock);
}

/* The page is the program's to write: what it says is only passed on. */
void tally_end(struct tally *tally, const struct dune_run *run)
{
	const __u64 *from = (const __u64 *)&run->counters;
	__u64 *to = (__u64 *)&tally->report.counters;
	unsigned int i;

	BUILD_BUG_ON(sizeof(run->counters) % sizeof(*to));
	spin_lock(&tally->lock);
	for (i = 0; i < sizeof(run->counters) / sizeof(*to); i++)
		to[i] += READ_ONCE(from[i]);
	if (READ_ONCE(run->told))
		tally->told = true;
	tally->there--;
	spin_unlock(&tally->lock);
	wake_up_all(&tally->gone);
}

void tally_over(struct tally *tally)
{
	spin_lock(&tally->lock);
	tally->over = true;
	spin_unlock(&tally->lock);
	wake_up_all(&tally->gone);
}

static bool is_complete(struct tally *tally)
{
	bool complete;

	spin_lock(&tally->lock);
	complete = tally->over && !tally->there;
	spin_unlock(&tally->lock);
	return complete;
}

ssize_t tally_read(struct tally *tally, char __user *to, size_t size, bool wait)
{
	int ret;

	if (!is_complete(tally)) {
		if (!wait)
			return -EAGAIN;
		ret = wait_event_interruptible(tally->gone, is_complete(tally));
		if (ret)
			return ret;
	}
	/* nobody changes it any more */
	if (tally->told)
		return 0;
	size = min(size, sizeof(tally->report));
	return copy_to_user(to, &tally->report, size) ? -EFAULT : size;
}

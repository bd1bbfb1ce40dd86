/* SPDX-License-Identifier: GPL-2.0 */
/* Suspend and resume of the last CPU: struct syscore_ops until 6.18, struct syscore since. */
#ifndef DUNE_SYSCORE_H
#define DUNE_SYSCORE_H

#include <linux/syscore_ops.h>

#ifdef DUNE_HAVE_REGISTER_SYSCORE
#define DUNE_SYSCORE(name, suspend_fn, resume_fn)					\
	static int name##_suspend(void *data) { suspend_fn(); return 0; }		\
	static void name##_resume(void *data) { resume_fn(); }				\
	static const struct syscore_ops name##_ops = {					\
		.suspend = name##_suspend, .resume = name##_resume,			\
	};										\
	static struct syscore name = { .ops = &name##_ops }
#define dune_syscore_register(s) register_syscore(s)
#define dune_syscore_unregister(s) unregister_syscore(s)
#else
#define DUNE_SYSCORE(name, suspend_fn, resume_fn)					\
	static int name##_suspend(void) { suspend_fn(); return 0; }			\
	static struct syscore_ops name = { .suspend = name##_suspend, .resume = resume_fn }
#define dune_syscore_register(s) register_syscore_ops(s)
#define dune_syscore_unregister(s) unregister_syscore_ops(s)
#endif

#endif /* DUNE_SYSCORE_H */

/* SPDX-License-Identifier: GPL-2.0 */
/* Ways that Linux has to look at, or to take over, a thread's system calls. */
#ifndef BENCH_WATCH_H
#define BENCH_WATCH_H

/* User dispatch that lets all calls pass; a seccomp filter that allows all. */
void watch_dispatch(void);
void watch_filter(void);

/* A filter that gives getpid() to whoever listens; returns the listener's descriptor. */
int watch_notify(void);

/* User dispatch that gives each call to SIGSYS while *@selector is WATCH_BLOCK. */
#define WATCH_ALLOW 0
#define WATCH_BLOCK 1
void watch_dispatch_by(volatile unsigned char *selector);

/* Monitors for bench_under(): getpid() stops twice; getpid() is answered at one stop. */
int watch_by_ptrace(int pid);
int watch_by_sysemu(int pid);

#endif /* BENCH_WATCH_H */

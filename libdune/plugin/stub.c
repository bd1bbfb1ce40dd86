// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The program that ld.so starts in a compartment. It tells where the functions of the dynamic
 * linker are; after that it runs no more, but for the last instructions of each call.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include "calls.h"

extern const char stub_done[];

__asm__(".text\n"
	"stub_done:\n"
	"	mov	%rax, %rdi\n"
	"	mov	$0x44000001, %eax\n"	/* STUB_DONE */
	"	syscall\n"
	"	ud2\n");

int main(void)
{
	struct stub_table table = {
		.dlopen = (uintptr_t)dlopen, .dlsym = (uintptr_t)dlsym, .dlerror = (uintptr_t)dlerror,
		.done = (uintptr_t)stub_done,
	};

	__asm__ volatile("syscall" : : "a"(STUB_READY), "D"(&table) : "rcx", "r11", "memory");
	__builtin_trap();
}

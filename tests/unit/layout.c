// SPDX-License-Identifier: LGPL-2.1-or-later
/* Process addresses to guest-physical ones and back. */
#include "tap.h"

#include <dune/pgtable.h>
#include <errno.h>
#include <linux/dune.h>

#include "pgtable_internal.h"

#define GIB		(1UL << 30)
#define USER_END	(1UL << 47)

static uint16_t table[DUNE_FRAME_ENTRIES], other_table[DUNE_FRAME_ENTRIES];
static int next_frame = 1, calls;
static uintptr_t last_asked;

static int assign(uintptr_t hva)
{
	calls++;
	last_asked = hva;
	if (next_frame > 0)
		table[hva >> 30] = (uint16_t)next_frame;
	return next_frame;
}

static void before_init(void)
{
	uint64_t gpa;
	uintptr_t hva;

	ok_eq(dune_va_to_gpa(0x1000, &gpa), -EINVAL, "no table yet: -EINVAL");
	ok_eq(dune_gpa_to_va(GIB, &hva), -ENOENT, "no table yet: -ENOENT on the way back");
	ok_eq(dune_layout_init(NULL, assign), -EINVAL, "no table is refused");
	ok_eq(dune_layout_init(table, NULL), -EINVAL, "no callback is refused");
	ok_eq(dune_layout_init(table, assign), 0, "init");
}

static void forward(void)
{
	uintptr_t hva = 0x7f1234567abcUL;
	uint64_t gpa = 0;

	next_frame = 5;
	ok_eq(dune_va_to_gpa(hva, &gpa), 0, "the first address of a GiB");
	ok_eq(calls, 1, "asks for a frame");
	ok_eq(last_asked, hva, "with the address");
	ok_eq(gpa, 5 * GIB + hva % GIB, "gpa is frame and offset");

	next_frame = 6;
	ok_eq(dune_va_to_gpa(hva & ~(GIB - 1), &gpa), 0, "the GiB's first byte");
	ok_eq(gpa, 5 * GIB, "has the same frame");
	ok_eq(dune_va_to_gpa(hva | (GIB - 1), &gpa), 0, "the GiB's last byte");
	ok_eq(gpa, 6 * GIB - 1, "too");
	ok_eq(calls, 1, "and nobody was asked");

	next_frame = 65535;
	ok_eq(dune_va_to_gpa(USER_END - 1, &gpa), 0, "the last user address");
	ok_eq(gpa, 65536 * GIB - 1, "in the last frame");
	next_frame = 1;
	ok_eq(dune_va_to_gpa(0, &gpa), 0, "address 0");
	ok_eq(gpa, GIB, "in the first frame");
}

static void forward_errors(void)
{
	static const uintptr_t beyond[] = { USER_END, USER_END + GIB, 1UL << 63, ~0UL };
	uint64_t gpa = 77;

	calls = 0;
	for (unsigned int i = 0; i < 4; i++)
		ok_eq(dune_va_to_gpa(beyond[i], &gpa), -EINVAL, "%#lx is no user address", beyond[i]);
	ok_eq(calls, 0, "nobody was asked for those");
	next_frame = -ENOSPC;
	ok_eq(dune_va_to_gpa(3 * GIB, &gpa), -ENOSPC, "no frame left");
	next_frame = 0;
	ok_eq(dune_va_to_gpa(3 * GIB, &gpa), -EIO, "a kernel that says frame 0");
	next_frame = 65536;
	ok_eq(dune_va_to_gpa(4 * GIB, &gpa), -EIO, "a kernel that says frame 65536");
	ok_eq(gpa, 77, "errors leave the result alone");
	next_frame = 9;
	ok_eq(dune_va_to_gpa(3 * GIB, &gpa), 0, "and it works when there is a frame again");
}

static void backward(void)
{
	uintptr_t hva = 1;

	ok_eq(dune_gpa_to_va(5 * GIB + 0x123, &hva), 0, "back from an assigned frame");
	ok_eq(hva, (0x7f1234567abcUL & ~(GIB - 1)) + 0x123, "to where it was");
	ok_eq(dune_gpa_to_va(65536 * GIB - 1, &hva), 0, "back from the last frame");
	ok_eq(hva, USER_END - 1, "to the last user address");
	ok_eq(dune_gpa_to_va(GIB, &hva), 0, "back to address 0");
	ok_eq(hva, 0, "which is an address like others");

	/* The kernel assigns for itself too, in EPT faults. */
	table[1000] = 300;
	table[DUNE_FRAME_ENTRIES - 2] = 301;
	hva = 1;
	ok_eq(dune_gpa_to_va(300 * GIB + 8, &hva), 0, "a frame the kernel assigned by itself");
	ok_eq(hva, 1000 * GIB + 8, "is found");
	ok_eq(dune_gpa_to_va(301 * GIB, &hva), 0, "another one");
	ok_eq(hva, (DUNE_FRAME_ENTRIES - 2) * GIB, "is found too");
}

static void backward_errors(void)
{
	static const uint64_t none[] = { 0, GIB - 1, 2 * GIB, 65534 * GIB, 65536 * GIB, ~0UL };
	uintptr_t hva = 77;

	for (unsigned int i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		ok_eq(dune_gpa_to_va(none[i], &hva), -ENOENT, "nobody has %#lx", (unsigned long)none[i]);
	ok_eq(hva, 77, "errors leave the result alone");
}

/* As in the child of a fork whose kernel side gave other frames. */
static void another_table(void)
{
	uintptr_t hva = 0;
	uint64_t gpa = 0;

	other_table[20] = 5;
	other_table[21] = 6;
	ok_eq(dune_layout_init(other_table, assign), 0, "init again");
	ok_eq(dune_gpa_to_va(5 * GIB, &hva), 0, "a frame that belonged to another GiB");
	ok_eq(hva, 20 * GIB, "is looked up anew");
	ok_eq(dune_gpa_to_va(9 * GIB, &hva), -ENOENT, "one that is gone is not believed");
	ok_eq(dune_va_to_gpa(21 * GIB + 1, &gpa), 0, "forward");
	ok_eq(gpa, 6 * GIB + 1, "from the new table");
}

int main(void)
{
	before_init();
	forward();
	forward_errors();
	backward();
	backward_errors();
	another_table();
	return tap_done();
}

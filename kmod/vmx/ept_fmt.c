// SPDX-License-Identifier: GPL-2.0
/* The format of an EPT entry: Intel SDM vol. 3, 29.3.2. */
#include <linux/bits.h>
#include "vmx.h"

#define EPT_R		BIT_ULL(0)
#define EPT_W		BIT_ULL(1)
#define EPT_X		BIT_ULL(2)
#define EPT_TYPE(t)	((u64)(t) << 3)
#define EPT_IGNORE_PAT	BIT_ULL(6)	/* the page tables of Dune mode choose no cache type */
#define EPT_LARGE	BIT_ULL(7)

const struct ept_format vmx_ept_format = {
	.present = EPT_R | EPT_W | EPT_X,
	.table	 = EPT_R | EPT_W | EPT_X,
	.read	 = EPT_R | EPT_IGNORE_PAT,
	.write	 = EPT_W,
	.exec	 = EPT_X,
	.large	 = EPT_LARGE,
	.cache	 = {
		[EPT_WB] = EPT_TYPE(6),
		[EPT_WT] = EPT_TYPE(4),
		[EPT_WC] = EPT_TYPE(1),
		[EPT_WP] = EPT_TYPE(5),
		[EPT_UC] = EPT_TYPE(0),
	},
};

# SPDX-License-Identifier: GPL-2.0
# Names of system calls and errors, for names.c, out of the kernel's headers for programs:
#	awk -f names.awk <asm/unistd_64.h> <asm-generic/errno-base.h> <asm-generic/errno.h>

/^#define[ \t]+__NR_/ {
	calls = calls "\t[" $3 "] = \"" substr($2, 6) "\",\n"
}

/^#define[ \t]+E[A-Z0-9]+[ \t]+[0-9]+[ \t]+\/\*.*\*\// {
	text = $0
	sub(/^[^*]*\*[ \t]*/, "", text)
	sub(/[ \t]*\*\/.*/, "", text)
	errors = errors "\t[" $3 "] = { \"" $2 "\", \"" text "\" },\n"
}

END {
	print "static const char *const calls[] = {\n" calls "};\n"
	print "static const struct error_name errors[] = {\n" errors "};"
}

# SPDX-License-Identifier: GPL-2.0
#
# make             the module for the running kernel (where its headers are) and all of user space
# make user        user space only: libdune, tools, examples, bench, tests
# make module      the module only, for KDIR (default: the running kernel's headers)
# make demo        the tour, in the emulated machine       (HOST=1: on this machine)
# make plugin-demo libraries in compartments decode pictures, in the emulated machine
# make check       all tests, in the emulated machine      (HOST=1: on this machine)
# make check-debug the tests on a kernel built with KASAN and lockdep
# make check-sandbox-apps  real programs in dune-sandbox; make bench-sandbox: what its calls cost
# make check-sandbox-long  a million random calls in it;   make bench-sandbox-programs: what programs pay
# make gc-report   a garbage collector on dirty bits: build/gc/report.html (docs/gc.md)
# make bench       what it costs beside Linux, in the emulated machine, as a page with plots (HOST=1 as above)
# make load/unload insert or remove the module on this machine
# make install     libdune, its headers and its .pc file; gc-demo   (PREFIX, DESTDIR)
# make style       the checks on the source itself
# make help        this text

TOP      := $(CURDIR)
B        := build
KDIR     ?= /lib/modules/$(shell uname -r)/build
KVER     := $(notdir $(patsubst %/,%,$(dir $(KDIR))))
PREFIX   ?= /usr/local
LIBDIR   ?= $(PREFIX)/lib
INCDIR   ?= $(PREFIX)/include
VERSION  := 0.1.0
SO       := libdune.so.0

CC       ?= gcc
CFLAGS   ?= -O2 -g
WARN     := -Wall -Wextra -Wno-unused-parameter -Wmissing-prototypes -Wstrict-prototypes -Werror=implicit-function-declaration
INC      := -Iinclude -Iinclude/uapi
ALL_C    := -std=gnu11 $(WARN) $(INC) $(CFLAGS) -MMD -MP

.PHONY: all lib programs tests user module demo check check-debug load unload install style clean help
.DEFAULT_GOAL := all

# The first thing on a fresh machine: what the build needs.
DEPS := $(shell scripts/deps --needed build >/dev/null 2>&1 || echo deps)
.PHONY: deps
deps:
	@scripts/deps build

# ---- libdune -------------------------------------------------------------
# Code that runs on a trap must not touch the vector registers of what it
# interrupted, so the whole library keeps to the general ones.
LIB_CFLAGS := -fPIC -fvisibility=hidden -mgeneral-regs-only -fno-stack-protector -fcf-protection=none \
	-fno-reorder-functions -fno-reorder-blocks-and-partition -DDUNE_BUILD
# All of its code in one section, so that the module can tell it from the program's.
OWN_TEXT := objcopy --rename-section .text=dune_text
LIB_SRC  := $(wildcard libdune/*.c libdune/*.S)
LIB_OBJ  := $(patsubst libdune/%,$(B)/libdune/%.o,$(LIB_SRC))

$(B)/libdune/%.c.o: libdune/%.c | $(DEPS)
	@mkdir -p $(@D); echo "  CC   $<"
	@$(CC) $(ALL_C) $(LIB_CFLAGS) -c $< -o $@ && $(OWN_TEXT) $@
$(B)/libdune/%.S.o: libdune/%.S | $(DEPS)
	@mkdir -p $(@D); echo "  AS   $<"
	@$(CC) $(INC) -MMD -MP -g -c $< -o $@ && $(OWN_TEXT) $@
$(B)/libdune.a: $(LIB_OBJ)
	@echo "  AR   $@"; rm -f $@ && $(AR) rcs $@ $^
$(B)/$(SO): $(LIB_OBJ) libdune/libdune.map
	@echo "  LD   $@"
	@$(CC) -shared -Wl,-soname,$(SO) -Wl,--version-script=libdune/libdune.map -Wl,-z,now $(LIB_OBJ) -o $@ -lpthread
	@ln -sf $(SO) $(B)/libdune.so
# PREFIX may be another one each time
.PHONY: FORCE
$(B)/libdune.pc: libdune/libdune.pc.in FORCE
	@mkdir -p $(@D)
	@sed -e 's|@PREFIX@|$(PREFIX)|;s|@LIBDIR@|$(LIBDIR)|;s|@INCDIR@|$(INCDIR)|;s|@VERSION@|$(VERSION)|' $< >$@

# ---- programs ------------------------------------------------------------
# One source file, one program, linked statically against libdune alone.
prog = $(patsubst $(1)/%.c,$(B)/$(2)/%,$(wildcard $(1)/*.c))
BIN   := $(call prog,examples,bin) $(call prog,bench,bin)
UNIT  := $(call prog,tests/unit,tests/unit)
GUEST := $(filter-out %/runner,$(call prog,tests/guest,tests/guest)) $(B)/tests/guest/churn
RUNNER := $(if $(wildcard tests/guest/runner.c),$(B)/tests/guest/runner)
include libdune/rt/rt.mk
include libdune/plugin/plugin.mk
include sandbox/plugin-demo/demo.mk
include tools/tools.mk
include sandbox/cli/cli.mk
include sandbox/sandbox.mk
include bench/bench.mk

link = mkdir -p $(@D) && echo "  LINK $@" && $(CC) $(ALL_C) $(3) -MF $@.d $(1) -o $@ $(B)/libdune.a $(2)
$(B)/bin/%: examples/%.c $(B)/libdune.a
	@$(call link,$<,-lpthread)
$(B)/bin/%: bench/%.c $(B)/libdune.a
	@$(call link,$<,-lpthread -lm,-Ibench)
$(B)/tests/unit/%: tests/unit/%.c $(B)/libdune.a
	@$(call link,$<,-lpthread,-Itests/lib -Ilibdune)
$(B)/tests/guest/%: tests/guest/%.c $(B)/libdune.a
	@$(call link,$<,-lpthread,-Itests/lib)
$(B)/tests/guest/churn: $(wildcard tests/guest/churn/*.c) $(B)/libdune.a
	@$(call link,$(filter %.c,$^),-lpthread,-Itests/lib)
$(B)/tests/guest/runner: tests/guest/runner.c | $(DEPS)
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(ALL_C) -static -MF $@.d $< -o $@

lib: $(B)/libdune.a $(B)/$(SO) $(B)/libdune.pc
programs: lib $(BIN)
tests: programs $(UNIT) $(GUEST) $(RUNNER)
user: tests

include tests/programs/programs.mk
include tests/kselftest/kselftest.mk
include tests/apps/apps.mk
include gc-demo/gc.mk

-include $(LIB_OBJ:.o=.d) $(BIN:=.d) $(UNIT:=.d) $(GUEST:=.d)

# ---- the module ----------------------------------------------------------
# Built in a tree of links, so that one checkout serves many kernels.
MOD := $(B)/kmod/$(KVER)

module: | $(DEPS)
	@test -d $(KDIR) || { echo "make module: no kernel headers in $(KDIR): install linux-headers-$$(uname -r), or set KDIR" >&2; exit 1; }
	@scripts/build-module $(KDIR) $(MOD)

all: user
	@if test -d $(KDIR); then $(MAKE) --no-print-directory module; \
	 else echo "no headers for this kernel ($$(uname -r)): the module is built for the emulated machine by make demo or make check"; fi

# ---- on the real machine ---------------------------------------------------
load:
	@scripts/load "$(KDIR)" "$(MOD)"
unload:
	@scripts/unload

install: lib
	@install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCDIR)/dune $(DESTDIR)$(INCDIR)/linux
	@install -m 644 $(B)/libdune.a $(DESTDIR)$(LIBDIR)
	@install -m 755 $(B)/$(SO) $(DESTDIR)$(LIBDIR)
	@ln -sf $(SO) $(DESTDIR)$(LIBDIR)/libdune.so
	@install -m 644 include/dune/*.h $(DESTDIR)$(INCDIR)/dune
	@install -m 644 include/uapi/linux/dune.h $(DESTDIR)$(INCDIR)/linux
	@install -m 644 $(B)/libdune.pc $(DESTDIR)$(LIBDIR)/pkgconfig

# ---- tests -----------------------------------------------------------------
# On this machine: first whether it can at all, then build.
demo:
	@$(if $(HOST),scripts/host-ready)
	@scripts/deps build $(if $(HOST),,vm)
	@$(MAKE) --no-print-directory programs
	@scripts/demo $(if $(HOST),--host)
check:
	@$(if $(HOST),scripts/host-ready)
	@scripts/deps build check $(if $(HOST),,vm)
	@$(MAKE) --no-print-directory user
	@tests/run $(if $(HOST),--host) $(T)
# On a kernel that watches itself: wrong addresses, locks, sleeping where that is forbidden. An hour or more.
check-debug:
	@scripts/deps build check vm debug
	@$(MAKE) --no-print-directory user
	@tests/run --kernel 6.1-debug $(T)
style:
	@scripts/style

clean:
	rm -rf $(B)/libdune* $(B)/bin $(B)/tests $(B)/kmod $(B)/vm
help:
	@sed -n '3,/^$$/s/^# \{0,1\}//p' Makefile

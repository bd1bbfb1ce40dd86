# SPDX-License-Identifier: GPL-2.0
#
# dune-run: the runtime (build/dune-rt) is in it.

BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man

RUN     := $(B)/tools/dune-run
RUN_C   := $(ALL_C) -D_GNU_SOURCE -DDUNE_VERSION='"$(VERSION)"' -Itools/dune-run -Ilibdune/rt -Ilibdune
RUN_OBJ := $(patsubst tools/%.c,$(B)/tools/%.o,$(wildcard tools/dune-run/*.c))

# What both write: the summary of --stats.
RUN_RT  := $(patsubst %,$(RT_DIR)/%.c.o,text rt/stats)

BIN += $(B)/bin/dune-run

$(RUN)/%.o: tools/dune-run/%.c | $(DEPS)
	@mkdir -p $(@D); echo "  CC   $<"
	@$(CC) $(RUN_C) -c $< -o $@
$(RUN)/runtime.o: tools/dune-run/runtime.S $(B)/dune-rt
	@mkdir -p $(@D); echo "  AS   $<"
	@$(CC) -DRUNTIME='"$(B)/dune-rt"' -c $< -o $@
# Static: what LD_PRELOAD and its kin say is for the program, not for dune-run.
$(B)/bin/dune-run: $(RUN_OBJ) $(RUN_RT) $(RUN)/runtime.o
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(CFLAGS) -static -Wl,--gc-sections $^ -o $@

-include $(RUN_OBJ:.o=.d)

.PHONY: install-dune-run
install: install-dune-run
install-dune-run: $(B)/bin/dune-run
	@install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1
	@install -m 755 $(B)/bin/dune-run $(DESTDIR)$(BINDIR)
	@install -m 644 man/dune-run.1 $(DESTDIR)$(MANDIR)/man1

# ---- its tests -------------------------------------------------------------
# A dune-run with a runtime that enters no Dune mode, and programs to start.
RUN_TEST  := $(B)/tests/dune-run
RUN_PROBE := $(addprefix $(RUN_TEST)/probe,-static -static-pie -fixed) $(RUN_TEST)/probe

$(RUN_TEST)/standin: tests/dune-run/standin.S tests/dune-run/standin.c libdune/rt/rt.h | $(DEPS)
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(WARN) $(CFLAGS) -fPIE -ffreestanding -fno-stack-protector -fcf-protection=none \
		-mgeneral-regs-only -nostdlib -static-pie -Wl,-z,separate-code -Ilibdune/rt \
		$(filter %.S %.c,$^) -o $@
$(RUN_TEST)/runtime.o: tools/dune-run/runtime.S $(RUN_TEST)/standin
	@$(CC) -DRUNTIME='"$(RUN_TEST)/standin"' -c $< -o $@
$(RUN_TEST)/device.o: tests/dune-run/device.c | $(DEPS)
	@mkdir -p $(@D)
	@$(CC) $(RUN_C) -c $< -o $@
$(RUN_TEST)/dune-run: $(filter-out %/device.o,$(RUN_OBJ)) $(RUN_RT) $(RUN_TEST)/device.o $(RUN_TEST)/runtime.o
	@echo "  LINK $@"
	@$(CC) $(CFLAGS) -static -Wl,--gc-sections $^ -o $@

$(RUN_TEST)/probe: PROBE_C := -fPIE -pie
$(RUN_TEST)/probe-static: PROBE_C := -static
$(RUN_TEST)/probe-static-pie: PROBE_C := -fPIE -static-pie
$(RUN_TEST)/probe-fixed: PROBE_C := -fno-pie -no-pie
$(RUN_PROBE): tests/dune-run/probe.c | $(DEPS)
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) -std=gnu11 $(WARN) $(CFLAGS) $(PROBE_C) $< -o $@

$(B)/tests/unit/dune_run_state $(B)/tests/unit/dune_run_signals $(B)/tests/unit/dune_run_errors: | \
	$(RUN_TEST)/dune-run $(RUN_PROBE) $(B)/bin/dune-run

# SPDX-License-Identifier: GPL-2.0
#
# The sandbox's monitor, and its starter.
#
#	libdune/*.[cS], rt/start.S, rt/mem.c \
#	sandbox/policy/*.c                    > without libc --> dune-sandbox-rt --\
#	sandbox/monitor/*.[cS]               /                                      > dune-sandbox-start
#	tools/dune-run/*.c but main, options, device, watch; sandbox/start/*.c ----/
LIBEXECDIR ?= $(PREFIX)/libexec
MON_DIR := $(B)/sandbox-rt
MON_SRC := $(filter-out libdune/init.c libdune/this_thread.c libdune/call.%,$(LIB_SRC)) \
	   libdune/rt/start.S libdune/rt/mem.c libdune/rt/begin.c $(wildcard sandbox/policy/*.c sandbox/monitor/*.c sandbox/monitor/*.S)
MON_OBJ := $(patsubst %,$(MON_DIR)/%.o,$(MON_SRC))
MON_C    = $(RT_CFLAGS)

$(MON_DIR)/sandbox/%: MON_C += -D_GNU_SOURCE
$(MON_DIR)/%.c.o: %.c | $(DEPS)
	@mkdir -p $(@D); echo "  CC   $< (monitor)"
	@$(CC) $(ALL_C) $(MON_C) -c $< -o $@
$(MON_DIR)/%.S.o: %.S | $(DEPS)
	@mkdir -p $(@D); echo "  AS   $< (monitor)"
	@$(CC) $(INC) -DDUNE_RUNTIME -MMD -MP -g -c $< -o $@
$(B)/dune-sandbox-rt.debug: $(MON_OBJ) libdune/rt/check
	@echo "  LD   $@"
	@$(CC) $(RT_LDFLAGS) $(MON_OBJ) -o $@
	@libdune/rt/check $@ || { rm -f $@; exit 1; }
$(B)/dune-sandbox-rt: $(B)/dune-sandbox-rt.debug
	@strip --strip-debug -o $@ $<

START     := $(B)/sandbox-start
START_SRC := $(filter-out %/main.c %/options.c %/device.c %/watch.c,$(wildcard tools/dune-run/*.c)) $(wildcard sandbox/start/*.c)
START_OBJ := $(patsubst %.c,$(START)/%.o,$(START_SRC))
START_C   := $(RUN_C) -DSAY_PREFIX='"dune-sandbox: "'

BIN += $(B)/bin/dune-sandbox-start

$(START)/%.o: %.c | $(DEPS)
	@mkdir -p $(@D); echo "  CC   $< (starter)"
	@$(CC) $(START_C) -c $< -o $@
$(START)/runtime.o: tools/dune-run/runtime.S $(B)/dune-sandbox-rt
	@mkdir -p $(@D); echo "  AS   $<"
	@$(CC) -DRUNTIME='"$(B)/dune-sandbox-rt"' -c $< -o $@
# Static: in the sandbox there may be no libraries.
$(B)/bin/dune-sandbox-start: $(START_OBJ) $(START)/runtime.o
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(CFLAGS) -static $^ -o $@

.PHONY: install-dune-sandbox-start clean-sandbox
install: install-dune-sandbox-start
install-dune-sandbox-start: $(B)/bin/dune-sandbox-start
	@install -d $(DESTDIR)$(LIBEXECDIR)
	@install -m 755 $(B)/bin/dune-sandbox-start $(DESTDIR)$(LIBEXECDIR)
clean: clean-sandbox
clean-sandbox:
	rm -rf $(MON_DIR) $(START) $(B)/dune-sandbox-rt $(B)/dune-sandbox-rt.debug

-include $(MON_OBJ:.o=.d) $(START_OBJ:.o=.d)

# ---- its tests ---------------------------------------------------------------
# A launcher without namespaces, and programs that attack.
MON_TEST := $(addprefix $(B)/tests/sandbox/,launch attacks fuzz paths)
MON_TEST_C = $(ALL_C) -D_GNU_SOURCE -I. -Itests/lib -static -Wno-missing-field-initializers

$(B)/tests/sandbox/attacks: $(wildcard tests/sandbox/attack*.c) tests/sandbox/own.c $(wildcard tests/sandbox/*.h) | $(DEPS)
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(filter-out -MMD -MP,$(MON_TEST_C)) $(filter %.c,$^) -o $@ -lpthread
$(B)/tests/sandbox/fuzz: tests/sandbox/own.c
$(B)/tests/sandbox/paths $(B)/tests/sandbox/fuzz: $(B)/tests/sandbox/%: tests/sandbox/%.c tests/sandbox/tree.c $(wildcard tests/sandbox/*.h) | $(DEPS)
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(filter-out -MMD -MP,$(MON_TEST_C)) $(filter %.c,$^) -o $@ -lpthread
$(B)/tests/sandbox/%: tests/sandbox/%.c | $(DEPS)
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(MON_TEST_C) -MF $@.d $< -o $@ -lpthread
tests: $(MON_TEST)
-include $(MON_TEST:=.d)

# Random calls, a million of them, and what is outside compared afterwards.
FUZZ ?= 1000000
.PHONY: check-sandbox-long
check-sandbox-long: user
	@vm/run --timeout 86400 $(foreach p,$(B)/tests/sandbox/fuzz $(B)/bin/dune-sandbox $(B)/bin/dune-sandbox-start,--add $(p):/usr/local/bin/$(notdir $(p))) \
		-- sh -c 'fuzz --tree $(FUZZ)'

# SPDX-License-Identifier: GPL-2.0
#
# gc-demo: a concurrent garbage collector on the dirty bits of Dune mode's page tables.
#
# make gc             gc-demo, gc-libgc (the same workloads on libgc) and their tests
# make gc-report      run all of it in the emulated machine; the page is build/gc/report.html
# make check-gc-long  random mutation tests, long; O_DIRECT, on a disk
# make check-gc-hours random mutation tests for HOURS of an emulated machine's clock
# make install-gc     gc-demo and its man page; part of make install

GC     := $(B)/gc-demo
GC_C   := $(ALL_C) -Igc-demo -D_GNU_SOURCE
GC_LIB := $(patsubst gc-demo/%.c,$(GC)/%.o,$(filter-out gc-demo/main.c gc-demo/libgc%.c gc-demo/roots_end.c,$(wildcard gc-demo/*.c)))
GC_END := $(GC)/roots_end.o $(B)/libdune.a	# in this order
# Without json-c, for the tests: they are built by make user.
GC_CORE := $(filter-out %/result.o %/plot.o %/tracking.o,$(GC_LIB))
GC_WORK := $(patsubst gc-demo/%.c,$(GC)/%.o,$(wildcard gc-demo/workloads/*.c))
# These run in a handler, where nothing of the interrupted code's vector registers is saved, and
# are taken for libdune's own: no signal is delivered in them.
GC_HOOK := $(addprefix $(GC)/,hook.o calls.o notes.o)

$(GC)/%.o: gc-demo/%.c | $(DEPS)
	@mkdir -p $(@D); echo "  CC   $<"
	@$(CC) $(GC_C) $(if $(filter $(GC_HOOK),$@),$(filter-out -fPIC,$(LIB_CFLAGS)) -fPIE) -c $< -o $@
	@$(if $(filter $(GC_HOOK),$@),$(OWN_TEXT) $@)
$(GC)/main.o $(GC)/result.o $(GC)/plot.o $(GC)/tracking.o $(GC_WORK): | gc-deps
$(B)/bin/gc-demo: $(GC)/main.o $(GC_LIB) $(GC_WORK) $(GC_END)
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(CFLAGS) $^ -o $@ -lpthread -lexpat -ljson-c

# The same workloads and libgc, and of ours what tells it of writes.
GC_PEER := $(patsubst gc-demo/%.c,$(GC)/peer/%.o,$(wildcard gc-demo/workloads/*.c)) \
	   $(addprefix $(GC)/peer/,libgc.o libgc_dirty.o)
$(GC)/peer/%.o: gc-demo/%.c | $(DEPS) gc-deps
	@mkdir -p $(@D); echo "  CC   $< (libgc)"
	@$(CC) $(GC_C) -DMEM_LIBGC -c $< -o $@
$(B)/bin/gc-libgc: $(GC_PEER) $(addprefix $(GC)/,bits.o hook.o calls.o notes.o stats.o result.o) $(B)/libdune.a
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(CFLAGS) $^ -o $@ -lpthread -lgc -lexpat -ljson-c

# ---- its tests: the first two need no Dune mode, the others take a backend; loads opens a library ----
GC_UNIT  := $(addprefix $(B)/tests/unit/gc_,heap calls mutate tracks loads)
GC_GUEST := $(addprefix $(B)/tests/guest/gc_,mutate tracks loads)
GC_SLOT  := $(B)/tests/gc_slot.so
tests: $(GC_UNIT) $(GC_GUEST) $(GC_SLOT)
gc_test = mkdir -p $(@D) && echo "  LINK $@" && $(CC) $(GC_C) -Itests/lib -MF $@.d $(filter %.c %.o %.a,$^) -o $@ -lpthread -Wl,-rpath,'$$ORIGIN/..'
$(GC_SLOT): tests/gc/lib/slot.c | $(DEPS)
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(CFLAGS) -fPIC -shared $< -o $@
$(B)/tests/unit/gc_%: tests/gc/%.c $(GC_CORE) $(GC_END)
	@$(gc_test)
$(B)/tests/guest/gc_%: tests/gc/%.c $(GC_CORE) $(GC_END)
	@$(gc_test)

.PHONY: gc gc-deps
gc-deps:
	@scripts/deps gc
gc: $(B)/bin/gc-demo $(B)/bin/gc-libgc

# Not gc-libgc: it is there to be compared with.
.PHONY: install-gc
# What was not built needs packages that are not here: make gc.
install: $(if $(wildcard $(B)/bin/gc-demo),install-gc)
install-gc: $(B)/bin/gc-demo
	@install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1
	@install -m 755 $< $(DESTDIR)$(BINDIR)
	@install -m 644 man/gc-demo.1 $(DESTDIR)$(MANDIR)/man1

-include $(GC_LIB:.o=.d) $(GC_WORK:.o=.d) $(GC)/main.d $(GC_PEER:.o=.d)

# ---- the report ------------------------------------------------------------------------
GC_OUT    := $(B)/gc
# uffd needs Linux 6.7.
GC_KERNEL ?= 6.12
GC_BRING  := $(foreach p,gc-demo gc-libgc dune-run,--add $(B)/bin/$(p):/usr/bin/$(p))

.PHONY: gc-report check-gc-long
gc-report: user gc
	@scripts/deps gc vm
	@mkdir -p $(GC_OUT)
	@echo "gc-report: running in the emulated machine; some minutes"
	@vm/run --kernel $(GC_KERNEL) --timeout 3600 $(GC_BRING) --add gc-demo/runs:/runs -- /bin/sh /runs >$(GC_OUT)/results.json
	@gc-demo/report $(GC_OUT)/results.json $(B)/bin/gc-demo $(GC_OUT)/report.html

# STEPS= how many changes each thread makes on this machine; a hundredth of it in the emulated one. Its parts can be run one
# by one: make check-gc-long-mutate STEPS=4000000. Each says how long it ran by the clock of the machine it ran in.
STEPS ?= 400000
GC_LONG := $(addprefix check-gc-long-,host tracks mutate smp)
.PHONY: $(GC_LONG)
check-gc-long: $(GC_LONG)
check-gc-long-host: user
	@$(B)/tests/unit/gc_mutate all $(STEPS)
# O_DIRECT needs a file system with a disk under it.
check-gc-long-tracks: user
	@scripts/deps vm apps
	@vm/run --timeout 36000 --disk apps -- gc_tracks all
check-gc-long-mutate: user
	@scripts/deps vm
	@vm/run --timeout 36000 --kernel 6.12 -- gc_mutate all $$(($(STEPS) / 100))
check-gc-long-smp: user
	@scripts/deps vm
	@vm/run --timeout 36000 --cpus 2 -- gc_mutate dune $$(($(STEPS) / 100))
# HOURS of the emulated machine's clock, in a machine of 10 million instructions a second: five times as fast as ours goes by.
HOURS ?= 4
CPUS ?= 1
.PHONY: check-gc-hours
check-gc-hours: user
	@scripts/deps vm
	@vm/run --timeout 36000 --ips 10 --cpus $(CPUS) --kernel 6.12 -- gc_mutate dune 4000 $$(($(HOURS) * 60))

clean: clean-gc
.PHONY: clean-gc
clean-gc:
	rm -rf $(GC) $(GC_OUT)

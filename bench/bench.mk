# SPDX-License-Identifier: GPL-2.0
#
# dune-bench: bench/dune-bench, linked statically, so that it runs on any machine.
#
# make bench           all of it in the emulated machine, to build/bench/report.html  (HOST=1: on this one)
# make bench-gate      the key rows against bench/baseline.json: what make check does as well
# make bench-baseline  a new bench/baseline.json; commit it with the reason

BENCH     := $(B)/bench
BENCH_OBJ := $(patsubst bench/dune-bench/%.c,$(BENCH)/%.o,$(wildcard bench/dune-bench/*.c))
BIN       += $(B)/bin/dune-bench

$(BENCH)/commit.h: FORCE
	@mkdir -p $(@D)
	@echo "#define BENCH_COMMIT \"$$(git describe --always --dirty 2>/dev/null || echo unknown)\"" >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(BENCH)/machine.o: $(BENCH)/commit.h
$(BENCH)/machine.o: BENCH_C := -include $(BENCH)/commit.h
$(BENCH)/%.o: bench/dune-bench/%.c | $(DEPS)
	@mkdir -p $(@D); echo "  CC   $<"
	@$(CC) $(ALL_C) $(BENCH_C) -c $< -o $@
$(B)/bin/dune-bench: $(BENCH_OBJ) $(B)/libdune.a
	@mkdir -p $(@D)
	@echo "  LINK $@"
	@$(CC) $(CFLAGS) -static $^ -o $@ -ljson-c -lpthread
-include $(BENCH_OBJ:.o=.d)

.PHONY: bench bench-gate bench-baseline
bench:
	@$(if $(HOST),scripts/host-ready)
	@scripts/deps build bench $(if $(HOST),,vm)
	@$(MAKE) --no-print-directory $(B)/bin/dune-bench
	@bench/run $(if $(HOST),--host)
bench-gate:
	@scripts/deps build vm check
	@$(MAKE) --no-print-directory $(B)/bin/dune-bench $(RUNNER)
	@tests/run bench/gate
bench-baseline:
	@scripts/deps build vm
	@$(MAKE) --no-print-directory $(B)/bin/dune-bench
	@bench/run --baseline

.PHONY: install-dune-bench
install: install-dune-bench
install-dune-bench: $(B)/bin/dune-bench
	@install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1
	@install -m 755 $(B)/bin/dune-bench $(DESTDIR)$(BINDIR)
	@install -m 644 man/dune-bench.1 $(DESTDIR)$(MANDIR)/man1

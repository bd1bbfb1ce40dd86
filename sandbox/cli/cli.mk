# SPDX-License-Identifier: GPL-2.0
#
# dune-sandbox: the command, and what it shares with the monitor (sandbox/policy).

SBOX      := $(B)/sandbox
SBOX_LIBS := -lseccomp -ljson-c -lelf
SBOX_C    := $(ALL_C) -D_GNU_SOURCE -I. -DDUNE_VERSION='"$(VERSION)"'
SBOX_OBJ  := $(patsubst sandbox/%.c,$(SBOX)/%.o,$(wildcard sandbox/cli/*.c sandbox/policy/*.c)) \
	     $(SBOX)/cli/default_profile.o

BIN += $(B)/bin/dune-sandbox

$(filter-out %/default_profile.o,$(SBOX_OBJ)): $(SBOX)/%.o: sandbox/%.c | $(DEPS)
	@mkdir -p $(@D); echo "  CC   $<"
	@$(CC) $(SBOX_C) -c $< -o $@
$(SBOX)/cli/default_profile.o: sandbox/cli/default_profile.S sandbox/profiles/default.json
	@mkdir -p $(@D); echo "  AS   $<"
	@$(CC) -c $< -o $@
$(B)/bin/dune-sandbox: $(SBOX_OBJ)
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(CFLAGS) $^ -o $@ $(SBOX_LIBS)

.PHONY: install-dune-sandbox
install: install-dune-sandbox
install-dune-sandbox: $(B)/bin/dune-sandbox
	@install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(PREFIX)/share/dune-sandbox
	@install -m 755 $(B)/bin/dune-sandbox $(DESTDIR)$(BINDIR)
	@install -m 644 man/dune-sandbox.1 $(DESTDIR)$(MANDIR)/man1
	@install -m 644 sandbox/profiles/*.json $(DESTDIR)$(PREFIX)/share/dune-sandbox

# What its calls cost, beside Linux and other sandboxes; real programs in it. A program is brought
# along as data: else its libraries would come along, and the disk has its own.
SBOX_PROFILE := /usr/share/containers/seccomp.json
sbox_vm = vm/run --disk sandbox --mem 1024 --timeout 7200 --add $(SBOX_PROFILE)

.PHONY: bench-sandbox bench-sandbox-programs check-sandbox-apps
bench-sandbox-programs: user
	@scripts/deps build vm apps check
	@$(sbox_vm) -- sh -c 'bash /dune/bench/sandbox_programs.sh $(T)'
bench-sandbox: user
	@scripts/deps build vm apps check
	@install -m 644 $(SBOX_TEST)/dune-sandbox $(SBOX_TEST)/native
	@$(sbox_vm) --add $(SBOX_TEST)/native:/opt/native -- sh -c 'chmod +x /opt/native; \
		sh /dune/bench/sandbox.sh /dune/bin/dune-sandbox /dune/bin/sandbox /opt/native $(SBOX_PROFILE)'
check-sandbox-apps: user
	@scripts/deps build vm apps check
	@$(sbox_vm) -- confined $(T)

# ---- its tests ---------------------------------------------------------------
# Parts of it; and a dune-sandbox with Linux's seccomp in place of the monitor.
SBOX_TEST := $(B)/tests/dune-sandbox

$(SBOX_TEST)/start.o: tests/dune-sandbox/start.c | $(DEPS)
	@mkdir -p $(@D); echo "  CC   $<"
	@$(CC) $(SBOX_C) -c $< -o $@
$(SBOX_TEST)/dune-sandbox: $(filter-out %/start.o,$(SBOX_OBJ)) $(SBOX_TEST)/start.o
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(CFLAGS) $^ -o $@ $(SBOX_LIBS)

$(B)/tests/unit/sandbox_%: tests/unit/sandbox_%.c $(filter-out %/main.o,$(SBOX_OBJ)) | $(SBOX_TEST)/dune-sandbox
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(SBOX_C) -Itests/lib -MF $@.d $^ -o $@ $(SBOX_LIBS)

tests: $(B)/tests/guest/sandbox_command
$(B)/tests/guest/sandbox_command: tests/dune-sandbox/command
	@install -D -m 755 $< $@

# Once more, as root.
UNIT += $(B)/tests/unit/sandbox_native_root
$(B)/tests/unit/sandbox_native_root: tests/unit/sandbox_native.c $(filter-out %/main.o,$(SBOX_OBJ)) | $(SBOX_TEST)/dune-sandbox
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(SBOX_C) -DORDINARY=0 -Itests/lib -MF $@.d $^ -o $@ $(SBOX_LIBS)

-include $(SBOX_OBJ:.o=.d) $(SBOX_TEST)/start.d

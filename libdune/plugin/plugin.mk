# SPDX-License-Identifier: LGPL-2.1-or-later
#
# build/libdune-plugin.a: <dune/plugin.h>, on top of libdune and of libc. The stub, a program for
# ring 3, is in it as a file.
PLUGIN_DIR := $(B)/libdune-plugin
PLUGIN_SRC := $(filter-out %/stub.c,$(wildcard libdune/plugin/*.c libdune/plugin/*.S))
PLUGIN_OBJ := $(patsubst libdune/plugin/%,$(PLUGIN_DIR)/%.o,$(PLUGIN_SRC))

# As libdune: handlers must not touch the vector registers, not by a call of memcpy() that
# the compiler makes up either.
PLUGIN_CFLAGS := -fPIC -fvisibility=hidden -mgeneral-regs-only -fno-stack-protector -fcf-protection=none \
		 -fno-tree-loop-distribute-patterns

$(PLUGIN_DIR)/%.c.o: libdune/plugin/%.c | $(DEPS)
	@mkdir -p $(@D); echo "  CC   $<"
	@$(CC) $(ALL_C) $(PLUGIN_CFLAGS) -c $< -o $@
$(PLUGIN_DIR)/stub: libdune/plugin/stub.c | $(DEPS)
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(ALL_C) -O2 -pie -fPIE -s -MF $@.d $< -o $@
$(PLUGIN_DIR)/stub_image.S.o: libdune/plugin/stub_image.S $(PLUGIN_DIR)/stub
	@echo "  AS   $<"
	@$(CC) -DSTUB='"$(PLUGIN_DIR)/stub"' -c $< -o $@
$(B)/libdune-plugin.a: $(PLUGIN_OBJ)
	@echo "  AR   $@"; rm -f $@ && $(AR) rcs $@ $^

lib: $(B)/libdune-plugin.a
.PHONY: install-plugin clean-plugin
install: install-plugin
install-plugin: $(B)/libdune-plugin.a
	@install -d $(DESTDIR)$(LIBDIR) $(DESTDIR)$(MANDIR)/man3
	@install -m 644 $(B)/libdune-plugin.a $(DESTDIR)$(LIBDIR)
	@install -m 644 man/dune_plugin.3 $(DESTDIR)$(MANDIR)/man3
clean: clean-plugin
clean-plugin:
	rm -rf $(PLUGIN_DIR)

-include $(PLUGIN_OBJ:.o=.d) $(PLUGIN_DIR)/stub.d

# ---- what uses it: programs, and shared objects for them to load ------------------------------
# tests/plugin/*.c are objects, in which ideas of an attacker are functions.
PLUGIN_SO := $(patsubst tests/plugin/%.c,$(B)/tests/plugin/%.so,$(wildcard tests/plugin/*.c))

$(B)/tests/plugin/%.so: tests/plugin/%.c | $(DEPS)
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(ALL_C) -Itests/lib -O1 -fPIC -shared -MF $@.d $< -o $@
tests: $(PLUGIN_SO)
-include $(PLUGIN_SO:=.d)

PLUGIN_GUEST := $(addprefix $(B)/tests/guest/,plugin hostile_plugin)
$(PLUGIN_GUEST): $(B)/tests/guest/%: tests/guest/%.c $(B)/libdune-plugin.a $(B)/libdune.a
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(ALL_C) -Itests/lib -MF $@.d $< -o $@ $(B)/libdune-plugin.a $(B)/libdune.a -lpthread
$(PLUGIN_GUEST): $(PLUGIN_SO)
$(B)/bin/plugin_bench: bench/plugin_bench.c $(B)/libdune-plugin.a $(B)/libdune.a
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(ALL_C) -MF $@.d $< -o $@ $(B)/libdune-plugin.a $(B)/libdune.a -lpthread

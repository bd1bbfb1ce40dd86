# SPDX-License-Identifier: GPL-2.0
#
# make plugin-demo   decode pictures by libraries in compartments, in the emulated machine; the
#                    pictures come to build/plugin-demo/
DEMO     := $(B)/sandbox/plugin-demo
DEMO_OBJ := $(patsubst sandbox/%.c,$(B)/sandbox/%.o,$(filter-out %/evil.c,$(wildcard sandbox/plugin-demo/*.c)))

BIN += $(B)/bin/plugin-demo

$(DEMO)/%.o: sandbox/plugin-demo/%.c | $(DEPS)
	@mkdir -p $(@D); echo "  CC   $<"
	@$(CC) $(ALL_C) -c $< -o $@
$(B)/bin/plugin-demo: $(DEMO_OBJ) $(B)/libdune-plugin.a $(B)/libdune.a
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(CFLAGS) $^ -o $@ -lpthread
$(DEMO)/evil.so: sandbox/plugin-demo/evil.c | $(DEPS)
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(ALL_C) -fPIC -shared -MF $@.d $< -o $@
programs: $(DEMO)/evil.so

.PHONY: plugin-demo
plugin-demo: programs
	@scripts/deps build vm
	@sandbox/plugin-demo/run

.PHONY: clean-plugin-demo
clean: clean-plugin-demo
clean-plugin-demo:
	rm -rf $(DEMO) $(B)/plugin-demo

-include $(DEMO_OBJ:.o=.d) $(DEMO)/evil.so.d

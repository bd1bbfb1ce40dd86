# SPDX-License-Identifier: GPL-2.0
# Ordinary programs that know nothing of Dune: what they find must not depend on
# the mode they run in. One source, one program; some also in the other shapes a
# program can have, NAME-static (fixed address) and NAME-static-pie.
comma := ,
PROG_SRC    := $(wildcard tests/programs/*.c)
PROG_SHAPES := signals sigframe sigfault threads processes
PROGRAMS    := $(PROG_SRC:tests/programs/%.c=$(B)/tests/programs/%) \
	       $(PROG_SHAPES:%=$(B)/tests/programs/%-static) \
	       $(PROG_SHAPES:%=$(B)/tests/programs/%-static-pie)

# pthread_exit() and cancellation load libgcc_s: say so, that it is brought along.
prog_link = mkdir -p $(@D) && echo "  LINK $@" && \
	$(CC) $(filter-out $(INC),$(ALL_C)) -Itests/lib $(1) -MF $@.d $< -o $@ -lpthread -lm
$(B)/tests/programs/%-static: tests/programs/%.c | $(DEPS)
	@$(call prog_link,-static -no-pie)
$(B)/tests/programs/%-static-pie: tests/programs/%.c | $(DEPS)
	@$(call prog_link,-static-pie -fPIE)
$(B)/tests/programs/%: tests/programs/%.c | $(DEPS)
	@$(call prog_link,-pie -fPIE -Wl$(comma)--no-as-needed -lgcc_s -Wl$(comma)--as-needed)

tests: $(PROGRAMS)
-include $(PROGRAMS:=.d)

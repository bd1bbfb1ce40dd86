# SPDX-License-Identifier: GPL-2.0
# build/dune-rt: libdune without libc, as one image that dune-run puts into programs.
#
#	libdune/*.[cS]  but what needs libc  \
#	libdune/rt/*.[cS]                     > -fpie, -DDUNE_RUNTIME --> dune-rt.debug --> dune-rt
RT_DIR := $(B)/libdune-rt
RT_SRC := $(filter-out libdune/init.c libdune/this_thread.c libdune/call.%,$(LIB_SRC)) \
	  $(wildcard libdune/rt/*.c libdune/rt/*.S)
RT_OBJ := $(patsubst libdune/%,$(RT_DIR)/%.o,$(RT_SRC))

# No unwind tables: nobody unwinds through the runtime. What the API has and the
# runtime does not use is dropped by the linker. All of its text is what OWN_TEXT marks
# in the library.
RT_CFLAGS := $(filter-out -fPIC,$(LIB_CFLAGS)) -fpie -ffreestanding -DDUNE_RUNTIME \
	     -DDUNE_API= -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -I$(RT_DIR)
RT_LDFLAGS := -static-pie -nostdlib -nostartfiles -Wl,--gc-sections -Wl,-e,dune_rt_entry \
	      -Wl,--defsym=__start_dune_text=__executable_start -Wl,--defsym=__stop_dune_text=etext \
	      -Wl,-z,separate-code -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack \
	      -Wl,--build-id=none -Wl,--fatal-warnings

$(RT_DIR)/%.c.o: libdune/%.c | $(DEPS)
	@mkdir -p $(@D); echo "  CC   $< (runtime)"
	@$(CC) $(ALL_C) $(RT_CFLAGS) -c $< -o $@
$(RT_DIR)/%.S.o: libdune/%.S | $(DEPS)
	@mkdir -p $(@D); echo "  AS   $< (runtime)"
	@$(CC) $(INC) -DDUNE_RUNTIME -MMD -MP -g -c $< -o $@

# The headers' numbers and texts. errno's own headers are found by the compiler.
$(RT_DIR)/names_table.h: libdune/rt/names.awk | $(DEPS)
	@mkdir -p $(@D); echo "  GEN  $@"
	@headers=$$(printf '#include <asm/%s>\n' unistd_64.h errno.h | $(CC) -E -M - | \
		tr -d '\\' | tr ' ' '\n' | grep -E '/(unistd_64|errno|errno-base)\.h$$') && \
		awk -f $< $$headers >$@.new && mv $@.new $@
$(RT_DIR)/rt/names.c.o: $(RT_DIR)/names_table.h

$(B)/dune-rt.debug: $(RT_OBJ) libdune/rt/check
	@echo "  LD   $@"
	@$(CC) $(RT_LDFLAGS) $(RT_OBJ) -o $@
	@libdune/rt/check $@ || { rm -f $@; exit 1; }
$(B)/dune-rt: $(B)/dune-rt.debug
	@strip --strip-debug -o $@ $<

# What is pure in it is tested without Dune mode.
RT_PURE := $(patsubst %,$(RT_DIR)/%.c.o,text rt/names rt/stats rt/trace rt/trace_args \
	     rt/trace_flags rt/trace_kinds)
$(B)/tests/unit/rt_%: tests/unit/rt_%.c $(RT_PURE)
	@mkdir -p $(@D); echo "  LINK $@"
	@$(CC) $(ALL_C) -Itests/lib -Ilibdune/rt -MF $@.d -Wl,--gc-sections $< $(RT_PURE) -o $@

lib: $(B)/dune-rt
.PHONY: rt clean-rt
rt: $(B)/dune-rt
clean: clean-rt
clean-rt:
	rm -f $(B)/dune-rt $(B)/dune-rt.debug

-include $(RT_OBJ:.o=.d)

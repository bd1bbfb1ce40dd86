# SPDX-License-Identifier: GPL-2.0
# Real programs of Debian, in Dune mode and without, in the emulated machine:
#
# make check-apps   the quick set            (T="redis git": only these)
# make check-long   the long set, hours      (T="python-tests:test_os": only these)
#
# LAUNCHER= shows whether the scripts print the same twice, without Dune.
LAUNCHER ?= dune-run --follow
# Seconds for all, and those of the emulated machine for one run of one script: one that hangs
# is to leave time for the others.
apps_run  = vm/run --disk apps --mem 1024 --timeout $(1) -- compare --launcher '$(LAUNCHER)' --seconds $(2)

.PHONY: check-apps check-long
check-apps: user
	@scripts/deps build vm apps
	@$(call apps_run,7200,600) $(T)
check-long: user
	@scripts/deps build vm apps
	@status=0; for name in $(or $(T),$$(tests/apps/compare --list long)); do \
		$(call apps_run,36000,3600) $$name || status=$$?; done; exit $$status

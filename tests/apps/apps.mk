# SPDX-License-Identifier: GPL-2.0
# Real programs of Debian, in Dune mode and without, in the emulated machine:
#
# make check-apps   the quick set            (T="redis git": only these)
# make check-long   the long set, hours      (T="python-tests:test_os": only these)
#
# LAUNCHER= shows whether the scripts print the same twice, without Dune.
LAUNCHER ?= dune-run --follow
apps_run  = vm/run --disk apps --mem 1024 --timeout $(1) -- compare --launcher '$(LAUNCHER)' --seconds $(1)

.PHONY: check-apps check-long
check-apps: user
	@scripts/deps build vm apps
	@$(call apps_run,3600) $(T)
check-long: user
	@scripts/deps build vm apps
	@for name in $(or $(T),$$(tests/apps/compare --list long)); do \
		$(call apps_run,36000) $$name || exit; done

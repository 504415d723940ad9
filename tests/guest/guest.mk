# check-guest: this tree's packages in real Debian guests (tests/guest/run).

check-guest: all host-programs
	BUILD=$(BUILD) tests/guest/run $(if $(SUITE),-s $(SUITE)) $(GUEST)

.PHONY: check-guest

# The host tests: the installed product behind libpam and a real sshd on 127.0.0.1, as root.

HOST_PROGRAMS := $(patsubst tests/host/src/%.c,$(BUILD)/tests/host/%,$(wildcard tests/host/src/*.c))

check-host:
	tests/host/lanes

# Not part of `make check`. LOGINS=10000 SANDBOXES=5000: see tests/host/by-hand/endurance.sh.
endurance:
	tests/host/run by-hand/endurance

host-programs: $(HOST_PROGRAMS)

$(BUILD)/tests/host/%: tests/host/src/%.c $(wildcard tests/host/src/*.h)
	@mkdir -p $(@D)
	$(CC) -I. -D_GNU_SOURCE $(FORTIFY) $(CFLAGS_ALL) -o $@ $< -Wl,--as-needed -lpam -lpthread -lrt

.PHONY: check-host endurance host-programs

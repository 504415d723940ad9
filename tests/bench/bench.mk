# The benchmark: `make bench` as root. Included by tests/tests.mk.
# RUNS: cycles of each row. See tests/bench/bench.sh for the other variables.

RUNS ?= 100

BENCH_PROGRAMS := $(addprefix $(BUILD)/bench/,floor floor_init spawn_time pam_cycle)

# Static, because the floor is to be low: a small address space is quicker to clone and to exec.
$(BUILD)/bench/floor: $(call obj,tests/bench/floor.c tests/bench/floor_cgroups.c tests/bench/pace.c)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -static -o $@ $^

$(BUILD)/bench/spawn_time: $(call obj,tests/bench/spawn_time.c tests/bench/pace.c)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(PROGRAM_LDFLAGS) -o $@ $^

$(BUILD)/bench/pam_cycle: $(call obj,tests/bench/pam_cycle.c tests/bench/pace.c)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(PROGRAM_LDFLAGS) -o $@ $^ -lpam

$(BUILD)/bench/floor_init: tests/bench/floor_init.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -Os $(WARN) -ffreestanding -fno-stack-protector \
		-fno-asynchronous-unwind-tables -nostdlib -static -Wl,--build-id=none -o $@ $<

bench: $(BENCH_PROGRAMS)
	BUILD='$(BUILD)' MAKE='$(MAKE)' RUNS='$(RUNS)' tests/bench/bench.sh

.PHONY: bench

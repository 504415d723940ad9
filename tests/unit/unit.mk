# check-unit: every tests/unit/test_*.c is a cmocka program of its own, linked with what it tests.

UNIT_DIR   := $(BUILD)/tests/unit
UNIT_SRC   := $(sort $(wildcard tests/unit/test_*.c))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(UNIT_DIR)/%,$(UNIT_SRC))

$(UNIT_DIR)/%: $(BUILD)/tests/unit/%.o $(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) -pie $(LDFLAGS_ALL) -o $@ $< $(BUILD)/libcore.a \
		$(LIB_INIPARSER) $(LIB_CAPNG) -lcmocka

.SECONDARY: $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%.o,$(UNIT_SRC))

# UNIT=test_scan runs that one alone.
check-unit: $(if $(UNIT),$(addprefix $(UNIT_DIR)/,$(UNIT)),$(UNIT_TESTS))
	@tests/unit/run $^

.PHONY: check-unit

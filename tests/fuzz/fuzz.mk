# fuzz-smoke: each tests/fuzz/fuzz_NAME.c, built with clang and its sanitizers, for FUZZ_SECONDS from
# tests/fuzz/corpus/NAME/. What it finds stays in $(BUILD)/fuzz/found/; the corpus here is not changed.

FUZZ_SECONDS  ?= 20
FUZZ_CC       ?= clang
FUZZ_SANITIZE := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_SRC      := $(sort $(wildcard tests/fuzz/fuzz_*.c))

# Made in the second make alone, whose BUILD is the fuzzers' own.
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(FUZZ_SRC))

$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) -pie $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $< $(BUILD)/libcore.a \
		$(LIB_INIPARSER) $(LIB_CAPNG)

# libcore.a has nothing of login_shell/.
$(BUILD)/tests/fuzz/fuzz_command: $(BUILD)/tests/fuzz/fuzz_command.o $(call obj,login_shell/command.c) \
		$(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) -pie $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(LIB_INIPARSER) $(LIB_CAPNG)

.SECONDARY: $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%.o,$(FUZZ_SRC))

fuzzers: $(FUZZERS)

# FUZZ=policy runs that one alone.
fuzz-smoke:
	@$(MAKE) -s --no-print-directory BUILD=$(BUILD)/fuzz CC=$(FUZZ_CC) \
		SANITIZE='$(FUZZ_SANITIZE)' fuzzers
	@tests/fuzz/run $(BUILD)/fuzz $(FUZZ_SECONDS) $(or $(FUZZ),$(patsubst fuzz_%,%,$(notdir $(FUZZERS))))

.PHONY: fuzzers fuzz-smoke

# analyze: clang-tidy (.clang-tidy says which checks, and why not the others) and gcc's -fanalyzer, a case
# for each file and tool. ANALYZE=core/mnt.c looks at that one alone.

ANALYZE_GCC  ?= gcc
ANALYZE_TIDY ?= clang-tidy
ANALYZE      ?= $(filter-out $(INIT_SRC),$(sort $(wildcard $(addsuffix /*.c,pam_module helper core admin)))) $(INIT_SRC)

# Without _FORTIFY_SOURCE, whose wrappers hide the calls that the analyzers know.
analyze:
	@ANALYZE_GCC='$(ANALYZE_GCC)' ANALYZE_TIDY='$(ANALYZE_TIDY)' ANALYZE_INIT='$(INIT_SRC)' \
		ANALYZE_LOGS='$(BUILD)/analyze' tests/analyze/run '$(ANALYZE)' \
		-std=gnu11 $(filter-out $(FORTIFY),$(CPPFLAGS))

.PHONY: analyze

# Targets that test. Each room of tests/ has its own rules; `check` installs what is needed and runs all.

-include tests/unit/unit.mk
-include tests/unit/admin.mk
-include tests/unit/pam.mk
-include tests/unit/shell.mk
-include tests/unit/helper.mk
-include tests/fuzz/fuzz.mk
-include tests/host/host.mk
-include tests/guest/guest.mk
-include tests/bench/bench.mk
-include tests/analyze/analyze.mk
-include tests/sanitize/sanitize.mk

check-shape: all
	tests/shape/run $(BUILD)

# Both compilers and, for the helper, both C libraries; warnings are errors.
check-compilers:
	@passed=0; failed=0; for way in gcc clang 'gcc STATIC_HELPER=-static-pie'; do \
		if $(MAKE) -s all CC=$$way WERROR=1 BUILD=$(BUILD)/way-$$((passed + failed)); then \
			echo "ok builds with $$way and -Werror"; passed=$$((passed + 1)); \
		else echo "not ok builds with $$way and -Werror"; failed=$$((failed + 1)); fi; done; \
	echo "compilers: $$passed passed, $$failed failed"; [ $$failed -eq 0 ]

# What is in the packages; what installing them does is seen in the guests.
check-packages:
	tests/packaging/run $(BUILD)

.PHONY: check-shape check-compilers check-packages

# sanitize: the unit tests, and the installed product as root, under gcc's AddressSanitizer (with its leak
# check) and UndefinedBehaviorSanitizer, then under valgrind.

SANITIZE_CC ?= gcc

sanitize:
	@BUILD='$(BUILD)' CC='$(SANITIZE_CC)' MAKE='$(MAKE)' tests/sanitize/run

.PHONY: sanitize

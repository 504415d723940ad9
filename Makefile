# carrel: a private cubicle for every login. `make help` lists the targets.
#
# Plain GNU make. Everything built goes to $(BUILD); variants (sanitize, the tests' private prefix)
# are the same rules with another BUILD.

VERSION = 0.1.0

CC      ?= gcc
AR      ?= ar
BUILD   ?= build
DESTDIR ?=
PREFIX        ?= /usr
SYSCONFDIR    ?= /etc
LOCALSTATEDIR ?= /var
RUNSTATEDIR   ?= /run
LIBEXECDIR    ?= $(PREFIX)/libexec
BINDIR        ?= $(PREFIX)/bin
MANDIR        ?= $(PREFIX)/share/man
MULTIARCH     := $(shell $(CC) -print-multiarch 2>/dev/null)
# Debian: /lib/<multiarch>/security; elsewhere /usr/lib64/security or /usr/lib/security.
PAMDIR        ?= $(firstword $(wildcard /lib/$(MULTIARCH)/security /usr/lib64/security /usr/lib/security) /lib/security)

include build.mk
include tests/tests.mk

.DEFAULT_GOAL := all

all: $(PROGRAMS) $(MODULE)

# Installs what it needs, builds, and shows two logins beside the host; as root.
demo:
	packaging/install-needs demo
	$(MAKE) -s all
	tests/demo/demo.sh

# Installs what it needs, builds, and runs all tests; as root. The stages are in tests/tests.mk.
check:
	packaging/install-needs check
	BUILD=$(BUILD) tests/check.sh

install: all
	install -d $(DESTDIR)$(PAMDIR) $(DESTDIR)$(LIBEXECDIR)/carrel $(DESTDIR)$(BINDIR) \
		$(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8
	install -d -m 0755 $(DESTDIR)$(SYSCONFDIR)/carrel $(DESTDIR)$(SYSCONFDIR)/carrel/carrel.conf.d
	install -d -m 0700 $(DESTDIR)$(LOCALSTATEDIR)/lib/carrel
	install -m 0644 $(MODULE) $(DESTDIR)$(PAMDIR)/pam_carrel.so
	install -m 0755 $(BUILD)/carrel-session $(DESTDIR)$(LIBEXECDIR)/carrel/carrel-session
	install -m 0755 $(BUILD)/carrel-init $(DESTDIR)$(LIBEXECDIR)/carrel/carrel-init
	if [ -n "$(AGENT)" ]; then \
		install -m 0755 $(AGENT) $(DESTDIR)$(LIBEXECDIR)/carrel/carrel-systemd; fi
	install -m 0755 $(BUILD)/carrel $(DESTDIR)$(BINDIR)/carrel
	install -m 0755 $(BUILD)/carrel-shell $(DESTDIR)$(BINDIR)/carrel-shell
	install -m 0755 $(BUILD)/carrel-shell-main $(DESTDIR)$(LIBEXECDIR)/carrel/carrel-shell
	@# An admin's policy is never overwritten: the shipped one then goes beside it.
	if [ -e $(DESTDIR)$(SYSCONFDIR)/carrel/carrel.conf ]; then \
		install -m 0644 conf/carrel.conf $(DESTDIR)$(SYSCONFDIR)/carrel/carrel.conf.new; \
	else \
		install -m 0644 conf/carrel.conf $(DESTDIR)$(SYSCONFDIR)/carrel/carrel.conf; \
	fi
	install -D -m 0644 packaging/completions/carrel $(DESTDIR)$(PREFIX)/share/bash-completion/completions/carrel
	install -D -m 0644 conf/carrel.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/carrel.conf
	for page in man/*.1; do [ ! -e $$page ] || install -m 0644 $$page $(DESTDIR)$(MANDIR)/man1/ || exit 1; done
	for page in man/*.5; do [ ! -e $$page ] || install -m 0644 $$page $(DESTDIR)$(MANDIR)/man5/ || exit 1; done
	for page in man/*.8; do [ ! -e $$page ] || install -m 0644 $$page $(DESTDIR)$(MANDIR)/man8/ || exit 1; done

# The policy stays: it is the admin's.
uninstall:
	rm -f $(DESTDIR)$(PAMDIR)/pam_carrel.so $(DESTDIR)$(BINDIR)/carrel $(DESTDIR)$(BINDIR)/carrel-shell \
		$(DESTDIR)$(LIBEXECDIR)/carrel/carrel-shell $(patsubst man/%.1,$(DESTDIR)$(MANDIR)/man1/%.1,$(wildcard man/*.1)) \
		$(DESTDIR)$(LIBEXECDIR)/carrel/carrel-session $(DESTDIR)$(LIBEXECDIR)/carrel/carrel-init \
		$(DESTDIR)$(LIBEXECDIR)/carrel/carrel-systemd \
		$(patsubst man/%.5,$(DESTDIR)$(MANDIR)/man5/%.5,$(wildcard man/*.5)) \
		$(patsubst man/%.8,$(DESTDIR)$(MANDIR)/man8/%.8,$(wildcard man/*.8)) \
		$(DESTDIR)$(SYSCONFDIR)/carrel/carrel.conf.new $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/carrel.conf \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/carrel
	rmdir $(DESTDIR)$(LIBEXECDIR)/carrel 2>/dev/null || true

dist:
	git archive --format=tar.gz --prefix=carrel-$(VERSION)/ -o carrel-$(VERSION).tar.gz HEAD

# Packages of the tree as it is, committed or not, in $(BUILD)/deb and $(BUILD)/rpm; see packaging/.
deb:
	packaging/build-deb $(BUILD)/deb

rpm:
	packaging/build-rpm $(BUILD)/rpm

format-check:
	clang-format --dry-run --Werror $$(git ls-files '*.c' '*.h')

clean:
	rm -rf build

help:
	@echo 'all           build everything into build/'
	@echo 'demo          two throw-away users, a private sshd, what each sees (as root)'
	@echo 'check         install what is needed, build, run all tests (as root)'
	@echo 'check-unit    the pure parts (cmocka)'
	@echo 'check-host    the module through libpam and a real sshd on 127.0.0.1 (as root)'
	@echo 'endurance     10,000 logins, 5,000 live sandboxes (as root; not part of check)'
	@echo 'sanitize      unit tests, module and helper under ASan and UBSan, then valgrind'
	@echo 'fuzz-smoke    each fuzzer for a bounded time'
	@echo 'bench         a table on stdout, build/bench.json beside it (as root)'
	@echo 'analyze       clang-tidy and gcc -fanalyzer'
	@echo 'format-check  clang-format, nothing written'
	@echo 'deb, rpm      packages, in build/deb and build/rpm'
	@echo 'install, uninstall, dist, clean'
	@echo 'Variables: CC BUILD WERROR=1 DESTDIR PREFIX SYSCONFDIR LOCALSTATEDIR RUNSTATEDIR PAMDIR'

.PHONY: all demo check install uninstall dist deb rpm format-check clean help

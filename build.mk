# How the programs are compiled and linked. Included by the Makefile.

WERROR ?= 0

# A flag is used where the compiler takes it (gcc and clang differ, and versions do).
cc-option = $(shell echo 'int main(void){return 0;}' | \
	$(CC) -Werror $(1) -x c - -o /dev/null >/dev/null 2>&1 && echo '$(1)')

ifndef PROBED
HARDEN := $(call cc-option,-fstack-protector-strong) $(call cc-option,-fstack-clash-protection) \
	$(call cc-option,-fcf-protection=full) $(call cc-option,-ftrivial-auto-var-init=zero) \
	$(call cc-option,-fno-strict-overflow)
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2 \
	-Wvla -Wwrite-strings -Wundef $(call cc-option,-Wlogical-op) $(call cc-option,-Wduplicated-cond)
endif
ifeq ($(WERROR),1)
WARN += -Werror
endif

OPT      ?= -O2 -g
SANITIZE ?=
ifeq ($(SANITIZE),)
FORTIFY := -D_FORTIFY_SOURCE=2
endif

DEFINES = -DCARREL_VERSION='"$(VERSION)"' \
	-DCARREL_SYSCONFDIR='"$(SYSCONFDIR)"' \
	-DCARREL_STATE='"$(LOCALSTATEDIR)/lib/carrel"' \
	-DCARREL_RUN='"$(RUNSTATEDIR)/carrel"' \
	-DCARREL_LIBEXEC='"$(LIBEXECDIR)/carrel"' \
	-DCARREL_BINDIR='"$(BINDIR)"' \
	-DCARREL_PAMDIR='"$(PAMDIR)"'
CPPFLAGS += -I. -I$(firstword $(wildcard /usr/include/iniparser) /usr/include) -D_GNU_SOURCE $(FORTIFY) $(DEFINES)
CFLAGS_ALL = -std=gnu11 $(OPT) $(WARN) $(HARDEN) $(SANITIZE) $(CFLAGS)
LDFLAGS_ALL = -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,-z,noexecstack -Wl,-z,separate-code $(SANITIZE) $(LDFLAGS)
# nodlopen on programs only: a PAM module marked with it can't be loaded.
# (The linker drops the mark from position-independent executables, which dlopen refuses anyway.)
PROGRAM_LDFLAGS = -Wl,-z,nodlopen $(LDFLAGS_ALL)

# The helper is static (and position-independent) where the archives exist: dynamic linking costs each
# login a few hundred microseconds, and each warden, which stays as long as the session, dirty pages.
# It never asks NSS (the caller does), so nothing in it needs a shared C library. With musl where that is.
static-lib = $(if $(filter-out lib$(1).a,$(shell $(CC) -print-file-name=lib$(1).a)),-l:lib$(1).a,-l$(1))
ifeq ($(SANITIZE),)
LIB_INIPARSER := $(call static-lib,iniparser)
LIB_CAPNG     := $(call static-lib,cap-ng)
LIB_JANSSON   := $(call static-lib,jansson)
LIB_CURSES    := $(call static-lib,ncursesw) $(call static-lib,tinfo)
include helper/musl.mk
STATIC_HELPER ?= $(if $(filter -l:libiniparser.a-l:libcap-ng.a,$(LIB_INIPARSER)$(LIB_CAPNG)),$(if \
	$(MUSL_LINKS),musl,$(call cc-option,-static-pie)))
else
LIB_INIPARSER := -liniparser
LIB_CAPNG     := -lcap-ng
LIB_JANSSON   := -ljansson
LIB_CURSES    := -lncursesw -ltinfo
STATIC_HELPER ?=
endif

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))

# What the module links: nothing that parses a policy, mounts or decides.
CORE_CLIENT := core/failure.c core/sys.c core/protocol.c core/spawn.c core/session.c core/join.c core/ns.c \
	core/identity.c core/cgroup_place.c core/convert.c core/oom_score.c core/pod.c core/cgroup_frost.c
CORE_REST   := $(filter-out $(CORE_CLIENT),$(wildcard core/*.c))
CORE        := $(CORE_CLIENT) $(CORE_REST)

INIT_SRC    := helper/carrel_init.c
AGENT_SRC   := helper/carrel_systemd.c
MUSL_SRC    := helper/glibc_calls.c
HELPER_SRC  := $(filter-out $(INIT_SRC) $(AGENT_SRC) $(MUSL_SRC),$(wildcard helper/*.c))
ADMIN_SRC   := $(wildcard admin/*.c)
MODULE_SRC  := $(wildcard pam_module/*.c)

MODULE   := $(BUILD)/pam_carrel.so
PROGRAMS := $(BUILD)/carrel-session $(BUILD)/carrel-init $(BUILD)/carrel
# The one that links libsystemd, run only where systemd does. Without its header there is none, and
# carrel refuses logins on hosts that systemd runs.
SYSTEMD_HEADER := $(wildcard /usr/include/systemd/sd-bus.h)
AGENT    := $(if $(SYSTEMD_HEADER),$(BUILD)/carrel-systemd)
PROGRAMS += $(AGENT)

$(BUILD)/libcore.a: $(call obj,$(CORE))
	rm -f $@
	$(AR) rcs $@ $^

ifeq ($(STATIC_HELPER),musl)
$(BUILD)/carrel-session: $(patsubst %.c,$(MUSL_BUILD)/%.o,$(HELPER_SRC) $(MUSL_SRC)) $(MUSL_BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) $(PROGRAM_LDFLAGS) $(MUSL_START) -o $@ $^ $(MUSL_END)

$(MUSL_BUILD)/libcore.a: $(patsubst %.c,$(MUSL_BUILD)/%.o,$(CORE))
	rm -f $@
	$(AR) rcs $@ $^

$(MUSL_BUILD)/%.o: %.c | $(MUSL_INCLUDES)
	@mkdir -p $(@D)
	$(CC) $(MUSL_CPPFLAGS) $(CFLAGS_ALL) $(MUSL_WARN) $(MUSL_HARDEN) -fPIE -MMD -MP -c -o $@ $<

$(MUSL_INCLUDES):
	@mkdir -p $(@D)
	ln -sfn $(MUSL_BORROWED) $(@D)
	@touch $@
else
$(BUILD)/carrel-session: $(call obj,$(HELPER_SRC)) $(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) $(PROGRAM_LDFLAGS) $(if $(STATIC_HELPER),$(STATIC_HELPER) $(TAKE_IN),-pie) -o $@ $^ \
		$(LIB_INIPARSER) $(LIB_CAPNG)
endif

$(BUILD)/carrel: $(call obj,$(ADMIN_SRC)) $(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) $(PROGRAM_LDFLAGS) -pie -o $@ $^ $(LIB_INIPARSER) $(LIB_CAPNG) $(LIB_JANSSON) $(LIB_CURSES)

# helper/shed.c calls it where it is; a weak reference alone takes nothing out of an archive.
TAKE_IN := -Wl,-u,__libc_thread_freeres

$(BUILD)/carrel-systemd: $(call obj,$(AGENT_SRC)) $(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) $(PROGRAM_LDFLAGS) -pie -o $@ $^ -lsystemd

# Position-independent objects with hidden symbols; pam_module/pam_carrel.map exports pam_sm_* alone.
$(MODULE): $(patsubst %.c,$(BUILD)/pic/%.o,$(MODULE_SRC) $(CORE_CLIENT)) pam_module/pam_carrel.map
	$(CC) $(CFLAGS_ALL) -shared $(LDFLAGS_ALL) -Wl,--no-undefined \
		-Wl,--version-script=pam_module/pam_carrel.map -o $@ $(filter %.o,$^) -lpam

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -fPIE -MMD -MP -c -o $@ $<

$(BUILD)/pic/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -fPIC -MMD -MP -c -o $@ $<

# Without C library and sanitizer, a handful of pages: PID 1 of a sandbox, and the front of carrel-shell.
BARE_CFLAGS = -std=gnu11 -Os $(WARN) -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables \
	$(call cc-option,-fcf-protection=full) $(call cc-option,-fno-tree-loop-distribute-patterns) -fPIE
BARE_LDFLAGS = -nostdlib -static-pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--build-id=none -Wl,-z,nodlopen
$(BUILD)/carrel-init: $(INIT_SRC)
	@mkdir -p $(@D)
	$(CC) -I. $(BARE_CFLAGS) -MMD -MP -MF $@.d $(BARE_LDFLAGS) -o $@ $<

include login_shell/shell.mk

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)

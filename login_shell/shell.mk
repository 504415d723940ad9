# carrel-shell. Included by build.mk.

FRONT_SRC := login_shell/front.c
SHELL_SRC := $(filter-out $(FRONT_SRC),$(wildcard login_shell/*.c))
PROGRAMS  += $(BUILD)/carrel-shell $(BUILD)/carrel-shell-main

# Dynamic, since it asks NSS; carrel-shell proper (front.c), as PID 1 is, has no loader that the user's
# environment could turn against it.
$(BUILD)/carrel-shell-main: $(call obj,$(SHELL_SRC)) $(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) $(PROGRAM_LDFLAGS) -pie -o $@ $^ $(LIB_INIPARSER) $(LIB_CAPNG)

$(BUILD)/carrel-shell: $(FRONT_SRC)
	@mkdir -p $(@D)
	$(CC) -I. -DCARREL_LIBEXEC='"$(LIBEXECDIR)/carrel"' $(BARE_CFLAGS) -MMD -MP -MF $@.d $(BARE_LDFLAGS) -o $@ $<

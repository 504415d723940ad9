# What tests/unit needs of login_shell/: libcore.a has none of it, so this names the objects.

$(BUILD)/tests/unit/test_shell_command: $(BUILD)/tests/unit/test_shell_command.o \
		$(call obj,login_shell/command.c) $(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ -lcmocka

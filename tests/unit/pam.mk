# What tests/unit needs of pam_module/: libcore.a has none of it, so this names the objects.

$(BUILD)/tests/unit/test_options: $(BUILD)/tests/unit/test_options.o \
		$(call obj,pam_module/options.c) $(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ -lcmocka

# What tests/unit needs of admin/: libcore.a has none of it, so this names the objects.

ADMIN_PAM_OBJ := $(call obj,admin/doctor_pam.c admin/pam_stack.c admin/findings.c admin/sshd_settings.c admin/ask.c)

$(BUILD)/tests/unit/test_doctor_pam: $(BUILD)/tests/unit/test_doctor_pam.o $(ADMIN_PAM_OBJ) \
		$(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ -lcmocka

ADMIN_TEXT_OBJ := $(call obj,admin/format.c admin/openmetrics.c admin/processes.c admin/select.c \
	admin/top_rows.c admin/users.c)

$(BUILD)/tests/unit/test_admin_text: $(BUILD)/tests/unit/test_admin_text.o $(ADMIN_TEXT_OBJ) \
		$(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ -lcmocka

# What tests/unit needs of admin/: libcore.a has none of it, so this names the objects.

ADMIN_PAM_OBJ := $(call obj,admin/doctor_pam.c admin/pam_stack.c admin/findings.c admin/sshd_settings.c)

$(BUILD)/tests/unit/test_doctor_pam: $(BUILD)/tests/unit/test_doctor_pam.o $(ADMIN_PAM_OBJ) \
		$(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ -lcmocka

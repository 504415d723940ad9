# What tests/unit needs of helper/: libcore.a has none of it, so this names the objects.

$(BUILD)/tests/unit/test_sessions: $(BUILD)/tests/unit/test_sessions.o \
		$(call obj,helper/sessions.c helper/log.c helper/process_tree.c helper/runtime.c helper/terminal.c) $(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ -lcmocka

$(BUILD)/tests/unit/test_process_tree: $(BUILD)/tests/unit/test_process_tree.o \
		$(call obj,helper/process_tree.c) $(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ -lcmocka

$(BUILD)/tests/unit/test_terminal: $(BUILD)/tests/unit/test_terminal.o \
		$(call obj,helper/terminal.c helper/process_tree.c) $(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ -lcmocka

$(BUILD)/tests/unit/test_anchor: $(BUILD)/tests/unit/test_anchor.o $(call obj,helper/anchor.c) $(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ -lcmocka -lcap-ng

$(BUILD)/tests/unit/test_log: $(BUILD)/tests/unit/test_log.o $(call obj,helper/log.c) $(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ -lcmocka

$(BUILD)/tests/unit/test_door: $(BUILD)/tests/unit/test_door.o \
		$(call obj,helper/door.c helper/reply.c helper/sessions.c helper/notify.c helper/terminal.c \
		helper/process_tree.c helper/log.c) $(BUILD)/libcore.a
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $^ -lcmocka

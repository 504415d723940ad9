/* SPDX-License-Identifier: MIT */
/*
 * sshd_settings - what of sshd_config(5) matters to carrel.
 */
#ifndef CARREL_SSHD_SETTINGS_H
#define CARREL_SSHD_SETTINGS_H

#include <stdbool.h>

#include "core/failure.h"

struct sshd_settings {
	bool installed;
	bool asked; /* sshd itself told (`sshd -T`); else its files were read */
	bool use_pam;
	char permit_root_login[32];
	char service[64]; /* PAMServiceName, OpenSSH 10.0; "sshd" */
};

/* Ask the sshd of this host; where it does not answer within seconds, read its files. */
int sshd_settings_read(struct sshd_settings *ret_settings, struct failure *reterr);

/* What `PROGRAM -T` tells, however much that is. false: it failed, or took too long. */
bool sshd_settings_ask(const char *program, struct sshd_settings *settings);

/* The output of `sshd -T`. Pure. */
void sshd_settings_parse(const char *text, struct sshd_settings *settings);

/*
 * ROOT/etc/ssh/sshd_config with what it includes, up to each file's first Match block; the first
 * value of a keyword counts. Fills in sshd's defaults where the files are silent.
 */
int sshd_settings_read_files(const char *root, struct sshd_settings *ret_settings,
			     struct failure *reterr);

#endif

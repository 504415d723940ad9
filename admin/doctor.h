/* SPDX-License-Identifier: MIT */
/*
 * doctor - the subjects that `carrel doctor` looks into, one file each. They look and change nothing.
 */
#ifndef CARREL_DOCTOR_H
#define CARREL_DOCTOR_H

#include "admin/findings.h"
#include "admin/sshd_settings.h"
#include "core/policy.h"

/* System calls, namespaces, capabilities; the floor is Linux 5.12. */
void doctor_kernel(struct findings *findings);

/* Which hierarchy each limit would be enforced in. */
void doctor_cgroup(struct findings *findings);

/*
 * The PAM stacks below `root` ("" for the host's own): which services the line reaches, whether it
 * stands where it should, its options. ssh_service is the service of sshd's, or NULL.
 */
void doctor_pam(struct findings *findings, const char *root, const char *ssh_service);

/* Does sshd use PAM at all? */
void doctor_sshd(struct findings *findings, const struct sshd_settings *settings);

/* Owners and modes of what is installed and of the directories; does the module load? */
void doctor_files(struct findings *findings);

/* carrel-shell: user namespaces, the policy's mode, /etc/shells. */
void doctor_shell(struct findings *findings);

/* The policy, whether this host can enforce it, and whether an admin keeps a way in past it. */
void doctor_policy(struct findings *findings, const struct sshd_settings *settings);

#endif

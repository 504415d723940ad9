/* SPDX-License-Identifier: MIT */
/*
 * environment - which variables never reach carrel-shell's libraries nor the shell. Pure, and without the C
 * library: front.c has none.
 *
 * They make the loader, the C library, NSS or a shell at its start run or read what the user chose: for a
 * forced command, or before there is a sandbox. LANG, TERM, TZ, TMPDIR and the like stay.
 */
#ifndef CARREL_ENVIRONMENT_H
#define CARREL_ENVIRONMENT_H

#include <stdbool.h>

/* Whole names, or beginnings where a '*' ends them. Arrays, not pointers: nothing to relocate. */
static const char environment_dangerous[][24] = {
	/* ld.so(8), and what the C library itself ignores in setuid programs */
	"LD_*", "_RLD*", "GLIBC_TUNABLES", "GCONV_PATH", "GETCONF_DIR", "HOSTALIASES",
	"LOCALDOMAIN", "LOCPATH", "MALLOC_*", "NIS_PATH", "NLSPATH", "RES_OPTIONS",
	"RESOLV_HOST_CONF", "TZDIR",
	/* what shells read at their start */
	"BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "BASH_FUNC_*", "BASH_LOADABLES_PATH",
	"BASH_XTRACEFD", "PS4", "GLOBIGNORE", "IFS", "CDPATH", "FPATH", "ZDOTDIR", "FCEDIT",
	/* what NSS modules and their libraries read */
	"LDAP*", "KRB5*", "SSS_*", "NSS_*", "OPENSSL_*", "SASL_*"};

static inline bool environment_matches(const char *pattern, const char *entry)
{
	while (*pattern && *pattern != '*' && *pattern == *entry) {
		pattern++;
		entry++;
	}
	return *pattern == '*' || (*pattern == '\0' && *entry == '=');
}

/* One entry of environ(7). What has no name, or no '=', is not taken along either. */
static inline bool environment_is_dangerous(const char *entry)
{
	const char *end = entry;

	while (*end && *end != '=')
		end++;
	if (*end == '\0' || end == entry)
		return true;
	for (unsigned int i = 0;
	     i < sizeof(environment_dangerous) / sizeof(environment_dangerous[0]); i++)
		if (environment_matches(environment_dangerous[i], entry))
			return true;
	return false;
}

#endif

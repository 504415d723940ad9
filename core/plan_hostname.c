/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/plan_internal.h"

#define HOSTNAME_MAX 64 /* the kernel's __NEW_UTS_LEN */

static bool is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.';
}

struct host_text {
	char text[HOSTNAME_MAX + 1];
	size_t len;
};

static bool host_add(struct host_text *host, const char *more, size_t len)
{
	if (len > HOSTNAME_MAX - host->len)
		return false;
	memcpy(host->text + host->len, more, len);
	host->len += len;
	return true;
}

/* A name from outside of the policy: what a host name can't hold becomes '-'. */
static bool host_add_name(struct host_text *host, const char *name)
{
	for (; *name; name++)
		if (!host_add(host, is_host_char(*name) ? name : "-", 1))
			return false;
	return true;
}

int plan_build_hostname(const struct effective *effective, const struct login *login,
			const char *host_name, struct plan *plan, struct failure *reterr)
{
	const struct policy_value *value = effective->values[KEY_HOSTNAME];
	const char *text = value->words ? value->words[0] : NULL;
	struct host_text host = {0};
	bool fits = true;

	if (!(plan->namespaces & BIT(NS_UTS)) || !text || !*text)
		return 0;
	while (*text && fits) {
		if (text[0] == '%' && text[1] == 'u')
			fits = host_add_name(&host, login->user);
		else if (text[0] == '%' && text[1] == 'h')
			fits = host_add_name(&host, host_name);
		else if (is_host_char(*text))
			fits = host_add(&host, text, 1);
		else /* a "%%" as well: it would be a '%', which no host name holds */
			return refuse(value, KEY_HOSTNAME, reterr,
				      "%s: expected letters, digits, '-', '.', %%u and %%h",
				      value->text);
		text += *text == '%' ? 2 : 1;
	}
	if (!fits || host.len == 0)
		return refuse(value, KEY_HOSTNAME, reterr,
			      "%s: becomes too long or empty for %s; expected 1 to %d characters",
			      value->text, login->user, HOSTNAME_MAX);
	plan->hostname = strdup(host.text);
	return plan->hostname ? 0 : out_of_memory(reterr);
}

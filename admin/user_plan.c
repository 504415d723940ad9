/* SPDX-License-Identifier: MIT */
#include "admin/user_plan.h"

#include "admin/policy_view.h"
#include "core/cleanup.h"
#include "core/identity.h"

int user_plan(const struct policy *policy, const char *user, const char *service,
	      bool *ret_sandboxed, struct plan *ret_plan, struct failure *reterr)
{
	__attribute__((cleanup(identity_free))) struct login login = {0};
	struct effective effective;
	struct plan_facts facts;
	char host[HOST_NAME_SIZE];
	int r = identity_lookup(user, service, &login, reterr);

	if (r == 0)
		r = match_login(policy, &login, &effective, reterr);
	if (r != 0)
		return r;
	if (login.uid == 0 || !effective_number(&effective, KEY_SANDBOX)) {
		*ret_sandboxed = false;
		return 0;
	}
	r = policy_view_facts(&facts, host, reterr);
	if (r == 0)
		r = plan_build(&effective, &login, &facts, host, ret_plan, reterr);
	if (r == 0)
		*ret_sandboxed = true;
	return r;
}

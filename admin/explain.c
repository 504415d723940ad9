/* SPDX-License-Identifier: MIT */
/* carrel explain - what the policy means for one login, and which line says so. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "admin/account.h"
#include "admin/policy_view.h"
#include "admin/verb.h"
#include "core/cleanup.h"
#include "core/convert.h"
#include "core/identity.h"
#include "core/user_policy.h"

#define DEFAULT_SERVICE "sshd"

struct explanation {
	struct policy_view view;
	struct login login;
	struct effective effective;
	struct plan_facts facts;
	struct policy_errors refusals; /* why this login would be refused */
	const char *outcome; /* "sandboxed", "left alone" or "refused" */
	char reason[FAILURE_TEXT_MAX]; /* of "left alone", else "" */
};

static int decide(struct explanation *it, struct failure *reterr)
{
	const struct policy_value *sandbox;
	char host[HOST_NAME_SIZE];
	struct plan plan = {0};
	int r = match_login(it->view.policy, &it->login, &it->effective, reterr);

	if (r < 0)
		return failure_wrap(reterr, "the login of %s would be refused", it->login.user);
	r = policy_view_facts(&it->facts, host, reterr);
	if (r < 0)
		return r;
	sandbox = it->effective.values[KEY_SANDBOX];
	it->outcome = "left alone";
	if (it->login.uid == 0) {
		(void)snprintf(it->reason, sizeof(it->reason), "uid 0 always is");
		return 0;
	}
	if (!sandbox->number) {
		(void)snprintf(it->reason, sizeof(it->reason), "sandbox = no, %s:%d", sandbox->file,
			       sandbox->line);
		return 0;
	}
	it->outcome = "sandboxed";
	if (strcmp(it->login.service, USER_POLICY_SERVICE) == 0)
		policy_view_check_shell(&it->effective, &it->refusals);
	if (plan_build(&it->effective, &it->login, &it->facts, host, &plan, reterr) < 0) {
		policy_errors_add(&it->refusals, "%s", reterr->text);
	} else {
		if (strcmp(it->login.service, USER_POLICY_SERVICE) != 0)
			policy_view_check_plan(&it->effective, &plan, it->login.uid, &it->refusals);
		plan_free(&plan);
	}
	if (it->refusals.count)
		it->outcome = "refused";
	return 0;
}

/* As plan_build() counts a percentage: whole pages. */
static uint64_t bytes_here(const struct explanation *it, const struct policy_value *value)
{
	uint64_t total = it->facts.memory_total;
	uint64_t bytes = total / 100 * value->number + total % 100 * value->number / 100;

	return bytes - bytes % it->facts.page_size;
}

/* Text ---------------------------------------------------------------------------------------- */

/* Keys of later versions have nothing to show, and of a login left alone only `sandbox` counts. */
static bool is_shown(const struct explanation *it, size_t key)
{
	if (policy_keys[key].unsupported || policy_keys[key].type == TYPE_UNSUPPORTED)
		return false;
	return it->reason[0] == '\0' || (key == KEY_SANDBOX && it->login.uid != 0);
}

static void print_value(const struct explanation *it, size_t key)
{
	const struct policy_value *value = it->effective.values[key];
	char from[FAILURE_TEXT_MAX];

	if (value->line > 0)
		(void)snprintf(from, sizeof(from), "%s:%d", value->file, value->line);
	else
		(void)snprintf(from, sizeof(from), "(default)");
	printf("%-17s %-38s %s", policy_keys[key].name, from,
	       value->set && value->text && value->text[0] ? value->text : "-");
	if (value->set && value->percent && value->number != CONVERT_MAX)
		printf(" (%" PRIu64 " bytes here)", bytes_here(it, value));
	putchar('\n');
}

static int print_text(const struct explanation *it)
{
	printf("%s, uid %" PRIu32 ", service %s: %s", it->login.user, it->login.uid,
	       it->login.service, it->outcome);
	if (it->reason[0])
		printf(" (%s)", it->reason);
	putchar('\n');
	printf("policy: %s\n",
	       it->view.origin == POLICY_CURRENT
		       ? "current"
		       : "last accepted (the current one is bad, see carrel check)");
	for (size_t i = 0; i < it->refusals.count; i++)
		printf("refused: %s\n", it->refusals.texts[i]);
	if (it->login.uid == 0)
		return VERB_DONE;
	printf("\n%-17s %-38s %s\n", "KEY", "FROM", "VALUE");
	for (size_t key = 0; key < POLICY_KEYS; key++)
		if (is_shown(it, key))
			print_value(it, key);
	return VERB_DONE;
}

/* JSON ---------------------------------------------------------------------------------------- */

static json_t *json_words(char **words)
{
	json_t *array = json_array();

	for (; array && words && *words; words++)
		verb_json_append(&array, verb_json_text(*words));
	return array;
}

static json_t *json_choices(const struct policy_key_info *info, uint64_t bits)
{
	json_t *array = json_array();

	for (size_t i = 0; array && info->choices[i]; i++)
		if (bits >> i & 1)
			verb_json_append(&array, verb_json_text(info->choices[i]));
	return array;
}

static json_t *json_microseconds(uint64_t seconds)
{
	if (seconds == CONVERT_MAX)
		return json_null();
	return json_integer(seconds > INT64_MAX / 1000000 ? INT64_MAX
							  : (json_int_t)seconds * 1000000);
}

/* [{"device": "/dev/sda", "rbps": 1024, "wbps": null, …}], null for "max" */
static json_t *json_rates(const struct policy_value *value)
{
	json_t *devices = json_array();
	const char *wrong;
	struct io_max max;

	if (!value->words || io_max_read(value->words, &max, &wrong) < 0) {
		json_decref(devices);
		return json_null();
	}
	for (size_t i = 0; devices && i < max.count; i++) {
		const struct io_device *it = &max.devices[i];

		verb_json_append(
			&devices,
			json_pack("{s:o, s:o, s:o, s:o, s:o}", "device", verb_json_text(it->path),
				  io_rate_names[IO_RBPS], verb_json_number(it->rates[IO_RBPS]),
				  io_rate_names[IO_WBPS], verb_json_number(it->rates[IO_WBPS]),
				  io_rate_names[IO_RIOPS], verb_json_number(it->rates[IO_RIOPS]),
				  io_rate_names[IO_WIOPS], verb_json_number(it->rates[IO_WIOPS])));
	}
	return devices;
}

/* Bytes, microseconds, percents and counts as numbers; null for "max" and for what nobody set. */
static json_t *json_typed(const struct explanation *it, size_t key)
{
	const struct policy_key_info *info = &policy_keys[key];
	const struct policy_value *value = it->effective.values[key];

	if (!value->set)
		return json_null();
	switch (info->type) {
	case TYPE_BOOL:
		return json_boolean(value->number != 0);
	case TYPE_CHOICE:
		return verb_json_text(info->choices[value->number]);
	case TYPE_CHOICES:
		return json_choices(info, value->number);
	case TYPE_SIZE:
		return verb_json_number(value->percent ? bytes_here(it, value) : value->number);
	case TYPE_COUNT:
	case TYPE_PERCENT:
		return verb_json_number(value->number);
	case TYPE_TIME:
		return json_microseconds(value->number);
	case TYPE_NUMBER:
		return json_integer((json_int_t)value->number);
	case TYPE_PATHS:
	case TYPE_BINDS:
		return json_words(value->words);
	case TYPE_IO_MAX:
		return json_rates(value);
	case TYPE_CPUS:
	case TYPE_PATH:
	case TYPE_TEXT:
		return value->words && value->words[0] ? verb_json_text(value->words[0])
						       : json_null();
	case TYPE_CAPABILITIES:
	case TYPE_UNSUPPORTED:
		break;
	}
	return value->text ? verb_json_text(value->text) : json_null();
}

static json_t *json_keys(const struct explanation *it)
{
	json_t *keys = json_object();

	for (size_t key = 0; keys && key < POLICY_KEYS; key++) {
		const struct policy_value *value = it->effective.values[key];
		json_t *entry;

		if (policy_keys[key].unsupported || policy_keys[key].type == TYPE_UNSUPPORTED)
			continue;
		entry = json_pack("{s:o, s:o, s:o, s:o}", "value", json_typed(it, key), "text",
				  value->set && value->text ? verb_json_text(value->text)
							    : json_null(),
				  "file",
				  value->line > 0 ? verb_json_text(value->file) : json_null(),
				  "line",
				  value->line > 0 ? json_integer(value->line) : json_null());
		if (json_object_set_new(keys, policy_keys[key].name, entry) < 0) {
			json_decref(keys);
			return NULL;
		}
	}
	return keys;
}

static int print_json(const struct explanation *it)
{
	json_t *refusals = json_array();

	for (size_t i = 0; refusals && i < it->refusals.count; i++)
		verb_json_append(&refusals, verb_json_text(it->refusals.texts[i]));
	return verb_print_json(
		json_pack("{s:o, s:I, s:o, s:o, s:s, s:s, s:o, s:o, s:o}", "user",
			  verb_json_text(it->login.user), "uid", (json_int_t)it->login.uid,
			  "groups", json_words(it->login.groups), "service",
			  verb_json_text(it->login.service), "outcome", it->outcome, "policy",
			  it->view.origin == POLICY_CURRENT ? "current" : "last accepted", "reason",
			  it->reason[0] ? verb_json_text(it->reason) : json_null(), "refusals",
			  refusals, "keys", json_keys(it)));
}

/* --------------------------------------------------------------------------------------------- */

static int explain(const char *user, const char *service, bool json)
{
	struct explanation it = {0};
	const struct passwd *passwd;
	_free_ char *name = NULL;
	struct failure failure;
	int code = VERB_FAILED;

	/* What is no name may be a uid. NSS's answer is copied: it is asked again below. */
	passwd = account_find(user);
	name = strdup(passwd ? passwd->pw_name : user);
	if (!name)
		(void)failure_set(&failure, ENOMEM, "look up user %s", user);
	if (!name || identity_lookup(name, service, &it.login, &failure) < 0)
		return verb_fail(&failure);
	if (policy_view_load(&it.view, &failure) < 0) {
		for (size_t i = 0; i < it.view.errors.count; i++)
			fprintf(stderr, "%s\n", it.view.errors.texts[i]);
		(void)verb_fail(&failure);
	} else if (decide(&it, &failure) < 0) {
		(void)verb_fail(&failure);
	} else {
		code = json ? print_json(&it) : print_text(&it);
	}
	policy_view_free(&it.view);
	policy_errors_free(&it.refusals);
	identity_free(&it.login);
	return code;
}

static int run_explain(const struct verb *verb, int argc, char **argv)
{
	const char *service = DEFAULT_SERVICE, *user = NULL;
	bool json = false;
	int letter;

	while ((letter = verb_option(verb, argc, argv)) != -1) {
		if (letter == 's')
			service = optarg;
		if (letter == 'j')
			json = true;
	}
	if (optind < argc)
		user = argv[optind];
	if (!user || optind + 1 != argc)
		return verb_wrong(verb, "expected one USER");
	if (service[0] == '\0')
		return verb_wrong(verb, "a service with an empty name");
	return explain(user, service, json);
}

static const struct option options[] = {
	VERB_OPTION_HELP,
	{"service", required_argument, NULL, 's'},
	{"json", no_argument, NULL, 'j'},
	{0},
};

const struct verb verb_explain = {
	.name = "explain",
	.synopsis = "[--service SERVICE] [--json] USER",
	.summary = "The policy that a login of USER would get, and the line that set each key.",
	.details = "The first line says whether the login would be sandboxed, left alone or "
		   "refused, the\n"
		   "second which policy it goes by; then one line a key: KEY FROM VALUE.\n\n"
		   "  -s, --service NAME the PAM service of the login (" DEFAULT_SERVICE ")\n"
		   "      --json         one object; bytes, microseconds, null for no limit\n",
	.letters = ":hs:",
	.options = options,
	.run = run_explain,
};

/* SPDX-License-Identifier: MIT */
/*
 * figures - a slice's limits and usage, for `carrel show` and `carrel status`.
 */
#ifndef CARREL_FIGURES_H
#define CARREL_FIGURES_H

#include <jansson.h>

#include "admin/format.h"
#include "core/cgroup_usage.h"

/* By the policy's keys; bytes, percent, counts; null: no limit. NULL: no memory. */
json_t *figures_json_limits(const struct cgroup_figures *figures);
/* null: unknown. NULL: no memory. */
json_t *figures_json_usage(const struct cgroup_figures *figures);

/* The limit for people: "512.0M", "150%", "40", "0-3"; "-" where there is none. */
struct formatted figures_limit(const struct cgroup_figures *figures, enum plan_limit_kind kind);

/* A table of what is used beside what is allowed, on standard output. */
void figures_print(const struct cgroup_figures *figures);

#endif

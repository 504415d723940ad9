/* SPDX-License-Identifier: MIT */
/*
 * model - what the analyzers need to be told, included before each file that they look at. No program is
 * built with it.
 *
 * They see one file at a time, so that to them a function of core/failure.h may return anything; with 0
 * or more, "it failed, yet its caller goes on" makes a false report of every output that is untouched
 * on failure.
 */
#ifndef CARREL_ANALYZE_MODEL_H
#define CARREL_ANALYZE_MODEL_H

#include "core/failure.h"

__attribute__((noreturn)) void model_impossible(void);

static inline int model_negative(int r)
{
	if (r >= 0)
		model_impossible();
	return r;
}

#define failure_set(...) model_negative((failure_set)(__VA_ARGS__))
#define failure_say(...) model_negative((failure_say)(__VA_ARGS__))
#define failure_wrap(...) model_negative((failure_wrap)(__VA_ARGS__))

#endif

/* SPDX-License-Identifier: MIT */
#include "helper/end_line.h"

#include <stdio.h>

#include "core/sys.h"
#include "helper/log.h"

/* Without floating point, which would map parts of the C library in the process' last moments. */
static void format_bytes(uint64_t bytes, char *text, size_t size)
{
	static const char units[] = "BKMGT";
	uint64_t tenths = 0;
	size_t unit = 0;

	if (bytes == UINT64_MAX) {
		(void)snprintf(text, size, "unknown");
		return;
	}
	for (; bytes >= 1024 && units[unit + 1]; unit++) {
		tenths = (bytes % 1024 * 10 + 512) / 1024;
		bytes /= 1024;
	}
	if (unit == 0) {
		(void)snprintf(text, size, "%lluB", (unsigned long long)bytes);
		return;
	}
	bytes += tenths / 10;
	tenths %= 10;
	(void)snprintf(text, size, "%llu.%llu%c", (unsigned long long)bytes,
		       (unsigned long long)tenths, units[unit]);
}

static uint64_t difference(uint64_t end, uint64_t start)
{
	if (end == UINT64_MAX)
		return 0;
	return end - (start == UINT64_MAX || start > end ? 0 : start);
}

/*
 * CPU time and OOM kills are what the user's slice has gained since this session began, the peak is
 * the slice's: with several sessions at once they are the user's, not this session's alone.
 */
void end_line_log(const struct warden *warden, const struct cgroup_usage *usage)
{
	int64_t seconds = (sys_now_ms() - warden->started_ms) / 1000;
	uint64_t cpu_usec = difference(usage->cpu_usec, warden->usage_at_start.cpu_usec);
	char peak[32];

	format_bytes(usage->memory_peak_bytes, peak, sizeof(peak));
	log_line(LOG_INFO,
		 "sandbox %s of %s ended: service=%s length=%lld:%02lld:%02lld cpu=%llu.%02llus "
		 "memory_peak=%s oom_kills=%llu",
		 warden->info.id, warden->info.user, warden->info.service,
		 (long long)(seconds / 3600), (long long)(seconds / 60 % 60),
		 (long long)(seconds % 60), (unsigned long long)(cpu_usec / 1000000),
		 (unsigned long long)(cpu_usec / 10000 % 100), peak,
		 (unsigned long long)difference(usage->oom_kills,
						warden->usage_at_start.oom_kills));
}

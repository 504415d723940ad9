/* SPDX-License-Identifier: MIT */
/* carrel top - the live view of who uses how much. */
#include <curses.h>
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/figures.h"
#include "admin/top_rows.h"
#include "admin/verb.h"
#include "core/cleanup.h"
#include "core/convert.h"
#include "core/sys.h"

#define DEADLINE_MS 500 /* for wardens: the view must not stand still for long */
#define DELAY_DEFAULT 2
#define FIRST_LINE 3 /* of the rows */

struct top {
	struct top_rows rows;
	enum top_order order;
	bool reverse;
	size_t first; /* the first row that is shown */
	int64_t delay_ms;
	int64_t next_ms; /* when figures are read again */
};

static volatile sig_atomic_t over;

static void note_end(int sig)
{
	(void)sig;
	over = 1;
}

/* ncurses leaves signals alone that somebody handles; it restores the terminal in endwin(3). */
static void catch_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = note_end;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaction(signals[i], &action, NULL);
}

/* Drawing ------------------------------------------------------------------------------------- */

/* Cut at the right edge: curses would go on in the next line. */
static void __attribute__((format(printf, 2, 3))) put(int line, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	(void)mvaddnstr(line, 0, text, COLS);
}

static void draw_head(const struct top *top)
{
	const struct top_rows *rows = &top->rows;
	size_t sandboxes = 0, sessions = 0;
	char clock[16] = "";
	time_t now = time(NULL);
	struct tm tm;

	for (size_t i = 0; i < rows->count; i++) {
		sandboxes += rows->items[i].user.sandboxes;
		sessions += rows->items[i].user.sessions;
	}
	if (localtime_r(&now, &tm))
		(void)strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	put(0, "carrel %s  users %zu  sandboxes %zu  sessions %zu", clock, rows->count, sandboxes,
	    sessions);
	put(1, "sorted by %s%s; sort by: c m p s a u, r reverse, q quit",
	    top_order_name(top->order), top->reverse ? ", reversed" : "");
	(void)attron(A_REVERSE);
	put(2, "%-16s %4s %4s %7s %6s %6s %8s %8s %6s %6s %10s %4s %-7s", "USER", "BOX", "SESS",
	    "AGE", "PROCS", "MAX", "MEMORY", "MAX", "CPU%", "MAX", "CPU", "OOM", "STATE");
	(void)attroff(A_REVERSE);
}

static void draw_row(int line, const struct top_row *row, int64_t now)
{
	const struct user_row *user = &row->user;
	const struct cgroup_figures *figures = &user->figures;
	char name[sizeof(user->name)], percent[16] = "-";

	memcpy(name, user->name, sizeof(name));
	format_clean(name);
	if (row->cpu_percent >= 0)
		(void)snprintf(percent, sizeof(percent), "%.1f", row->cpu_percent);
	put(line, "%-16.16s %4zu %4zu %7s %6s %6s %8s %8s %6s %6s %10s %4s %-7s", name,
	    user->sandboxes, user->sessions,
	    user->started ? format_age(now - user->started).text : "-",
	    format_count(figures->usage.processes).text,
	    figures_limit(figures, LIMIT_PIDS_MAX).text,
	    format_bytes(figures->usage.memory_bytes).text,
	    figures_limit(figures, LIMIT_MEMORY_MAX).text, percent,
	    figures_limit(figures, LIMIT_CPU_MAX).text,
	    format_seconds(figures->usage.cpu_usec).text,
	    format_count(figures->usage.oom_kills).text,
	    user->silent   ? "silent"
	    : user->frozen ? "frozen"
			   : "");
}

static size_t room(void)
{
	return LINES > FIRST_LINE ? (size_t)(LINES - FIRST_LINE) : 0;
}

static void draw(struct top *top)
{
	int64_t now = (int64_t)time(NULL);
	size_t last;

	if (top->first + room() > top->rows.count)
		top->first = top->rows.count > room() ? top->rows.count - room() : 0;
	last = top->first + room() < top->rows.count ? top->first + room() : top->rows.count;
	top_rows_sort(&top->rows, top->order, top->reverse);
	(void)erase();
	draw_head(top);
	for (size_t i = top->first; i < last; i++)
		draw_row(FIRST_LINE + (int)(i - top->first), &top->rows.items[i], now);
	(void)refresh();
}

/* Keys ---------------------------------------------------------------------------------------- */

static void scroll_rows(struct top *top, int64_t by)
{
	if (by < 0)
		top->first = top->first > (size_t)-by ? top->first - (size_t)-by : 0;
	else
		top->first += (size_t)by; /* draw() knows where the end is */
}

static void take_key(struct top *top, int key)
{
	enum top_order order;

	if (top_order_of_key(key, &order)) {
		top->order = order;
		return;
	}
	switch (key) {
	case 'q':
	case 3: /* ^C, where the terminal makes no signal of it */
		over = 1;
		break;
	case 'r':
		top->reverse = !top->reverse;
		break;
	case ' ':
		top->next_ms = 0;
		break;
	case KEY_UP:
	case 'k':
		scroll_rows(top, -1);
		break;
	case KEY_DOWN:
	case 'j':
		scroll_rows(top, 1);
		break;
	case KEY_PPAGE:
		scroll_rows(top, -(int64_t)room());
		break;
	case KEY_NPAGE:
		scroll_rows(top, (int64_t)room());
		break;
	case KEY_RESIZE: /* the terminal may have wrapped what was there */
		(void)clearok(curscr, TRUE);
		break;
	default: /* ERR after a while without a key: it is drawn anew */
		break;
	}
}

static int watch(struct top *top, struct failure *reterr)
{
	while (!over) {
		int64_t now_ms = sys_now_ms(), wait_ms;

		if (now_ms >= top->next_ms) {
			int r = top_rows_update(&top->rows, now_ms + DEADLINE_MS, reterr);

			if (r < 0)
				return r;
			top->next_ms = sys_now_ms() + top->delay_ms;
		}
		draw(top);
		wait_ms = top->next_ms - sys_now_ms();
		timeout(wait_ms > 0 ? (int)wait_ms : 0);
		take_key(top, getch());
		/* A terminal that has gone is always ready, with nothing. */
		if (!isatty(STDIN_FILENO))
			over = 1;
	}
	return 0;
}

static int show_top(struct top *top, struct failure *reterr)
{
	SCREEN *screen;
	int r;

	(void)setlocale(LC_CTYPE, "");
	catch_signals();
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return failure_say(reterr, ENOTTY,
				   "the terminal %.40s is not known (see terminfo(5))",
				   getenv("TERM") ? getenv("TERM") : "\"\"");
	(void)cbreak();
	(void)noecho();
	(void)keypad(stdscr, TRUE);
	(void)curs_set(0);
	r = watch(top, reterr);
	(void)endwin();
	delscreen(screen);
	return r;
}

static int run_top(const struct verb *verb, int argc, char **argv)
{
	struct top top = {.order = TOP_BY_CPU};
	uint64_t delay = DELAY_DEFAULT;
	struct failure failure;
	int letter, code = VERB_DONE;

	while ((letter = verb_option(verb, argc, argv)) != -1)
		if (letter == 'd' && convert_unsigned(optarg, 1, 3600, &delay) < 0)
			return verb_wrong(verb, "--delay: expected 1 to 3600 seconds, not %s",
					  optarg);
	if (optind < argc)
		return verb_wrong(verb, "no argument is expected, not %s", argv[optind]);
	if (verb_need_root("top") != VERB_DONE)
		return VERB_FAILED;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		(void)failure_say(&failure, ENOTTY,
				  "top: this is no terminal (carrel list is for scripts)");
		return verb_fail(&failure);
	}
	top.delay_ms = (int64_t)delay * 1000;
	if (show_top(&top, &failure) < 0) {
		(void)failure_wrap(&failure, "top");
		code = verb_fail(&failure);
	}
	top_rows_free(&top.rows);
	return code;
}

static const struct option options[] = {
	VERB_OPTION_HELP,
	{"delay", required_argument, NULL, 'd'},
	{0},
};

const struct verb verb_top = {
	.name = "top",
	.synopsis = "[--delay SECONDS]",
	.summary = "Root: the live view, one line a user.",
	.details = "Keys: sort by c CPU, m memory, p processes, s sessions, a age, u user; r "
		   "reverses;\n"
		   "space reads anew, arrows scroll, q ends.\n\n"
		   "  -d, --delay N      seconds between two looks (2)\n",
	.letters = ":hd:",
	.options = options,
	.run = run_top,
};

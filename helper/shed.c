/* SPDX-License-Identifier: MIT */
#include "helper/shed.h"

#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/bare.h"
#include "core/cleanup.h"

/*
 * glibc's, called at the end of each thread: gives the chunks that malloc keeps for quick reuse (tcache)
 * back to the heap, whose pages they pin otherwise. Weak: another C library does without.
 */
#pragma weak __libc_thread_freeres
extern void __libc_thread_freeres(void);

#define OWN_SIZE 512 /* of drop_code_and_wait(), at least */
#define STACK_DEPTH (256 * 1024) /* more than opening a session has used */

static uintptr_t page_down(uintptr_t address, uintptr_t page)
{
	return address - address % page;
}

/*
 * Segments that nobody can write are the file's own pages, dropped without loss (madvise(2),
 * MADV_DONTNEED). Writable ones, with the part that RELRO made read-only, hold what was relocated.
 */
static struct {
	uintptr_t start;
	size_t size;
} segments[8];
static size_t segment_count;

static int note_segments(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t page = *(const uintptr_t *)arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum && segment_count < ARRAY_SIZE(segments); i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type != PT_LOAD || (header->p_flags & PF_W))
			continue;
		uintptr_t start = page_down(info->dlpi_addr + header->p_vaddr, page);
		uintptr_t end = info->dlpi_addr + header->p_vaddr + header->p_memsz;

		segments[segment_count].start = start;
		segments[segment_count++].size = end - start;
	}
	return 0;
}

static void note_code(uintptr_t page)
{
	if (segment_count > 0)
		return;
	(void)dl_iterate_phdr(note_segments, &page);
	if (__libc_thread_freeres)
		__libc_thread_freeres();
}

static inline void drop(uintptr_t start, uintptr_t end)
{
	if (start < end)
		(void)bare_call(SYS_madvise, (long)start, (long)(end - start), MADV_DONTNEED);
}

/*
 * Drop the code and wait. The pages that this function lies on stay: they are mapped as it runs, and
 * a page fault would bring their neighbours along. So it calls nothing of the C library's.
 */
static __attribute__((noinline)) int drop_code_and_wait(uintptr_t page, struct pollfd *polls,
							size_t count, struct timespec *left)
{
	const uint64_t no_signals = 0; /* the kernel's sigset_t: _NSIG / 8 bytes */
	uintptr_t own = page_down((uintptr_t)drop_code_and_wait, page);
	uintptr_t own_end = page_down((uintptr_t)drop_code_and_wait + OWN_SIZE, page) + page;

	for (size_t i = 0; i < segment_count; i++) {
		uintptr_t start = segments[i].start, end = start + segments[i].size;

		drop(start, own < end ? own : end);
		drop(own_end > start ? own_end : start, end);
	}
	long ready = bare_call5(SYS_ppoll, (long)polls, (long)count, (long)left, (long)&no_signals,
				sizeof(no_signals));

	if (ready < 0) {
		errno = (int)-ready;
		return -1;
	}
	return (int)ready;
}

int shed_memory_and_wait(struct pollfd *polls, size_t count, const struct timespec *timeout)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	/* Slack for the frames of the calls below. */
	uintptr_t top = page_down((uintptr_t)__builtin_frame_address(0), page) - page;
	struct timespec left = timeout ? *timeout : (struct timespec){.tv_sec = 0};

	note_code(page);
#ifdef __GLIBC__ /* musl gives back what is free by itself */
	(void)malloc_trim(0);
#endif
	// NOLINTNEXTLINE(performance-no-int-to-ptr)
	(void)madvise((void *)(top - STACK_DEPTH), STACK_DEPTH, MADV_DONTNEED);
	return drop_code_and_wait(page, polls, count, timeout ? &left : NULL);
}

/* SPDX-License-Identifier: MIT */
#include "helper/shed.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/cleanup.h"

/*
 * glibc's, called at the end of each thread: gives the chunks that malloc keeps for quick reuse (tcache)
 * back to the heap, whose pages they pin otherwise. Weak: another C library does without.
 */
#pragma weak __libc_thread_freeres
extern void __libc_thread_freeres(void);

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
	void *start;
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

		// NOLINTNEXTLINE(performance-no-int-to-ptr)
		segments[segment_count].start = (void *)start;
		segments[segment_count++].size = end - start;
	}
	return 0;
}

void shed_memory(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	/* Slack for the frames of the calls below. */
	uintptr_t top = page_down((uintptr_t)__builtin_frame_address(0), page) - page;

	if (segment_count == 0) {
		(void)dl_iterate_phdr(note_segments, &page);
		if (__libc_thread_freeres)
			__libc_thread_freeres();
	}
	(void)malloc_trim(0);
	// NOLINTNEXTLINE(performance-no-int-to-ptr)
	(void)madvise((void *)(top - STACK_DEPTH), STACK_DEPTH, MADV_DONTNEED);
	/* Last, and with little to run afterwards: each fault brings 16 pages of the file back. */
	for (size_t i = 0; i < segment_count; i++)
		(void)madvise(segments[i].start, segments[i].size, MADV_DONTNEED);
}

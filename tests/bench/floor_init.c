/* SPDX-License-Identifier: MIT */
/*
 * floor_init - PID 1 of the floor's sandbox: static, without a C library. Waits for the end of the
 * pipe that its parent holds, then ends, and the pid namespace with it.
 */

static long read_stdin(void *byte)
{
#if defined(__x86_64__)
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(0L), "D"(0L), "S"(byte), "d"(1L)
			 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long number __asm__("x8") = 63;
	register long result __asm__("x0") = 0;
	register void *buffer __asm__("x1") = byte;
	register long size __asm__("x2") = 1;

	__asm__ volatile("svc 0" : "+r"(result) : "r"(number), "r"(buffer), "r"(size) : "memory");
	return result;
#else
#error "floor_init: add the system calls of this architecture"
#endif
}

static void leave(void)
{
#if defined(__x86_64__)
	__asm__ volatile("syscall" : : "a"(60L), "D"(0L) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long number __asm__("x8") = 93;
	register long status __asm__("x0") = 0;

	__asm__ volatile("svc 0" : : "r"(number), "r"(status) : "memory");
#endif
}

void _start(void);
void _start(void)
{
	char byte;
	long got;

	do
		got = read_stdin(&byte);
	while (got > 0 || got == -4); /* EINTR */
	leave();
	for (;;)
		;
}

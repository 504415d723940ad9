/* SPDX-License-Identifier: MIT */
/*
 * carrel-shell - what stands in passwd: it drops the dangerous variables of the environment, then runs
 * the rest of carrel-shell, main.c, with the same arguments.
 *
 * A program that asks NSS is linked dynamically, and the loader follows LD_PRELOAD and its like before main():
 * code of the user's would run before there is a sandbox. This one has no loader and no C library, which
 * reads GLIBC_TUNABLES even in a static program; so nothing reads the environment before it is clean.
 */
#include <sys/syscall.h>

#include "core/bare.h"
#include "login_shell/environment.h"

#define REST CARREL_LIBEXEC "/carrel-shell"
#define CANNOT_RUN 126

#if defined(__x86_64__)
__asm__(".text\n"
	".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call front\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl _start\n"
	"_start:\n"
	"	mov x29, #0\n"
	"	mov x30, #0\n"
	"	mov x0, sp\n"
	"	bl front\n");
#endif

__attribute__((noreturn, used)) void front(char **stack);

/* The stack as execve(2) leaves it: argc, the arguments, NULL, the environment, NULL. */
void front(char **stack)
{
	static const char refusal[] =
		"carrel-shell: " REST " can't be run: the admin must reinstall carrel\n";
	char **argv = stack + 1, **env = argv + (long)stack[0] + 1;
	long kept = 0;

	for (long i = 0; env[i]; i++)
		if (!environment_is_dangerous(env[i]))
			env[kept++] = env[i];
	env[kept] = (char *)0;
	(void)bare_call(SYS_execve, (long)REST, (long)argv, (long)env);
	(void)bare_call(SYS_write, 2, (long)refusal, sizeof(refusal) - 1);
	for (;;)
		(void)bare_call(SYS_exit_group, CANNOT_RUN, 0, 0);
}

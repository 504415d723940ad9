# The helper with musl as its C library, the archives of libiniparser and libcap-ng as the system has them.
#
# glibc's start, static too, asks CPUID some fifty times for the sizes of caches. In a virtual machine each of
# these is a trap, of 4 to 12 us where it was measured: up to 0.6 ms of each login. musl's start asks nothing.
#
# The archives were compiled with glibc's headers; what they call beyond ISO C and POSIX is in
# helper/glibc_calls.c. Whether that is all is tried once here, by a link: else STATIC_HELPER is -static-pie.

MUSL_CPU     := $(or $(firstword $(subst -, ,$(MULTIARCH))),$(shell uname -m))
MUSL_LIB     := $(patsubst %/rcrt1.o,%,$(firstword $(wildcard /usr/lib/$(MUSL_CPU)-linux-musl*/rcrt1.o)))
MUSL_HEADERS := $(wildcard /usr/include/$(notdir $(MUSL_LIB)))
MUSL_BUILD    = $(BUILD)/musl

# Of the system's headers only the kernel's and those of the libraries: no other of glibc's is to be found.
MUSL_BORROWED := $(wildcard /usr/include/linux /usr/include/asm-generic /usr/include/cap-ng.h \
	/usr/include/iniparser /usr/include/iniparser.h /usr/include/dictionary.h) \
	$(firstword $(wildcard /usr/include/$(MULTIARCH)/asm /usr/include/asm))
MUSL_INCLUDES  = $(MUSL_BUILD)/include/stamp
MUSL_CPPFLAGS  = -nostdinc -isystem $(MUSL_HEADERS) -isystem $(shell $(CC) -print-file-name=include) \
	-isystem $(MUSL_BUILD)/include -isystem $(MUSL_BUILD)/include/iniparser -I. -D_GNU_SOURCE $(DEFINES)

# The same sources are compiled against glibc's headers with all warnings; these are of macros of musl's own.
MUSL_WARN     := -Wno-sign-compare

comma := ,
# _FORTIFY_SOURCE is a thing of glibc's headers. In its place the compiler checks indices and the sizes of
# objects that it knows, and stops the program where one is passed.
MUSL_HARDEN   := $(call cc-option,-fsanitize=bounds$(comma)object-size -fsanitize-undefined-trap-on-error)

MUSL_START     = -static-pie -nostdlib $(MUSL_LIB)/rcrt1.o $(MUSL_LIB)/crti.o $(shell $(CC) -print-file-name=crtbeginS.o)
MUSL_END       = $(LIB_INIPARSER) $(LIB_CAPNG) -Wl,--start-group $(MUSL_LIB)/libc.a -lgcc -Wl,--end-group \
	$(shell $(CC) -print-file-name=crtendS.o) $(MUSL_LIB)/crtn.o

MUSL_LINKS := $(if $(MUSL_LIB),$(shell $(CC) -nostdinc -isystem $(MUSL_HEADERS) \
	-isystem $(shell $(CC) -print-file-name=include) -D_GNU_SOURCE -fPIE helper/glibc_calls.c -o /dev/null $(MUSL_START) \
	-Wl,-u,iniparser_load,-u,capng_apply,-u,capng_name_to_capability,--defsym=main=iniparser_load \
	$(MUSL_END) >/dev/null 2>&1 && echo yes))

/* SPDX-License-Identifier: MIT */
/*
 * shed - give back the memory that making a sandbox took and waiting for its end does not take.
 */
#ifndef CARREL_SHED_H
#define CARREL_SHED_H

/*
 * Drop free heap, the unused depth of the stack, and the program's own code and constants (clean file
 * pages: what is needed again comes back from the page cache). Can't fail; does nothing harmful where
 * the kernel refuses.
 */
void shed_memory(void);

#endif

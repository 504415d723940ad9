/* SPDX-License-Identifier: MIT */
/*
 * inside_probe - what carrel-shell believes of where it runs: "inside" a sandbox of pam_carrel's, or "outside".
 * It is the product's own code (host programs are linked from one file each).
 */
#include "../../../core/sys.c" // NOLINT(bugprone-suspicious-include)
#include "../../../login_shell/inside.c" // NOLINT(bugprone-suspicious-include)

int main(void)
{
	return puts(inside_is_carrel() ? "inside" : "outside") < 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/* In a machine of Bochs: end it, by the port that it watches. /poweroff of its initrd, see `init`. Built
 * by bochs-build without a C library: Debian's cloud kernels have no /dev/port.
 */
static long syscall1(long number, long arg)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(arg) : "rcx", "r11", "memory");
	return result;
}

void _start(void)
{
	if (!syscall1(172, 3)) /* iopl */
		for (const char *c = "Shutdown"; *c; c++)
			__asm__ volatile("outb %0, %1" : : "a"(*c), "d"((unsigned short)0x8900));
	syscall1(60, 1); /* exit: still here */
}

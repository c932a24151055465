# The local APIC's timer, one-shot, on a CPU that virtualizes no interrupts: every access is an exit, the
# interrupt is injected by the host. Time passes only where the script says so.
cpu svm
0: write 0xfee000f0 0x1ff	# software-enable
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000f0
0: write 0xfee003e0 0xb		# divide by 1
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee003e0
0: write 0xfee00320 0x40	# one-shot, vector 0x40
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00320
0: write 0xfee00380 1000	# 1000 ticks of 1 ns
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00380
0: sti
advance 999ns
0: read 0xfee00390		# one tick is left
  = 0x1
  ! 999 ns, vCPU 0: exit NPF 0x4 0xfee00390
advance 1ns
  ! 1000 ns, vCPU 0: timer
  ! 1000 ns, vCPU 0: exit INTR
  ! 1000 ns, vCPU 0: interrupt 0x40
0: read 0xfee00120		# ISR: 0x40 is bit 0 of the third word
  = 0x1
  ! 1000 ns, vCPU 0: exit NPF 0x4 0xfee00120
0: eoi
  ! 1000 ns, vCPU 0: exit NPF 0x6 0xfee000b0
0: iret
0: hlt				# nothing wakes it
  ! 1000 ns, vCPU 0: exit HLT
0: nop
  = sleeps

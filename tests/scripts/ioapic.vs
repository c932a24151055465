# A level-triggered line: sent once, again after the EOI as long as it is asserted.
cpu svm
0: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000f0
0: rte 16 0x8041		# level, vector 0x41, to APIC 0
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00000
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00010
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00000
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00010
0: sti
0: nop
line 16 1
  = 1
  ! 0 ns, vCPU 0: exit INTR
  ! 0 ns, vCPU 0: interrupt 0x41
line 16 1
  = -1
0: eoi
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000b0
0: iret
  ! 0 ns, vCPU 0: exit VINTR
  ! 0 ns, vCPU 0: interrupt 0x41
line 16 0
  = 1
0: eoi
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000b0
0: iret
idle 1ms
  = 0

# The NMI watchdog: LINT0 is an NMI, the PIC is masked; each tick is one.
cpu vmx
pit
0: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
0: write 0xfee00350 0x400
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
0: out 0x21 0xff 1
  ! 0 ns, vCPU 0: exit IO 0x210000 0
0: out 0x43 0x34 1
  ! 0 ns, vCPU 0: exit IO 0x430000 0
0: out 0x40 0x9c 1
  ! 0 ns, vCPU 0: exit IO 0x400000 0
0: out 0x40 0x2e 1
  ! 0 ns, vCPU 0: exit IO 0x400000 0
advance 10001us
  ! 10000151 ns, vCPU 0: exit INTERRUPT
  ! 10000151 ns, vCPU 0: NMI
0: iret
advance 10001us
  ! 20000302 ns, vCPU 0: exit INTERRUPT
  ! 20000302 ns, vCPU 0: NMI
0: iret
0: write 0xfee00350 0x10400
  ! 20002000 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
advance 50ms

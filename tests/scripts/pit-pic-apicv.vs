# The same with APICv: what the PIC gives is injected, by a window if it has to wait.
cpu apicv
pit
0: out 0x20 0x11 1
  ! 0 ns, vCPU 0: scan of the routes
  ! 0 ns, vCPU 0: load of the EOI-exit map
  ! 0 ns, vCPU 0: exit IO 0x200000 0
0: out 0x21 0x20 1
  ! 0 ns, vCPU 0: exit IO 0x210000 0
0: out 0x21 4 1
  ! 0 ns, vCPU 0: exit IO 0x210000 0
0: out 0x21 1 1
  ! 0 ns, vCPU 0: exit IO 0x210000 0
0: out 0xa0 0x11 1
  ! 0 ns, vCPU 0: exit IO 0xa00000 0
0: out 0xa1 0x28 1
  ! 0 ns, vCPU 0: exit IO 0xa10000 0
0: out 0xa1 2 1
  ! 0 ns, vCPU 0: exit IO 0xa10000 0
0: out 0xa1 1 1
  ! 0 ns, vCPU 0: exit IO 0xa10000 0
0: out 0x21 0xfe 1
  ! 0 ns, vCPU 0: exit IO 0x210000 0
0: out 0x43 0x34 1
  ! 0 ns, vCPU 0: exit IO 0x430000 0
0: out 0x40 0x9c 1
  ! 0 ns, vCPU 0: exit IO 0x400000 0
0: out 0x40 0x2e 1		# 11932: 100 Hz
  ! 0 ns, vCPU 0: exit IO 0x400000 0
0: sti
0: hlt
  ! 0 ns, vCPU 0: exit HLT
advance 10001us
  ! 10000151 ns, vCPU 0: interrupt 0x20
0: out 0x20 0x20 1
  ! 10001000 ns, vCPU 0: exit IO 0x200000 0
0: iret
0: hlt
  ! 10001000 ns, vCPU 0: exit HLT
advance 10001us
  ! 20000302 ns, vCPU 0: interrupt 0x20
0: out 0x20 0x20 1
  ! 20002000 ns, vCPU 0: exit IO 0x200000 0
0: iret
0: out 0x21 0xff 1
  ! 20002000 ns, vCPU 0: exit IO 0x210000 0
0: in 0x40 1
  = 0x9a
  ! 20002000 ns, vCPU 0: exit IO 0x400008 0
0: in 0x40 1
  = 0x2e
  ! 20002000 ns, vCPU 0: exit IO 0x400008 0
0: out 0x21 0xfe 1
  ! 20002000 ns, vCPU 0: exit IO 0x210000 0
advance 10001us
  ! 30000453 ns, vCPU 0: exit INTERRUPT
  ! 30000453 ns, vCPU 0: interrupt 0x20
0: cli
0: out 0x20 0x20 1
  ! 30003000 ns, vCPU 0: exit IO 0x200000 0
0: iret
0: cli
advance 10001us			# it waits for a window
  ! 40000604 ns, vCPU 0: exit INTERRUPT
0: sti
0: nop
  ! 40004000 ns, vCPU 0: exit INTERRUPT_WINDOW
  ! 40004000 ns, vCPU 0: interrupt 0x20

# A periodic timer, and TSC-deadline mode; idle serves every handler with EOI and IRET.
cpu vmx
0: wrmsr 0x1b 0xfee00d00
  ! 0 ns, vCPU 0: exit WRMSR
0: wrmsr 0x80f 0x1ff
  ! 0 ns, vCPU 0: exit WRMSR
0: sti
0: wrmsr 0x83e 0xb
  ! 0 ns, vCPU 0: exit WRMSR
0: wrmsr 0x832 0x20040
  ! 0 ns, vCPU 0: exit WRMSR
0: wrmsr 0x838 250000
  ! 0 ns, vCPU 0: exit WRMSR
idle 1ms
  = 4
  ! 250000 ns, vCPU 0: timer
  ! 250000 ns, vCPU 0: exit INTERRUPT
  ! 250000 ns, vCPU 0: interrupt 0x40
  ! 250000 ns, vCPU 0: exit WRMSR
  ! 500000 ns, vCPU 0: timer
  ! 500000 ns, vCPU 0: exit INTERRUPT
  ! 500000 ns, vCPU 0: interrupt 0x40
  ! 500000 ns, vCPU 0: exit WRMSR
  ! 750000 ns, vCPU 0: timer
  ! 750000 ns, vCPU 0: exit INTERRUPT
  ! 750000 ns, vCPU 0: interrupt 0x40
  ! 750000 ns, vCPU 0: exit WRMSR
  ! 1000000 ns, vCPU 0: timer
  ! 1000000 ns, vCPU 0: exit INTERRUPT
  ! 1000000 ns, vCPU 0: interrupt 0x40
  ! 1000000 ns, vCPU 0: exit WRMSR
0: wrmsr 0x832 0x40040		# TSC deadline; the periodic timer ends
  ! 1000000 ns, vCPU 0: exit WRMSR
0: rdmsr 0x10
  = 0xf4240
  ! 1000000 ns, vCPU 0: exit RDMSR
0: wrmsr 0x6e0 1500000
  ! 1000000 ns, vCPU 0: exit WRMSR
0: hlt
  ! 1000000 ns, vCPU 0: exit HLT
idle 1ms
  = 1
  ! 1500000 ns, vCPU 0: timer
  ! 1500000 ns, vCPU 0: interrupt 0x40
  ! 1500000 ns, vCPU 0: exit WRMSR
0: rdmsr 0x10
  = 0x16e360
  ! 1500000 ns, vCPU 0: exit RDMSR
0: rdmsr 0x6e0
  = 0
  ! 1500000 ns, vCPU 0: exit RDMSR

# The PIT through the IOAPIC's pin 0. Its ticks wait for one another (the default
# of KVM_REINJECT_CONTROL): one that comes while another is served is sent at the EOI.
cpu svm
pit
0: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000f0
0: write 0xfee00350 0x10000
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00350
0: out 0x21 0xff 1
  ! 0 ns, vCPU 0: exit IOIO 0x210010 0
0: rte 0 0x41
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00000
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00010
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00000
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00010
0: out 0x43 0x34 1
  ! 0 ns, vCPU 0: exit IOIO 0x430010 0
0: out 0x40 0x9c 1
  ! 0 ns, vCPU 0: exit IOIO 0x400010 0
0: out 0x40 0x2e 1
  ! 0 ns, vCPU 0: exit IOIO 0x400010 0
0: sti
0: nop
advance 10001us
  ! 10000151 ns, vCPU 0: exit INTR
  ! 10000151 ns, vCPU 0: interrupt 0x41
advance 20001us
0: eoi
  ! 30002000 ns, vCPU 0: exit NPF 0x6 0xfee000b0
0: iret
  ! 30002000 ns, vCPU 0: exit VINTR
  ! 30002000 ns, vCPU 0: interrupt 0x41
0: eoi
  ! 30002000 ns, vCPU 0: exit NPF 0x6 0xfee000b0
0: iret
  ! 30002000 ns, vCPU 0: exit VINTR
  ! 30002000 ns, vCPU 0: interrupt 0x41
0: eoi
  ! 30002000 ns, vCPU 0: exit NPF 0x6 0xfee000b0
0: iret
idle 20ms
  = 2
  ! 40000604 ns, vCPU 0: exit INTR
  ! 40000604 ns, vCPU 0: interrupt 0x41
  ! 40000604 ns, vCPU 0: exit NPF 0x6 0xfee000b0
  ! 50000755 ns, vCPU 0: exit INTR
  ! 50000755 ns, vCPU 0: interrupt 0x41
  ! 50000755 ns, vCPU 0: exit NPF 0x6 0xfee000b0

# Two IOAPICs beyond KVM's, one with 240 pins, whose IOREGSEL has nine bits. An EOI
# is for all of them, by its vector.
cpu svm
ioapic 0xfec01000 24 240
ioapic 0xfec02000 300 32
0: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000f0
0: write 0xfec01000 1
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec01000
0: read 0xfec01010
  = 0xef0011
  ! 0 ns, vCPU 0: exit NPF 0x4 0xfec01010
0: write 0xfec02000 1
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec02000
0: read 0xfec02010
  = 0x1f0011
  ! 0 ns, vCPU 0: exit NPF 0x4 0xfec02010
0: rte 16 0x8041
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00000
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00010
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00000
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00010
0: write 0xfec01000 0x1ee	# pin 239
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec01000
0: write 0xfec01010 0x8041
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec01010
0: write 0xfec02000 0x10
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec02000
0: write 0xfec02010 0x8042
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec02010
line 16 1
  = 1
  ! 0 ns, vCPU 0: exit INTR
line 263 1
  = 1
  ! 0 ns, vCPU 0: exit INTR
line 300 1
  = 1
  ! 0 ns, vCPU 0: exit INTR
0: read 0xfec01010
  = 0xc041
  ! 0 ns, vCPU 0: exit NPF 0x4 0xfec01010
0: sti
0: nop
  ! 0 ns, vCPU 0: exit VINTR
  ! 0 ns, vCPU 0: interrupt 0x42
line 300 0
  = 1
0: eoi
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000b0
0: iret
  ! 0 ns, vCPU 0: exit VINTR
  ! 0 ns, vCPU 0: interrupt 0x41
line 16 0
  = 1
line 263 0
  = 1
0: read 0xfec01010
  = 0xc041
  ! 0 ns, vCPU 0: exit NPF 0x4 0xfec01010
0: eoi
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000b0
0: read 0xfec01010
  = 0x8041
  ! 0 ns, vCPU 0: exit NPF 0x4 0xfec01010
0: iret
line 264 1
  = -1
line 332 1
  = -1
idle 1ms
  = 0

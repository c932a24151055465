# Behaviour B: with AVIC the EOI of a level interrupt is a trap: the store is done, the host reads the page and
# ends the interrupt. EOI can't be read architecturally; nothing depends on that.
cpu avic
0: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000f0
0: rte 16 0x8041
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00000
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00010
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00000
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00010
0: sti
0: nop
line 16 1
  = 1
  ! 0 ns, vCPU 0: doorbell
  ! 0 ns, vCPU 0: interrupt 0x41
0: read 0xfee00120		# ISR: bit 1 of the third word
  = 0x2
line 16 0
  = 1
0: eoi
  ! 0 ns, vCPU 0: exit AVIC_NOACCEL 0x1000000b0 0x41
0: iret
0: read 0xfee00120
  = 0
0: write 0xfec00000 0x30
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfec00000
0: read 0xfec00010
  = 0x8041
  ! 0 ns, vCPU 0: exit NPF 0x4 0xfec00010

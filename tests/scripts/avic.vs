# AVIC: an IPI to a CPU that runs is a doorbell, to one that sleeps an exit.
cpu avic
vcpus 2
0: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000f0
0: write 0xfee00310 0x01000000
0: write 0xfee00300 0x4500
  ! 0 ns, vCPU 0: exit AVIC_INCOMPLETE_IPI 0x100000000004500 0
  ! 0 ns, vCPU 1: INIT
0: write 0xfee00300 0x4608
  ! 0 ns, vCPU 0: exit INTR
  ! 0 ns, vCPU 0: exit AVIC_INCOMPLETE_IPI 0x100000000004608 0
  ! 0 ns, vCPU 1: SIPI, page 0x8
1: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 1: exit NPF 0x6 0xfee000f0
  ! 0 ns, vCPU 0: exit INTR
1: sti
1: nop
0: write 0xfee00300 0x61	# it runs
  ! 0 ns, vCPU 1: doorbell
  ! 0 ns, vCPU 1: interrupt 0x61
1: eoi
1: iret
1: hlt
  ! 0 ns, vCPU 1: exit HLT
0: write 0xfee00300 0x61	# it sleeps
  ! 0 ns, vCPU 0: exit AVIC_INCOMPLETE_IPI 0x100000000000061 0x100000001
  ! 0 ns, vCPU 1: interrupt 0x61
1: eoi
1: iret
0: write 0xfee00300 0x462	# an NMI is no fixed interrupt
  ! 0 ns, vCPU 0: exit AVIC_INCOMPLETE_IPI 0x100000000000462 0
  ! 0 ns, vCPU 1: exit INTR
  ! 0 ns, vCPU 1: NMI
1: iret
0: write 0xfee00310 0x07000000
0: write 0xfee00300 0x61	# nobody has that ID
  ! 0 ns, vCPU 0: exit AVIC_INCOMPLETE_IPI 0x700000000000061 0x200000007
0: read 0xfee00390		# the current count is no memory
  = 0
  ! 0 ns, vCPU 0: exit AVIC_NOACCEL 0x390 0
0: write 0xfee00080 0x30
0: rdcr8
  = 0x3
0: write 0xfee00380 0		# a trap: stored, then the host is told
  ! 0 ns, vCPU 0: exit AVIC_NOACCEL 0x100000380 0

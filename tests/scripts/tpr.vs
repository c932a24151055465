# Priorities: the higher class first, the lower one after its EOI.
cpu svm
0: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000f0
0: write 0xfee00300 0x40041	# to itself
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00300
0: write 0xfee00300 0x40062
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00300
0: write 0xfee00300 0x40069	# the same class
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00300
0: sti
0: nop
  ! 0 ns, vCPU 0: exit VINTR
  ! 0 ns, vCPU 0: interrupt 0x69
0: sti				# the handler of 0x69: nothing is higher
0: nop
0: wrcr8 5
  ! 0 ns, vCPU 0: exit WRITE_CR8
0: eoi
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000b0
  ! 0 ns, vCPU 0: interrupt 0x62
0: wrcr8 6
  ! 0 ns, vCPU 0: exit WRITE_CR8
0: iret

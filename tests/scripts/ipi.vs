# Two CPUs. The second is started by INIT and SIPI, sleeps, and is woken by an IPI.
cpu svm
vcpus 2
0: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000f0
0: write 0xfee00310 0x01000000
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00310
0: write 0xfee00300 0x4500	# INIT
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00300
  ! 0 ns, vCPU 1: INIT
0: write 0xfee00300 0x4608	# SIPI, page 8
  ! 0 ns, vCPU 0: exit INTR
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00300
  ! 0 ns, vCPU 1: SIPI, page 0x8
1: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 1: exit NPF 0x6 0xfee000f0
  ! 0 ns, vCPU 0: exit INTR
1: sti
1: hlt
  ! 0 ns, vCPU 1: exit HLT
0: write 0xfee00300 0x55
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00300
  ! 0 ns, vCPU 1: interrupt 0x55
1: eoi
  ! 0 ns, vCPU 1: exit NPF 0x6 0xfee000b0
1: iret
0: write 0xfee00300 0x00084055	# all but self
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00300
  ! 0 ns, vCPU 1: exit INTR
  ! 0 ns, vCPU 1: interrupt 0x55
1: eoi
  ! 0 ns, vCPU 1: exit NPF 0x6 0xfee000b0
1: iret

# Behaviour D, SVM: while GIF is clear INIT and NMI wait, SIPI is lost.
cpu svm
vcpus 2
0: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000f0
0: write 0xfee00310 0x01000000
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00310
0: write 0xfee00300 0x4500
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00300
  ! 0 ns, vCPU 1: INIT
0: write 0xfee00300 0x4608	# CPU 1 runs
  ! 0 ns, vCPU 0: exit INTR
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00300
  ! 0 ns, vCPU 1: SIPI, page 0x8
1: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 1: exit NPF 0x6 0xfee000f0
  ! 0 ns, vCPU 0: exit INTR
1: clgi
  ! 0 ns, vCPU 1: exit CLGI
0: write 0xfee00300 0x4400	# NMI
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00300
  ! 0 ns, vCPU 1: exit INTR
0: write 0xfee00300 0x4500	# INIT
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00300
0: write 0xfee00300 0x4608	# SIPI: lost
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00300
  ! 0 ns, vCPU 1: exit INTR
1: rdcr8
  = 0
  ! 0 ns, vCPU 1: exit READ_CR8
1: stgi
  ! 0 ns, vCPU 1: exit STGI
  ! 0 ns, vCPU 1: INIT
  ! 0 ns, vCPU 0: exit INTR
0: write 0xfee00300 0x4609	# SIPI
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee00300
  ! 0 ns, vCPU 1: SIPI, page 0x9
1: rdcr8
  = 0
  ! 0 ns, vCPU 1: exit READ_CR8

# A level line that no handler serves: after the EOIs that the policy allows it is
# not sent again for 10 ms, in which the guest gets on.
cpu svm
policy level-storm 3
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
  ! 0 ns, vCPU 0: exit INTR
  ! 0 ns, vCPU 0: interrupt 0x41
0: eoi
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000b0
0: iret
  ! 0 ns, vCPU 0: exit VINTR
  ! 0 ns, vCPU 0: interrupt 0x41
0: eoi
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000b0
0: iret
  ! 0 ns, vCPU 0: exit VINTR
  ! 0 ns, vCPU 0: interrupt 0x41
0: eoi
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000b0
0: iret
0: nop
advance 9999us
advance 1us
  ! 10000000 ns, vCPU 0: exit INTR
  ! 10000000 ns, vCPU 0: interrupt 0x41
0: eoi
  ! 10000000 ns, vCPU 0: exit NPF 0x6 0xfee000b0
line 16 0
  = 1
0: iret
  ! 10000000 ns, vCPU 0: exit VINTR
  ! 10000000 ns, vCPU 0: interrupt 0x41
0: eoi
  ! 10000000 ns, vCPU 0: exit NPF 0x6 0xfee000b0
0: iret
idle 20ms
  = 0

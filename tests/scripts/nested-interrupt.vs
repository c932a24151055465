# What L1 intercepts of its guest: an interrupt ends L2 and is taken by L1, when L1 lets it.
cpu svm
0: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000f0
0: sti
0: nop
0: enter-l2 intr
  ! 0 ns, vCPU 0: exit VMRUN
msi 0xfee00000 0x41
  = 1
  ! 0 ns, vCPU 0: exit INTR
  ! 0 ns, vCPU 0: exit from L2 to L1: INTR
0: nop				# GIF is clear after #VMEXIT
0: stgi
  ! 0 ns, vCPU 0: exit STGI
  ! 0 ns, vCPU 0: interrupt 0x41
0: eoi
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000b0
0: iret
0: enter-l2			# L2 has L1's APIC
  ! 0 ns, vCPU 0: exit VMRUN
msi 0xfee00000 0x42
  = 1
  ! 0 ns, vCPU 0: exit INTR
  ! 0 ns, vCPU 0: interrupt 0x42
0: eoi
  ! 0 ns, vCPU 0: exit NPF 0x6 0xfee000b0
0: iret
0: exit-l2
  ! 0 ns, vCPU 0: exit VMMCALL
  ! 0 ns, vCPU 0: exit from L2 to L1: VMMCALL

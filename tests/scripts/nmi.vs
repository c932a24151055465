# NMIs: one is latched while another is handled; IRET lets it in.
cpu vmx
0: nmi
  ! 0 ns, vCPU 0: exit INTERRUPT
  ! 0 ns, vCPU 0: NMI
0: nmi
  ! 0 ns, vCPU 0: exit INTERRUPT
0: nmi
  ! 0 ns, vCPU 0: exit INTERRUPT
0: iret
  ! 0 ns, vCPU 0: exit NMI_WINDOW
  ! 0 ns, vCPU 0: NMI
0: iret
0: nop

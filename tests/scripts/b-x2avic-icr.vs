# Behaviour B: in x2APIC mode ICR is one register of 64 bits: what the trap leaves in the page is sent whole.
cpu x2avic
vcpus 2
0: wrmsr 0x1b 0xfee00d00
  ! 0 ns, vCPU 0: exit MSR 0x1 0
0: wrmsr 0x80f 0x1ff
  ! 0 ns, vCPU 0: exit MSR 0x1 0
0: wrmsr 0x830 0x100004500	# INIT to 1
  ! 0 ns, vCPU 0: exit AVIC_INCOMPLETE_IPI 0x100004500 0
  ! 0 ns, vCPU 1: INIT
0: wrmsr 0x830 0x100004608
  ! 0 ns, vCPU 0: exit INTR
  ! 0 ns, vCPU 0: exit AVIC_INCOMPLETE_IPI 0x100004608 0
  ! 0 ns, vCPU 1: SIPI, page 0x8
1: wrmsr 0x1b 0xfee00c00
  ! 0 ns, vCPU 1: exit MSR 0x1 0
  ! 0 ns, vCPU 0: exit INTR
1: wrmsr 0x80f 0x1ff
  ! 0 ns, vCPU 1: exit MSR 0x1 0
  ! 0 ns, vCPU 0: exit INTR
1: sti
1: nop
0: wrmsr 0x830 0x100000071	# it runs: a doorbell
  ! 0 ns, vCPU 1: doorbell
  ! 0 ns, vCPU 1: interrupt 0x71
1: eoi
1: iret
0: wrmsr 0x830 0x100000471	# an NMI is the host's to send
  ! 0 ns, vCPU 0: exit AVIC_INCOMPLETE_IPI 0x100000471 0
  ! 0 ns, vCPU 1: exit INTR
  ! 0 ns, vCPU 1: NMI
1: iret
0: rdmsr 0x830
  = 0x100000471
1: hlt
  ! 0 ns, vCPU 1: exit HLT
0: wrmsr 0x830 0x200000872	# logical: bit 1 of cluster 0; it sleeps
  ! 0 ns, vCPU 0: exit AVIC_INCOMPLETE_IPI 0x200000872 0x100000001
  ! 0 ns, vCPU 1: interrupt 0x72
1: eoi
1: iret
0: wrmsr 0x830 0x100002071	# a reserved bit
  = #GP
0: wrmsr 0x83f 0x33		# to itself, which is the host's to do; IF is clear
  ! 0 ns, vCPU 0: exit MSR 0x1 0
0: rdmsr 0x821
  = 0x80000

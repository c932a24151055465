# VMX with virtual-interrupt delivery: TPR, EOI and self-IPIs cost no exit.
cpu apicv
0: wrmsr 0x1b 0xfee00d00
  ! 0 ns, vCPU 0: scan of the routes
  ! 0 ns, vCPU 0: load of the EOI-exit map
  ! 0 ns, vCPU 0: exit WRMSR
  ! 0 ns, vCPU 0: scan of the routes
  ! 0 ns, vCPU 0: load of the EOI-exit map
0: wrmsr 0x80f 0x1ff
  ! 0 ns, vCPU 0: exit WRMSR
  ! 0 ns, vCPU 0: scan of the routes
  ! 0 ns, vCPU 0: load of the EOI-exit map
0: sti
0: nop
0: wrmsr 0x83f 0x31
  ! 0 ns, vCPU 0: interrupt 0x31
0: eoi
0: iret
0: wrmsr 0x808 0x40		# TPR holds class 3 and 4 back
0: wrmsr 0x83f 0x31
0: rdmsr 0x80a
  = 0x40
0: wrcr8 2
  ! 0 ns, vCPU 0: interrupt 0x31
0: rdcr8
  = 0x2
0: eoi
0: iret
0: wrmsr 0x808 0x100		# #GP by the CPU itself
  = #GP
0: wrmsr 0x83f 0x05		# an illegal vector is the host's
  ! 0 ns, vCPU 0: exit APIC_WRITE 0x3f0 0
0: wrmsr 0x828 0
  ! 0 ns, vCPU 0: exit WRMSR
0: rdmsr 0x828
  = 0x60
0: wrmsr 0x830 0x40031		# ICR is not virtualized in x2APIC mode
  ! 0 ns, vCPU 0: exit WRMSR
  ! 0 ns, vCPU 0: interrupt 0x31
0: eoi
0: iret

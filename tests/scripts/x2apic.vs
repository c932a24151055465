# x2APIC mode: registers are MSRs, and what is reserved is a #GP.
cpu vmx
0: rdmsr 0x802			# not in x2APIC mode yet
  = #GP
  ! 0 ns, vCPU 0: exit RDMSR
0: wrmsr 0x1b 0xfee00d00
  ! 0 ns, vCPU 0: exit WRMSR
0: rdmsr 0x802
  = 0
  ! 0 ns, vCPU 0: exit RDMSR
0: wrmsr 0x80f 0x1ff
  ! 0 ns, vCPU 0: exit WRMSR
0: wrmsr 0x802 5		# the ID can't be written
  = #GP
  ! 0 ns, vCPU 0: exit WRMSR
0: wrmsr 0x80b 1		# EOI takes 0 alone
  = #GP
  ! 0 ns, vCPU 0: exit WRMSR
0: wrmsr 0x83f 0x31		# self-IPI; IF is clear
  ! 0 ns, vCPU 0: exit WRMSR
0: rdmsr 0x821			# IRR has it
  = 0x20000
  ! 0 ns, vCPU 0: exit RDMSR
0: sti
0: nop				# the shadow of STI ends here
  ! 0 ns, vCPU 0: exit INTERRUPT_WINDOW
  ! 0 ns, vCPU 0: interrupt 0x31
0: wrmsr 0x808 0x20
  ! 0 ns, vCPU 0: exit WRMSR
0: eoi
  ! 0 ns, vCPU 0: exit WRMSR
0: iret
0: in 0x60 1
  = nobody is there
  ! 0 ns, vCPU 0: exit IO 0x600008 0
0: out 0x80 1 1
  = nobody is there
  ! 0 ns, vCPU 0: exit IO 0x800000 0

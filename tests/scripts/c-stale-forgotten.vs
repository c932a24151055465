# Behaviour C's old fault, by policy: nobody remembers the interrupt in service whose entry was sent elsewhere.
# Its EOI is not seen, and remote IRR stays set.
cpu apicv
policy stale-eoi 2
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
0: rte 16 0x8041
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 0: scan of the routes
  ! 0 ns, vCPU 0: load of the EOI-exit map
line 16 1
  = 1
  ! 0 ns, vCPU 0: posted-interrupt notification
  ! 0 ns, vCPU 0: interrupt 0x41
line 16 0
  = 1
0: rte 16 0x0100000000008041	# to APIC 1
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 0: scan of the routes
  ! 0 ns, vCPU 0: load of the EOI-exit map
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
0: eoi				# stale: not seen
0: write 0xfec00000 0x30
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
0: read 0xfec00010		# remote IRR, bit 14, is set for ever
  = 0xc041
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x1 0
0: iret
0: wrmsr 0x83f 0x41
  ! 0 ns, vCPU 0: interrupt 0x41
0: eoi				# not seen
0: iret
0: rte 16 0x8041		# back again
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 0: scan of the routes
  ! 0 ns, vCPU 0: load of the EOI-exit map
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
line 16 1
  = -1
line 16 0
  = 1
0: eoi
0: iret
  = #GP

# Behaviour A's old fault, by policy: the map that was computed while L2 ran is lost. The EOI is seen by nobody,
# remote IRR stays set, and the line is dead.
cpu apicv
policy exit-map-in-l2 1
vcpus 2
0: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 0: scan of the routes
  ! 0 ns, vCPU 0: load of the EOI-exit map
  ! 0 ns, vCPU 1: scan of the routes
  ! 0 ns, vCPU 1: load of the EOI-exit map
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 0: scan of the routes
  ! 0 ns, vCPU 0: load of the EOI-exit map
  ! 0 ns, vCPU 1: scan of the routes
  ! 0 ns, vCPU 1: load of the EOI-exit map
0: write 0xfee00310 0x01000000
0: write 0xfee00300 0x4500
  ! 0 ns, vCPU 0: exit APIC_WRITE 0x300 0
  ! 0 ns, vCPU 1: INIT
  ! 0 ns, vCPU 1: scan of the routes
  ! 0 ns, vCPU 1: load of the EOI-exit map
0: write 0xfee00300 0x4608	# CPU 1 runs
  ! 0 ns, vCPU 0: exit INTERRUPT
  ! 0 ns, vCPU 0: scan of the routes
  ! 0 ns, vCPU 0: load of the EOI-exit map
  ! 0 ns, vCPU 0: exit APIC_WRITE 0x300 0
  ! 0 ns, vCPU 1: SIPI, page 0x8
1: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 1: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 1: scan of the routes
  ! 0 ns, vCPU 1: load of the EOI-exit map
  ! 0 ns, vCPU 0: exit INTERRUPT
  ! 0 ns, vCPU 0: scan of the routes
  ! 0 ns, vCPU 0: load of the EOI-exit map
0: sti
0: vmxon
  ! 0 ns, vCPU 0: exit VMXON
0: enter-l2			# it doesn't intercept interrupts: L1's APIC is L2's
  ! 0 ns, vCPU 0: exit VMLAUNCH
1: rte 16 0x8041
  ! 0 ns, vCPU 1: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 1: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 1: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 1: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 1: scan of the routes
  ! 0 ns, vCPU 1: load of the EOI-exit map
  ! 0 ns, vCPU 0: exit INTERRUPT
  ! 0 ns, vCPU 0: scan of the routes
line 16 1
  = 1
  ! 0 ns, vCPU 0: exit INTERRUPT
  ! 0 ns, vCPU 0: interrupt 0x41
line 16 0
  = 1
0: exit-l2
  ! 0 ns, vCPU 0: exit VMCALL
  ! 0 ns, vCPU 0: exit from L2 to L1: VMCALL
0: eoi				# bit 0x41 of the map is clear
0: iret
1: write 0xfec00000 0x30
  ! 0 ns, vCPU 1: exit EPT_VIOLATION 0x2 0
1: read 0xfec00010		# remote IRR, bit 14, is set for ever
  = 0xc041
  ! 0 ns, vCPU 1: exit EPT_VIOLATION 0x1 0
line 16 1
  = -1

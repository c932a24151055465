# Behaviour D's old fault, by policy: an INIT that comes in VMX root operation is lost. CPU 1 never waits for a SIPI.
cpu vmx
policy init-blocked 1
vcpus 2
0: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
0: write 0xfee00310 0x01000000
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
0: write 0xfee00300 0x4500
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 1: INIT
0: write 0xfee00300 0x4608	# CPU 1 runs
  ! 0 ns, vCPU 0: exit INTERRUPT
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 1: SIPI, page 0x8
1: write 0xfee000f0 0x1ff
  ! 0 ns, vCPU 1: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 0: exit INTERRUPT
1: sti
1: vmxon
  ! 0 ns, vCPU 1: exit VMXON
0: write 0xfee00300 0x4500	# INIT: CPU 1 goes on
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
0: write 0xfee00300 0x4608	# SIPI: lost
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 1: exit INTERRUPT
1: rdcr8
  = 0
  ! 0 ns, vCPU 1: exit CR 0x18 0
1: enter-l2 intr
  ! 0 ns, vCPU 1: exit VMLAUNCH
1: rdcr8			# still L2
  = 0
  ! 0 ns, vCPU 1: exit CR 0x18 0
0: write 0xfee00300 0x4500
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 1: exit INTERRUPT
  ! 0 ns, vCPU 1: exit from L2 to L1: INIT
1: vmxoff
  ! 0 ns, vCPU 1: exit VMXOFF
1: rdcr8			# it runs on
  = 0
  ! 0 ns, vCPU 1: exit CR 0x18 0

cpu apicv                       # VMX with virtual-interrupt delivery and posted interrupts
0: write 0xfee000f0 0x1ff       # CPU 0 enables its APIC
  ! 0 ns, vCPU 0: scan of the routes
  ! 0 ns, vCPU 0: load of the EOI-exit map
  ! 0 ns, vCPU 0: exit EPT_VIOLATION 0x2 0
  ! 0 ns, vCPU 0: scan of the routes
  ! 0 ns, vCPU 0: load of the EOI-exit map
0: write 0xfee00320 0x40        # timer: one-shot, vector 0x40
  ! 0 ns, vCPU 0: exit APIC_WRITE 0x320 0
0: write 0xfee00380 1000
  ! 0 ns, vCPU 0: exit APIC_WRITE 0x380 0
0: sti
advance 2us
  ! 2000 ns, vCPU 0: timer
  ! 2000 ns, vCPU 0: exit INTERRUPT
  ! 2000 ns, vCPU 0: interrupt 0x40
0: eoi
0: iret
msi 0xfee00000 0x51             # a device writes to address 0xfee00000
  = 1
  ! 2000 ns, vCPU 0: posted-interrupt notification
  ! 2000 ns, vCPU 0: interrupt 0x51

# Behaviour E: an interrupt that is posted to a CPU in its guest needs no exit and no request. With IF clear it
# waits in the virtual APIC; two of the same vector are one.
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
msi 0xfee00000 0x41
  = 1
  ! 0 ns, vCPU 0: posted-interrupt notification
  ! 0 ns, vCPU 0: interrupt 0x41
0: eoi
0: iret
0: cli
msi 0xfee00000 0x51
  = 1
  ! 0 ns, vCPU 0: posted-interrupt notification
msi 0xfee00000 0x51
  = 1
  ! 0 ns, vCPU 0: posted-interrupt notification
msi 0xfee00000 0x62
  = 1
  ! 0 ns, vCPU 0: posted-interrupt notification
0: rdmsr 0x822			# IRR
  = 0x20000
0: rdmsr 0x823
  = 0x4
0: sti
0: nop
  ! 0 ns, vCPU 0: interrupt 0x62
0: eoi
0: iret
  ! 0 ns, vCPU 0: interrupt 0x51
0: eoi
0: iret

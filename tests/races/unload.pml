/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rmmod against the life of the fds. A VM's fd and its vCPU's fd outlive the device's; each may be the last. The
 * module's text is gone when rmmod has returned: no ioctl may be in it then; a VM is freed once, after its last user.
 *
 * functions: vm_create vm_get vm_put vcpu_ioctl vm_ioctl
 *
 * mutant NO_OWNER: a VM's fd holds no reference to the module
 * mutant VCPU_NO_VM: a vCPU's fd holds no reference to its VM
 * mutant PUT_EARLY: an ioctl gives back the fd's references before it is done
 * mutant GET_GOING: a reference to a module that is going is given
 */
byte module_refs = 0, vm_refs = 0;
bit going, unloaded, vm_freed;
bit vcpu_fd;

inline module_get(got)
{
	d_step {
#ifdef GET_GOING
		got = 1;
#else
		got = !going;
#endif
		if
		:: got -> module_refs++
		:: else
		fi
	}
}

inline vm_unref()
{
	d_step {
		assert(vm_refs > 0);
		vm_refs--;
		if
		:: vm_refs == 0 -> vm_freed = 1
		:: else
		fi
	}
}

active proctype vmm()
{
	bit got;

	module_get(got);			/* open /dev/vintc: fops.owner */
	if
	:: !got -> goto done
	:: else
	fi;
	assert(!unloaded);			/* vm_create */
	vm_refs = 1;
#ifndef NO_OWNER
	module_refs++;
#endif
#ifndef VCPU_NO_VM
	vm_refs++;				/* KVM_CREATE_VCPU: vm_get */
#endif
	module_refs++;
	vcpu_fd = 1;
	module_refs--;				/* the device's fd is closed */

	assert(!unloaded && !vm_freed);		/* vm_ioctl */
	vm_unref();				/* the VM's fd is closed: vm_put */
#ifndef NO_OWNER
	module_refs--;
#endif
done:
	skip
}

/* Another thread, with the vCPU's fd. */
active proctype vcpu()
{
	if
	:: vcpu_fd
	:: timeout -> goto done			/* there never was one */
	fi;
#ifdef PUT_EARLY
	module_refs--;
#endif
	assert(!unloaded);			/* vcpu_ioctl: KVM_RUN */
	assert(!vm_freed);
#ifndef VCPU_NO_VM
	vm_unref();				/* closed */
#endif
#ifndef PUT_EARLY
	assert(!unloaded);
	module_refs--;
#endif
done:
	skip
}

active proctype rmmod()
{
	byte tries = 2;

	do
	:: tries > 0 ->
		tries--;
		if
		:: atomic { module_refs == 0 -> going = 1 }
			unloaded = 1;		/* the exit function has returned, the text is freed */
			break
		:: else				/* EWOULDBLOCK */
		fi
	:: else -> break
	od
}

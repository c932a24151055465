// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET/SET_FPU, _XSAVE, _XCRS. vcpu->fpu is an XSAVE area in standard format
 * that the backend hands to XRSTOR with interrupts off: nothing may get in that
 * would make it fault (SDM 1 "Operation of XRSTOR").
 *
 * PKRU is kept in vcpu->pkru, not in the area; user space sees it in the image.
 */
#include <linux/string.h>

#include "state.h"
#include "vm.h"
#include "x86/cpuid.h"

#define XF_X87 BIT_ULL(0)
#define XF_SSE BIT_ULL(1)
#define XF_YMM BIT_ULL(2)
#define XF_PKRU BIT_ULL(9)
#define XF_COUNT 10

#define FCW_INIT 0x37f
#define MXCSR_INIT 0x1f80

/* SDM 1 "Legacy Region of an XSAVE Area", "XSAVE Header". */
struct xsave_area {
	u16 fcw, fsw;
	u8 ftw, rsvd0;
	u16 fop;
	u64 fip, fdp;
	u32 mxcsr, mxcsr_mask;
	u8 st[8][16];
	u8 xmm[16][16];
	u8 rsvd1[96];
	u64 xstate_bv, xcomp_bv;
	u8 rsvd2[48];
	u8 extended[PAGE_SIZE - 576];
};

static_assert(offsetof(struct xsave_area, xmm) == 160);
static_assert(offsetof(struct xsave_area, xstate_bv) == 512);
static_assert(sizeof(struct xsave_area) == sizeof(struct kvm_xsave));

/* Without XSAVE the legacy region alone counts, and it always does. */
static u64 image_features(void)
{
	return cpuid_host_xcr0() ?: CPUID_XCR0_LEGACY;
}

static u64 area_in_use(const struct xsave_area *x)
{
	return cpuid_host_xcr0() ? x->xstate_bv : CPUID_XCR0_LEGACY;
}

/*
 * A component whose bit is clear in XSTATE_BV is in its initial configuration,
 * and what the area holds there is left over: make memory say the same.
 */
static void settle(struct xsave_area *x)
{
	u64 in_use = area_in_use(x);
	u32 offset, size;
	unsigned int i;

	if (!(in_use & XF_X87)) {
		memset(x, 0, offsetof(struct xsave_area, mxcsr));
		memset(x->st, 0, sizeof(x->st));
		x->fcw = FCW_INIT;
	}
	if (!(in_use & XF_SSE))
		memset(x->xmm, 0, sizeof(x->xmm));
	for (i = 2; i < XF_COUNT; i++)
		if (!(in_use & BIT_ULL(i)) && cpuid_xsave_component(i, &offset, &size))
			memset((u8 *)x + offset, 0, size);
}

/* ------------------------------------------------------------------ FPU */

void state_get_fpu(struct vcpu *vcpu, struct kvm_fpu *fpu)
{
	struct xsave_area *x = vcpu->fpu;

	settle(x);
	memset(fpu, 0, sizeof(*fpu));
	memcpy(fpu->fpr, x->st, sizeof(fpu->fpr));
	memcpy(fpu->xmm, x->xmm, sizeof(fpu->xmm));
	fpu->fcw = x->fcw;
	fpu->fsw = x->fsw;
	fpu->ftwx = x->ftw;
	fpu->last_opcode = x->fop;
	fpu->last_ip = x->fip;
	fpu->last_dp = x->fdp;
	fpu->mxcsr = x->mxcsr;
}

int state_set_fpu(struct vcpu *vcpu, const struct kvm_fpu *fpu)
{
	struct xsave_area *x = vcpu->fpu;

	if (fpu->mxcsr & ~cpuid_mxcsr_mask())
		return -EINVAL;
	memcpy(x->st, fpu->fpr, sizeof(x->st));
	memcpy(x->xmm, fpu->xmm, sizeof(x->xmm));
	x->fcw = fpu->fcw;
	x->fsw = fpu->fsw;
	x->ftw = fpu->ftwx;
	x->fop = fpu->last_opcode;
	x->fip = fpu->last_ip;
	x->fdp = fpu->last_dp;
	x->mxcsr = fpu->mxcsr;
	x->xstate_bv |= XF_X87 | XF_SSE;
	return 0;
}

/* ---------------------------------------------------------------- XSAVE */

void state_get_xsave(struct vcpu *vcpu, struct kvm_xsave *xsave)
{
	struct xsave_area *x = (struct xsave_area *)xsave->region;
	u32 offset, size;

	settle(vcpu->fpu);
	memcpy(x, vcpu->fpu, sizeof(*x));
	x->mxcsr_mask = cpuid_mxcsr_mask();
	memset(x->rsvd1, 0, sizeof(x->rsvd1));
	x->xcomp_bv = 0;
	memset(x->rsvd2, 0, sizeof(x->rsvd2));
	x->xstate_bv = area_in_use(x) & image_features() & ~XF_PKRU;
	if (vcpu->pkru && cpuid_xsave_component(9, &offset, &size)) {
		memcpy((u8 *)x + offset, &vcpu->pkru, sizeof(vcpu->pkru));
		x->xstate_bv |= XF_PKRU;
	}
}

static bool image_valid(const struct xsave_area *x)
{
	if (x->xstate_bv & ~image_features())
		return false;
	if (x->xcomp_bv || memchr_inv(x->rsvd2, 0, sizeof(x->rsvd2)))
		return false;
	return !(x->xstate_bv & (XF_SSE | XF_YMM)) ||
	       !(x->mxcsr & ~cpuid_mxcsr_mask());
}

int state_set_xsave(struct vcpu *vcpu, const struct kvm_xsave *xsave)
{
	const struct xsave_area *in = (const void *)xsave->region;
	struct xsave_area *x = vcpu->fpu;
	u32 offset, size;

	if (!image_valid(in))
		return -EINVAL;
	memcpy(x, in, sizeof(*x));
	/*
	 * XRSTOR loads MXCSR also where neither SSE nor AVX is in use. An image
	 * that says so may hold nothing there.
	 */
	if (!(x->xstate_bv & (XF_SSE | XF_YMM)) &&
	    (!x->mxcsr || (x->mxcsr & ~cpuid_mxcsr_mask())))
		x->mxcsr = MXCSR_INIT;
	vcpu->pkru = 0;
	if ((x->xstate_bv & XF_PKRU) && cpuid_xsave_component(9, &offset, &size))
		memcpy(&vcpu->pkru, (u8 *)x + offset, sizeof(vcpu->pkru));
	settle(x);
	return 0;
}

/* ----------------------------------------------------------------- XCRs */

void state_get_xcrs(struct vcpu *vcpu, struct kvm_xcrs *xcrs)
{
	memset(xcrs, 0, sizeof(*xcrs));
	if (!cpuid_host_xcr0())
		return;
	xcrs->nr_xcrs = 1;
	xcrs->xcrs[0].value = vcpu->xcr0;
}

int state_set_xcrs(struct vcpu *vcpu, const struct kvm_xcrs *xcrs)
{
	unsigned int i;

	if (!cpuid_host_xcr0() || xcrs->flags ||
	    xcrs->nr_xcrs > KVM_MAX_XCRS)
		return -EINVAL;
	for (i = 0; i < xcrs->nr_xcrs; i++) {
		if (xcrs->xcrs[i].xcr || /* XCR0 is the only one */
		    !cpuid_xcr0_valid(vcpu, xcrs->xcrs[i].value))
			return -EINVAL;
	}
	if (xcrs->nr_xcrs)
		vcpu->xcr0 = xcrs->xcrs[xcrs->nr_xcrs - 1].value;
	return 0;
}

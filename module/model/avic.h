/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AVIC and x2AVIC as SVM's CPU does them.
 *
 * APM 2 "Advanced Virtual Interrupt Controller". The vAPIC backing page is the
 * engine's register page.
 */
#ifndef VINTC_MODEL_AVIC_H
#define VINTC_MODEL_AVIC_H

#include "../apic/dest.h"
#include "exit.h"

/* Physical APIC ID table */
#define AVIC_PHYSICAL_VALID BIT_ULL(63)
#define AVIC_PHYSICAL_RUNNING BIT_ULL(62)
#define AVIC_PHYSICAL_PAGE GENMASK_ULL(51, 12)
#define AVIC_PHYSICAL_HOST_ID 0xfffULL
/* Logical APIC ID table */
#define AVIC_LOGICAL_VALID 0x80000000U
#define AVIC_LOGICAL_ID 0xffU

#define AVIC_MAX_ID 254 /* 255 is broadcast */
#define X2AVIC_MAX_ID 511
#define AVIC_LOGICAL_ENTRIES 64 /* flat: 8; clusters: 15 of 4 */

/* AVIC_INCOMPLETE_IPI: EXITINFO2[63:32] */
enum avic_ipi_failure {
	AVIC_IPI_TYPE, /* not fixed and edge */
	AVIC_IPI_NOT_RUNNING,
	AVIC_IPI_TARGET, /* no valid entry */
	AVIC_IPI_PAGE, /* no valid backing page */
	AVIC_IPI_VECTOR,
};
#define AVIC_INDEX 0x1ffU /* EXITINFO2[8:0]: of a table's entry */

/* AVIC_NOACCEL: EXITINFO1 */
#define AVIC_NOACCEL_WRITE BIT_ULL(32)
#define AVIC_NOACCEL_OFFSET 0xff0ULL

struct avic;

/**
 * struct avic_tables - what the CPUs of one VM share
 * @physical: by guest APIC ID; the address field is 1 + an index, in pages
 * @logical: flat or cluster table
 * @max_id: highest ID that the tables hold
 * @cpu: by that index: whose page it is, and whom a doorbell reaches
 */
struct avic_tables {
	u64 physical[X2AVIC_MAX_ID + 1];
	u32 logical[AVIC_LOGICAL_ENTRIES];
	u32 max_id;
	struct avic *cpu[DEST_MAX_APICS];
};

/**
 * struct avic - one CPU's
 * @page: backing page
 * @tables: the VM's
 * @id: guest APIC ID
 * @x2: x2AVIC, in x2APIC mode
 * @v_tpr: VMCB's V_TPR, bits 7:4 of TPR
 * @doorbell: rung since it was last looked at
 */
struct avic {
	u8 *page;
	struct avic_tables *tables;
	u32 id;
	bool x2;
	u8 v_tpr;
	bool doorbell;
};

/* An access to the backing page's guest address. MODEL_DID or MODEL_EXITS. */
enum model_did avic_read(struct avic *a, u32 offset, u32 size, u64 *val,
			 struct model_exit *ex);
enum model_did avic_write(struct avic *a, u32 offset, u32 size, u64 val,
			  struct model_exit *ex);
/* MSRs 0x800..0x8ff that aren't intercepted. */
enum model_did avic_rdmsr(struct avic *a, u32 msr, u64 *val);
enum model_did avic_wrmsr(struct avic *a, u32 msr, u64 val,
			  struct model_exit *ex);
void avic_write_cr8(struct avic *a, u8 cr8);

/* The vector that would be taken now, IF and GIF apart, or -1. */
int avic_pending(const struct avic *a);
/* What avic_pending() has told: IRR to ISR. */
void avic_deliver(struct avic *a, u8 vector);

#endif

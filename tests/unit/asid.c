// SPDX-License-Identifier: GPL-2.0-only
/*
 * ASIDs against a TLB that forgets nothing by itself: every entry leaves a
 * translation of its vCPU behind, and no entry may find another's, or one of its
 * own from before a flush.
 */
#include "../../module/svm/asid.h"
#include "fixture.h"

#define ASID_CPUS 2
#define ASID_VCPUS 5
#define ASID_MAX 8

struct asid_owner {
	u32 vcpu; /* 0: nothing cached */
	u64 epoch;
};

static struct asid_cpu asid_cpus[ASID_CPUS];
static struct asid_vcpu asid_vcpus[ASID_VCPUS + 1];
static u64 asid_epoch[ASID_VCPUS + 1];
static u32 asid_at[ASID_VCPUS + 1]; /* CPU of the last entry, + 1 */
static struct asid_owner asid_tlb[ASID_CPUS][ASID_MAX];

/* Someone else's guests have used the CPU: every ASID has translations. */
static void asid_cpu_begins(u32 cpu, u32 count)
{
	u32 i;

	asid_cpu_reset(&asid_cpus[cpu], count);
	for (i = 0; i < ASID_MAX; i++)
		asid_tlb[cpu][i] = (struct asid_owner){ ~0u, 0 };
}

/* As svm_run() does it. @refused: VMRUN fails, having flushed nothing. */
static bool asid_enter(u32 cpu, u32 vcpu, bool by_asid, bool refused)
{
	struct asid_owner *tlb = asid_tlb[cpu], *mine;
	struct asid_vcpu *v = &asid_vcpus[vcpu];
	u8 control = VMCB_TLB_NOTHING;
	u32 i;

	if (asid_at[vcpu] != cpu + 1)
		v->generation = 0;
	asid_at[vcpu] = cpu + 1;
	if (!asid_current(&asid_cpus[cpu], v))
		control = asid_assign(&asid_cpus[cpu], v, by_asid);
	if (v->asid == 0 || v->asid >= asid_cpus[cpu].count)
		return false;
	if (refused) {
		asid_not_entered(&asid_cpus[cpu], v, control);
		return true;
	}
	mine = &tlb[v->asid];
	for (i = 0; i < ASID_MAX && control == VMCB_TLB_FLUSH_ALL; i++)
		tlb[i].vcpu = 0;
	if (control == VMCB_TLB_FLUSH_ASID)
		mine->vcpu = 0;
	if (mine->vcpu &&
	    (mine->vcpu != vcpu || mine->epoch != asid_epoch[vcpu]))
		return false;
	*mine = (struct asid_owner){ vcpu, asid_epoch[vcpu] };
	return true;
}

static void asid_begin(u32 count)
{
	u32 i;

	memset(asid_cpus, 0, sizeof(asid_cpus));
	memset(asid_vcpus, 0, sizeof(asid_vcpus));
	memset(asid_at, 0, sizeof(asid_at));
	for (i = 0; i < ASID_CPUS; i++)
		asid_cpu_begins(i, count);
}

static void asid_flush(u32 vcpu)
{
	asid_epoch[vcpu]++;
	asid_vcpus[vcpu].flush = true;
}

/* A vCPU that stays keeps its ASID; a flush costs one only where it must. */
TEST(asid_kept)
{
	bool by_asid = false;
	u32 i, first;

	do {
		asid_begin(ASID_MAX);
		CHECK(asid_enter(0, 1, by_asid, false));
		first = asid_vcpus[1].asid;
		for (i = 0; i < 20; i++)
			CHECK_ROW(i, asid_enter(0, 1, by_asid, false), true);
		CHECK_EQ(asid_vcpus[1].asid, first);
		asid_flush(1);
		CHECK(asid_enter(0, 1, by_asid, false));
		CHECK_EQ(asid_vcpus[1].asid == first, by_asid);
		by_asid = !by_asid;
	} while (by_asid);
}

/* When they run out, a flush of the guest's must not take the flush of all away. */
TEST(asid_wrap_and_flush)
{
	bool by_asid = false;
	u32 i;

	do {
		asid_begin(3);
		CHECK(asid_enter(0, 1, by_asid, false));
		CHECK(asid_enter(0, 2, by_asid, false));
		for (i = 0; i < 10; i++) {
			asid_flush(3);
			CHECK_ROW(i, asid_enter(0, 3, by_asid, false), true);
			CHECK_ROW(i, asid_enter(0, 1, by_asid, false), true);
			CHECK_ROW(i, asid_enter(0, 2, by_asid, false), true);
		}
		by_asid = !by_asid;
	} while (by_asid);
}

TEST(asid_random)
{
	struct check_random r = { 7 };
	u32 i;

	for (i = 0; i < CHECK_ROUNDS(400000); i++) {
		u32 cpu = check_below(&r, ASID_CPUS);
		u32 vcpu = 1 + check_below(&r, ASID_VCPUS);

		if (i % 1000 == 0)
			asid_begin(2 + check_below(&r, ASID_MAX - 1));
		if (check_below(&r, 400) == 0)
			asid_cpu_begins(cpu, asid_cpus[cpu].count);
		if (check_below(&r, 4) == 0)
			asid_flush(vcpu);
		REQUIRE_ROW(i, asid_enter(cpu, vcpu, i / 1000 % 2,
					  check_below(&r, 16) == 0));
	}
}

#define ASID_TESTS(T)                                                          \
	T(asid_kept)                                                           \
	T(asid_wrap_and_flush)                                                 \
	T(asid_random)

CHECK_MAIN(asid, ASID_TESTS)

// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer: scripts for the software CPU, with the engine around it. The first
 * byte chooses the flavour; eight more each are an operation (model_script.h).
 * Beyond no crash, no undefined behaviour and an end:
 *  - no interrupt is taken that IF, GIF or TPR holds back, none is lost, none
 *    is taken that isn't the highest; NMIs likewise (model_vm.h);
 *  - where a script has nothing in it that flavours may differ in, one that
 *    virtualizes nothing and one that does show the guest the same.
 */
#include "../unit/model_script.h"
#include "fuzz.h"

#define OPS_MAX 80

static struct mvm plain, fast;

static bool same(void)
{
	u32 i;

	for (i = 0; i < MVM_CPUS; i++)
		if (plain.ntaken[i] != fast.ntaken[i] ||
		    memcmp(plain.taken[i], fast.taken[i], MVM_EVENTS))
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool differ;
	size_t i;

	if (!size)
		return 0;
	differ = data[0] & 1;
	mvm_init(&plain, MODEL_SVM, MVM_CPUS);
	mvm_init(&fast, (enum model_flavour)((data[0] >> 1) % MODEL_FLAVOURS),
		 MVM_CPUS);
	mvm_settle(&plain);
	mvm_settle(&fast);
	for (i = 1; i + 8 <= size && i < 8 * OPS_MAX; i += 8) {
		struct mscript_op op;
		u64 want, got;

		memcpy(&op, data + i, sizeof(op));
		got = mscript_run_op(&fast, &op,
				     differ ? MSCRIPT_WHATS : MSCRIPT_SAME);
		MUST(!fast.wrong);
		if (differ)
			continue;
		want = mscript_run_op(&plain, &op, MSCRIPT_SAME);
		MUST(!plain.wrong);
		MUST(want == got);
		MUST(same());
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arithmetic and its flags. Flags the manuals leave undefined are: AF after a
 * logical operation, cleared as every CPU does; OF SF AF PF after BT and its
 * kin, left alone.
 *
 * SDM 1 "Status Flags"; SDM 2 "ADC" and the others.
 */
#include "emulate.h"

/* ZF, SF and PF of a result. */
static u64 flags_of(u64 v, u32 size)
{
	u32 low = (v ^ (v >> 4)) & 15;
	u64 f = 0;

	if (!v)
		f |= FLAG_ZF;
	if ((v >> (8 * size - 1)) & 1)
		f |= FLAG_SF;
	if ((0x9669 >> low) & 1) /* bit n: n has an even number of ones */
		f |= FLAG_PF;
	return f;
}

/*
 * @carry and @overflow have their verdict in the operand's sign bit; AF is
 * where the sum without carries differs from the sum.
 */
static u64 sum_flags(u64 a, u64 b, u64 v, u64 carry, u64 overflow, u32 size)
{
	unsigned int top = 8 * size - 1;
	u64 f = flags_of(v, size);

	f |= (carry >> top) & 1; /* CF */
	f |= (a ^ b ^ v) & FLAG_AF;
	f |= ((overflow >> top) & 1) << 11; /* OF */
	return f;
}

static u64 add(u64 a, u64 b, u64 c, u32 size, u64 *f)
{
	u64 v = (a + b + c) & x86_mask(size);

	*f = sum_flags(a, b, v, (a & b) | ((a | b) & ~v), (a ^ v) & (b ^ v),
		       size);
	return v;
}

static u64 sub(u64 a, u64 b, u64 c, u32 size, u64 *f)
{
	u64 v = (a - b - c) & x86_mask(size);

	*f = sum_flags(a, b, v, (~a & b) | ((~a | b) & v), (a ^ b) & (a ^ v),
		       size);
	return v;
}

static u64 bit_test(enum x86_alu_op op, u64 a, u64 b, u32 size, u64 *rflags)
{
	u64 bit = BIT_ULL(b & (8 * size - 1));

	*rflags &= ~FLAG_CF;
	if (a & bit)
		*rflags |= FLAG_CF;
	switch (op) {
	case ALU_BTS:
		return a | bit;
	case ALU_BTR:
		return a & ~bit;
	case ALU_BTC:
		return a ^ bit;
	default:
		return a;
	}
}

/*
 * The result of @op on @a and @b, both of @size bytes, and its flags in
 * *@rflags. For ALU_CMP and ALU_TEST the result is what sets the flags.
 */
u64 x86_alu(enum x86_alu_op op, u64 a, u64 b, u32 size, u64 *rflags)
{
	u64 mask = x86_mask(size), c = *rflags & FLAG_CF, f, v;

	a &= mask;
	b &= mask;
	switch (op) {
	case ALU_ADD:
		v = add(a, b, 0, size, &f);
		break;
	case ALU_ADC:
		v = add(a, b, c, size, &f);
		break;
	case ALU_SUB:
	case ALU_CMP:
		v = sub(a, b, 0, size, &f);
		break;
	case ALU_SBB:
		v = sub(a, b, c, size, &f);
		break;
	case ALU_NEG:
		v = sub(0, a, 0, size, &f);
		break;
	case ALU_INC:
		v = add(a, 1, 0, size, &f);
		f = (f & ~FLAG_CF) | c;
		break;
	case ALU_DEC:
		v = sub(a, 1, 0, size, &f);
		f = (f & ~FLAG_CF) | c;
		break;
	case ALU_OR:
		v = a | b;
		f = flags_of(v, size);
		break;
	case ALU_AND:
	case ALU_TEST:
		v = a & b;
		f = flags_of(v, size);
		break;
	case ALU_XOR:
		v = a ^ b;
		f = flags_of(v, size);
		break;
	case ALU_NOT:
		return ~a & mask;
	case ALU_MOV:
		return b;
	default:
		return bit_test(op, a, b, size, rflags);
	}
	*rflags = (*rflags & ~FLAGS_STATUS) | f;
	return v;
}

/* SDM 1 "EFLAGS Condition Codes": odd codes are the even ones negated. */
bool x86_condition(u8 cc, u64 rflags)
{
	bool less = !(rflags & FLAG_SF) != !(rflags & FLAG_OF), v;

	switch ((cc >> 1) & 7) {
	case 0:
		v = rflags & FLAG_OF;
		break;
	case 1:
		v = rflags & FLAG_CF;
		break;
	case 2:
		v = rflags & FLAG_ZF;
		break;
	case 3:
		v = rflags & (FLAG_CF | FLAG_ZF);
		break;
	case 4:
		v = rflags & FLAG_SF;
		break;
	case 5:
		v = rflags & FLAG_PF;
		break;
	case 6:
		v = less;
		break;
	default:
		v = less || (rflags & FLAG_ZF);
		break;
	}
	return v != (cc & 1);
}

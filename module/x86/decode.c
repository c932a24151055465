// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instruction decoding: lengths and fields.
 *
 * One u16 of attributes per opcode says what follows it; the common case reads
 * one or two of them, ModRM and a displacement, and never loops. What depends
 * on ModRM.reg or a mandatory prefix is marked A_SPECIAL and settled in one
 * place.
 *
 * SDM 2D "Opcode Map"; APM 3 "Opcode and Operand Encodings". Where the vendors
 * differ (operand size of near branches in 64-bit mode) this is Intel's.
 */
#include "insn.h"

/* What is rare must not cost what is common its registers. */
#ifndef noinline
#define noinline __attribute__((noinline))
#endif
#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* What immediate follows: the low four bits of the attributes. */
enum imm {
	IMM_NONE,
	IMM_B, /* one byte */
	IMM_W, /* two bytes */
	IMM_Z, /* two or four, by operand size */
	IMM_V, /* two, four or eight, by operand size */
	IMM_WB, /* ENTER */
	IMM_P, /* far pointer: offset by operand size, selector */
	IMM_O, /* offset by address size (MOV moffs) */
};

#define A_IMM 0x000f
#define A_MODRM 0x0010
#define A_BYTE 0x0020 /* operand size is one byte */
#define A_D64 0x0040 /* 64-bit mode: operand size 8, or 2 with prefix 66 */
#define A_F64 0x0080 /* 64-bit mode: operand size 8 */
#define A_N64 0x0100 /* no instruction in 64-bit mode */
#define A_PREFIX 0x0200
#define A_REX 0x0400 /* REX prefix in 64-bit mode */
#define A_ESCAPE 0x0800 /* leads to another map */
#define A_INVALID 0x1000
#define A_SPECIAL 0x2000
#define A_REGISTER 0x4000 /* ModRM.mod is taken as 3 */

/* Short names, so that the maps below look like the manuals'. */
#define __ 0
#define XX A_INVALID
#define PP A_PREFIX
#define RX A_REX
#define ES A_ESCAPE
#define LL A_N64
#define LB (A_N64 | IMM_B)
#define LP (A_N64 | IMM_P)
#define LM (A_N64 | A_MODRM | A_SPECIAL)
#define LG (A_N64 | A_MODRM | A_BYTE | IMM_B)
#define BB A_BYTE
#define BI (A_BYTE | IMM_B)
#define I8 IMM_B
#define IW IMM_W
#define IZ IMM_Z
#define IV IMM_V
#define OB (A_BYTE | IMM_O)
#define OV IMM_O
#define MM A_MODRM
#define MB (A_MODRM | A_BYTE)
#define MI (A_MODRM | IMM_B)
#define MZ (A_MODRM | IMM_Z)
#define MG (A_MODRM | A_BYTE | IMM_B)
#define MR (A_MODRM | A_REGISTER | A_SPECIAL)
#define SM (A_MODRM | A_SPECIAL)
#define SB (A_MODRM | A_SPECIAL | A_BYTE)
#define SI (A_MODRM | A_SPECIAL | IMM_B)
#define SG (A_MODRM | A_SPECIAL | A_BYTE | IMM_B)
#define SZ (A_MODRM | A_SPECIAL | IMM_Z)
#define SD (A_MODRM | A_SPECIAL | A_D64)
#define DD A_D64
#define DI (A_D64 | IMM_B)
#define DZ (A_D64 | IMM_Z)
#define DE (A_D64 | IMM_WB)
#define FF A_F64
#define FI (A_F64 | IMM_B)
#define FW (A_F64 | IMM_W)
#define FZ (A_F64 | IMM_Z)

static const u16 one_byte[256] = {
	/*        0   1   2   3   4   5   6   7   8   9   a   b   c   d   e   f */
	/* 0 */ MB, MM, MB, MM, BI, IZ, LL, LL, MB, MM, MB, MM, BI, IZ, LL, ES,
	/* 1 */ MB, MM, MB, MM, BI, IZ, LL, LL, MB, MM, MB, MM, BI, IZ, LL, LL,
	/* 2 */ MB, MM, MB, MM, BI, IZ, PP, LL, MB, MM, MB, MM, BI, IZ, PP, LL,
	/* 3 */ MB, MM, MB, MM, BI, IZ, PP, LL, MB, MM, MB, MM, BI, IZ, PP, LL,
	/* 4 */ RX, RX, RX, RX, RX, RX, RX, RX, RX, RX, RX, RX, RX, RX, RX, RX,
	/* 5 */ DD, DD, DD, DD, DD, DD, DD, DD, DD, DD, DD, DD, DD, DD, DD, DD,
	/* 6 */ LL, LL, LM, MM, PP, PP, PP, PP, DZ, MZ, DI, MI, BB, __, BB, __,
	/* 7 */ FI, FI, FI, FI, FI, FI, FI, FI, FI, FI, FI, FI, FI, FI, FI, FI,
	/* 8 */ MG, MZ, LG, MI, MB, MM, MB, MM, MB, MM, MB, MM, SM, SM, SM, SD,
	/* 9 */ __, __, __, __, __, __, __, __, __, __, LP, __, DD, DD, __, __,
	/* a */ OB, OV, OB, OV, BB, __, BB, __, BI, IZ, BB, __, BB, __, BB, __,
	/* b */ BI, BI, BI, BI, BI, BI, BI, BI, IV, IV, IV, IV, IV, IV, IV, IV,
	/* c */ MG, MI, FW, FF, LM, LM, SG, SZ, DE, DD, IW, __, __, I8, LL, __,
	/* d */ MB, MM, MB, MM, LB, LB, LL, __, MM, MM, MM, MM, MM, MM, MM, MM,
	/* e */ FI, FI, FI, FI, BI, I8, BI, I8, FZ, FZ, LP, FI, BB, __, BB, __,
	/* f */ PP, __, PP, PP, __, __, SB, SM, __, __, __, __, __, __, SB, SM,
};

static const u16 two_byte[256] = {
	/*        0   1   2   3   4   5   6   7   8   9   a   b   c   d   e   f */
	/* 0 */ MM, MM, MM, MM, XX, __, __, __, __, __, XX, __, XX, MM, __, MI,
	/* 1 */ MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM,
	/* 2 */ MR, MR, MR, MR, XX, XX, XX, XX, MM, MM, MM, MM, MM, MM, MM, MM,
	/* 3 */ __, __, __, __, __, __, XX, __, ES, XX, ES, XX, XX, XX, XX, XX,
	/* 4 */ MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM,
	/* 5 */ MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM,
	/* 6 */ MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM,
	/* 7 */ MI, MI, MI, MI, MM, MM, MM, __, SM, MM, XX, XX, MM, MM, MM, MM,
	/* 8 */ FZ, FZ, FZ, FZ, FZ, FZ, FZ, FZ, FZ, FZ, FZ, FZ, FZ, FZ, FZ, FZ,
	/* 9 */ MB, MB, MB, MB, MB, MB, MB, MB, MB, MB, MB, MB, MB, MB, MB, MB,
	/* a */ DD, DD, __, MM, MI, MM, XX, XX, DD, DD, __, MM, MI, MM, MM, MM,
	/* b */ MB, MM, SM, MM, SM, SM, MM, MM, SM, MM, SI, MM, MM, MM, MM, MM,
	/* c */ MB, MM, MI, SM, MI, MI, MI, SM, __, __, __, __, __, __, __, __,
	/* d */ MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM,
	/* e */ MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM,
	/* f */ MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM, MM,
};

#define BITS(h, l) GENMASK_ULL((h) & 63, (l) & 63)

/* 0F 38: ModRM and no immediate. Which opcodes exist, 64 to a word. */
static const u64 map_38[4] = {
	BITS(0x0b, 0x00) | BITS(0x10, 0x10) | BITS(0x15, 0x14) |
		BITS(0x17, 0x17) | BITS(0x1e, 0x1c) | BITS(0x25, 0x20) |
		BITS(0x2b, 0x28) | BITS(0x35, 0x30) | BITS(0x3f, 0x37),
	BITS(0x41, 0x40),
	BITS(0x82, 0x80),
	BITS(0xcd, 0xc8) | BITS(0xcf, 0xcf) | BITS(0xd8, 0xd8) |
		BITS(0xdf, 0xdb) | BITS(0xf1, 0xf0) | BITS(0xf6, 0xf5) |
		BITS(0xfc, 0xf8),
};

/* 0F 3A: ModRM and one byte. */
static const u64 map_3a[4] = {
	BITS(0x0f, 0x08) | BITS(0x17, 0x14) | BITS(0x22, 0x20),
	BITS(0x42, 0x40) | BITS(0x44, 0x44) | BITS(0x63, 0x60),
	0,
	BITS(0xcc, 0xcc) | BITS(0xcf, 0xce) | BITS(0xdf, 0xdf) |
		BITS(0xf0, 0xf0),
};

#define REX_W 8
#define REX_B 1

/* What an instruction is before any of it is known, by mode. */
#define BLANK(op, addr) { .opsize = op, .addrsize = addr, .seg = X86_DS }

static const struct x86_insn blank[] = {
	[X86_REAL] = BLANK(2, 2),
	[X86_PROT16] = BLANK(2, 2),
	[X86_PROT32] = BLANK(4, 4),
	[X86_LONG64] = BLANK(4, 8),
};

static u8 prefix(struct x86_insn *insn, u8 override, u8 b, enum x86_mode mode)
{
	switch (b) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		/* Ignored in 64-bit mode, and don't undo FS or GS. */
		if (mode != X86_LONG64)
			override = (b >> 3) & 3; /* ES, CS, SS, DS */
		break;
	case 0x64:
		override = X86_FS;
		break;
	case 0x65:
		override = X86_GS;
		break;
	case 0x66:
		insn->opsize = 6 - blank[mode].opsize;
		break;
	case 0x67:
		insn->addrsize = blank[mode].addrsize == 4 ? 2 : 4;
		break;
	case 0xf0:
		insn->lock = true;
		break;
	default: /* F2, F3: the last one counts */
		insn->rep = b == 0xf3;
		insn->repne = b == 0xf2;
		break;
	}
	return override;
}

/*
 * Take prefixes, and REX if it stands right before the opcode. insn->len is how
 * many bytes that were. Returns the segment override, X86_SEGS for none.
 */
static u8 prefixes(struct x86_insn *insn, const u8 *bytes,
			    const u8 *end, enum x86_mode mode)
{
	const u8 *p = bytes;
	u8 override = X86_SEGS;

	for (; p < end; p++) {
		u16 a = one_byte[*p];

		if (a & A_PREFIX) {
			insn->rex = 0;
			override = prefix(insn, override, *p, mode);
		} else if ((a & A_REX) && mode == X86_LONG64) {
			insn->rex = *p;
		} else {
			break;
		}
	}
	insn->len = p - bytes;
	return override;
}

static inline s64 load(const u8 *p, unsigned int n)
{
	u16 w;
	u32 d;
	u64 q;

	switch (n) {
	case 1:
		return (s64)(p[0] ^ 0x80) - 0x80;
	case 2:
		memcpy(&w, p, 2);
		return (s64)(w ^ 0x8000) - 0x8000;
	case 4:
		memcpy(&d, p, 4);
		return (s32)d;
	default:
		memcpy(&q, p, 8);
		return (s64)q;
	}
}

/*
 * 32- and 64-bit addressing by ModRM: the low bits are the displacement's
 * length. The same eight for every value of reg.
 */
#define F_DISP 7
#define F_SIB 8
#define F_SS 0x10 /* base is RBP, if REX.B doesn't make it R13 */

#define FORM8(a, b, c) a, a, a, a, b, c, a, a
#define FORM64(a, b, c) \
	FORM8(a, b, c), FORM8(a, b, c), FORM8(a, b, c), FORM8(a, b, c), \
	FORM8(a, b, c), FORM8(a, b, c), FORM8(a, b, c), FORM8(a, b, c)

static const u8 forms[256] = {
	FORM64(0, F_SIB, 4),
	FORM64(1, F_SIB | 1, F_SS | 1),
	FORM64(4, F_SIB | 4, F_SS | 4),
};

/* The length of the displacement when there is SIB, and the segment. */
static noinline unsigned int scaled(struct x86_insn *insn, unsigned int form)
{
	unsigned int disp = form & F_DISP, base = insn->sib & 7;

	if (base == 5 && !disp)
		return 4;
	if ((base == 4 || base == 5) && !(insn->rex & REX_B))
		insn->seg = X86_SS;
	return disp;
}

static noinline unsigned int form16(struct x86_insn *insn)
{
	unsigned int disp = insn->modrm >> 6, rm = insn->modrm & 7;

	if (rm == 6 ? disp != 0 : rm == 2 || rm == 3)
		insn->seg = X86_SS;
	return disp == 0 && rm == 6 ? 2 : disp;
}

/* ModRM, SIB and displacement from @p on; where they end, or NULL. */
static __always_inline const u8 *operand(struct x86_insn *insn, const u8 *p,
					 const u8 *end, u16 a, u8 rex)
{
	unsigned int modrm, form, disp;

	if (unlikely(p >= end))
		return NULL;
	modrm = *p++;
	if (unlikely(a & A_REGISTER))
		modrm |= 0xc0;
	insn->has_modrm = true;
	insn->modrm = modrm;
	form = forms[modrm];
	disp = form & F_DISP;
	if (unlikely(insn->addrsize == 2) && modrm < 0xc0) {
		disp = form16(insn);
	} else if (form & F_SIB) {
		if (unlikely(p >= end))
			return NULL;
		insn->sib = *p++;
		disp = scaled(insn, form);
	} else if ((form & F_SS) && !(rex & REX_B)) {
		insn->seg = X86_SS;
	}
	if (!disp)
		return p;
	if (unlikely((unsigned int)(end - p) < disp))
		return NULL;
	if (disp == 4)
		insn->disp = load(p, 4);
	else
		insn->disp = disp == 1 ? load(p, 1) : load(p, 2);
	return p + disp;
}

/*
 * What an opcode's attributes can't say: groups with holes, immediates that
 * depend on ModRM.reg or on a prefix (@flipped: 66). Returns the attributes to
 * go on with.
 */
static u16 special(const struct x86_insn *insn, bool flipped, u16 a)
{
	unsigned int reg = (insn->modrm >> 3) & 7;
	bool memory = insn->modrm < 0xc0;
	bool ok = true;

	if (likely(insn->opcode == 0xc7 && reg == 0))
		return a; /* MOV to an APIC register, as often as not */
	switch (insn->opcode) {
	case 0x62: /* BOUND, else EVEX */
	case 0xc4: /* LES, else VEX */
	case 0xc5: /* LDS, else VEX */
	case 0x8d: /* LEA */
	case 0x0fb2: /* LSS, LFS, LGS */
	case 0x0fb4:
	case 0x0fb5:
		ok = memory;
		break;
	case 0x0fc3: /* MOVNTI */
		ok = memory && !flipped && !insn->rep && !insn->repne;
		break;
	case 0x8c:
		ok = reg < 6;
		break;
	case 0x8e:
		ok = reg < 6 && reg != X86_CS;
		break;
	case 0x8f: /* POP, else XOP */
		ok = reg == 0;
		break;
	case 0xc6: /* MOV, XABORT */
	case 0xc7: /* MOV, XBEGIN */
		ok = reg == 0 || insn->modrm == 0xf8;
		break;
	case 0xf6:
		return reg < 2 ? a | IMM_B : a;
	case 0xf7:
		return reg < 2 ? a | IMM_Z : a;
	case 0xfe:
		ok = reg < 2;
		break;
	case 0xff:
		if (reg == 2 || reg == 4)
			return a | A_F64;
		if (reg == 6)
			return a | A_D64;
		ok = reg < 2 || (reg != 7 && memory);
		break;
	case 0x0f20: /* control registers 0, 2, 3, 4 and 8 */
	case 0x0f22:
		ok = insn->rex & 4 ? reg == 0 : reg < 5 && reg != 1;
		break;
	case 0x0f21:
	case 0x0f23:
		ok = !(insn->rex & 4);
		break;
	case 0x0f78: /* VMREAD; EXTRQ and INSERTQ of SSE4A take two bytes */
		if (insn->repne || flipped)
			return a | IMM_W;
		ok = !insn->rep;
		break;
	case 0x0fb8:
		ok = insn->rep; /* POPCNT */
		break;
	case 0x0fba:
		ok = reg > 3;
		break;
	case 0x0fc7:
		ok = reg != 0 && reg != 2;
		break;
	}
	return ok ? a : a | A_INVALID;
}

/* The far pointer or ENTER's two operands: @len and @more bytes. */
static const u8 *two_parts(struct x86_insn *insn, const u8 *p,
			   const u8 *end, unsigned int len, unsigned int more)
{
	if ((unsigned int)(end - p) < len + more)
		return NULL;
	insn->imm = len == 2 ? (u16)load(p, 2) : (u32)load(p, 4);
	if (more == 1)
		insn->imm |= (u32)p[len] << 16;
	else
		insn->imm |= (u64)(u16)load(p + len, 2) << 32;
	return p + len + more;
}

static const u8 *immediate(struct x86_insn *insn, const u8 *p, const u8 *end,
			   u16 a)
{
	unsigned int len;

	switch (a & A_IMM) {
	case IMM_B:
		len = 1;
		break;
	case IMM_W:
		len = 2;
		break;
	case IMM_Z:
		len = insn->opsize == 2 ? 2 : 4;
		break;
	case IMM_V:
		len = insn->opsize;
		break;
	case IMM_O:
		len = insn->addrsize;
		break;
	case IMM_WB:
		return two_parts(insn, p, end, 2, 1);
	default: /* IMM_P */
		return two_parts(insn, p, end, insn->opsize, 2);
	}
	if (unlikely((unsigned int)(end - p) < len))
		return NULL;
	if ((a & A_IMM) == IMM_O)
		insn->disp = load(p, len);
	else
		insn->imm = load(p, len);
	return p + len;
}

/* 0F 38 and 0F 3A: the attributes of opcode @b there. */
static noinline u16 three_byte(u8 escape, u8 b)
{
	const u64 *map = escape == 0x38 ? map_38 : map_3a;

	if (!((map[b >> 6] >> (b & 63)) & 1))
		return A_INVALID;
	return escape == 0x38 ? MM : MI;
}

/* REX.W, and the opcodes that have a size of their own. */
static u8 operand_size(const struct x86_insn *insn, u16 a, enum x86_mode mode)
{
	u8 size = insn->opsize;

	if (a & A_BYTE)
		return 1;
	if (mode != X86_LONG64)
		return size;
	if ((a & A_F64) || (insn->rex & REX_W))
		return 8;
	return (a & A_D64) && size == 4 ? 8 : size;
}

/* More than 15 bytes are no instruction; fewer may become one. */
static int starved(const u8 *bytes, const u8 *end)
{
	return end - bytes >= X86_INSN_MAX ? -2 : -1;
}

/* What common instructions don't have: special rules, sizes, immediates. */
static noinline int rest(struct x86_insn *insn, const u8 *bytes, const u8 *p,
			 const u8 *end, u16 a, enum x86_mode mode)
{
	if (a & A_SPECIAL) {
		a = special(insn, insn->opsize != blank[mode].opsize, a);
		if (a & A_INVALID)
			return -2;
	}
	insn->opsize = operand_size(insn, a, mode);
	if (a & A_IMM) {
		p = immediate(insn, p, end, a);
		if (!p)
			return starved(bytes, end);
	}
	insn->len = p - bytes;
	return 0;
}

/* From the opcode at @p on; its attributes come from up to three bytes. */
static __always_inline int decode_opcode(struct x86_insn *insn,
					 const u8 *bytes, const u8 *p,
					 const u8 *end, enum x86_mode mode,
					 u16 a, u8 rex)
{
	u32 op = *p++;

	if (a & A_ESCAPE) {
		if (unlikely(p == end))
			return starved(bytes, end);
		op = op << 8 | *p;
		a = two_byte[*p++];
		if (unlikely(a & A_ESCAPE)) {
			if (p == end)
				return starved(bytes, end);
			a = three_byte(op & 0xff, *p);
			op = op << 8 | *p++;
		}
	}
	if (unlikely(a & (A_INVALID | A_N64)) &&
	    ((a & A_INVALID) || mode == X86_LONG64))
		return -2;
	insn->opcode = op;
	if (a & A_MODRM) {
		p = operand(insn, p, end, a, rex);
		if (unlikely(!p))
			return starved(bytes, end);
	}
	if ((a & (A_SPECIAL | A_BYTE | A_D64 | A_F64 | A_IMM)) || rex)
		return rest(insn, bytes, p, end, a, mode);
	insn->len = p - bytes;
	return 0;
}

static noinline int decode_prefixed(struct x86_insn *insn, const u8 *bytes,
				    const u8 *end, enum x86_mode mode)
{
	u8 override = prefixes(insn, bytes, end, mode);
	const u8 *p = bytes + insn->len;
	int rc;

	if (p == end)
		return starved(bytes, end);
	rc = decode_opcode(insn, bytes, p, end, mode, one_byte[*p], insn->rex);
	if (override != X86_SEGS)
		insn->seg = override;
	return rc;
}

int x86_decode(struct x86_insn *insn, const u8 *bytes, unsigned int n,
	       enum x86_mode mode)
{
	const u8 *end = bytes + (n < X86_INSN_MAX ? n : X86_INSN_MAX);
	u16 a;

	*insn = blank[mode];
	if (unlikely(!n))
		return -1;
	a = one_byte[*bytes];
	if (a & (A_PREFIX | A_REX))
		return decode_prefixed(insn, bytes, end, mode);
	return decode_opcode(insn, bytes, bytes, end, mode, a, 0);
}

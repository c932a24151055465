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

struct cursor {
	const u8 *p, *end;
	u8 override; /* segment, or X86_SEGS for none */
	bool flip_opsize, flip_addrsize;
};

static void prefix(struct x86_insn *insn, struct cursor *c, u8 b,
		   enum x86_mode mode)
{
	switch (b) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		/* Ignored in 64-bit mode, and don't undo FS or GS. */
		if (mode != X86_LONG64)
			c->override = (b >> 3) & 3; /* ES, CS, SS, DS */
		break;
	case 0x64:
		c->override = X86_FS;
		break;
	case 0x65:
		c->override = X86_GS;
		break;
	case 0x66:
		c->flip_opsize = true;
		break;
	case 0x67:
		c->flip_addrsize = true;
		break;
	case 0xf0:
		insn->lock = true;
		break;
	case 0xf2:
	case 0xf3: /* the last one counts */
		insn->rep = b == 0xf3;
		insn->repne = b == 0xf2;
		break;
	}
}

/* Take prefixes, and REX if it stands right before the opcode. */
static void prefixes(struct x86_insn *insn, struct cursor *c,
		     enum x86_mode mode)
{
	for (; c->p < c->end; c->p++) {
		u16 a = one_byte[*c->p];

		if (a & A_PREFIX) {
			insn->rex = 0;
			prefix(insn, c, *c->p, mode);
		} else if ((a & A_REX) && mode == X86_LONG64) {
			insn->rex = *c->p;
		} else {
			break;
		}
	}
}

static s64 load(const u8 *p, unsigned int n)
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

/* ModRM, SIB and displacement; false if the bytes end before. */
static inline bool operand(struct x86_insn *insn, struct cursor *c, u16 a)
{
	unsigned int mod, rm, disp;

	if (c->p >= c->end)
		return false;
	insn->has_modrm = true;
	insn->modrm = *c->p++;
	if (unlikely(a & A_REGISTER))
		insn->modrm |= 0xc0;
	mod = insn->modrm >> 6;
	rm = insn->modrm & 7;
	if (mod == 3)
		return true;

	disp = mod;
	if (unlikely(insn->addrsize == 2)) {
		if (rm == 6 ? mod != 0 : rm == 2 || rm == 3)
			insn->seg = X86_SS;
		if (mod == 0 && rm == 6)
			disp = 2;
	} else {
		if (rm == 4) {
			if (c->p >= c->end)
				return false;
			insn->sib = *c->p++;
			rm = insn->sib & 7;
			if (rm == 4 && !(insn->rex & REX_B))
				insn->seg = X86_SS;
		}
		if (rm == 5 && mod && !(insn->rex & REX_B))
			insn->seg = X86_SS;
		if (mod == 2 || (rm == 5 && !mod))
			disp = 4;
	}
	if (!disp)
		return true;
	if ((unsigned int)(c->end - c->p) < disp)
		return false;
	insn->disp = load(c->p, disp);
	c->p += disp;
	return true;
}

/*
 * What an opcode's attributes can't say: groups with holes, immediates that
 * depend on ModRM.reg or on a prefix. Returns the attributes to go on with.
 */
static u16 special(const struct x86_insn *insn, const struct cursor *c, u16 a)
{
	unsigned int reg = (insn->modrm >> 3) & 7;
	bool memory = insn->modrm < 0xc0;
	bool ok = true;

	switch (insn->opcode) {
	case 0x62: /* BOUND, else EVEX */
	case 0xc4: /* LES, else VEX */
	case 0xc5: /* LDS, else VEX */
	case 0x8d: /* LEA */
	case 0x0fb2: /* LSS, LFS, LGS */
	case 0x0fb4:
	case 0x0fb5:
	case 0x0fc3: /* MOVNTI */
		ok = memory;
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
		if (insn->repne || c->flip_opsize)
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

static bool immediate(struct x86_insn *insn, struct cursor *c, u16 a)
{
	unsigned int left = c->end - c->p;
	unsigned int size = insn->opsize, len;

	switch (a & A_IMM) {
	case IMM_B:
		len = 1;
		break;
	case IMM_W:
		len = 2;
		break;
	case IMM_Z:
		len = size == 2 ? 2 : 4;
		break;
	case IMM_V:
		len = size;
		break;
	case IMM_O:
		len = insn->addrsize;
		if (left < len)
			return false;
		insn->disp = load(c->p, len);
		c->p += len;
		return true;
	default: /* IMM_WB, IMM_P: the second part goes above the first */
		len = (a & A_IMM) == IMM_WB ? 2 : size;
		size = (a & A_IMM) == IMM_WB ? 1 : 2;
		if (left < len + size)
			return false;
		insn->imm = len == 2 ? (u16)load(c->p, 2) :
				       (u32)load(c->p, 4);
		insn->imm |= (load(c->p + len, size) & (size == 1 ? 0xff : 0xffff))
			     << (size == 1 ? 16 : 32);
		c->p += len + size;
		return true;
	}
	if (left < len)
		return false;
	insn->imm = load(c->p, len);
	c->p += len;
	return true;
}

/*
 * Follow 0F, 0F 38 and 0F 3A: the attributes of the opcode, with *@insn's set;
 * A_ESCAPE if the bytes end before.
 */
static u16 escape(struct x86_insn *insn, struct cursor *c)
{
	const u64 *map = map_38;
	u16 a;
	u8 b;

	if (c->p >= c->end)
		return A_ESCAPE;
	b = *c->p++;
	insn->opcode = 0x0f00 | b;
	a = two_byte[b];
	if (likely(!(a & A_ESCAPE)))
		return a;
	if (c->p >= c->end)
		return A_ESCAPE;
	a = A_MODRM;
	if (b == 0x3a) {
		map = map_3a;
		a |= IMM_B;
	}
	b = *c->p++;
	insn->opcode = insn->opcode << 8 | b;
	return (map[b >> 6] >> (b & 63)) & 1 ? a : A_INVALID;
}

int x86_decode(struct x86_insn *insn, const u8 *bytes, unsigned int n,
	       enum x86_mode mode)
{
	/* More is no instruction; less may become one. */
	int starved = n >= X86_INSN_MAX ? -2 : -1;
	struct cursor c = {
		.p = bytes,
		.end = bytes + (n < X86_INSN_MAX ? n : X86_INSN_MAX),
		.override = X86_SEGS,
	};
	bool small = mode <= X86_PROT16;
	u16 a;

	memset(insn, 0, sizeof(*insn));
	insn->seg = X86_DS;
	if (unlikely(!n))
		return -1;
	if (one_byte[*c.p] & (A_PREFIX | A_REX)) {
		prefixes(insn, &c, mode);
		if (c.p == c.end)
			return starved;
	}
	insn->opcode = *c.p++;
	insn->opsize = small != c.flip_opsize ? 2 : 4;
	insn->addrsize = small != c.flip_addrsize ? 2 : 4;
	a = one_byte[insn->opcode];
	if (a & A_ESCAPE)
		a = escape(insn, &c);
	if (mode == X86_LONG64) {
		insn->addrsize = c.flip_addrsize ? 4 : 8;
		if (insn->rex & REX_W)
			insn->opsize = 8;
		if (unlikely(a & A_N64))
			return -2;
	}
	if (unlikely(a & (A_INVALID | A_ESCAPE)))
		return a & A_INVALID ? -2 : starved;

	if ((a & A_MODRM) && !operand(insn, &c, a))
		return starved;
	if (unlikely(a & A_SPECIAL)) {
		a = special(insn, &c, a);
		if (a & A_INVALID)
			return -2;
	}
	if (a & (A_BYTE | A_D64 | A_F64)) {
		if (a & A_BYTE)
			insn->opsize = 1;
		else if (mode == X86_LONG64 &&
			 ((a & A_F64) || insn->opsize == 4))
			insn->opsize = 8;
	}
	if ((a & A_IMM) && !immediate(insn, &c, a))
		return starved;
	if (c.override != X86_SEGS)
		insn->seg = c.override;
	insn->len = c.p - bytes;
	return 0;
}

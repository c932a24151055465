// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86_decode() against Zydis, which knows the same manuals by another hand.
 *
 * What must hold: whatever Zydis takes as a legacy (or 3DNow!) encoding has the
 * same length and fields here; whatever it takes as VEX, EVEX or XOP is refused
 * here; and what it refuses is refused here too, save for what differs() lists.
 */
#include <Zydis/Zydis.h>

#include "test.h"

struct mode {
	const char *name;
	enum x86_mode mode;
	ZydisMachineMode machine;
	ZydisStackWidth stack;
	ZydisDecoder decoder;
};

static struct mode modes[] = {
	{ "real", X86_REAL, ZYDIS_MACHINE_MODE_REAL_16, ZYDIS_STACK_WIDTH_16, {} },
	{ "prot16", X86_PROT16, ZYDIS_MACHINE_MODE_LEGACY_16,
	  ZYDIS_STACK_WIDTH_16, {} },
	{ "prot32", X86_PROT32, ZYDIS_MACHINE_MODE_LEGACY_32,
	  ZYDIS_STACK_WIDTH_32, {} },
	{ "long64", X86_LONG64, ZYDIS_MACHINE_MODE_LONG_64,
	  ZYDIS_STACK_WIDTH_64, {} },
};

static unsigned long tried, valid, lenient;

static const char *hex(const u8 *b, unsigned int n)
{
	static char s[64];
	unsigned int i;

	for (i = 0; i < n && i < 20; i++)
		sprintf(s + 3 * i, "%02x ", b[i]);
	return s;
}

static bool is_legacy(const ZydisDecodedInstruction *z)
{
	return z->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY ||
	       z->encoding == ZYDIS_INSTRUCTION_ENCODING_3DNOW;
}

static u32 opcode_of(const ZydisDecodedInstruction *z)
{
	switch (z->opcode_map) {
	case ZYDIS_OPCODE_MAP_0F:
		return 0x0f00 | z->opcode;
	case ZYDIS_OPCODE_MAP_0F0F:
		return 0x0f0f;
	case ZYDIS_OPCODE_MAP_0F38:
		return 0x0f3800 | z->opcode;
	case ZYDIS_OPCODE_MAP_0F3A:
		return 0x0f3a00 | z->opcode;
	default:
		return z->opcode;
	}
}

/*
 * Encodings that Zydis knows and x86_decode() refuses on purpose. They are
 * no instructions of Intel's or AMD's CPUs that run VMX or SVM.
 */
static bool refused_on_purpose(const ZydisDecodedInstruction *z)
{
	switch (opcode_of(z)) {
	case 0x0fa6: /* VIA PadLock */
	case 0x0fa7:
	case 0x0fb8: /* JMPE of Itanium */
		return z->mnemonic != ZYDIS_MNEMONIC_POPCNT;
	default:
		return false;
	}
}

struct range {
	u32 first, last;
};

/*
 * What Zydis calls no instruction and x86_decode() takes. The length is right
 * if there were one; the CPU raises #UD before anybody asks, and x86_emulate()
 * has none of them.
 */
static const struct range taken[] = {
	{ 0x63, 0x63 }, /* ARPL in real mode */
	{ 0xd9, 0xdf }, /* reserved x87 encodings */
	{ 0x0f00, 0x0f03 }, /* holes in groups 6 and 7; LAR, LSL in real mode */
	{ 0x0f07, 0x0f07 }, /* SYSRET, by mode */
	{ 0x0f0f, 0x0f0f }, /* 3DNow! without such a suffix */
	{ 0x0f12, 0x0f17 }, /* SSE: mandatory prefix or form that isn't there */
	{ 0x0f1a, 0x0f1b }, /* MPX: bad bounds register */
	{ 0x0f28, 0x0f2f },
	{ 0x0f34, 0x0f37 }, /* SYSENTER, SYSEXIT, GETSEC by mode and prefix */
	{ 0x0f50, 0x0f7f },
	{ 0x0fae, 0x0fae },
	{ 0x0fc4, 0x0fc7 },
	{ 0x0fd0, 0x0ffe },
	{ 0x0f3800, 0x0f38ff },
	{ 0x0f3a00, 0x0f3aff },
};

/* LOCK on what can't be locked is x86_emulate()'s to refuse. */
static bool differs(const struct x86_insn *i, ZyanStatus st)
{
	unsigned int k;

	if (st == ZYDIS_STATUS_ILLEGAL_LOCK)
		return true;
	if (st != ZYDIS_STATUS_DECODING_ERROR &&
	    st != ZYDIS_STATUS_BAD_REGISTER)
		return false;
	for (k = 0; k < ARRAY_SIZE(taken); k++)
		if (i->opcode >= taken[k].first && i->opcode <= taken[k].last)
			return true;
	return false;
}

/*
 * VMX and MPX take the address size of the mode; Zydis says so for all of
 * group 7. Nothing here is a memory operand that is emulated.
 */
static bool fixed_address_size(u32 opcode)
{
	return opcode == 0x0f01 || opcode == 0x0f1a || opcode == 0x0f1b;
}

/* Opcodes whose operand size x86_emulate() goes by, as far as Zydis agrees. */
static bool has_operand_size(u32 op)
{
	return op < 0x40 || (op >= 0x50 && op < 0x60) ||
	       (op >= 0x80 && op < 0x8c) || op == 0x8f ||
	       (op >= 0xa0 && op < 0xc0) || op == 0xc7 ||
	       op == 0xf6 || op == 0xf7 || op == 0xfe || op == 0xff;
}

static void check_fields(const struct mode *m, const u8 *b,
			 const ZydisDecodedInstruction *z,
			 const struct x86_insn *i)
{
	CHECK(i->opcode == opcode_of(z), "%s %s: opcode %x not %x", m->name,
	      hex(b, z->length), i->opcode, opcode_of(z));
	CHECK(i->addrsize * 8 == z->address_width ||
	      fixed_address_size(i->opcode), "%s %s: address size %u",
	      m->name, hex(b, z->length), i->addrsize);
	CHECK(i->lock == !!(z->attributes & ZYDIS_ATTRIB_HAS_LOCK) ||
	      !(z->attributes & ZYDIS_ATTRIB_ACCEPTS_LOCK),
	      "%s %s: lock", m->name, hex(b, z->length));
	CHECK(i->has_modrm == !!(z->attributes & ZYDIS_ATTRIB_HAS_MODRM),
	      "%s %s: has_modrm", m->name, hex(b, z->length));
	if (i->has_modrm) {
		CHECK((i->modrm & 0x3f) == (z->raw.modrm.reg << 3 |
					    z->raw.modrm.rm),
		      "%s %s: modrm", m->name, hex(b, z->length));
		if (i->modrm < 0xc0)
			CHECK(i->modrm >> 6 == z->raw.modrm.mod, "%s %s: mod",
			      m->name, hex(b, z->length));
	}
	CHECK(i->disp == z->raw.disp.value, "%s %s: disp %llx not %llx",
	      m->name, hex(b, z->length), (unsigned long long)i->disp,
	      (unsigned long long)z->raw.disp.value);
	if (z->raw.imm[0].size && !z->raw.imm[1].size &&
	    z->encoding != ZYDIS_INSTRUCTION_ENCODING_3DNOW) {
		u64 mask = ~0ULL >> (64 - z->raw.imm[0].size);

		CHECK(((u64)i->imm & mask) ==
		      (z->raw.imm[0].value.u & mask),
		      "%s %s: imm", m->name, hex(b, z->length));
		if (z->raw.imm[0].is_signed)
			CHECK(i->imm == z->raw.imm[0].value.s, "%s %s: simm",
			      m->name, hex(b, z->length));
	}
	if (has_operand_size(i->opcode))
		CHECK(i->opsize * 8 == z->operand_width,
		      "%s %s: operand size %u not %u", m->name,
		      hex(b, z->length), i->opsize * 8, z->operand_width);
}

/* Memory operands: the segment that the access goes through. */
static void check_segment(struct mode *m, const u8 *b,
			  const ZydisDecodedInstruction *z,
			  const ZydisDecodedOperand *ops,
			  const struct x86_insn *i)
{
	static const u8 segs[] = { X86_ES, X86_CS, X86_SS, X86_DS, X86_FS,
				   X86_GS };
	unsigned int k;

	if (!i->has_modrm || i->modrm >= 0xc0)
		return;
	if (z->attributes & ZYDIS_ATTRIB_HAS_NOTRACK)
		return; /* 3E is no segment to Zydis then */
	for (k = 0; k < z->operand_count_visible; k++) {
		if (ops[k].type != ZYDIS_OPERAND_TYPE_MEMORY ||
		    ops[k].mem.type != ZYDIS_MEMOP_TYPE_MEM ||
		    ops[k].mem.segment < ZYDIS_REGISTER_ES)
			continue;
		CHECK(i->seg == segs[ops[k].mem.segment - ZYDIS_REGISTER_ES],
		      "%s %s: segment %u", m->name, hex(b, z->length), i->seg);
	}
}

static void compare(struct mode *m, const u8 *b)
{
	ZydisDecodedInstruction z;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecoderContext context;
	struct x86_insn i;
	ZyanStatus st;
	int rc;

	tried++;
	st = ZydisDecoderDecodeInstruction(&m->decoder, &context, b, 15, &z);
	rc = x86_decode(&i, b, 20, m->mode);
	if (rc != 0 && rc != -2) {
		test_fail("%s %s: %d for bytes enough", m->name, hex(b, 15), rc);
		return;
	}
	if (ZYAN_SUCCESS(st) && is_legacy(&z)) {
		valid++;
		if (refused_on_purpose(&z))
			return;
		if (rc || i.len != z.length) {
			test_fail("%s %s: %s, %d long, not %d (rc %d)", m->name,
				  hex(b, z.length),
				  ZydisMnemonicGetString(z.mnemonic), z.length,
				  i.len, rc);
			return;
		}
		check_fields(m, b, &z, &i);
		if (!(tried & 7) &&
		    ZYAN_SUCCESS(ZydisDecoderDecodeOperands(&m->decoder,
							    &context, &z, ops,
							    10)))
			check_segment(m, b, &z, ops, &i);
		return;
	}
	if (ZYAN_SUCCESS(st)) {
		valid++;
		CHECK(rc == -2, "%s %s: taken, but is %s", m->name,
		      hex(b, z.length), ZydisMnemonicGetString(z.mnemonic));
		return;
	}
	if (rc)
		return;
	lenient++;
	CHECK(differs(&i, st), "%s %s: no instruction (%x), taken", m->name,
	      hex(b, i.len), st & 0xfff);
}

static const u8 tails[][3] = { { 0, 0, 0 }, { 0x24, 0x11, 0x92 },
			       { 0x25, 0x80, 0x7f }, { 0x6d, 0xff, 0xc3 } };

static void one(struct mode *m, const char *pfx, unsigned int npfx,
		unsigned int map, u8 op, u8 modrm, unsigned int tail)
{
	static const u8 esc[4][2] = { { 0 }, { 0x0f }, { 0x0f, 0x38 },
				      { 0x0f, 0x3a } };
	static const u8 nesc[4] = { 0, 1, 2, 2 };
	u8 b[32];
	unsigned int n = 0;

	memset(b, 0x5a, sizeof(b));
	memcpy(b, pfx, npfx);
	n = npfx;
	memcpy(b + n, esc[map], nesc[map]);
	n += nesc[map];
	b[n++] = op;
	b[n++] = modrm;
	memcpy(b + n, tails[tail], 3);
	compare(m, b);
}

static const struct { const char *b; u8 n, all; } pfx[] = {
	{ "", 0, 1 }, { "\x66", 1, 0 }, { "\x67", 1, 1 }, { "\xf2", 1, 0 },
	{ "\xf3", 1, 0 }, { "\x66\x67", 2, 0 }, { "\xf0", 1, 0 },
	{ "\x48", 1, 0 }, { "\x41", 1, 0 }, { "\x66\x48", 2, 0 },
	{ "\x48\x66", 2, 0 }, { "\x64\x2e", 2, 0 }, { "\x3e", 1, 0 },
	{ "\x67\x4f", 2, 0 }, { "\xf2\x66\xf3", 3, 0 }, { "\x36\x65", 2, 0 },
	{ "\xf2\x48", 2, 0 },
};

static void systematic(struct mode *m)
{
	unsigned int p, map, op, modrm;

	for (p = 0; p < ARRAY_SIZE(pfx); p++)
		for (map = 0; map < 4; map++)
			for (op = 0; op < 256; op++)
				for (modrm = 0; modrm < 256; modrm++) {
					/* else a sixth of them, all the same */
					if (!pfx[p].all &&
					    (modrm + op + p) % 6)
						continue;
					one(m, pfx[p].b, pfx[p].n, map, op,
					    modrm, (modrm + op) & 3);
				}
}

/* Prefixes in any number and order, then what looks like an instruction. */
static void random_bytes(struct mode *m, unsigned long count)
{
	static const u8 prefixes[] = { 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e,
				       0x36, 0x3e, 0x64, 0x65, 0x40, 0x48, 0x4f,
				       0x66, 0x67 };
	u8 b[32];

	while (count--) {
		unsigned int n = 0, k;
		u64 r = rnd();

		for (k = r & 15; k > 10; k--)
			b[n++] = prefixes[rnd() & 15];
		if ((r & 0x3f0) == 0x3f0) /* up to and beyond 15 bytes */
			for (k = (r >> 12) & 15; k; k--)
				b[n++] = prefixes[rnd() & 15];
		if (r & 0x400)
			b[n++] = 0x0f;
		if ((r & 0x1c00) == 0x1c00)
			b[n++] = r & 0x2000 ? 0x38 : 0x3a;
		while (n < sizeof(b)) {
			u64 v = rnd();

			for (k = 0; k < 8 && n < sizeof(b); k++, v >>= 8)
				b[n++] = v;
		}
		compare(m, b);
	}
}

/* Fewer bytes than the instruction has: -1, and nothing read past them. */
static void truncated(void)
{
	unsigned long count = 60000;
	struct x86_insn i, j;
	u8 b[16];

	while (count--) {
		struct mode *m = &modes[count & 3];
		unsigned int k, n;
		int rc;

		for (k = 0; k < sizeof(b); k++)
			b[k] = rnd() >> 32;
		if (count & 4)
			b[0] = 0x0f;
		rc = x86_decode(&i, b, 15, m->mode);
		if (rc)
			continue;
		for (n = 0; n < i.len; n++) {
			u8 *exact = malloc(n ? n : 1); /* ASan guards its end */

			memcpy(exact, b, n);
			rc = x86_decode(&j, exact, n, m->mode);
			free(exact);
			CHECK(rc == -1, "%s %s: %d for %u bytes", m->name,
			      hex(b, i.len), rc, n);
		}
		CHECK(x86_decode(&j, b, i.len, m->mode) == 0 &&
		      !memcmp(&i, &j, sizeof(i)),
		      "%s %s: exact length", m->name, hex(b, i.len));
	}
}

int main(void)
{
	unsigned int k;

	test_seed_from_env();
	for (k = 0; k < ARRAY_SIZE(modes); k++) {
		char name[64];

		ZydisDecoderInit(&modes[k].decoder, modes[k].machine,
				 modes[k].stack);
		systematic(&modes[k]);
		sprintf(name, "every opcode in %s mode as Zydis has it",
			modes[k].name);
		test_done("decode", name);
		random_bytes(&modes[k], 300000);
		sprintf(name, "random bytes in %s mode as Zydis has them",
			modes[k].name);
		test_done("decode", name);
	}
	CHECK(tried > 1000000, "only %lu", tried);
	printf("# %lu encodings, %lu instructions, %lu more taken\n", tried,
	       valid, lenient);
	test_done("decode", "a million encodings and more");
	truncated();
	test_done("decode", "too few bytes");
	return test_exit();
}

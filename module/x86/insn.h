/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instruction decoding and emulation for what hardware hands back: memory-mapped
 * and string I/O, and the length of an intercepted instruction where the CPU
 * doesn't tell (no NRIP save). Pure: no allocation, lock, log or clock; memory
 * is reached only through struct x86_memory, so that the same files are tested
 * and fuzzed in user space.
 *
 * SDM 2 "Instruction Format"; APM 3 "Instruction Encoding".
 */
#ifndef VINTC_X86_INSN_H
#define VINTC_X86_INSN_H

#include "../apic/env.h"

#ifndef __KERNEL__
typedef int8_t s8;
#endif

#define X86_INSN_MAX 15

/* Order of general registers, as encoded in ModRM and REX. */
enum x86_gpr {
	X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI,
	X86_R8, X86_R9, X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15,
	X86_GPRS
};

enum x86_seg {
	X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_SEGS
};

/* Default code size: what CS.D, CS.L, EFER.LMA, CR0.PE and RFLAGS.VM add up to. */
enum x86_mode {
	X86_REAL, /* real and virtual-8086: 16-bit, no descriptor checks */
	X86_PROT16,
	X86_PROT32,
	X86_LONG64,
};

/* Exception vectors this module raises. */
enum x86_fault {
	X86_NO_FAULT = -1,
	X86_UD = 6,
	X86_SS_FAULT = 12,
	X86_GP = 13,
	X86_PF = 14,
	X86_AC = 17,
};

struct x86_segment {
	u64 base;
	u32 limit; /* in bytes, granularity applied */
	u16 selector;
	u8 type; /* descriptor type field, 4 bits */
	bool s, present, db, l, g, unusable;
	u8 dpl;
};

/**
 * struct x86_cpu - the registers an instruction may read and change
 * @gpr: by enum x86_gpr
 * @rip: of the instruction; the next one after x86_emulate() returns X86_DONE
 * @rflags: RFLAGS
 * @seg: by enum x86_seg
 * @mode: enum x86_mode
 * @cpl: current privilege level
 * @la57: CR4.LA57: linear addresses have 57 bits in 64-bit mode, not 48
 */
struct x86_cpu {
	u64 gpr[X86_GPRS];
	u64 rip;
	u64 rflags;
	struct x86_segment seg[X86_SEGS];
	enum x86_mode mode;
	u8 cpl;
	bool la57;
};

/* Results of memory callbacks and of x86_emulate(). */
enum x86_result {
	X86_DONE, /* access made; instruction complete */
	X86_WAIT, /* value must come from elsewhere (user space): run again later */
	X86_FAULT, /* @fault, @error, @address say which exception */
	X86_UNHANDLED, /* no such instruction here: internal error with the bytes */
	X86_AGAIN, /* x86_emulate: a repeated string instruction has done a part
		    * and left RIP, RCX, RSI, RDI as the architecture does, or
		    * a locked one lost every race for its operand; run it
		    * again
		    */
};

struct x86_exception {
	s8 vector; /* enum x86_fault */
	bool has_error;
	u32 error;
	u64 address; /* CR2 for #PF */
};

/**
 * struct x86_block - elements of a string between memory and a port
 * @linear: of the first element; all of them lie within its page
 * @n: how many, at least one; on X86_DONE how many were done, 0 when they must
 *     be done one at a time
 * @down: the next element is the one below
 * @in: from the port
 */
struct x86_block {
	u16 port;
	u32 size;
	u64 linear;
	u32 n;
	bool down, in;
};

/**
 * struct x86_memory - how an instruction reaches memory and ports
 * @read: load @len (1, 2, 4, 8, 16) bytes at linear address; fetches are not
 *        made here, the bytes are given
 * @write: store
 * @cmpxchg: atomic compare and exchange of @len bytes where @linear is RAM:
 *           *@old is what was found there; for MMIO it may be a read and a
 *           write
 * @in, @out: port access of 1, 2, 4 bytes (permission was checked by hardware)
 * @block: may be NULL: elements of a repeated INS or OUTS, all at once
 * @probe: may be NULL: would a store of @len bytes at @linear fault? Nothing
 *         is stored. Asked by INS, whose port read can't be taken back, and
 *         before the read of a read-modify-write operand, for the exact fault
 * All return X86_DONE, X86_WAIT, or X86_FAULT with *@ex filled.
 *
 * An instruction that met X86_WAIT is later emulated from its start with the
 * same registers; the callbacks must then answer the accesses already made
 * with the same values (a replay log is the caller's business) and may not
 * repeat their effects.
 */
struct x86_memory {
	enum x86_result (*read)(void *ctx, u64 linear, void *data, u32 len,
				struct x86_exception *ex);
	enum x86_result (*write)(void *ctx, u64 linear, const void *data,
				 u32 len, struct x86_exception *ex);
	enum x86_result (*cmpxchg)(void *ctx, u64 linear, void *old,
				   const void *new, u32 len,
				   struct x86_exception *ex);
	enum x86_result (*in)(void *ctx, u16 port, void *data, u32 len,
			      struct x86_exception *ex);
	enum x86_result (*out)(void *ctx, u16 port, const void *data, u32 len,
			       struct x86_exception *ex);
	enum x86_result (*block)(void *ctx, struct x86_block *b,
				 struct x86_exception *ex);
	enum x86_result (*probe)(void *ctx, u64 linear, u32 len,
				 struct x86_exception *ex);
};

/**
 * struct x86_insn - a decoded instruction
 * @len: length in bytes, prefixes included
 * @opcode: opcode byte; 0x0fXX for the two-byte map, 0x0f38XX and 0x0f3aXX
 * @rep, @repne, @lock: prefixes; of F2 and F3 the last one
 * @rex: REX prefix or 0
 * @opsize, @addrsize: effective sizes in bytes; @opsize is 1 for the byte forms
 * @seg: segment of the memory operand, enum x86_seg, overrides applied
 * @modrm, @sib, @has_modrm: ModRM.mod is 3 for moves to and from CR and DR
 * @disp: displacement, or the offset of MOV moffs, sign-extended
 * @imm: immediate, sign-extended; far pointers: offset, and the selector from
 *       bit 32 up; ENTER: the second operand from bit 16 up
 */
struct x86_insn {
	u8 len;
	u32 opcode;
	bool rep, repne, lock, has_modrm;
	u8 rex, opsize, addrsize, seg;
	u8 modrm, sib;
	s64 disp;
	s64 imm;
};

/**
 * x86_decode() - decode one instruction
 * @insn: result
 * @bytes: instruction bytes
 * @n: how many there are, at most X86_INSN_MAX are looked at
 * @mode: enum x86_mode
 *
 * Knows the length of every general-purpose, system, x87, MMX and SSE
 * instruction of the one-, two- and three-byte maps, so that lengths are right
 * also for what x86_emulate() doesn't do. VEX, EVEX and XOP are refused.
 *
 * Return: 0; -1 when @n bytes are too few; -2 for no valid encoding.
 */
int x86_decode(struct x86_insn *insn, const u8 *bytes, unsigned int n,
	       enum x86_mode mode);

/**
 * x86_emulate() - execute one decoded instruction against @cpu and @mem
 * @cpu: registers; changed only on X86_DONE and X86_AGAIN
 * @insn: from x86_decode()
 * @mem: callbacks
 * @ctx: handed to them
 * @ex: exception on X86_FAULT
 *
 * At most @max_rep elements of a repeated string instruction are done per call
 * (or one block), each with two accesses at most (more where an operand wraps at 4 GB). A fault
 * after the first element comes back as X86_AGAIN with the elements before it
 * done, and as X86_FAULT from the next call; X86_WAIT keeps nothing of the call.
 *
 * Return: enum x86_result.
 */
enum x86_result x86_emulate(struct x86_cpu *cpu, const struct x86_insn *insn,
			    const struct x86_memory *mem, void *ctx,
			    struct x86_exception *ex, unsigned int max_rep);

/* Effective linear address of the ModRM memory operand, no checks. */
u64 x86_linear(const struct x86_cpu *cpu, const struct x86_insn *insn);

#endif

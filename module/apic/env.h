/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the engine needs from where it is compiled: integer types, bit macros
 * and the few atomic operations of the mailbox. The only header of the engine
 * that looks outside module/apic.
 */
#ifndef VINTC_APIC_ENV_H
#define VINTC_APIC_ENV_H

#ifdef __KERNEL__
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/nospec.h>
#include <linux/string.h>
#include <linux/types.h>
#else
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define BIT(n) (1UL << (n))
#define BIT_ULL(n) (1ULL << (n))
#define GENMASK_ULL(h, l) ((~0ULL << (l)) & (~0ULL >> (63 - (h))))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define __aligned(n) __attribute__((aligned(n)))
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

/* The eight words of a 256-bit register: what turns the loop would cost more than its body. */
#ifdef __clang__
#define ENV_UNROLL_8 _Pragma("unroll 8")
#else
#define ENV_UNROLL_8 _Pragma("GCC unroll 8")
#endif

/*
 * Fully ordered read-modify-write on a u64 that other CPUs share, by compiler
 * builtins so that one text serves the kernel, KUnit and user space.
 */
static inline u64 env_fetch_or(u64 *p, u64 v)
{
	return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);
}

static inline u64 env_fetch_and(u64 *p, u64 v)
{
	return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);
}

static inline u64 env_xchg(u64 *p, u64 v)
{
	return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}

/* True if *@p was *@old and is now @v; else *@old has become *@p. */
static inline bool env_cmpxchg(u64 *p, u64 *old, u64 v)
{
	return __atomic_compare_exchange_n(p, old, v, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/* Compilers make a loop of the builtin below, and TSan can't see into asm. */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if !__has_feature(thread_sanitizer)
#define ENV_LOCK_BTS
#endif
#else
#define ENV_LOCK_BTS
#endif
#endif

/* Sets bit @n (below 64), fully ordered, and says whether it was set. */
static inline bool env_test_and_set(u64 *p, unsigned int n)
{
#ifdef ENV_LOCK_BTS
	bool was;

	asm volatile("lock btsq %2, %1"
		     : "=@ccc"(was), "+m"(*p) : "Jr"((u64)n) : "memory");
	return was;
#else
	return __atomic_fetch_or(p, 1ULL << n, __ATOMIC_SEQ_CST) >> n & 1;
#endif
}

/* For words of the register page that hardware may be changing too. */
static inline bool env_test_and_set32(void *p, unsigned int n)
{
#ifdef ENV_LOCK_BTS
	bool was;

	asm volatile("lock btsl %2, %1"
		     : "=@ccc"(was), "+m"(*(u32 *)p) : "Ir"(n) : "memory");
	return was;
#else
	return __atomic_fetch_or((u32 *)p, 1U << n, __ATOMIC_SEQ_CST) >> n & 1;
#endif
}

static inline void env_or32(void *p, u32 v)
{
	__atomic_fetch_or((u32 *)p, v, __ATOMIC_SEQ_CST);
}

static inline void env_and32(void *p, u32 v)
{
	__atomic_fetch_and((u32 *)p, v, __ATOMIC_SEQ_CST);
}

/*
 * @i, which was checked to be below @n: zero on a mispredicted path where it
 * isn't, so that a guest's number can't make the CPU read elsewhere.
 */
#ifdef __KERNEL__
#define env_nospec(i, n) array_index_nospec(i, n)
#else
#define env_nospec(i, n) ((void)(n), (i))
#endif

/* Index of the highest set bit, or -1 when @v is zero. */
static inline int env_fls64(u64 v)
{
	return v ? __builtin_clzll(v) ^ 63 : -1;
}

/* The same for 32 bits, where @v is known not to be zero. */
static inline unsigned int env_top32(u32 v)
{
	return __builtin_clz(v) ^ 31;
}

/* Not the builtin, which without POPCNT calls a function the kernel lacks. */
static inline unsigned int env_weight64(u64 v)
{
	v -= (v >> 1) & 0x5555555555555555ULL;
	v = (v & 0x3333333333333333ULL) + ((v >> 2) & 0x3333333333333333ULL);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (v * 0x0101010101010101ULL) >> 56;
}

static inline int env_ffs64(u64 v)
{
	return v ? __builtin_ctzll(v) : -1;
}

#endif

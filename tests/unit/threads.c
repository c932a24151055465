// SPDX-License-Identifier: GPL-2.0-only
/*
 * Senders and an owner in real threads: nothing that is posted gets lost, and
 * an owner that only looks when it has been notified still sees everything.
 * User space only; also built with TSan.
 */
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "fixture.h"

#define THREADS_SENDERS 3
#define THREADS_POSTS 15000

static struct mailbox threads_box;
static sem_t threads_bell;
static u32 threads_posted[256], threads_seen[256], threads_live;
static u32 threads_bad_mode, threads_bad_sipi, threads_nmi, threads_sipi;

/* Each sender has vectors of its own; even ones are level, odd ones edge. */
static void *threads_sender(void *arg)
{
	struct check_random r = { (u64)(uintptr_t)arg * 7919 + 1 };
	u32 base = 16 + 64 * (u32)(uintptr_t)arg, i;

	for (i = 1; i <= THREADS_POSTS; i++) {
		struct irq_message msg = { .vector = base + check_below(&r, 64) };

		msg.level = !(msg.vector & 1);
		__atomic_store_n(&threads_posted[msg.vector], i, __ATOMIC_RELAXED);
		if (mailbox_post(&threads_box, &msg) & MAILBOX_NOTIFY)
			sem_post(&threads_bell);
		/* Now and then wait for the very one, without posting more. */
		if (!(i & 63))
			while (__atomic_load_n(&threads_seen[msg.vector],
					       __ATOMIC_RELAXED) < i)
				sched_yield();
	}
	__atomic_fetch_sub(&threads_live, 1, __ATOMIC_SEQ_CST);
	sem_post(&threads_bell);
	return NULL;
}

/*
 * Two posts, then silence until both are seen: the second may find ON set while
 * the owner is taking the first. No later post covers up for a lost one.
 */
static void *threads_pairs(void *arg)
{
	u32 i;

	(void)arg;
	for (i = 1; i <= 4 * THREADS_POSTS; i++) {
		struct irq_message msg = { .vector = 32 + (i & 127) };
		u32 first = msg.vector, second = msg.vector + 64;

		__atomic_store_n(&threads_posted[first], i, __ATOMIC_RELAXED);
		if (mailbox_post(&threads_box, &msg) & MAILBOX_NOTIFY)
			sem_post(&threads_bell);
		msg.vector = second;
		__atomic_store_n(&threads_posted[second], i, __ATOMIC_RELAXED);
		if (mailbox_post(&threads_box, &msg) & MAILBOX_NOTIFY)
			sem_post(&threads_bell);
		while (__atomic_load_n(&threads_seen[first], __ATOMIC_RELAXED) < i ||
		       __atomic_load_n(&threads_seen[second], __ATOMIC_RELAXED) < i)
			sched_yield();
	}
	__atomic_fetch_sub(&threads_live, 1, __ATOMIC_SEQ_CST);
	sem_post(&threads_bell);
	return NULL;
}

/* Of two SIPIs with different vectors neither is ever a mixture. */
static void *threads_events(void *arg)
{
	struct irq_message msg = { .vector = arg ? 0x55 : 0xaa };
	u32 i;

	for (i = 0; i < THREADS_POSTS; i++) {
		/* SIPI last, for INIT drops one that is pending. */
		static const u8 what[] = { IRQ_INIT, IRQ_STARTUP, IRQ_NMI,
					   IRQ_STARTUP };

		msg.delivery = what[i & 3];
		if (mailbox_post(&threads_box, &msg) & MAILBOX_NOTIFY)
			sem_post(&threads_bell);
	}
	__atomic_fetch_sub(&threads_live, 1, __ATOMIC_SEQ_CST);
	sem_post(&threads_bell);
	return NULL;
}

static void threads_absorb(struct lapic *l)
{
	int v;

	fixture_out.effects = 0;
	lapic_absorb(l, &threads_box, true, &fixture_out);
	threads_nmi += !!(fixture_out.effects & LAPIC_OUT_NMI);
	if (fixture_out.effects & LAPIC_OUT_SIPI) {
		threads_sipi++;
		threads_bad_sipi += fixture_out.sipi_vector != 0x55 &&
				    fixture_out.sipi_vector != 0xaa;
	}
	while ((v = lapic_next(l)) >= 0) {
		lapic_accept(l, v);
		fixture_out.effects = 0;
		lapic_eoi(l, &fixture_out);
		threads_bad_mode += !!(fixture_out.effects & LAPIC_OUT_EOI) !=
				    !(v & 1);
		__atomic_store_n(&threads_seen[v],
				 __atomic_load_n(&threads_posted[v],
						 __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
	}
}

static void threads_run(void *(*entry)(void *), u32 n)
{
	struct lapic *l = fixture_xapic(0);
	pthread_t thread[THREADS_SENDERS];
	u32 i;

	memset(threads_posted, 0, sizeof(threads_posted));
	memset(threads_seen, 0, sizeof(threads_seen));
	mailbox_init(&threads_box);
	sem_init(&threads_bell, 0, 0);
	threads_live = n;
	alarm(60);
	for (i = 0; i < n; i++)
		pthread_create(&thread[i], NULL, entry, (void *)(uintptr_t)i);
	/* A lost notification shows as a wait without end. */
	while (__atomic_load_n(&threads_live, __ATOMIC_SEQ_CST)) {
		sem_wait(&threads_bell);
		threads_absorb(l);
	}
	for (i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	while (!sem_trywait(&threads_bell))
		threads_absorb(l);
	alarm(0);
	sem_destroy(&threads_bell);
}

TEST(threads_nothing_is_lost)
{
	u32 v;

	threads_bad_mode = 0;
	threads_run(threads_sender, THREADS_SENDERS);
	for (v = 0; v < 256; v++)
		CHECK_ROW(v, threads_seen[v], threads_posted[v]);
	CHECK_EQ(threads_bad_mode, 0);
	CHECK(!mailbox_pending(&threads_box));
}

TEST(threads_on_before_pir)
{
	threads_bad_mode = 0;
	threads_run(threads_pairs, 1);
	CHECK_EQ(threads_seen[32], threads_posted[32]);
	CHECK(!mailbox_pending(&threads_box));
}

TEST(threads_events_do_not_mix)
{
	threads_bad_sipi = threads_nmi = threads_sipi = 0;
	threads_run(threads_events, 2);
	CHECK_EQ(threads_bad_sipi, 0);
	CHECK(threads_nmi > 0);
	CHECK(threads_sipi > 0);
	CHECK(!mailbox_pending(&threads_box));
}

#define THREADS_TESTS(T)                                                       \
	T(threads_nothing_is_lost)                                             \
	T(threads_on_before_pir)                                               \
	T(threads_events_do_not_mix)

CHECK_MAIN(threads, THREADS_TESTS)

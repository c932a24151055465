/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PC's old chips, by their ports: the PIC pair, whose output reaches local
 * APICs through LINT0, and the PIT.
 */
#ifndef VINTC_ISA_H
#define VINTC_ISA_H

#include "apic/ioapic.h"

struct vm;
struct vcpu;
struct pic_state;

/**
 * isa_read(), isa_write() - a guest's access to a port
 * @size: 1, 2 or 4 bytes at @data; as on the bus, each byte is an access of its
 *        own, to a port of its own
 *
 * Context: atomic. Return: false when a byte is none of these chips'; nothing
 * has happened then.
 */
bool isa_read(struct vm *vm, u16 port, void *data, u32 size);
bool isa_write(struct vm *vm, u16 port, const void *data, u32 size);
/* Would they do it? */
bool isa_has_port(struct vm *vm, u16 port, u32 size);

/* A pin, 0..15, of the PIC pair. Any context. Return: as ioapic_line(). */
enum ioapic_status isa_line(struct vm *vm, u32 pin, enum ioapic_source src,
			    bool level);
/* LINT0 of @vcpu may have changed. Owner, atomic. */
void isa_lint0(struct vcpu *vcpu);
/* The CPU acknowledges the PIC. Return: a vector, or -1: no request any more. */
int isa_ack(struct vm *vm);
/* The interrupt of a chip's pin has been served: irqfds and PIT are told. */
void isa_acked(struct vm *vm, u32 chip, u32 pin);
/* EOI of an edge @vector that may be a tapped pin's (struct ioapic). */
void isa_edge_eoi(struct vm *vm, u8 vector);
/* The PIC's or the IOAPIC's pin of the PIT was unmasked. */
void isa_unmasked(struct vm *vm);
/* GSI 0 may lead elsewhere now. vm->lock held. */
void isa_rerouted(struct vm *vm);

/* KVM_GET_IRQCHIP, KVM_SET_IRQCHIP of one of the PICs, KVM_IRQCHIP_PIC_... */
void isa_pic_save(struct vm *vm, u32 chip, struct pic_state *st);
void isa_pic_restore(struct vm *vm, u32 chip, const struct pic_state *st);

/* KVM_CREATE_PIT and every other ioctl of the PIT. */
long isa_pit_ioctl(struct vm *vm, unsigned int cmd, void __user *arg);
/* The VM goes. */
void isa_pit_free(struct vm *vm);

#endif

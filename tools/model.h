/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libvintc's other half: VMs of model type and their scripts (docs/model.md).
 *
 * As everywhere in libvintc: 0, a count or an fd, and -errno on failure;
 * nothing prints, nothing exits.
 */
#ifndef VINTC_MODEL_H
#define VINTC_MODEL_H

#include "libvintc.h"

/**
 * struct vintc_script - operations, and what came of them
 * @ops, @nr_ops: struct vintc_model_op.result and more are filled in by a run
 * @events, @nr_events: what happened, in order
 * @lost: events that found no room
 * @done: operations done
 * @time: the VM's clock afterwards, ns
 */
struct vintc_script {
	struct vintc_model_op *ops;
	unsigned int nr_ops;
	struct vintc_model_event *events;
	unsigned int nr_events;
	unsigned int lost;
	unsigned int done;
	uint64_t time;
};

/**
 * vintc_model_open() - open a device and create a model VM with irqchips
 * @vm: filled in; vintc_vm_close() ends it, and vintc_vm_line() etc. work
 * @device: path, or NULL for /dev/vintc
 * @flavour: VINTC_MODEL_SVM...
 */
int vintc_model_open(struct vintc_vm *vm, const char *device,
		     unsigned int flavour);

/**
 * vintc_model_vcpu() - create a vCPU; no CPUID is set
 * @vm: of model type
 * @id: number and APIC ID
 *
 * Return: its fd.
 */
int vintc_model_vcpu(struct vintc_vm *vm, unsigned int id);

/**
 * vintc_script_add() - append one operation
 * @script: zeroed at first
 * @op: VINTC_MODEL_NOP...
 * @vcpu: whose instruction it is, else 0
 * @addr, @value, @size: as @op wants them, else 0
 *
 * Return: its index; -E2BIG, -ENOMEM.
 */
int vintc_script_add(struct vintc_script *script, unsigned int op,
		     unsigned int vcpu, uint64_t addr, uint64_t value,
		     unsigned int size);

/** vintc_script_run() - run it, once; the VM stays as the script leaves it */
int vintc_script_run(struct vintc_vm *vm, struct vintc_script *script);

/** vintc_script_free() - zeroed again */
void vintc_script_free(struct vintc_script *script);

/** vintc_model_flavour() - number of a flavour's name, or -EINVAL */
int vintc_model_flavour(const char *name);
const char *vintc_model_flavour_name(unsigned int flavour);

/**
 * vintc_model_event_text() - an event as text, without time and vCPU
 * @flavour: whose exit reasons they are
 * @event: the event
 * @text: where to
 * @size: of it; 96 is enough
 */
void vintc_model_event_text(unsigned int flavour,
			    const struct vintc_model_event *event, char *text,
			    size_t size);

#endif /* VINTC_MODEL_H */

# SPDX-License-Identifier: GPL-2.0-only
#
#   make run        build vintc, boot a kernel with it on an emulated SVM machine, run a guest there
#                   (KERNEL=6.1, 6.12 or 7.2; COUNT= interrupts per sender and phase; MACHINE=vmx or avic: another machine)
#   make test       every test; the last line says how many passed
#   make check      the tests that need no machine: a minute or two
#   make fuzz       the fuzz targets, about ten seconds each; make soak runs ten million inputs through each,
#                   all of KVM's selftests, then guests of QEMU at length
#   make bench      what the engine's operations cost; instructions per event, and exits and instructions of a
#                   Linux guest of QEMU (GUEST=0: without), beside in-tree KVM
#                   (MACHINE=vmx, ipiv or avic: on that machine, and costly instructions counted)
#                   (make bench-engine: the first alone, in seconds)
#   make install    by DKMS, for the running kernel; make uninstall undoes it
#   make module     the module for the running kernel (KDIR=), without DKMS
#   make tools      vintctl
#
# run, test and install need root. Downloads and builds go to VINTC_CACHE (default ~/.cache/vintc).

KERNEL ?= 6.12
MACHINE ?= svm
COUNT ?= 100
DESTDIR ?=
PREFIX ?= /usr/local
KDIR ?= /lib/modules/$(shell uname -r)/build
VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
SRC := $(DESTDIR)/usr/src/vintc-$(VERSION)

.PHONY: help run test check fuzz soak bench bench-engine install uninstall module tools clean

help:
	@sed -n 's/^#   //p' Makefile

run:
	@tests/run main $(KERNEL) $(COUNT) $(MACHINE)

test:
	@tests/run all

check:
	@tests/run hosted

fuzz soak:
	@tests/run $@

bench:
	@tests/run bench $(KERNEL) $(MACHINE)

bench-engine:
	@tests/run bench-engine

module:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

tools:
	$(MAKE) -C tools O=$(CURDIR)/build/tools

# DKMS builds it again for every kernel that is installed later.
install:
	@packaging/install $(VERSION) $(PREFIX)

uninstall:
	@packaging/install --remove $(VERSION) $(PREFIX)

clean:
	rm -rf build
	[ ! -d $(KDIR) ] || $(MAKE) -C $(KDIR) M=$(CURDIR) clean

/* SPDX-License-Identifier: GPL-2.0-only */
/* `vintctl model`: scripts for the software CPU as text (docs/model.md). */
#ifndef VINTCTL_SCRIPT_H
#define VINTCTL_SCRIPT_H

#include <stdbool.h>

/**
 * script_job() - run the scripts of a file
 * @device: path of the device
 * @path: file, or "-"
 * @check: compare with the answers that the file holds, instead of printing
 *
 * Return: 0; 1: another answer than the file's; 2: could not run.
 */
int script_job(const char *device, const char *path, bool check);

#endif

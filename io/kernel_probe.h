/* io/kernel_probe.h - what the running kernel's io_uring can do; the one place that finds out. */
#ifndef IO_KERNEL_PROBE_H
#define IO_KERNEL_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernel_features {
    uint32_t setup_flags; /* IORING_SETUP_*: the best set that this kernel accepts */
};

/* True when everything that io/uring_*.c needs is there. Otherwise reason_out (cut) says in one
 * line what is missing. Tries for real, on a small ring and a socket pair of its own: what stands
 * in a version number may have been taken away by seccomp, a container or a sysctl.
 * Any thread. [may block: some system calls, at most one second] */
bool kernel_probe_io_uring(struct kernel_features *features_out, char *reason_out,
                           size_t reason_bytes);

#endif

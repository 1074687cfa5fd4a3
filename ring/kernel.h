/* ring/kernel.h - the kernels there are; see kernel.c for which one is taken. */
#ifndef RING_KERNEL_H
#define RING_KERNEL_H

#include "ring/ring_internal.h"

extern const struct ring_kernel kernel_plain;
#ifdef __x86_64__
extern const struct ring_kernel kernel_sse2, kernel_avx2;
#endif

#endif

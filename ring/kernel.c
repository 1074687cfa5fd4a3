/* ring/kernel.c - which kernel: asked once for each ring that is built. */
#include "ring/kernel.h"
#include <string.h>

#ifdef __x86_64__
static const struct ring_kernel *const kernels[] = {&kernel_avx2, &kernel_sse2, &kernel_plain};
#else
static const struct ring_kernel *const kernels[] = {&kernel_plain};
#endif

enum { KERNELS_COUNT = sizeof(kernels) / sizeof(kernels[0]) };

static bool is_there(const struct ring_kernel *kernel) {
#ifdef __x86_64__
    return kernel != &kernel_avx2 || __builtin_cpu_supports("avx2");
#else
    return kernel != NULL;
#endif
}

const struct ring_kernel *ring_kernel_best(void) {
    for (size_t i = 0; i + 1 < KERNELS_COUNT; i++) {
        if (is_there(kernels[i])) {
            return kernels[i];
        }
    }
    return kernels[KERNELS_COUNT - 1]; /* always there */
}

const struct ring_kernel *ring_kernel_of_name(const char *name) {
    for (size_t i = 0; i < KERNELS_COUNT; i++) {
        if (strcmp(kernels[i]->name, name) == 0 && is_there(kernels[i])) {
            return kernels[i];
        }
    }
    return NULL;
}

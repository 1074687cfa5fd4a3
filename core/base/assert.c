/* core/base/assert.c - see assert.h. */
#include "core/base/assert.h"
#include <stdio.h>
#include <stdlib.h>

_Noreturn void assert_failed(const char *expression, const char *file, int line) {
    fprintf(stderr, "henge: broken invariant: %s (%s:%d)\n", expression, file, line);
    abort();
}

/* core/runtime/generation_file.h - the generation that survives a restart:
 * data_dir/NAME.generation, one decimal number. Blocks; application thread. */
#ifndef CORE_RUNTIME_GENERATION_FILE_H
#define CORE_RUNTIME_GENERATION_FILE_H

#include "henge/status.h"
#include <stdint.h>

/* 0 when there is none. HENGE_CORRUPT: a file that is not a number (it is left as it is). */
enum henge_status generation_file_read(const char *directory, const char *name,
                                       uint64_t *generation_out);
/* Written beside, synced, renamed: never half. */
enum henge_status generation_file_write(const char *directory, const char *name,
                                        uint64_t generation);

#endif

/* core/runtime/replace_file.h - a small file in data_dir, replaced as a whole: written beside,
 * synced, renamed. A crash leaves the old one or the new one. Blocks; application thread. */
#ifndef CORE_RUNTIME_REPLACE_FILE_H
#define CORE_RUNTIME_REPLACE_FILE_H

#include "henge/config.h"
#include <stdbool.h>
#include <stddef.h>

/* Room for data_dir/NAME.suffix. */
enum { REPLACE_PATH_BYTES = HENGE_PATH_BYTES + HENGE_NAME_BYTES + 32 };

/* False: a system call failed (errno), and the old file is as it was. */
bool replace_file(const char *path, const char *text, size_t bytes);

#endif

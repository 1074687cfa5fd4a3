/* core/runtime/place_file.h - where a member's virtual nodes stand, kept over a restart:
 * data_dir/NAME.place, one line: the choices (ring/ring.h) in hexadecimal, or nothing for one that
 * stands at its first places. Blocks; application thread. */
#ifndef CORE_RUNTIME_PLACE_FILE_H
#define CORE_RUNTIME_PLACE_FILE_H

#include "henge/ring.h"
#include "henge/status.h"
#include <stdbool.h>
#include <stdint.h>

struct place {
    bool is_taken; /* false: it has none yet */
    uint8_t choices_bytes;
    uint8_t choices[HENGE_RING_CHOICES_BYTES];
};

/* Not taken when there is no file. HENGE_CORRUPT: something else is in it (it is left as it is). */
enum henge_status place_file_read(const char *directory, const char *name, struct place *place_out);
/* Written beside, synced, renamed: never half. */
enum henge_status place_file_write(const char *directory, const char *name,
                                   const struct place *place);

#endif

/* core/runtime/peers_file.h - addresses of peers that survive a restart: data_dir/NAME.peers, one
 * "ADDR:PORT" per line after a head line. So a whole cluster that restarts without seeds finds
 * itself. Blocks; application thread. */
#ifndef CORE_RUNTIME_PEERS_FILE_H
#define CORE_RUNTIME_PEERS_FILE_H

#include "henge/address.h"
#include <stdint.h>

enum { PEERS_FILE_MAX = 64 };

/* None when there is no file. HENGE_CORRUPT: not such a file, or damaged; nothing is taken from it.
 */
enum henge_status peers_file_read(const char *directory, const char *name,
                                  struct henge_address peers_out[PEERS_FILE_MAX],
                                  uint32_t *count_out);
/* Written beside, synced, renamed: never half. */
enum henge_status peers_file_write(const char *directory, const char *name,
                                   const struct henge_address *peers, uint32_t count);

#endif

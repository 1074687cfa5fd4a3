/* core/runtime/resolve.h - "host:port" to addresses; blocks, so it runs in the application's
 * thread. */
#ifndef CORE_RUNTIME_RESOLVE_H
#define CORE_RUNTIME_RESOLVE_H

#include "henge/address.h"

/* Appends up to `room` addresses; how many. 0: the name is not known (now). */
size_t resolve_endpoint(const char *endpoint, struct henge_address *addresses_out, size_t room);

#endif

/* henge/henge.h - the whole public face. See the single headers; read config.h and reader.h first.
 *
 * Callable classes, named in brackets with each function: [wait-free] bounded steps whatever other
 * threads do; [non-blocking] may make a system call, never waits; [may block] waits or allocates.
 * henge prints nothing, installs no signal handler, keeps no global state and aborts only on a
 * broken internal invariant. */
#ifndef HENGE_HENGE_H
#define HENGE_HENGE_H

#include <henge/address.h>
#include <henge/config.h>
#include <henge/events.h>
#include <henge/members.h>
#include <henge/node.h>
#include <henge/reader.h>
#include <henge/ring.h>
#include <henge/runtime.h>
#include <henge/stats.h>
#include <henge/status.h>

#endif

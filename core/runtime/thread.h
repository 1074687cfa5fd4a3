/* core/runtime/thread.h - the loop of a runtime's thread: its roles' turns, and its sleep. */
#ifndef CORE_RUNTIME_THREAD_H
#define CORE_RUNTIME_THREAD_H

#include "core/runtime/runtime_internal.h"

/* Deals the roles out over 1, 2 or 3 threads: {io, gossip, detector}, {io | gossip, detector} or
 * one each; names the threads and chooses their CPUs. HENGE_INVALID: the affinity setting. */
enum henge_status threads_plan(struct henge_runtime *runtime);
/* Starts them all, and waits until each is in its loop. */
enum henge_status threads_start(struct henge_runtime *runtime);
void threads_stop(struct henge_runtime *runtime);

#endif

/* worker.h - the thread in which henged makes the control calls that may block (join, leave,
 * set_metadata, ...), so that the main thread never waits. One thread, so two such calls
 * never meet in HENGE_BUSY. While it has nothing to do it joins the configured seeds, again and
 * again until one has answered or the node has been told to leave, and sees to its upkeep
 * (henge_node_maintain) after 1, 2, 4, ... at last every 16 seconds. */
#ifndef TOOLS_WORKER_H
#define TOOLS_WORKER_H

#include <henge/henge.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    WORKER_JOBS_MAX = 64,
    WORKER_JOIN_TRY_MS = 1000,
    WORKER_JOIN_MS = 5000,
    WORKER_LEAVE_MS = 5000,
    WORKER_TIMEOUT_MAX_MS = 60000
};

struct worker;

/* `with_join`: there are seeds to join. NULL when no thread or no memory. The node must outlive it.
 */
struct worker *worker_start(struct henge_node *node, bool with_join);

/* Ends the thread after the call it is in; jobs not begun are dropped. True if the node has left
 * the cluster by a `leave` job and not joined again. */
bool worker_stop(struct worker *worker);

/* Queues a request (a new reference is taken). False at WORKER_JOBS_MAX. */
bool worker_submit(struct worker *worker, uint64_t client, const json_t *request);

/* Readable while replies wait. */
int worker_fd(const struct worker *worker);

/* The next reply and whose it is; false when there is none. */
bool worker_next(struct worker *worker, uint64_t *client_out, json_t **reply_out);

#endif

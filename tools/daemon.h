/* daemon.h - the parts of a running henged, for its own files. Owned by the main thread, except the
 * worker, which has its own thread and its own lock. */
#ifndef TOOLS_DAEMON_H
#define TOOLS_DAEMON_H

#include "tools/control_server.h"
#include "tools/henged_options.h"

#include <henge/henge.h>

struct worker;

enum { HISTORY_EVENTS = 1024 }; /* what `henge events` without --follow shows */

/* The last events, oldest first from `next` on once it has gone round. */
struct event_history {
    struct henge_event events[HISTORY_EVENTS];
    uint64_t count; /* ever; events[count % HISTORY_EVENTS] is written next */
};

struct daemon {
    const struct henged_options *options;
    struct henge_allocator allocator;
    struct henge_allocator *allocator_used; /* NULL: the library's default */
    struct henge_runtime *runtime;
    struct henge_node *node;
    struct henge_reader *reader;
    struct henge_events *events;
    struct event_history history;
    struct control_server *server;
    struct worker *worker;
    int signal_fd;
    bool has_name_conflict; /* another live process is this node: it must not speak any more */
};

/* control_verbs.c: the handler of the control server; `context` is the struct daemon. */
enum control_next control_verbs_handle(void *context, uint64_t client, const json_t *request,
                                       json_t **reply_out);

/* Takes the waiting events off the queue into history and to the followers, and notes a conflict
 * about this node's own name; at most a bounded
 * number per call, the descriptor stays readable while there are more. */
void event_feed_turn(struct daemon *daemon, uint64_t now_ms);

#endif

/* event_feed.c - from the library's queue into the history and out to those who follow. */
#include "tools/daemon.h"
#include "tools/json_tools.h"
#include "tools/json_view.h"

#include <stdlib.h>

enum { EVENTS_PER_TURN_MAX = 512 }; /* then control clients have their turn */

void event_feed_turn(struct daemon *daemon, uint64_t now_ms) {
    struct henge_event event;
    for (int i = 0; i < EVENTS_PER_TURN_MAX; i++) {
        if (henge_events_next(daemon->events, &event) != HENGE_OK) {
            return;
        }
        struct event_history *history = &daemon->history;
        history->events[history->count++ % HISTORY_EVENTS] = event;
        json_t *object = json_event(&event);
        size_t bytes = 0;
        char *line = json_line(object, &bytes);
        json_decref(object);
        if (line != NULL) {
            control_server_publish(daemon->server, line, bytes, now_ms);
            free(line);
        }
    }
}

/* event_feed.c - from the library's queue into the history and out to those who follow. */
#include "tools/daemon.h"
#include "tools/henged_log.h"
#include "tools/json_tools.h"
#include "tools/json_view.h"

#include <stdlib.h>

enum { EVENTS_PER_TURN_MAX = 512 }; /* then control clients have their turn */

/* The event may be among those that were lost: the counter still tells. */
static void conflict_note(struct daemon *daemon, const struct henge_event *event) {
    char text[HENGE_ADDRESS_TEXT_BYTES];
    struct henge_stats stats = {.size_bytes = sizeof(stats)};
    if (event->type == HENGE_NAME_CONFLICT) {
        henged_log(HENGE_LOG_ERROR,
                   "name conflict: another live process is %s, at %s, generation %llu", event->name,
                   henge_address_format(&event->address, text),
                   (unsigned long long)event->generation);
    }
    if ((event->type == HENGE_NAME_CONFLICT || event->type == HENGE_RESYNC) &&
        henge_stats_get(daemon->node, &stats) == HENGE_OK && stats.has_name_conflict != 0) {
        daemon->has_name_conflict = true;
    }
}

void event_feed_turn(struct daemon *daemon, uint64_t now_ms) {
    struct henge_event event;
    for (int i = 0; i < EVENTS_PER_TURN_MAX; i++) {
        if (henge_events_next(daemon->events, &event) != HENGE_OK) {
            return;
        }
        conflict_note(daemon, &event);
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

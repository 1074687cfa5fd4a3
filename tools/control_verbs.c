/* control_verbs.c - one function per verb that only reads; those that act are handed to the worker.
 * The protocol stands in control_server.h. */
#include "tools/daemon.h"
#include "tools/json_tools.h"
#include "tools/json_view.h"
#include "tools/ring_plan.h"
#include "tools/worker.h"
#include "tools/worker_jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Half of a reply, in twice as many digits: a ring of some three million points. */
enum { SAVED_BYTES_MAX = 24 * 1024 * 1024 };

struct verb {
    const char *name;
    enum control_next (*run)(struct daemon *daemon, const json_t *request, json_t **reply_out);
};

static enum control_next answer(json_t *document, json_t **reply_out) {
    json_put_bool(document, "ok", true);
    *reply_out = document;
    return CONTROL_ANSWER;
}

static enum control_next refuse(json_t *error, json_t **reply_out) {
    *reply_out = error;
    return CONTROL_ANSWER;
}

static enum control_next verb_members(struct daemon *daemon, const json_t *request,
                                      json_t **reply_out) {
    (void)request;
    const struct henge_view *view;
    henge_reader_begin(daemon->reader, &view);
    json_t *document = json_members(view);
    henge_reader_end(daemon->reader);
    return answer(document, reply_out);
}

static enum control_next verb_info(struct daemon *daemon, const json_t *request,
                                   json_t **reply_out) {
    (void)request;
    struct henge_stats stats = {.size_bytes = sizeof(stats)};
    enum henge_status status = henge_stats_get(daemon->node, &stats);
    if (status != HENGE_OK) {
        return refuse(
            control_error(henge_status_text(status), "info: %s", henge_status_text(status)),
            reply_out);
    }
    const struct henge_view *view;
    henge_reader_begin(daemon->reader, &view);
    json_t *document = json_info(daemon->node, view, &daemon->options->config, &stats);
    henge_reader_end(daemon->reader);
    return answer(document, reply_out);
}

static enum control_next verb_lookup(struct daemon *daemon, const json_t *request,
                                     json_t **reply_out) {
    const char *key = json_text(request, "key", NULL);
    int64_t count = json_number(request, "count", 1);
    if (key == NULL || count < 1 || count > HENGE_ROUTE_OWNERS_MAX) {
        return refuse(control_error("invalid", "lookup wants a text key and a count of 1 to %d",
                                    HENGE_ROUTE_OWNERS_MAX),
                      reply_out);
    }
    uint64_t hash = henge_ring_hash(key, strlen(key));
    struct henge_route route = {.hash = hash};
    const struct henge_view *view;
    henge_reader_begin(daemon->reader, &view);
    enum henge_status status = henge_view_route(view, hash, (size_t)count, &route);
    json_t *document = NULL;
    if (status == HENGE_OK || status == HENGE_EMPTY) { /* nobody owns anything: no owners */
        route.owners_count = status == HENGE_OK ? route.owners_count : 0;
        document = json_lookup(view, key, hash, &route);
        if (json_flag(request, "explain")) {
            json_put(document, "explain", json_explain(view, &route));
        }
    }
    henge_reader_end(daemon->reader);
    if (document == NULL) {
        return refuse(
            control_error(henge_status_text(status), "lookup: %s", henge_status_text(status)),
            reply_out);
    }
    return answer(document, reply_out);
}

/* As hexadecimal digits; NULL for want of memory, or of room in a reply. */
static json_t *saved_json(const struct henge_ring *ring) {
    static const char digits[] = "0123456789abcdef";
    const size_t bytes = henge_ring_saved_bytes(ring);
    unsigned char *saved = bytes <= SAVED_BYTES_MAX ? malloc(bytes) : NULL;
    char *text = malloc(saved == NULL ? 1 : 2 * bytes);
    json_t *string = NULL;
    if (saved != NULL && text != NULL && henge_ring_save(ring, NULL, saved, bytes) == HENGE_OK) {
        for (size_t i = 0; i < bytes; i++) {
            text[2 * i] = digits[saved[i] >> 4];
            text[2 * i + 1] = digits[saved[i] & 15];
        }
        string = json_stringn(text, 2 * bytes);
    }
    free(saved);
    free(text);
    return string;
}

static enum control_next verb_ring(struct daemon *daemon, const json_t *request,
                                   json_t **reply_out) {
    enum henge_status status = HENGE_OK;
    const struct henge_view *view;
    henge_reader_begin(daemon->reader, &view);
    json_t *document = json_ring(view, json_flag(request, "ranges"), &status);
    if (status == HENGE_OK && json_flag(request, "saved")) {
        json_put(document, "saved", saved_json(henge_view_ring(view, HENGE_RING_CURRENT)));
    }
    henge_reader_end(daemon->reader);
    if (status != HENGE_OK) {
        return refuse(control_error(henge_status_text(status), "ring: %s (at most %d ranges)",
                                    henge_status_text(status), JSON_RANGES_MAX),
                      reply_out);
    }
    return answer(document, reply_out);
}

/* Those who own a part of either ring, or would with a weight. */
static bool is_in_ring(const struct henge_view *view, const struct henge_member *member) {
    return member->status <= HENGE_SUSPECT ||
           henge_ring_name(henge_view_ring(view, HENGE_RING_CURRENT), member->slot) != NULL ||
           henge_ring_name(henge_view_ring(view, HENGE_RING_NEXT), member->slot) != NULL;
}

static json_t *plan_in(const struct daemon *daemon, const struct henge_view *view,
                       const json_t *request, struct ring_plan_reason *reason_out) {
    const struct henge_config *config = &daemon->options->config;
    struct henge_ring_parameters parameters = {.size_bytes = sizeof(parameters)};
    memcpy(parameters.salt, config->ring_salt, sizeof(parameters.salt));
    struct henge_ring_member *members = calloc(henge_members_count(view) + 1, sizeof(*members));
    if (members == NULL) {
        snprintf(reason_out->text, sizeof(reason_out->text), "out of memory");
        return NULL;
    }
    struct ring_plan plan = {
        .parameters = &parameters, .members = members, .vnodes = (uint16_t)config->vnodes};
    struct henge_member member;
    for (size_t i = 0; henge_members_at(view, i, &member) == HENGE_OK; i++) {
        if (is_in_ring(view, &member)) {
            henge_ring_member_of(&member, &members[plan.count++]);
        }
    }
    json_t *document = ring_plan_json(&plan, request, reason_out);
    free(members);
    return document;
}

static enum control_next verb_plan(struct daemon *daemon, const json_t *request,
                                   json_t **reply_out) {
    struct ring_plan_reason reason = {""};
    const struct henge_view *view;
    henge_reader_begin(daemon->reader, &view);
    json_t *document = plan_in(daemon, view, request, &reason);
    henge_reader_end(daemon->reader);
    return document == NULL ? refuse(control_error("invalid", "%s", reason.text), reply_out)
                            : answer(document, reply_out);
}

static enum control_next verb_events(struct daemon *daemon, const json_t *request,
                                     json_t **reply_out) {
    json_t *document = json_object();
    if (json_flag(request, "follow")) {
        json_put_bool(document, "ok", true);
        json_put_bool(document, "following", true);
        *reply_out = document;
        return CONTROL_FOLLOW;
    }
    const struct event_history *history = &daemon->history;
    uint64_t first = history->count > HISTORY_EVENTS ? history->count - HISTORY_EVENTS : 0;
    json_t *list = json_array();
    for (uint64_t i = first; i < history->count; i++) {
        (void)json_array_append_new(list, json_event(&history->events[i % HISTORY_EVENTS]));
    }
    json_put(document, "events", list);
    return answer(document, reply_out);
}

static const struct verb verbs[] = {{"members", verb_members}, {"info", verb_info},
                                    {"lookup", verb_lookup},   {"ring", verb_ring},
                                    {"plan", verb_plan},       {"events", verb_events}};

enum control_next control_verbs_handle(void *context, uint64_t client, const json_t *request,
                                       json_t **reply_out) {
    struct daemon *daemon = context;
    const char *name = json_text(request, "verb", "");
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return verbs[i].run(daemon, request, reply_out);
        }
    }
    if (!worker_job_is_known(name)) {
        return refuse(control_error("invalid", "unknown verb \"%.64s\"", name), reply_out);
    }
    if (!worker_submit(daemon->worker, client, request)) {
        return refuse(control_error(henge_status_text(HENGE_FULL),
                                    "%d control calls are waiting already", WORKER_JOBS_MAX),
                      reply_out);
    }
    return CONTROL_LATER;
}

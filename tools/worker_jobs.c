/* worker_jobs.c - see worker_jobs.h: one function per verb. */
#include "tools/worker_jobs.h"
#include "tools/control_server.h"
#include "tools/json_tools.h"
#include "tools/worker.h"

#include <string.h>

static json_t *failed(const char *what, enum henge_status status) {
    return control_error(henge_status_text(status), "%s: %s", what, henge_status_text(status));
}

/* What the node is after the call; every good reply carries it. */
static json_t *done(struct henge_node *node) {
    json_t *reply = json_object();
    struct henge_stats stats = {.size_bytes = sizeof(stats)};
    json_put_bool(reply, "ok", true);
    json_put_text(reply, "name", henge_node_name(node));
    if (henge_stats_get(node, &stats) == HENGE_OK) {
        json_put_u64(reply, "generation", stats.generation);
        json_put_u64(reply, "version", stats.version);
        json_put_u64(reply, "members_alive", stats.members_alive);
    }
    return reply;
}

static unsigned timeout_of(const json_t *request, unsigned otherwise_ms) {
    int64_t timeout_ms = json_number(request, "timeout_ms", otherwise_ms);
    if (timeout_ms < 1) {
        return 1;
    }
    return timeout_ms > WORKER_TIMEOUT_MAX_MS ? WORKER_TIMEOUT_MAX_MS : (unsigned)timeout_ms;
}

static json_t *job_join(struct henge_node *node, const json_t *request) {
    const json_t *addresses = json_object_get(request, "addresses");
    const char *seeds[HENGE_SEEDS_MAX];
    size_t count = json_array_size(addresses);
    if (count == 0 || count > HENGE_SEEDS_MAX) {
        return control_error("invalid", "addresses must be a list of 1 to %d \"host:port\"",
                             HENGE_SEEDS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        seeds[i] = json_string_value(json_array_get(addresses, i));
        if (seeds[i] == NULL) {
            return control_error("invalid", "address %zu is not a text", i + 1);
        }
    }
    enum henge_status status =
        henge_node_join(node, seeds, count, timeout_of(request, WORKER_JOIN_MS));
    if (status == HENGE_TIMEOUT) {
        return control_error(henge_status_text(status),
                             "no seed answered in time; the node goes on trying");
    }
    return status == HENGE_OK ? done(node) : failed("join", status);
}

static json_t *job_leave(struct henge_node *node, const json_t *request) {
    enum henge_status status = henge_node_leave(node, timeout_of(request, WORKER_LEAVE_MS));
    if (status == HENGE_TIMEOUT) {
        return control_error(henge_status_text(status),
                             "the node has left, but no member acknowledged it");
    }
    return status == HENGE_OK ? done(node) : failed("leave", status);
}

static json_t *job_set_metadata(struct henge_node *node, const json_t *request) {
    json_t *pairs = json_object_get(request, "pairs");
    const char *key;
    json_t *value;
    if (json_object_size(pairs) == 0) {
        return control_error("invalid", "pairs must be an object of key: value");
    }
    json_object_foreach(pairs, key, value) {
        if (!json_is_string(value) && !json_is_null(value)) {
            return control_error("invalid", "the value of %s is neither a text nor null", key);
        }
    }
    json_object_foreach(pairs, key, value) {
        enum henge_status status = henge_node_set_metadata(node, key, json_string_value(value));
        if (status != HENGE_OK) {
            return control_error(henge_status_text(status), "set-meta %s: %s", key,
                                 henge_status_text(status));
        }
    }
    return done(node);
}

static json_t *job_set_weight(struct henge_node *node, const json_t *request) {
    int64_t weight = json_number(request, "weight", -1);
    if (weight < 0 || weight > 100) {
        return control_error("invalid", "weight must be a number from 0 to 100");
    }
    enum henge_status status = henge_node_set_weight(node, (unsigned)weight);
    return status == HENGE_OK ? done(node) : failed("set-weight", status);
}

static json_t *job_drain(struct henge_node *node, const json_t *request) {
    (void)request;
    enum henge_status status = henge_node_set_ring_state(node, HENGE_RING_DRAINING);
    return status == HENGE_OK ? done(node) : failed("drain", status);
}

static json_t *job_activate(struct henge_node *node, const json_t *request) {
    (void)request;
    enum henge_status status = henge_node_set_ring_state(node, HENGE_RING_ACTIVE);
    return status == HENGE_OK ? done(node) : failed("activate", status);
}

static json_t *job_evict(struct henge_node *node, const json_t *request) {
    const char *name = json_text(request, "name", "");
    enum henge_status status = henge_node_evict(node, name);
    if (status == HENGE_NOT_FOUND) {
        return control_error(henge_status_text(status), "there is no member \"%.64s\" to evict",
                             name);
    }
    if (status == HENGE_INVALID) {
        return control_error(henge_status_text(status),
                             "\"%.64s\" cannot be evicted here: no name, or this node's own", name);
    }
    return status == HENGE_OK ? done(node) : failed("evict", status);
}

static const struct job {
    const char *verb;
    json_t *(*run)(struct henge_node *node, const json_t *request);
} jobs[] = {{"join", job_join},
            {"leave", job_leave},
            {"set-meta", job_set_metadata},
            {"set-weight", job_set_weight},
            {"evict", job_evict},
            {"drain", job_drain},
            {"activate", job_activate}};

static const struct job *job_find(const char *verb) {
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        if (strcmp(jobs[i].verb, verb) == 0) {
            return &jobs[i];
        }
    }
    return NULL;
}

bool worker_job_is_known(const char *verb) {
    return job_find(verb) != NULL;
}

json_t *worker_job_run(struct henge_node *node, const json_t *request) {
    const struct job *job = job_find(json_text(request, "verb", ""));
    return job != NULL ? job->run(node, request) : control_error("invalid", "unknown verb");
}

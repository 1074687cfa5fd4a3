/* worker.c - see worker.h. The lock guards the two queues and the flags; it is never held over a
 * library call. */
#include "tools/worker.h"
#include "tools/clock_ms.h"
#include "tools/henged_log.h"
#include "tools/json_tools.h"
#include "tools/worker_jobs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    JOIN_PAUSE_MS = 1000,
    JOIN_LOG_EVERY = 30,
    UPKEEP_FIRST_MS = 1000, /* doubles up to the last: much changes at first */
    UPKEEP_LAST_MS = 16000
};

struct worker_job {
    uint64_t client;
    json_t *document; /* the request, then the reply */
};

/* A bounded FIFO. */
struct job_queue {
    struct worker_job jobs[WORKER_JOBS_MAX];
    size_t first, count;
};

struct worker {
    struct henge_node *node;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    struct job_queue requests, replies;
    size_t in_work; /* 0 or 1: its reply has a place kept for it */
    bool is_stopping;
    bool wants_join; /* the worker thread's own until it has ended, as is has_left */
    bool has_left;
    unsigned join_tries;
    uint64_t upkeep_due_ms; /* the worker thread's own, as are the next two */
    unsigned upkeep_ms;
    bool upkeep_fails;
    int reply_fd;
};

static void queue_push(struct job_queue *queue, struct worker_job job) {
    queue->jobs[(queue->first + queue->count) % WORKER_JOBS_MAX] = job;
    queue->count++;
}

static struct worker_job queue_pop(struct job_queue *queue) {
    struct worker_job job = queue->jobs[queue->first];
    queue->first = (queue->first + 1) % WORKER_JOBS_MAX;
    queue->count--;
    return job;
}

/* Notes what a verb means for the joining in the background. */
static void intent_update(struct worker *worker, const char *verb, const json_t *reply) {
    if (strcmp(verb, "leave") == 0) {
        worker->wants_join = false;
        worker->has_left = true;
    } else if (strcmp(verb, "join") == 0 && json_flag(reply, "ok")) {
        worker->wants_join = false;
        worker->has_left = false;
    }
}

static void job_run(struct worker *worker, struct worker_job job) {
    json_t *reply = worker_job_run(worker->node, job.document);
    intent_update(worker, json_text(job.document, "verb", ""), reply);
    json_decref(job.document);
    job.document = reply;
    pthread_mutex_lock(&worker->lock);
    queue_push(&worker->replies, job);
    worker->in_work = 0;
    pthread_mutex_unlock(&worker->lock);
    uint64_t one = 1;
    (void)!write(worker->reply_fd, &one, sizeof(one)); /* can only fail when already readable */
}

/* One try at the configured seeds. */
static void join_try(struct worker *worker) {
    struct henge_stats stats = {.size_bytes = sizeof(stats)};
    enum henge_status status = henge_node_join(worker->node, NULL, 0, WORKER_JOIN_TRY_MS);
    /* Somebody else may have found us meanwhile. */
    bool is_joined = status == HENGE_OK ||
                     (henge_stats_get(worker->node, &stats) == HENGE_OK && stats.is_joined != 0);
    worker->join_tries++;
    if (is_joined) {
        worker->wants_join = false;
        henged_log(HENGE_LOG_INFO, "joined the cluster after %u %s", worker->join_tries,
                   worker->join_tries == 1 ? "try" : "tries");
    } else if (worker->join_tries % JOIN_LOG_EVERY == 1) {
        henged_log(HENGE_LOG_WARN, "no seed has answered yet (try %u: %s); going on",
                   worker->join_tries, henge_status_text(status));
    }
}

static void upkeep_run(struct worker *worker) {
    enum henge_status status = henge_node_maintain(worker->node);
    bool fails = status != HENGE_OK && status != HENGE_CONFLICT;
    if (fails && !worker->upkeep_fails) {
        henged_log(HENGE_LOG_WARN, "data_dir cannot be kept up to date: %s",
                   henge_status_text(status));
    }
    worker->upkeep_fails = fails;
    worker->upkeep_due_ms = clock_ms() + worker->upkeep_ms;
    worker->upkeep_ms =
        2 * worker->upkeep_ms < UPKEEP_LAST_MS ? 2 * worker->upkeep_ms : UPKEEP_LAST_MS;
}

/* Waits, with the lock held, for a job, the end, the next try, or the upkeep. */
static void idle_wait(struct worker *worker) {
    uint64_t until_ms = worker->upkeep_due_ms;
    uint64_t try_ms = clock_ms() + JOIN_PAUSE_MS;
    if (worker->wants_join && try_ms < until_ms) {
        until_ms = try_ms;
    }
    struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                             .tv_nsec = (long)(until_ms % 1000) * 1000000L};
    (void)pthread_cond_timedwait(&worker->changed, &worker->lock, &until);
}

static void *worker_main(void *argument) {
    struct worker *worker = argument;
    bool is_try_due = worker->wants_join;
    pthread_mutex_lock(&worker->lock);
    while (!worker->is_stopping) {
        if (worker->requests.count > 0) {
            struct worker_job job = queue_pop(&worker->requests);
            worker->in_work = 1;
            pthread_mutex_unlock(&worker->lock);
            job_run(worker, job);
            pthread_mutex_lock(&worker->lock);
        } else if (clock_ms() >= worker->upkeep_due_ms) {
            pthread_mutex_unlock(&worker->lock);
            upkeep_run(worker);
            pthread_mutex_lock(&worker->lock);
        } else if (is_try_due && worker->wants_join) {
            pthread_mutex_unlock(&worker->lock);
            join_try(worker);
            is_try_due = false;
            pthread_mutex_lock(&worker->lock);
        } else {
            idle_wait(worker);
            is_try_due = true;
        }
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

struct worker *worker_start(struct henge_node *node, bool with_join) {
    struct worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL) {
        return NULL;
    }
    worker->node = node;
    worker->wants_join = with_join;
    worker->upkeep_ms = UPKEEP_FIRST_MS;
    worker->upkeep_due_ms = clock_ms() + UPKEEP_FIRST_MS;
    worker->reply_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (worker->reply_fd >= 0 && pthread_create(&worker->thread, NULL, worker_main, worker) == 0) {
        (void)pthread_setname_np(worker->thread, "henged-worker");
        return worker;
    }
    if (worker->reply_fd >= 0) {
        close(worker->reply_fd);
    }
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
    return NULL;
}

static void queue_drop(struct job_queue *queue) {
    while (queue->count > 0) {
        json_decref(queue_pop(queue).document);
    }
}

bool worker_stop(struct worker *worker) {
    pthread_mutex_lock(&worker->lock);
    worker->is_stopping = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    bool has_left = worker->has_left;
    queue_drop(&worker->requests);
    queue_drop(&worker->replies);
    close(worker->reply_fd);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
    return has_left;
}

bool worker_submit(struct worker *worker, uint64_t client, const json_t *request) {
    /* A copy: jansson's reference counts are not for two threads. */
    struct worker_job job = {.client = client, .document = json_deep_copy(request)};
    pthread_mutex_lock(&worker->lock);
    /* Replies have room for every job that was let in. */
    size_t pending = worker->requests.count + worker->in_work + worker->replies.count;
    bool has_room = job.document != NULL && pending < WORKER_JOBS_MAX;
    if (has_room) {
        queue_push(&worker->requests, job);
        pthread_cond_signal(&worker->changed);
    }
    pthread_mutex_unlock(&worker->lock);
    if (!has_room) {
        json_decref(job.document);
    }
    return has_room;
}

int worker_fd(const struct worker *worker) {
    return worker->reply_fd;
}

bool worker_next(struct worker *worker, uint64_t *client_out, json_t **reply_out) {
    uint64_t ignored;
    pthread_mutex_lock(&worker->lock);
    bool has_reply = worker->replies.count > 0;
    if (has_reply) {
        struct worker_job job = queue_pop(&worker->replies);
        *client_out = job.client;
        *reply_out = job.document;
    } else {
        /* The writer pushes before it writes: a reply not seen here leaves it readable again. */
        (void)!read(worker->reply_fd, &ignored, sizeof(ignored));
    }
    pthread_mutex_unlock(&worker->lock);
    return has_reply;
}

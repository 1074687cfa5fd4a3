/* henge/runtime.h - the threads, the memory and the transport that nodes run on.
 *
 * A runtime has three roles (network I/O, gossip, failure detection), by default a thread each,
 * named henge-io, henge-gossip and henge-detect and pinned as `affinity` says. It hosts up to
 * nodes_max nodes. Its threads block all signals. Nothing survives fork: a child must not use it.
 */
#ifndef HENGE_RUNTIME_H
#define HENGE_RUNTIME_H

#include <henge/config.h>
#include <henge/status.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct henge_runtime; /* opaque */

/* What memory is for; an allocator sees it with every request. */
enum henge_memory_tag {
    HENGE_MEMORY_CORE = 0,
    HENGE_MEMORY_RING,
    HENGE_MEMORY_NET,
    HENGE_MEMORY_MEMBER,
    HENGE_MEMORY_EVENT,
    HENGE_MEMORY_TAG_COUNT
};

/* Memory as the embedding program wants it given. `alignment` is a power of two. alloc and resize
 * return NULL when there is none; resize then leaves the old block as it was. release gets the
 * size that was asked for. All three may be called from any henge thread and from the threads that
 * call create and destroy functions, so they must be thread-safe. */
struct henge_allocator {
    size_t size_bytes;
    void *context;
    void *(*alloc)(void *context, size_t bytes, size_t alignment, enum henge_memory_tag tag);
    void *(*resize)(void *context, void *block, size_t old_bytes, size_t new_bytes,
                    size_t alignment, enum henge_memory_tag tag);
    void (*release)(void *context, void *block, size_t bytes, enum henge_memory_tag tag);
};

enum henge_log_level { HENGE_LOG_ERROR = 0, HENGE_LOG_WARN, HENGE_LOG_INFO, HENGE_LOG_DEBUG };

/* Where log lines go; NULL write = nowhere. `write` gets one line without newline, may be called
 * from any henge thread, must not block for long and must not call back into henge. */
struct henge_log {
    size_t size_bytes;
    void *context;
    enum henge_log_level level; /* the most talkative level that is passed on */
    void (*write)(void *context, enum henge_log_level level, const char *line);
};

/* Called on each of the runtime's threads when it starts and before it ends; either may be NULL. */
struct henge_thread_hooks {
    size_t size_bytes;
    void *context;
    void (*start)(void *context, const char *thread_name);
    void (*stop)(void *context, const char *thread_name);
};

/* What the embedder replaces; any of the three may be NULL for the default (malloc, silence, no
 * hooks). Copied at create. */
struct henge_runtime_options {
    size_t size_bytes;
    const struct henge_allocator *allocator;
    const struct henge_log *log;
    const struct henge_thread_hooks *thread_hooks;
};

/* Checks the config, opens the transport, allocates. No thread runs yet. `options` may be NULL.
 * HENGE_UNSUPPORTED when transport = io_uring and the kernel cannot (the log and `reason_out` say
 * what is missing). reason_out may be NULL. Any thread. [may block] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_runtime_create(const struct henge_config *config, const struct henge_runtime_options *options,
                     struct henge_runtime **runtime_out, char *reason_out, size_t reason_bytes);

/* Starts the threads; returns when all run. Not twice. [may block] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status henge_runtime_start(struct henge_runtime *runtime);

/* Stops and joins the threads. Nodes stay as they are, silent: to the cluster they have crashed.
 * [may block, a turn of each thread] */
HENGE_PUBLIC void henge_runtime_stop(struct henge_runtime *runtime);

/* Frees everything, nodes that are left included; stops first if need be. No reader section may be
 * open and no other call under way. [may block] */
HENGE_PUBLIC void henge_runtime_destroy(struct henge_runtime *runtime);

/* "io_uring", "epoll" or "memory": the transport in use, and why, if auto chose. Static text or
 * text owned by the runtime. Any thread. [wait-free] */
HENGE_PUBLIC const char *henge_runtime_transport(const struct henge_runtime *runtime);
HENGE_PUBLIC const char *henge_runtime_transport_reason(const struct henge_runtime *runtime);

HENGE_PUBLIC const char *henge_version_text(void); /* "0.1.0" */
HENGE_PUBLIC unsigned henge_abi_version(void);     /* rises when a binary must be rebuilt */

#ifdef __cplusplus
}
#endif
#endif

/* henge/status.h - the one error enum of the library.
 *
 * Every function that can fail returns enum henge_status alone; results come back through trailing
 * `_out` parameters, which are written only when the status is HENGE_OK unless said otherwise. */
#ifndef HENGE_STATUS_H
#define HENGE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HENGE_MUST_CHECK __attribute__((warn_unused_result))
#define HENGE_PUBLIC __attribute__((visibility("default")))
#else
#define HENGE_MUST_CHECK
#define HENGE_PUBLIC
#endif

enum henge_status {
    HENGE_OK = 0,
    HENGE_INVALID,     /* an argument, key or value is not acceptable; nothing was changed */
    HENGE_NO_MEMORY,   /* the allocator refused */
    HENGE_BUSY,        /* another thread is inside the same control call; try again */
    HENGE_FULL,        /* a named limit is reached; nothing was queued */
    HENGE_EMPTY,       /* nothing there now */
    HENGE_TIMEOUT,     /* the deadline passed first */
    HENGE_NOT_FOUND,   /* no such member, key, file or range */
    HENGE_UNSUPPORTED, /* the kernel, the build or the configuration cannot do this */
    HENGE_SYSTEM,      /* a system call failed; the log says which and why */
    HENGE_REFUSED,     /* the cluster answered, and said no */
    HENGE_STOPPED,     /* the runtime or node is not running */
    HENGE_CORRUPT,     /* bytes that are not what they claim to be */
    HENGE_CONFLICT,    /* another live process bears this node's name; this one has stopped */
    HENGE_STALE,       /* made with another ring than the present one */
    HENGE_STATUS_COUNT
};

/* One English phrase for a status, static storage. Unknown values give "unknown status".
 * Any thread. [wait-free] */
HENGE_PUBLIC const char *henge_status_text(enum henge_status status);

#ifdef __cplusplus
}
#endif
#endif

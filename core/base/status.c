/* core/base/status.c - see henge/status.h. */
#include "henge/status.h"
#include <stddef.h>

static const char *const texts[] = {
    [HENGE_OK] = "success",
    [HENGE_INVALID] = "invalid argument",
    [HENGE_NO_MEMORY] = "out of memory",
    [HENGE_BUSY] = "busy, try again",
    [HENGE_FULL] = "a limit is reached",
    [HENGE_EMPTY] = "nothing there",
    [HENGE_TIMEOUT] = "timed out",
    [HENGE_NOT_FOUND] = "not found",
    [HENGE_UNSUPPORTED] = "not supported here",
    [HENGE_SYSTEM] = "a system call failed",
    [HENGE_REFUSED] = "refused by the cluster",
    [HENGE_STOPPED] = "not running",
    [HENGE_CORRUPT] = "corrupt data",
    [HENGE_CONFLICT] = "another live process bears this name",
    [HENGE_STALE] = "made with another ring than the present one",
};

_Static_assert(sizeof(texts) / sizeof(texts[0]) == HENGE_STATUS_COUNT, "a text for each status");

const char *henge_status_text(enum henge_status status) {
    size_t index = (size_t)status;
    return index < HENGE_STATUS_COUNT ? texts[index] : "unknown status";
}

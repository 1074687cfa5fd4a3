/* core/base/log.h - lines to the embedder's log hook; formatted on the caller's stack. */
#ifndef CORE_BASE_LOG_H
#define CORE_BASE_LOG_H

#include "henge/runtime.h"

/* Drops what is above the hook's level. At most 511 bytes. `log` may be NULL. */
void log_write(const struct henge_log *log, enum henge_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

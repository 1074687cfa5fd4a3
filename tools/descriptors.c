/* descriptors.c - see descriptors.h. */
#include "tools/descriptors.h"
#include "tools/henged_log.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

bool descriptors_ensure(unsigned needed) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        henged_log(HENGE_LOG_ERROR, "getrlimit: %s", strerror(errno));
        return false;
    }
    if (limit.rlim_cur >= needed) {
        return true;
    }
    if (limit.rlim_max >= needed) {
        limit.rlim_cur = needed;
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0) {
            return true;
        }
    }
    henged_log(HENGE_LOG_ERROR,
               "too few descriptors: the limit on open files (RLIMIT_NOFILE, `ulimit -n`) is %llu, "
               "at least %u are needed",
               (unsigned long long)limit.rlim_max, needed);
    return false;
}

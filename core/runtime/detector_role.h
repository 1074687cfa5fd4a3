/* core/runtime/detector_role.h - the detector role: the detector halves of all nodes of a runtime.
 * One thread; nothing that gossip or the application does can hold it up. */
#ifndef CORE_RUNTIME_DETECTOR_ROLE_H
#define CORE_RUNTIME_DETECTOR_ROLE_H

#include "core/runtime/desk.h"
#include "core/runtime/suspend_watch.h"

struct detector_role {
    struct desk desk;
    struct suspend_watch suspend;
    uint32_t inbox_permille; /* of this turn, before it was emptied */
    uint64_t lateness_ns;    /* of this turn, against its earliest deadline */
};

struct detector_role *detector_role_create(struct henge_runtime *runtime);
void detector_role_destroy(struct detector_role *role);
uint32_t detector_role_step(struct detector_role *role, uint64_t now_ns);
uint64_t detector_role_deadline(const struct detector_role *role);
bool detector_role_has_input(const struct detector_role *role);

#endif

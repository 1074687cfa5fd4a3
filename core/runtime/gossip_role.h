/* core/runtime/gossip_role.h - the gossip role: the gossip halves of all nodes of a runtime, the
 * control calls, the publication and reclamation of views. One thread. */
#ifndef CORE_RUNTIME_GOSSIP_ROLE_H
#define CORE_RUNTIME_GOSSIP_ROLE_H

#include "core/runtime/desk.h"

struct gossip_role {
    struct desk desk;
    uint64_t reclaim_ns; /* when to look for reclaimable views again; TIME_NEVER = none waits */
    uint64_t reclaim_wait_ns; /* grows while a reader holds on */
    uint32_t controls_open;   /* calls that have begun and wait for something */
};

struct gossip_role *gossip_role_create(struct henge_runtime *runtime);
void gossip_role_destroy(struct gossip_role *role);

/* One turn: drains, steps the nodes that were touched or are due. Returns how much was done. */
uint32_t gossip_role_step(struct gossip_role *role, uint64_t now_ns);
uint64_t gossip_role_deadline(const struct gossip_role *role);
bool gossip_role_has_input(const struct gossip_role *role);

/* gossip_control.c: begins or goes on with every node's control call that waits; how many are new.
 */
uint32_t gossip_role_controls(struct gossip_role *role, uint64_t now_ns);
/* The whole round of ATTACH or DETACH is done. */
void gossip_role_attached(struct gossip_role *role, uint32_t node);
void gossip_role_detached(struct gossip_role *role, uint32_t node);

#endif

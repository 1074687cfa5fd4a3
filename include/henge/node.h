/* henge/node.h - one member of a cluster, run by this process.
 *
 * Two live processes under one name: one of them wins, and the other one's node falls silent for
 * good. Its owner gets the event HENGE_NAME_CONFLICT with its own name and the winner's address;
 * every call below that acts then returns HENGE_CONFLICT. What is left to do is
 * henge_node_destroy. */
#ifndef HENGE_NODE_H
#define HENGE_NODE_H

#include <henge/address.h>
#include <henge/config.h>
#include <henge/members.h>
#include <henge/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

struct henge_node; /* opaque */

/* Binds the node's UDP and TCP port and attaches it to a started runtime. It is a cluster of one
 * until it joins; its first reader finds itself in the view. Names, addresses, seeds and metadata
 * come from `config`; the settings of threads and transport are the runtime's. reason_out may be
 * NULL. Any thread but a henge thread. [may block] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_node_create(struct henge_runtime *runtime, const struct henge_config *config,
                  struct henge_node **node_out, char *reason_out, size_t reason_bytes);

/* Asks the seeds ("host:port", names are resolved at each try) in parallel; the first answer
 * completes the join, and the whole snapshot is in the view when HENGE_OK comes back. count 0 uses
 * the config's seeds. HENGE_REFUSED when all of them refused. HENGE_TIMEOUT when none took the node
 * in and not all refused, in time: the log says what became of each, and the node goes on trying
 * them in the background, about once a second. HENGE_BUSY while another control call runs. With
 * ring.token_choices > 1 a node that joins for the first time is JOINING until it has chosen its
 * places, half a second to a few later.
 * Any thread but a henge thread. [may block, timeout_ms] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status henge_node_join(struct henge_node *node,
                                                                const char *const *seeds,
                                                                size_t count, unsigned timeout_ms);

/* Tells the cluster, waits until three members (or all, if fewer) have acknowledged or the time is
 * up. Afterwards the node is LEFT; it can join again, as a new generation. HENGE_TIMEOUT: nobody
 * acknowledged. [may block, timeout_ms] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status henge_node_leave(struct henge_node *node,
                                                                 unsigned timeout_ms);

/* Closes the sockets and frees the node. To the cluster an un-left node has crashed. Its readers
 * and subscriptions must be gone. [may block] */
HENGE_PUBLIC void henge_node_destroy(struct henge_node *node);

/* One pair of this node's metadata; value NULL removes it. HENGE_FULL when the sum would pass
 * HENGE_METADATA_BYTES, or what fits into one datagram. The keys role, region and zone set those
 * fields. With HENGE_OK the next section's view shows it (unless live_views_max are held); a ring
 * that changes by it follows as publish.window_ms says. [may block, about a millisecond] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_node_set_metadata(struct henge_node *node, const char *key, const char *value);

/* 0..100; multiplies the virtual nodes. [may block, about a millisecond] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status henge_node_set_weight(struct henge_node *node,
                                                                      unsigned weight);

/* ACTIVE owns keys; DRAINING owns them still, and tells all that it is about to go; JOINING owns
 * none. Kept until the next call or the end of this life. [may block, about a millisecond] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_node_set_ring_state(struct henge_node *node, enum henge_ring_state state);

/* An operator's verdict: the present life of this member has ended, whatever it says. All members
 * take it out; if it lives it falls silent, until it is told to join, as a new generation.
 * HENGE_NOT_FOUND: no member that is ALIVE, SUSPECT or DEAD has this name. HENGE_INVALID: it is
 * this node's own; leave instead. [may block, about a millisecond] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status henge_node_evict(struct henge_node *node,
                                                                 const char *name);

/* What a node needs now and then and its threads must not do, as it blocks: seeds of the config
 * that are host names are resolved again (at most once a minute), and the files in data_dir are
 * brought up to date (at most every two seconds, if something has changed): the generation, the
 * places in the ring, and up to 64 addresses of members, which the next life asks when no seed
 * answers. To be called every few
 * seconds; henged does so; henge_node_destroy writes the files a last time. HENGE_SYSTEM: data_dir
 * cannot be written; HENGE_BUSY while another control call runs. [may block, as long as the
 * resolver and the disk do] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status henge_node_maintain(struct henge_node *node);

/* This node's name, and the address it is bound to and known by. Fixed for the node's life.
 * Any thread. [wait-free] */
HENGE_PUBLIC const char *henge_node_name(const struct henge_node *node);
HENGE_PUBLIC struct henge_address henge_node_address(const struct henge_node *node);
HENGE_PUBLIC struct henge_runtime *henge_node_runtime(const struct henge_node *node);

/* The common case: one runtime with one node, started, joined to the config's seeds if there are
 * any. HENGE_TIMEOUT: none of them took it in; the node is there and goes on trying. henge_close
 * leaves (waiting at most leave_timeout_ms; 0 = do not leave), stops and frees both.
 * [may block] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_open(const struct henge_config *config, const struct henge_runtime_options *options,
           unsigned join_timeout_ms, struct henge_node **node_out, char *reason_out,
           size_t reason_bytes);
HENGE_PUBLIC void henge_close(struct henge_node *node, unsigned leave_timeout_ms);

#ifdef __cplusplus
}
#endif
#endif

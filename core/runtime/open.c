/* core/runtime/open.c - henge_open and henge_close: one runtime with one node. */
#include "core/runtime/runtime_internal.h"

enum henge_status henge_open(const struct henge_config *config,
                             const struct henge_runtime_options *options, unsigned join_timeout_ms,
                             struct henge_node **node_out, char *reason_out, size_t reason_bytes) {
    struct henge_runtime *runtime;
    enum henge_status status =
        henge_runtime_create(config, options, &runtime, reason_out, reason_bytes);
    if (status != HENGE_OK) {
        return status;
    }
    struct henge_node *node = NULL;
    status = henge_runtime_start(runtime);
    if (status == HENGE_OK) {
        status = henge_node_create(runtime, config, &node, reason_out, reason_bytes);
    }
    if (status != HENGE_OK) {
        henge_runtime_destroy(runtime);
        return status;
    }
    if (config->seeds_count > 0) {
        status = henge_node_join(node, NULL, 0, join_timeout_ms);
    }
    if (status != HENGE_OK && status != HENGE_TIMEOUT) {
        henge_close(node, 0);
        return status;
    }
    *node_out = node;
    return status;
}

void henge_close(struct henge_node *node, unsigned leave_timeout_ms) {
    struct henge_runtime *runtime = node->runtime;
    if (leave_timeout_ms > 0) {
        enum henge_status status = henge_node_leave(node, leave_timeout_ms);
        (void)status; /* unheard, it is detected as failed instead */
    }
    henge_node_destroy(node);
    henge_runtime_destroy(runtime);
}

/* tests/support/nodes.c - see nodes.h. */
#include "tests/support/nodes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void require(enum henge_status status, const char *what, const char *reason) {
    if (status != HENGE_OK) {
        fprintf(stderr, "%s: %s %s\n", what, henge_status_text(status), reason);
        abort();
    }
}

struct henge_config nodes_config(const char *name, unsigned threads) {
    struct henge_config config;
    henge_config_init(&config, HENGE_PRESET_LOCAL);
    snprintf(config.name, sizeof(config.name), "%s", name);
    snprintf(config.bind, sizeof(config.bind), "127.0.0.1:0");
    snprintf(config.affinity, sizeof(config.affinity), "none");
    config.insecure = 1;
    config.transport = HENGE_TRANSPORT_MEMORY;
    config.threads = threads;
    config.members_max = 256;
    return config;
}

struct henge_runtime *nodes_runtime(const struct henge_config *config) {
    char reason[HENGE_REASON_BYTES] = "";
    struct henge_runtime *runtime = NULL;
    require(henge_runtime_create(config, NULL, &runtime, reason, sizeof(reason)),
            "henge_runtime_create", reason);
    require(henge_runtime_start(runtime), "henge_runtime_start", "");
    return runtime;
}

struct henge_node *nodes_start(struct henge_runtime *runtime, const struct henge_config *config,
                               const char *name, const struct henge_node *seed) {
    char reason[HENGE_REASON_BYTES] = "";
    struct henge_config own = *config;
    struct henge_node *node = NULL;
    snprintf(own.name, sizeof(own.name), "%s", name);
    require(henge_node_create(runtime, &own, &node, reason, sizeof(reason)), "henge_node_create",
            reason);
    if (seed) {
        char text[HENGE_ADDRESS_TEXT_BYTES];
        struct henge_address address = henge_node_address(seed);
        const char *seeds[] = {henge_address_format(&address, text)};
        require(henge_node_join(node, seeds, 1, NODES_WAIT_MS), "henge_node_join", name);
    }
    return node;
}

size_t nodes_count(struct henge_node *node, enum henge_member_status status) {
    struct henge_reader *reader = NULL;
    const struct henge_view *view;
    struct henge_member member;
    size_t count = 0;
    require(henge_reader_create(node, "count", &reader), "henge_reader_create", "");
    henge_reader_begin(reader, &view);
    for (size_t index = 0; henge_members_at(view, index, &member) == HENGE_OK; index++) {
        count += member.status == status;
    }
    henge_reader_end(reader);
    henge_reader_destroy(reader);
    return count;
}

bool nodes_wait_count(struct henge_node *node, enum henge_member_status status, size_t count) {
    for (unsigned waited_ms = 0; waited_ms < NODES_WAIT_MS; waited_ms += 10) {
        if (nodes_count(node, status) == count) {
            return true;
        }
        nodes_sleep_ms(10);
    }
    return false;
}

void nodes_sleep_ms(unsigned ms) {
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000L};
    nanosleep(&time, NULL);
}

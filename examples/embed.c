/* embed.c - a henge node inside a program: open, say something about itself, look up keys, close.
 * Build: cc embed.c $(pkg-config --cflags --libs henge) */
#include <henge/henge.h>
#include <stdio.h>
#include <string.h>

static const char *const settings[][2] = {
    {"name", "embedded"}, {"bind", "127.0.0.1:0"}, {"zone", "here"}, {"insecure", "yes"}};
static const char *const keys[] = {"user:17", "user:4711", "cart:9"};

/* Prints the owner of each key. All lookups of a section see one and the same ring. */
static int lookup(struct henge_reader *reader) {
    const struct henge_view *view;
    struct henge_member owner;
    int owned = 0;
    henge_reader_begin(reader, &view);
    for (int i = 0; i < 3; i++) {
        uint32_t slot =
            henge_ring_owner(henge_view_ring(view, HENGE_RING_CURRENT), keys[i], strlen(keys[i]));
        if (henge_members_by_slot(view, slot, &owner) == HENGE_OK) {
            printf("%-10s is owned by %s in zone %s\n", keys[i], owner.name, owner.zone);
            owned++;
        }
    }
    henge_reader_end(reader);
    return owned == 3 ? 0 : 1;
}

int main(void) {
    struct henge_config config;
    struct henge_node *node = NULL;
    struct henge_reader *reader = NULL;
    char reason[HENGE_REASON_BYTES] = "";
    henge_config_init(&config, HENGE_PRESET_LOCAL);
    enum henge_status status = HENGE_OK;
    for (int i = 0; i < 4 && status == HENGE_OK; i++) {
        status = henge_config_set(&config, settings[i][0], settings[i][1], reason, sizeof(reason));
    }
    if (status != HENGE_OK ||
        (status = henge_open(&config, NULL, 0, &node, reason, sizeof(reason))) != HENGE_OK) {
        fprintf(stderr, "cannot open: %s %s\n", henge_status_text(status), reason);
        return 1;
    }
    int code = 1;
    if (henge_node_set_metadata(node, "shard", "7") == HENGE_OK &&
        henge_reader_create(node, "main", &reader) == HENGE_OK) {
        code = lookup(reader);
        henge_reader_destroy(reader);
    }
    henge_close(node, 1000);
    return code;
}

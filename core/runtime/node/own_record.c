/* core/runtime/node/own_record.c - see own_record.h. */
#include "core/runtime/node/own_record.h"
#include <stdbool.h>
#include <string.h>

enum { PAIR_KEY_BYTES_MAX = 255, PAIR_OVERHEAD_BYTES = 2 };

static int key_compare(const struct record_pair *pair, const char *key, size_t key_bytes) {
    size_t common = pair->key_bytes < key_bytes ? pair->key_bytes : key_bytes;
    int order = memcmp(pair->key, key, common);
    return order != 0 ? order : (int)pair->key_bytes - (int)key_bytes;
}

static size_t pairs_bytes(const struct record_fields *fields) {
    size_t sum = 0;
    for (uint32_t index = 0; index < fields->metadata_count; index++) {
        sum += fields->metadata[index].key_bytes + fields->metadata[index].value_bytes +
               (size_t)PAIR_OVERHEAD_BYTES;
    }
    return sum;
}

/* Index of the key, or of the place where it belongs. */
static uint32_t pair_place(const struct record_fields *fields, const char *key, size_t key_bytes,
                           bool *found_out) {
    uint32_t index = 0;
    int order = 1;
    while (index < fields->metadata_count &&
           (order = key_compare(&fields->metadata[index], key, key_bytes)) < 0) {
        index++;
    }
    *found_out = index < fields->metadata_count && order == 0;
    return index;
}

static enum henge_status pair_put(struct record_fields *fields, const char *key, size_t key_bytes,
                                  const char *value, size_t value_bytes) {
    bool found;
    uint32_t place = pair_place(fields, key, key_bytes, &found);
    size_t present = pairs_bytes(fields);
    if (found) {
        present -= fields->metadata[place].key_bytes + fields->metadata[place].value_bytes +
                   (size_t)PAIR_OVERHEAD_BYTES;
    }
    if (present + key_bytes + value_bytes + PAIR_OVERHEAD_BYTES > HENGE_METADATA_BYTES ||
        (!found && fields->metadata_count == HENGE_METADATA_PAIRS_MAX)) {
        return HENGE_FULL;
    }
    if (!found) {
        memmove(&fields->metadata[place + 1], &fields->metadata[place],
                (fields->metadata_count - place) * sizeof(fields->metadata[0]));
        fields->metadata_count++;
    }
    fields->metadata[place] = (struct record_pair){.key = key,
                                                   .value = value,
                                                   .key_bytes = (uint8_t)key_bytes,
                                                   .value_bytes = (uint16_t)value_bytes};
    return HENGE_OK;
}

static void label_set(const char **text, uint8_t *bytes, const char *value) {
    *text = value;
    *bytes = (uint8_t)strlen(value);
}

enum henge_status own_record_fields(const struct henge_config *config,
                                    struct record_fields *fields) {
    *fields = (struct record_fields){.weight = (uint16_t)config->weight,
                                     .vnodes = (uint16_t)config->vnodes,
                                     .ring_state = HENGE_RING_ACTIVE};
    label_set(&fields->name, &fields->name_bytes, config->name);
    label_set(&fields->role, &fields->role_bytes, config->role);
    label_set(&fields->region, &fields->region_bytes, config->region);
    label_set(&fields->zone, &fields->zone_bytes, config->zone);
    const char *line = config->metadata;
    while (*line) {
        size_t line_bytes = strcspn(line, "\n");
        const char *equals = memchr(line, '=', line_bytes);
        if (!equals || equals == line || equals - line > PAIR_KEY_BYTES_MAX) {
            return HENGE_INVALID;
        }
        size_t key_bytes = (size_t)(equals - line);
        enum henge_status status =
            pair_put(fields, line, key_bytes, equals + 1, line_bytes - key_bytes - 1);
        if (status != HENGE_OK) {
            return HENGE_INVALID;
        }
        line += line_bytes + (line[line_bytes] == '\n');
    }
    return HENGE_OK;
}

static bool field_set(struct record_fields *fields, const char *key, const char *value) {
    if (strcmp(key, "role") == 0) {
        label_set(&fields->role, &fields->role_bytes, value);
    } else if (strcmp(key, "region") == 0) {
        label_set(&fields->region, &fields->region_bytes, value);
    } else if (strcmp(key, "zone") == 0) {
        label_set(&fields->zone, &fields->zone_bytes, value);
    } else {
        return false;
    }
    return true;
}

static bool is_key(const char *key, size_t key_bytes) {
    return key_bytes > 0 && key_bytes <= PAIR_KEY_BYTES_MAX && !strpbrk(key, "=\n");
}

enum henge_status own_record_set_pair(struct record_fields *fields, const char *key,
                                      const char *value) {
    size_t key_bytes = strlen(key);
    size_t value_bytes = value ? strlen(value) : 0;
    if (!is_key(key, key_bytes) || (value && strchr(value, '\n'))) {
        return HENGE_INVALID;
    }
    if (value_bytes > HENGE_METADATA_BYTES) {
        return HENGE_FULL;
    }
    if (field_set(fields, key, value_bytes < HENGE_LABEL_BYTES && value ? value : "")) {
        return value_bytes < HENGE_LABEL_BYTES ? HENGE_OK : HENGE_INVALID;
    }
    if (value) {
        return pair_put(fields, key, key_bytes, value, value_bytes);
    }
    bool found;
    uint32_t place = pair_place(fields, key, key_bytes, &found);
    if (!found) {
        return HENGE_NOT_FOUND;
    }
    fields->metadata_count--;
    memmove(&fields->metadata[place], &fields->metadata[place + 1],
            (fields->metadata_count - place) * sizeof(fields->metadata[0]));
    return HENGE_OK;
}

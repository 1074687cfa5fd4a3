/* json_tools.c - see json_tools.h. */
#include "tools/json_tools.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A JSON string of any bytes: those that are not valid UTF-8 make all non-ASCII ones '?'. */
static json_t *string_of(const char *text) {
    json_t *string = json_string(text);
    if (string != NULL) {
        return string;
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        return NULL;
    }
    for (char *at = copy; *at != '\0'; at++) {
        if ((unsigned char)*at >= 0x80) {
            *at = '?';
        }
    }
    string = json_string(copy);
    free(copy);
    return string;
}

void json_put(json_t *object, const char *key, json_t *value) {
    if (value == NULL) {
        return;
    }
    json_t *clean_key = string_of(key);
    if (clean_key == NULL) {
        json_decref(value);
        return;
    }
    (void)json_object_set_new(object, json_string_value(clean_key), value);
    json_decref(clean_key);
}

void json_put_text(json_t *object, const char *key, const char *text) {
    json_put(object, key, string_of(text != NULL ? text : ""));
}

void json_put_u64(json_t *object, const char *key, uint64_t value) {
    json_put(object, key, json_integer((json_int_t)value));
}

void json_put_bool(json_t *object, const char *key, bool value) {
    json_put(object, key, json_boolean(value));
}

void json_put_null(json_t *object, const char *key) {
    json_put(object, key, json_null());
}

void json_put_hex(json_t *object, const char *key, uint64_t value) {
    char text[17];
    snprintf(text, sizeof(text), "%016" PRIx64, value);
    json_put(object, key, json_string(text));
}

void json_append_text(json_t *list, const char *text) {
    (void)json_array_append_new(list, string_of(text != NULL ? text : ""));
}

const char *json_text(const json_t *object, const char *key, const char *otherwise) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : otherwise;
}

int64_t json_number(const json_t *object, const char *key, int64_t otherwise) {
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? (int64_t)json_integer_value(value) : otherwise;
}

double json_fraction(const json_t *object, const char *key, double otherwise) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

bool json_flag(const json_t *object, const char *key) {
    return json_is_true(json_object_get(object, key));
}

char *json_line(const json_t *document, size_t *bytes_out) {
    size_t bytes = json_dumpb(document, NULL, 0, 0);
    char *line = bytes > 0 ? malloc(bytes + 2) : NULL;
    if (line == NULL || json_dumpb(document, line, bytes, 0) != bytes) {
        free(line);
        return NULL;
    }
    line[bytes] = '\n';
    line[bytes + 1] = '\0';
    *bytes_out = bytes + 1;
    return line;
}

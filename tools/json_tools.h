/* json_tools.h - small helpers over jansson, shared by henged and henge.
 *
 * jansson refuses text that is not UTF-8. Metadata and zones may hold any bytes, so the writers
 * here replace what JSON cannot carry by '?' rather than lose the whole document. Out of memory
 * shows as a missing key or a NULL document, never as a crash. */
#ifndef TOOLS_JSON_TOOLS_H
#define TOOLS_JSON_TOOLS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writers: object[key] = value. */
void json_put_text(json_t *object, const char *key, const char *text);
void json_put_u64(json_t *object, const char *key, uint64_t value);
void json_put_bool(json_t *object, const char *key, bool value);
void json_put_null(json_t *object, const char *key);
/* 64-bit hashes and fingerprints: 16 hexadecimal digits, because JSON numbers are doubles to many
 * readers. */
void json_put_hex(json_t *object, const char *key, uint64_t value);
/* Takes over `value`, which may be NULL (then nothing is set). */
void json_put(json_t *object, const char *key, json_t *value);

/* One more text in a list. */
void json_append_text(json_t *list, const char *text);

/* Readers with a default for a missing or differently typed key. */
const char *json_text(const json_t *object, const char *key, const char *otherwise);
int64_t json_number(const json_t *object, const char *key, int64_t otherwise);
double json_fraction(const json_t *object, const char *key, double otherwise);
bool json_flag(const json_t *object, const char *key);

/* One line of JSON and '\n', to be freed; NULL without memory. */
char *json_line(const json_t *document, size_t *bytes_out);

#endif

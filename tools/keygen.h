/* keygen.h - a fresh key file: what `henge keygen` prints and `henged --key-file` reads.
 *
 * The key (32 bytes) seals all traffic of a cluster; the ring salt (16 bytes) makes the places on
 * the ring unpredictable to outsiders. Both come from getrandom(2). */
#ifndef TOOLS_KEYGEN_H
#define TOOLS_KEYGEN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { KEYGEN_KEY_BYTES = 32, KEYGEN_SALT_BYTES = 16 };

/* False, with errno set, when the kernel gives no randomness or `out` cannot be written. */
bool keygen_write(FILE *out);

/* The text form of given bytes; apart, so that it can be tested. */
bool keygen_write_bytes(FILE *out, const uint8_t key[KEYGEN_KEY_BYTES],
                        const uint8_t salt[KEYGEN_SALT_BYTES]);

/* Makes the file `path` anew with mode 0600. */
bool keygen_write_file(const char *path);

#endif

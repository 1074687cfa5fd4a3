/* keygen.c - see keygen.h. */
#include "tools/keygen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static bool random_fill(uint8_t *bytes, size_t count) {
    while (count > 0) {
        ssize_t got = getrandom(bytes, count, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        bytes += got;
        count -= (size_t)got;
    }
    return true;
}

static void hex_line(FILE *out, const char *name, const uint8_t *bytes, size_t count) {
    fprintf(out, "%s = ", name);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%02x", bytes[i]);
    }
    fputc('\n', out);
}

bool keygen_write_bytes(FILE *out, const uint8_t key[KEYGEN_KEY_BYTES],
                        const uint8_t salt[KEYGEN_SALT_BYTES]) {
    fputs("# henge key file: one per cluster, the same on every node; keep it secret (mode 600)\n",
          out);
    hex_line(out, "key", key, KEYGEN_KEY_BYTES);
    hex_line(out, "ring_salt", salt, KEYGEN_SALT_BYTES);
    return fflush(out) == 0 && !ferror(out);
}

bool keygen_write(FILE *out) {
    uint8_t secret[KEYGEN_KEY_BYTES + KEYGEN_SALT_BYTES];
    bool is_written = random_fill(secret, sizeof(secret)) &&
                      keygen_write_bytes(out, secret, secret + KEYGEN_KEY_BYTES);
    explicit_bzero(secret, sizeof(secret));
    return is_written;
}

bool keygen_write_file(const char *path) {
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    FILE *out = fdopen(fd, "w");
    if (out == NULL) {
        close(fd);
        return false;
    }
    bool is_written = keygen_write(out);
    return fclose(out) == 0 && is_written;
}

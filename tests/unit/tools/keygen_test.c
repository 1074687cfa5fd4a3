/* keygen_test.c - a key file has the form that key_file takes, and is nobody else's. */
#include "tools/keygen.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *generated(void) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    cr_assert(keygen_write(out));
    fclose(out);
    return text;
}

Test(keygen, the_bytes_are_written_as_lower_case_hex) {
    uint8_t key[KEYGEN_KEY_BYTES] = {0x00, 0xff, 0x1a};
    uint8_t salt[KEYGEN_SALT_BYTES] = {0xab};
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    cr_assert(keygen_write_bytes(out, key, salt));
    fclose(out);
    cr_expect_eq(strncmp(text, "# henge key file", 16), 0);
    char wanted[160];
    snprintf(wanted, sizeof(wanted), "\nkey = 00ff1a%058d\nring_salt = ab%030d\n", 0, 0);
    cr_expect_not_null(strstr(text, wanted));
    free(text);
}

Test(keygen, two_keys_differ_in_key_and_salt) {
    char *one = generated();
    char *two = generated();
    cr_assert_eq(strlen(one), strlen(two));
    cr_expect_neq(strncmp(strstr(one, "key = "), strstr(two, "key = "), 6 + 64), 0);
    cr_expect_str_neq(strstr(one, "ring_salt"), strstr(two, "ring_salt"));
    free(one);
    free(two);
}

Test(keygen, the_file_is_private_even_where_an_open_one_was) {
    char path[] = "/tmp/henge-keygen-XXXXXX";
    struct stat info;
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fchmod(fd, 0666), 0);
    close(fd);
    cr_assert(keygen_write_file(path));
    cr_assert_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_mode & 0777, 0600);
    cr_expect_gt(info.st_size, 100);
    unlink(path);
}

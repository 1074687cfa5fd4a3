/* See config_fixture.h. */
#include "tests/unit/runtime/config_fixture.h"
#include <criterion/criterion.h>
#include <string.h>

struct fixture config_fresh(void) {
    struct fixture fixture = {.reason = "untouched"};
    henge_config_init(&fixture.config, HENGE_PRESET_LAN);
    return fixture;
}

enum henge_status config_try(struct fixture *fixture, const char *key, const char *value) {
    return henge_config_set(&fixture->config, key, value, fixture->reason, sizeof(fixture->reason));
}

void config_expect_good(const char *key, const char *value, const char *expected) {
    struct fixture fixture = config_fresh();
    cr_assert_eq(config_try(&fixture, key, value), HENGE_OK, "%s = %s: %s", key, value,
                 fixture.reason);
    cr_assert_str_eq(fixture.reason, "", "%s = %s", key, value);
    char text[8192];
    cr_assert_eq(henge_config_get(&fixture.config, key, text, sizeof(text)), HENGE_OK);
    cr_assert_str_eq(text, expected, "%s", key);
}

/* Refused, changing nothing, with a reason that begins with the key. */
void config_expect_bad(const char *key, const char *value) {
    struct fixture fixture = config_fresh();
    struct henge_config before = fixture.config;
    cr_assert_eq(config_try(&fixture, key, value), HENGE_INVALID, "%s = \"%s\"", key, value);
    cr_assert_eq(memcmp(&before, &fixture.config, sizeof(before)), 0, "%s changed", key);
    size_t key_bytes = strlen(key);
    cr_assert_eq(strncmp(fixture.reason, key, key_bytes), 0, "%s: %s", key, fixture.reason);
    cr_assert_eq(strncmp(fixture.reason + key_bytes, ": ", 2), 0, "%s", fixture.reason);
    cr_assert_null(strchr(fixture.reason, '\n'), "one line: %s", fixture.reason);
    cr_assert_eq(henge_config_set(&fixture.config, key, value, NULL, 0), HENGE_INVALID);
}

void config_repeat(char *out, char byte, size_t count) {
    memset(out, byte, count);
    out[count] = '\0';
}

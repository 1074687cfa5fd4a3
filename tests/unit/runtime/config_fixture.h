/* config_fixture.h - one setting at a time, for the tests of henge/config.h. */
#ifndef TESTS_UNIT_RUNTIME_CONFIG_FIXTURE_H
#define TESTS_UNIT_RUNTIME_CONFIG_FIXTURE_H

#include "henge/config.h"

struct fixture {
    struct henge_config config;
    char reason[HENGE_REASON_BYTES];
};

/* The LAN defaults. */
struct fixture config_fresh(void);
/* henge_config_set, with its reason kept. */
enum henge_status config_try(struct fixture *fixture, const char *key, const char *value);
/* Accepted, and henge_config_get gives `expected`. */
void config_expect_good(const char *key, const char *value, const char *expected);
/* Refused, nothing changed, and the reason begins with the key. */
void config_expect_bad(const char *key, const char *value);
/* `count` times the byte, and a NUL. */
void config_repeat(char *out, char byte, size_t count);

#endif

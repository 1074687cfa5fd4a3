/* Addresses, status texts and log lines. */
#include "core/base/log.h"
#include "core/base/random.h"
#include "henge/address.h"
#include <criterion/criterion.h>
#include <stdio.h>

Test(address, parses_both_families) {
    struct henge_address address;
    cr_assert_eq(henge_address_parse("1.2.3.4:7946", &address), HENGE_OK);
    struct henge_address expected = {.bytes = {1, 2, 3, 4}, .port = 7946, .family = 4};
    cr_assert_eq(memcmp(&address, &expected, sizeof(address)), 0);
    cr_assert_eq(henge_address_parse("[::1]:0", &address), HENGE_OK);
    expected = (struct henge_address){.port = 0, .family = 6};
    expected.bytes[15] = 1;
    cr_assert_eq(memcmp(&address, &expected, sizeof(address)), 0);
    cr_assert_eq(henge_address_parse("[fe80::1:2]:65535", &address), HENGE_OK);
    cr_assert_eq(address.port, 65535);
}

Test(address, refuses_what_is_not_one_and_writes_nothing) {
    const char *bad[] = {"",
                         ":",
                         ":1",
                         "1.2.3.4",
                         "1.2.3.4:",
                         "1.2.3.4:65536",
                         "1.2.3.4:123456",
                         "1.2.3.4:4294967297",
                         "1.2.3.4:-1",
                         "1.2.3.4:+1",
                         "1.2.3.4: 1",
                         "1.2.3.4:1 ",
                         " 1.2.3.4:1",
                         "1.2.3:1",
                         "1.2.3.256:1",
                         "1.2.3.4.5:1",
                         "localhost:1",
                         "::1:7946",
                         "[::1]",
                         "[::1]:",
                         "[::1]7946",
                         "[::1:7946",
                         "[1.2.3.4]:1",
                         "[]:1",
                         "[::1%lo]:1",
                         "[1:2:3:4:5:6:7:8:9]:1",
                         "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct henge_address address = {.port = 42};
        cr_assert_eq(henge_address_parse(bad[i], &address), HENGE_INVALID, "'%s'", bad[i]);
        cr_assert_eq(address.port, 42, "'%s'", bad[i]);
    }
    struct henge_address address;
    cr_assert_eq(henge_address_parse(NULL, &address), HENGE_INVALID);
}

Test(address, random_addresses_survive_the_round_trip) {
    struct random random = random_of_seed(8);
    for (int round = 0; round < 20000; round++) {
        struct henge_address address = {.family = random_below(&random, 2) == 0 ? 4 : 6,
                                        .port = (uint16_t)random_u64(&random)};
        for (size_t i = 0; i < (address.family == 4 ? 4U : 16U); i++) {
            /* many zeros, so that "::" is written in many places */
            address.bytes[i] = random_below(&random, 2) == 0 ? 0 : (uint8_t)random_u64(&random);
        }
        char text[HENGE_ADDRESS_TEXT_BYTES];
        cr_assert_eq(henge_address_format(&address, text), text);
        struct henge_address back;
        cr_assert_eq(henge_address_parse(text, &back), HENGE_OK, "%s", text);
        cr_assert_eq(memcmp(&address, &back, sizeof(back)), 0, "%s", text);
    }
}

Test(address, the_longest_text_fits_and_no_address_is_none) {
    struct henge_address address = {.family = 6, .port = 65535};
    memset(address.bytes, 0xff, sizeof(address.bytes));
    char text[HENGE_ADDRESS_TEXT_BYTES];
    cr_assert_str_eq(henge_address_format(&address, text),
                     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
    struct henge_address none = {0};
    cr_assert_str_eq(henge_address_format(&none, text), "none");
}

Test(status, each_has_its_own_text) {
    for (int status = 0; status < HENGE_STATUS_COUNT; status++) {
        const char *text = henge_status_text((enum henge_status)status);
        cr_assert_gt(strlen(text), 0);
        cr_assert_str_neq(text, "unknown status");
        for (int other = 0; other < status; other++) {
            cr_assert_str_neq(text, henge_status_text((enum henge_status)other));
        }
    }
    cr_assert_str_eq(henge_status_text(HENGE_STATUS_COUNT), "unknown status");
    cr_assert_str_eq(henge_status_text((enum henge_status) - 1), "unknown status");
}

struct lines {
    int count;
    char last[1024];
    enum henge_log_level level;
};

static void keep_line(void *context, enum henge_log_level level, const char *line) {
    struct lines *lines = context;
    lines->count++;
    lines->level = level;
    snprintf(lines->last, sizeof(lines->last), "%s", line);
}

Test(log, passes_on_what_the_level_allows) {
    struct lines lines = {0};
    struct henge_log log = {
        .size_bytes = sizeof(log), .context = &lines, .level = HENGE_LOG_WARN, .write = keep_line};
    log_write(&log, HENGE_LOG_INFO, "quiet");
    cr_assert_eq(lines.count, 0);
    log_write(&log, HENGE_LOG_WARN, "%s %d", "loud", 1);
    cr_assert_eq(lines.count, 1);
    cr_assert_str_eq(lines.last, "loud 1");
    log_write(&log, HENGE_LOG_ERROR, "two\nlines");
    cr_assert_str_eq(lines.last, "two lines");
    cr_assert_eq(lines.level, HENGE_LOG_ERROR);
    log_write(NULL, HENGE_LOG_ERROR, "nowhere");
    log.write = NULL;
    log_write(&log, HENGE_LOG_ERROR, "nowhere");
    cr_assert_eq(lines.count, 2);
}

Test(log, cuts_a_long_line_at_511_bytes) {
    struct lines lines = {0};
    struct henge_log log = {.context = &lines, .level = HENGE_LOG_DEBUG, .write = keep_line};
    char text[700];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_write(&log, HENGE_LOG_DEBUG, "%s", text);
    cr_assert_eq(strlen(lines.last), 511);
}

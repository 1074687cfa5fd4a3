/* henge and henged as scripts meet them: exit codes, what a complaint names, --help, where settings
 * come from, the verbs that act, and the JSON. The parts have unit tests in tests/unit/tools; here
 * the programs run whole. */
#include "tests/support/daemons.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char directory[128];
static char output[1 << 16];

static void begin(void) {
    daemons_begin(directory);
    setenv("D", directory, 1);
}

TestSuite(commands, .init = begin, .timeout = 120);

/* A shell line; $HENGE_BIN is where the programs are, $D the scratch directory. */
__attribute__((format(printf, 1, 2))) static int run(const char *format, ...) {
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    return daemon_run(line, output, sizeof(output));
}

struct complaint {
    const char *line; /* of henge or henged, with the first word under $HENGE_BIN */
    int code;
    const char *said; /* must stand in the output */
};

static void expect_all(const struct complaint *complaints, size_t count) {
    for (size_t index = 0; index < count; index++) {
        const struct complaint *it = &complaints[index];
        /* The time limit ends a daemon that took the line for good; 124 then fails the test. */
        int code = run("timeout 20 $HENGE_BIN/%s 2>&1", it->line);
        cr_assert_eq(code, it->code, "%s: exit code %d, not %d: %s", it->line, code, it->code,
                     output);
        cr_assert(strstr(output, it->said), "%s does not say \"%s\": %s", it->line, it->said,
                  output);
    }
}

Test(commands, henge_names_what_is_wrong) {
    static const struct complaint complaints[] = {
        {"henge", 2, "which verb?"},
        {"henge bogus", 2, "bogus"},
        {"henge --bogus members", 2, "--bogus"},
        {"henge members extra", 2, "extra"},
        {"henge lookup", 2, "which key?"},
        {"henge lookup k -n 99", 2, "99"},
        {"henge lookup \"$(printf '\\377')\"", 2, "UTF-8"},
        {"henge set-weight 101", 2, "101"},
        {"henge set-weight", 2, "missing"},
        {"henge set-meta pair", 2, "pair"},
        {"henge evict", 2, "which member?"},
        {"henge evict a b", 2, "one member"},
        {"henge join here", 2, "here"},
        {"henge leave --timeout 0", 2, "--timeout"},
        {"henge bench", 2, "lookup, ring_change"},
        {"henge bench bogus", 2, "bogus"},
        {"henge bench --help", 0, "henge bench NAME"},
        {"henge bench lookup --rounds 0", 2, "'0'"},
        {"henge bench swap --rounds 1 --json", 0, "\"bench\""},
        {"henge bench cluster --nodes 1", 2, "'1'"},
        {"henge bench cluster --phases bogus", 2, "bogus"},
        {"henge bench cluster --nodes 3 --idle 1 --phases idle --json", 0, "\"bench\""},
        {"henge cluster", 2, "which verb?"},
        {"henge cluster bogus", 2, "bogus"},
        {"henge cluster up -n 0 --dir $D/c", 2, "\"0\""},
        {"henge cluster kill --dir $D/c", 2, "which daemon?"},
        {"henge -s $D/none.sock members", 1, "/none.sock"},
        {"henge -s $D/none.sock events --follow", 1, "/none.sock"},
        {"henge cluster status --dir $D/c", 1, "/c"},
        {"henge cluster kill n1 --dir $D/c", 1, "/c"},
        {"henge cluster down --dir $D/c", 0, "no cluster"},
        {"henge --version", 0, "henge "},
    };
    expect_all(complaints, sizeof(complaints) / sizeof(complaints[0]));
    daemons_end(directory);
}

#define PLAIN "henged --insecure --name n --bind 127.0.0.1:0 --control $D/n.sock "

Test(commands, henged_names_what_is_wrong) {
    static const struct complaint complaints[] = {
        {"henged --bogus", 2, "--bogus"},
        {PLAIN "extra", 2, "extra"},
        {PLAIN "--weight 500", 2, "--weight"},
        {PLAIN "--name 'a b'", 2, "--name"},
        {PLAIN "--bind localhost", 2, "--bind"},
        {PLAIN "--transport carrier", 2, "carrier"},
        {PLAIN "--threads 4", 2, "--threads"},
        {PLAIN "--affinity 0,x", 2, "--affinity"},
        {PLAIN "--join nowhere", 2, "--join"},
        {PLAIN "--meta pair", 2, "--meta"},
        {PLAIN "--preset moon", 2, "moon"},
        {PLAIN "--log-level loud", 2, "loud"},
        {PLAIN "--probe-period-ms 5", 2, "probe-period-ms"},
        {PLAIN "--weight 500 --threads 9", 2, "--threads"}, /* every mistake, not the first only */
        {PLAIN "--config $D/none.conf", 2, "none.conf"},
        {"henged --name n --control $D/n.sock --key-file $D/none.key", 2, "none.key"},
        {"henged --name n --control $D/n.sock --key-file $D/short.key", 2, "short.key"},
        {"henged --name n --control $D/n.sock", 2, "key"}, /* neither a key nor --insecure */
        {PLAIN "--config $D/bad.conf", 2, "bad.conf: line 3: colour"},
        {PLAIN "--control $D/key", 1, "/key"}, /* a file that is no socket is not replaced */
    };
    cr_assert_eq(run("echo 'key = 1234' > $D/short.key"), 0);
    cr_assert_eq(run("printf '# c\\nzone = a\\ncolour = red\\n' > $D/bad.conf"), 0);
    expect_all(complaints, sizeof(complaints) / sizeof(complaints[0]));
    cr_assert_eq(run("HENGE_WEIGHT=500 timeout 20 $HENGE_BIN/" PLAIN "2>&1"), 2);
    cr_assert(strstr(output, "HENGE_WEIGHT"), "%s", output);
    cr_assert_eq(run("head -n 1 $D/key"), 0);
    cr_assert(strstr(output, "henge key file"), "the key file still is one: %s", output);
    daemons_end(directory);
}

Test(commands, too_few_descriptors_are_named) {
    int code = run("ulimit -n 12; timeout 20 $HENGE_BIN/" PLAIN "2>&1");
    cr_assert_eq(code, 1, "%d: %s", code, output);
    cr_assert(strstr(output, "RLIMIT_NOFILE") && strstr(output, "12"), "%s", output);
    cr_assert_eq(run("ulimit -Sn 12; timeout 1 $HENGE_BIN/" PLAIN "2>&1"), 124, "%s", output);
    cr_assert(strstr(output, "up: n on"), "the soft limit is henged's to raise: %s", output);
    daemons_end(directory);
}

Test(commands, an_address_in_use_is_named) {
    struct daemon daemon;
    char line[256];
    cr_assert(daemon_start(&daemon, directory, "first", NULL));
    snprintf(line, sizeof(line),
             "henged --insecure --name n --control $D/n.sock --bind %s --log-format json",
             daemon.address);
    const struct complaint complaints[] = {
        {line, 1, daemon.address},
        {"henged --insecure --name n --control $D/first.sock", 1, "/first.sock"},
    };
    expect_all(complaints, 2);
    cr_assert_str_eq(daemon_info_text(&daemon, "name"), "first");
    daemon_stop(&daemon, SIGKILL);
    daemons_end(directory);
}

Test(commands, every_verb_has_help) {
    static const char *const verbs[] = {
        "members",      "info",          "lookup",       "ring",           "events",
        "join",         "leave",         "set-meta",     "set-weight",     "keygen",
        "cluster",      "cluster up",    "cluster down", "cluster status", "cluster kill",
        "cluster stop", "cluster start", "drain",        "activate",       "evict",
    };
    static char all[1 << 16];
    char usage[64];
    cr_assert_eq(run("$HENGE_BIN/henge --help; $HENGE_BIN/henge cluster --help"), 0);
    memcpy(all, output, sizeof(all));
    for (size_t index = 0; index < sizeof(verbs) / sizeof(verbs[0]); index++) {
        const char *last = strrchr(verbs[index], ' ');
        cr_assert(strstr(all, last ? last + 1 : verbs[index]), "%s is not listed", verbs[index]);
        cr_assert_eq(run("$HENGE_BIN/henge %s --help", verbs[index]), 0);
        snprintf(usage, sizeof(usage), "Usage: henge %s", verbs[index]);
        cr_assert_eq(strncmp(output, usage, strlen(usage)), 0, "%s", output);
    }
    cr_assert_eq(run("$HENGE_BIN/henged --help"), 0);
    cr_assert(strstr(output, "--key-file"));
    daemons_end(directory);
}

static void environment_set(void) {
    setenv("HENGE_ZONE", "environment", 1);
    setenv("HENGE_ROLE", "environment", 1);
}

Test(commands, settings_come_from_file_then_environment_then_flags) {
    struct daemon daemon;
    char path[160];
    snprintf(path, sizeof(path), "%s/henged.conf", directory);
    const char *flags[] = {"--config", path, "--role", "flag", NULL};
    cr_assert_eq(
        run("printf 'region = file\\nzone = file\\nrole = file\\nmeta = a=b\\n' > %s", path), 0);
    daemon_spawn(&daemon, directory, "n", flags, environment_set);
    cr_assert(daemon_wait_up(&daemon));
    cr_assert_str_eq(daemon_info_text(&daemon, "region"), "file");
    cr_assert_str_eq(daemon_info_text(&daemon, "zone"), "environment");
    cr_assert_str_eq(daemon_info_text(&daemon, "role"), "flag");
    json_t *info = daemon_ask(&daemon, "info");
    json_t *metadata = json_object_get(info, "metadata");
    cr_assert_str_eq(json_string_value(json_object_get(metadata, "a")), "b");
    json_decref(info);
    daemon_stop(&daemon, SIGKILL);
    daemons_end(directory);
}

/* Exactly these keys, "a b c", no others. */
static void expect_keys(json_t *object, const char *keys) {
    char wanted[512];
    char *rest = wanted;
    size_t count = 0;
    snprintf(wanted, sizeof(wanted), "%s", keys);
    for (char *key; (key = strsep(&rest, " ")) != NULL; count++) {
        cr_assert(json_object_get(object, key), "%s is missing", key);
    }
    cr_assert_eq(json_object_size(object), count, "other keys than %s", keys);
}

static void expect_hexadecimal(json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    cr_assert(text && strlen(text) == 16 && strspn(text, "0123456789abcdef") == 16, "%s: %s", key,
              text ? text : "no text");
}

Test(commands, json_is_as_documented) {
    static const char *const numbers[] = {
        "view", "ring_version", "members_alive", "members_suspect", "members_dead", "health"};
    struct daemon daemons[2];
    cr_assert(daemons_cluster(daemons, 2, directory, NULL));
    json_t *answer = daemon_ask(&daemons[0], "members");
    json_t *first = json_array_get(json_object_get(answer, "members"), 0);
    expect_keys(answer, "members view self");
    expect_keys(first, "name address status ring_state zone region role weight vnodes choices "
                       "generation version rtt_us last_seen_ms metadata");
    cr_assert_str_eq(json_string_value(json_object_get(answer, "self")), "n1");
    cr_assert_str_eq(json_string_value(json_object_get(first, "status")), "ALIVE");
    json_decref(answer);

    answer = daemon_ask(&daemons[0], "lookup user:17 -n 2");
    json_t *owners = json_object_get(answer, "owners");
    expect_keys(answer, "key hash ring_version ring_fingerprint owners pending");
    expect_hexadecimal(answer, "hash");
    expect_hexadecimal(answer, "ring_fingerprint");
    cr_assert_eq(json_array_size(owners), 2);
    expect_keys(json_array_get(owners, 0), "name address zone up leaving");
    cr_assert(json_is_true(json_object_get(json_array_get(owners, 0), "up")));
    json_decref(answer);

    answer = daemon_ask(&daemons[0], "info");
    for (size_t index = 0; index < sizeof(numbers) / sizeof(numbers[0]); index++) {
        cr_assert(json_is_integer(json_object_get(answer, numbers[index])), "%s", numbers[index]);
    }
    expect_hexadecimal(answer, "ring_fingerprint");
    cr_assert(json_is_number(json_object_get(answer, "agreement")));
    cr_assert_str_eq(json_string_value(json_object_get(answer, "address")), daemons[0].address);
    cr_assert(json_is_string(json_object_get(answer, "transport")));
    json_decref(answer);
    for (int index = 0; index < 2; index++) {
        daemon_stop(&daemons[index], SIGKILL);
    }
    daemons_end(directory);
}

Test(commands, ring_shares_and_ranges_cover_the_circle) {
    struct daemon daemons[2];
    double sum = 0;
    size_t index;
    json_t *member;
    cr_assert(daemons_cluster(daemons, 2, directory, NULL));
    json_t *ring = daemon_ask(&daemons[0], "ring --ranges");
    json_array_foreach(json_object_get(ring, "members"), index, member) {
        sum += json_real_value(json_object_get(member, "share"));
    }
    cr_assert_float_eq(sum, 1.0, 1e-9);
    json_int_t points = json_integer_value(json_object_get(ring, "points"));
    cr_assert_eq(points, 200); /* two members of 100 virtual nodes */
    cr_assert_eq(json_array_size(json_object_get(ring, "ranges")), (size_t)points);
    json_decref(ring);
    for (index = 0; index < 2; index++) {
        daemon_stop(&daemons[index], SIGKILL);
    }
    daemons_end(directory);
}

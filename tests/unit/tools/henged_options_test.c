/* henged_options_test.c - file, environment, flags: who wins, and that each mistake is named. With
 * the library's own settings code. */
#include "tools/henged_options.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct henged_options options;
static char file_path[64];

static void setup(void) {
    snprintf(file_path, sizeof(file_path), "/tmp/henge-options-%d.conf", (int)getpid());
    cr_redirect_stderr();
    cr_redirect_stdout();
}

static void teardown(void) {
    unlink(file_path);
}

TestSuite(henged_options, .init = setup, .fini = teardown);

/* NULL-ended arguments, without the program's name. */
static int parse(const char *const *arguments) {
    char *argv[32] = {(char *)(uintptr_t) "henged"};
    int argc = 1;
    for (; arguments[argc - 1] != NULL; argc++) {
        argv[argc] = strdup(arguments[argc - 1]);
    }
    return henged_options_parse(argc, argv, &options);
}
#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void file_write(const char *text) {
    FILE *out = fopen(file_path, "w");
    fputs(text, out);
    fclose(out);
}

/* Everything said on standard error so far. */
static const char *complaints(void) {
    static char text[8192];
    fflush(stderr);
    FILE *in = cr_get_redirected_stderr();
    size_t bytes = fread(text, 1, sizeof(text) - 1, in);
    text[bytes] = '\0';
    return text;
}

Test(henged_options, file_then_environment_then_flags) {
    file_write("name = from-file\nzone = file\nregion = file\nrole = file\nlog_level = warn\n"
               "insecure = yes\n");
    setenv("HENGE_ZONE", "environment", 1);
    setenv("HENGE_ROLE", "environment", 1);
    cr_assert_eq(PARSE("--config", file_path, "--role", "flag", "--bind", "127.0.0.1:0"),
                 HENGED_GO_ON);
    cr_expect_str_eq(options.config.name, "from-file");
    cr_expect_str_eq(options.config.region, "file");
    cr_expect_str_eq(options.config.zone, "environment");
    cr_expect_str_eq(options.config.role, "flag");
    cr_expect_eq(options.log_level, HENGE_LOG_WARN);
    cr_expect_eq(options.config.insecure, 1);
}

Test(henged_options, the_preset_comes_first_wherever_it_is_said) {
    file_write("probe.period_ms = 321\npreset = wan\ngossip.fanout = 7\ninsecure = yes\n");
    setenv("HENGE_PRESET", "lan", 1);
    cr_assert_eq(PARSE("--config", file_path, "--probe-timeout-max-ms", "150", "--preset", "local",
                       "--name", "n", "--bind", "127.0.0.1:0"),
                 HENGED_GO_ON, "%s", complaints());
    struct henge_config local;
    henge_config_init(&local, HENGE_PRESET_LOCAL);
    cr_expect_eq(options.config.preset, HENGE_PRESET_LOCAL);
    cr_expect_eq(options.config.probe_period_ms, 321);
    cr_expect_eq(options.config.gossip_fanout, 7);
    cr_expect_eq(options.config.probe_timeout_max_ms, 150);
    cr_expect_eq(options.config.suspicion_max_factor, local.suspicion_max_factor);
    cr_expect_eq(options.config.publish_window_ms, local.publish_window_ms);
}

Test(henged_options, every_key_of_the_library_is_a_flag) {
    const struct henge_config_key *row;
    char *arguments[512] = {(char *)(uintptr_t) "henged"};
    int argc = 1;
    for (size_t i = 0; (row = henge_config_describe(i)) != NULL; i++) {
        static char names[128][64];
        cr_assert_lt(i, 128);
        snprintf(names[i], sizeof(names[i]), "--%s=?!", row->key);
        for (char *at = names[i] + 2; *at != '=' && *at != '\0'; at++) {
            *at = *at == '.' || *at == '_' ? '-' : *at;
        }
        arguments[argc++] = names[i];
    }
    cr_expect_gt(argc, 30);
    /* Most refuse this value; all are known: an unknown flag would have ended the process. */
    cr_expect_eq(henged_options_parse(argc, arguments, &options), HENGED_EXIT_USAGE);
    cr_expect_not_null(strstr(complaints(), "--probe-period-ms: "));
}

Test(henged_options, insecure_with_and_without_a_value) {
    cr_assert_eq(PARSE("--name", "n", "--bind", "127.0.0.1:0", "--insecure", "--zone", "a"),
                 HENGED_GO_ON, "%s", complaints());
    cr_expect_eq(options.config.insecure, 1);
    cr_expect_str_eq(options.config.zone, "a");
    cr_assert_eq(PARSE("--name", "n", "--insecure", "yes", "--bind", "127.0.0.1:0"), HENGED_GO_ON);
    cr_expect_eq(options.config.insecure, 1);
    cr_expect_eq(PARSE("--name", "n", "--insecure=no", "--bind", "127.0.0.1:0"), HENGED_EXIT_USAGE,
                 "no key and not insecure");
    cr_expect_eq(options.config.insecure, 0);
}

Test(henged_options, each_mistake_is_named_with_its_place) {
    file_write("zone = a\nvnodes = many\n# weight = x\nlog_format = xml\nno_such_key = 1\n");
    setenv("HENGE_THREADS", "9", 1);
    setenv("HENGE_LOG_LEVEL", "loud", 1);
    cr_expect_eq(
        PARSE("--config", file_path, "--weight", "heavy", "--preset", "moon", "--name", "bad name"),
        HENGED_EXIT_USAGE);
    const char *said = complaints();
    static const char *const wanted[] = {"vnodes",      "log_format", "line 4",
                                         "no_such_key", "threads",    "HENGE_LOG_LEVEL",
                                         "--weight",    "--preset",   "--name"};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        cr_expect_not_null(strstr(said, wanted[i]), "%s is not named in: %s", wanted[i], said);
    }
}

Test(henged_options, line_numbers_stay_right_when_our_own_lines_are_taken_out) {
    file_write("log_level = info\npreset = local\n\ncontrol = /tmp/x # ours\nvnodes = zero\n");
    cr_expect_eq(PARSE("--config", file_path, "--insecure", "--name", "n"), HENGED_EXIT_USAGE);
    cr_expect_not_null(strstr(complaints(), "5"));
    cr_expect_str_eq(options.control, "/tmp/x");
}

Test(henged_options, a_missing_file_is_a_mistake) {
    cr_expect_eq(PARSE("--config", "/nowhere/henged.conf", "--insecure"), HENGED_EXIT_USAGE);
    cr_expect_not_null(strstr(complaints(), "/nowhere/henged.conf"));
}

Test(henged_options, an_unknown_flag_is_bad_usage, .exit_code = 2) {
    (void)PARSE("--no-such-flag", "1");
}

Test(henged_options, an_argument_is_bad_usage, .exit_code = 2) {
    (void)PARSE("--insecure", "somewhere");
}

Test(henged_options, printed_settings_are_read_again_as_the_same) {
    cr_assert_eq(PARSE("--name", "n9", "--bind", "127.0.0.1:0", "--insecure", "--meta", "a=1",
                       "--meta", "b=x y", "--join", "10.0.0.1:1,h:2", "--preset", "wan", "--vnodes",
                       "77", "--control", "/tmp/n9.sock"),
                 HENGED_GO_ON, "%s", complaints());
    struct henge_config before = options.config;
    FILE *out = fopen(file_path, "w");
    henged_options_print(&options, out);
    fclose(out);
    cr_assert_eq(PARSE("--config", file_path), HENGED_GO_ON, "%s", complaints());
    cr_expect_str_eq(options.config.name, "n9");
    cr_expect_str_eq(options.config.metadata, before.metadata);
    cr_expect_eq(options.config.seeds_count, 2);
    cr_expect_str_eq(options.config.seeds[1], "h:2");
    cr_expect_eq(options.config.vnodes, 77);
    cr_expect_eq(options.config.probe_period_ms, before.probe_period_ms);
    cr_expect_str_eq(options.control, "/tmp/n9.sock");
}

Test(henged_options, the_control_path_follows_the_name) {
    setenv("XDG_RUNTIME_DIR", "/run/user/77", 1);
    cr_assert_eq(PARSE("--name", "n5", "--insecure", "--bind", "127.0.0.1:0"), HENGED_GO_ON);
    cr_expect_str_eq(options.control, "/run/user/77/henge-n5.sock");
    unsetenv("XDG_RUNTIME_DIR");
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "/tmp/henge-%u/n5.sock", (unsigned)geteuid());
    cr_assert_eq(PARSE("--name", "n5", "--insecure", "--bind", "127.0.0.1:0"), HENGED_GO_ON);
    cr_expect_str_eq(options.control, wanted);
}

/* The language of scenarios: what a line becomes, and what is refused, with file, line and reason.
 */
#include "tests/unit/sim_runs/reading.h"
#include "tools/sim/catalog.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(scenario, .fini = reading_close);

static const struct sim_action *action(size_t index) {
    cr_assert_lt(index, reading.count);
    return &reading.actions[index];
}

Test(scenario, settings_say_what_they_say) {
    reading_whole("# a comment\n"
                  "nodes 40   # behind a line, too\n"
                  "seed 77\nprofile lifeguard\nzones 3\nduration 2m\nperiod 500ms\n"
                  "latency 2ms\njitter 250us\nloss 0.5%\nduplicate 10%\nreplay 300ppm\ninbox 64\n"
                  "set gossip.fanout 5\nsettle\nat 1.5 mark\n");
    cr_expect_eq(reading.settings.hosts, 40);
    cr_expect_eq(reading.settings.seed, 77);
    cr_expect_str_eq(reading.settings.profile->name, "lifeguard");
    cr_expect_eq(reading.settings.zones, 3);
    cr_expect_eq(reading.duration_ns, 120 * NS_PER_S);
    cr_expect_eq(reading.settings.config.probe_period_ms, 500);
    cr_expect_eq(reading.settings.network.delay_ns, 2 * NS_PER_MS);
    cr_expect_eq(reading.settings.network.delay_random_ns, 250 * NS_PER_US);
    cr_expect_eq(reading.settings.network.loss_ppm, 5000);
    cr_expect_eq(reading.settings.network.duplicate_ppm, 100000);
    cr_expect_eq(reading.settings.network.replay_ppm, 300);
    cr_expect_eq(reading.settings.inbox_packets, 64);
    cr_expect_eq(reading.settings.config.gossip_fanout, 5);
    cr_expect(reading.is_settling);
    cr_expect_eq(reading.mark_ns, 1500 * NS_PER_MS);
}

Test(scenario, without_a_start_all_join_through_the_first) {
    reading_whole("at 5 crash 3\n");
    cr_assert_eq(reading.count, 3);
    cr_expect_eq(action(0)->kind, SIM_START);
    cr_expect_eq(action(0)->amount, -1);
    cr_expect_eq(action(1)->who.first, 1);
    cr_expect_eq(action(1)->who.count, 4);
    cr_expect_eq(action(1)->amount, 0);
    cr_expect_eq(action(2)->kind, SIM_CRASH);
}

Test(scenario, one_that_starts_somebody_at_0_boots_by_itself) {
    reading_whole("at 0 start 2 through -1\n");
    cr_expect_eq(reading.count, 1);
    reading_whole("at 1 start 2 through 0\n"); /* comes back, perhaps */
    cr_expect_eq(reading.count, 3);
    reading_whole("boot none\nat 1 start 2 through 0\n");
    cr_expect_eq(reading.count, 1);
}

Test(scenario, verbs_carry_hosts_amount_and_time) {
    reading_whole("boot none\nnodes 100\n"
                  "at 10 loss-in 3..9/2 80% for 300\n"
                  "at 10 slow 4 2ms for 1m\n"
                  "at 11 restart 7 after 200ms through 3 elsewhere blank\n"
                  "at 12 cut 0..49 to 50..99 for 48h\n"
                  "at 13 evict 4 9\nat 14 clock-step 5 -3600000\nat 15 loss 10% for 3\n"
                  "at 16 capacity 8 20000 for 8+500ms\n");
    cr_assert_eq(reading.count, 8);
    cr_expect_eq(action(0)->kind, SIM_LOSS_IN);
    cr_expect_eq(action(0)->who.first, 3);
    cr_expect_eq(action(0)->who.count, 4);
    cr_expect_eq(action(0)->who.step, 2);
    cr_expect_eq(action(0)->amount, 800000);
    cr_expect_eq(action(0)->duration_ns, 300 * NS_PER_S);
    cr_expect_eq(action(1)->amount, 2 * (int64_t)NS_PER_MS);
    cr_expect_eq(action(2)->flag, SIM_RESTART_OTHER_ADDRESS | SIM_RESTART_FORGETS);
    cr_expect_eq(action(2)->amount, 3);
    cr_expect_eq(action(2)->duration_ns, 200 * NS_PER_MS);
    cr_expect_eq(action(3)->other.first, 50);
    cr_expect_eq(action(3)->duration_ns, 48 * 3600 * NS_PER_S);
    cr_expect_eq(action(4)->amount, 9);
    cr_expect_eq(action(5)->amount, -3600000);
    cr_expect_eq(action(6)->who.count, 100);
    cr_expect_eq(action(7)->duration_ns, 8500 * NS_PER_MS);
}

Test(scenario, cut_to_is_one_way_cut_from_is_both) {
    reading_whole("boot none\nat 1 cut 0 to 1\n");
    cr_expect_eq(reading.count, 1);
    reading_whole("boot none\nnodes 9\nat 1 cut lower from upper for 5\n");
    cr_assert_eq(reading.count, 2);
    cr_expect_eq(action(0)->who.count, 4);
    cr_expect_eq(action(0)->other.count, 5);
    cr_expect_eq(action(1)->who.first, 4);
    cr_expect_eq(action(1)->other.first, 0);
}

Test(scenario, every_repeats_up_to_and_at_its_end) {
    reading_whole("boot none\nduration 61\nat 30 every 10 until 60 crash 2\n");
    cr_assert_eq(reading.count, 4);
    cr_expect_eq(action(3)->at_ns, 60 * NS_PER_S);
}

Test(scenario, roll_takes_one_host_after_another) {
    reading_whole("boot none\nat 5 roll rest gap 2 start through 0\n");
    cr_assert_eq(reading.count, 4);
    cr_expect_eq(action(0)->who.first, 1);
    cr_expect_eq(action(3)->who.first, 4);
    cr_expect_eq(action(3)->at_ns, 11 * NS_PER_S);
    reading_whole("boot none\nat 5 roll all over 10 metadata\n");
    cr_assert_eq(reading.count, 5);
    cr_expect_eq(action(4)->at_ns, 13 * NS_PER_S);
}

static uint64_t drawn(const char *seed) {
    char text[128];
    uint64_t mixed = 0;
    snprintf(text, sizeof(text), "boot none\nnodes 1000\nseed %s\nat 1 crash 10 random\n", seed);
    reading_whole(text);
    uint32_t count = 0;
    for (size_t i = 0; i < reading.count; i++) {
        uint32_t last = 0;
        for (uint32_t j = 0; j < action(i)->who.count; j++) {
            last = action(i)->who.first + j * action(i)->who.step;
            mixed = mixed * 1000003 + last;
            cr_expect_neq(last, 0, "host 0 is never drawn");
        }
        count += action(i)->who.count;
    }
    cr_expect_eq(count, 10);
    return mixed;
}

Test(scenario, chance_is_the_seeds) {
    cr_expect_eq(drawn("5"), drawn("5"));
    cr_expect_neq(drawn("5"), drawn("6"));
}

Test(scenario, a_group_is_drawn_once) {
    reading_whole("boot none\nnodes 200\ngroup slow 1% random\n"
                  "at 1 crash slow\nat 2 start slow through 0\n");
    uint32_t first = 0;
    uint32_t second = 0;
    for (size_t i = 0; i < reading.count; i++) {
        (action(i)->kind == SIM_CRASH ? &first : &second)[0] += action(i)->who.first;
    }
    cr_expect_eq(first, second);
}

Test(scenario, the_command_line_comes_before_the_text) {
    struct sim_settings settings;
    sim_settings_init(&settings, 7, 9);
    scenario_init(&reading, &settings);
    reading.fixed = SCENARIO_FIXED_NODES | SCENARIO_FIXED_SEED | SCENARIO_FIXED_PROFILE;
    cr_assert(scenario_set_variable(&reading, "C", "3"));
    cr_assert(scenario_read(&reading, "x",
                            "nodes 50\nseed 1\nprofile classic\nvar C 8\nboot none\n"
                            "at $C crash $C random\n"));
    cr_expect_eq(reading.settings.hosts, 7);
    cr_expect_eq(reading.settings.seed, 9);
    cr_expect_str_eq(reading.settings.profile->name, "henge");
    cr_expect_eq(action(0)->at_ns, 3 * NS_PER_S);
}

static const struct refusal {
    const char *text, *reason;
} refusals[] = {
    {"nodes 3\n\ncrash 1\n", "test.sim:3: \"crash\" is no setting"},
    {"at 5\n", "test.sim:1: it is: at TIME VERB"},
    {"at soon crash 1\n", "\"soon\" is no time"},
    {"at 1+ crash 1\n", "\"1+\" is no time"},
    {"at 999999999h crash 1\n", "is no time"},
    {"at 5 explode 1\n", "\"explode\" is no verb"},
    {"at 5 crash\n", "which hosts?"},
    {"at 5 crash 5\n", "hosts are 0..4"},
    {"at 5 crash 3..2\n", "no hosts: the first is behind the last"},
    {"at 5 crash 0..4/0\n", "no hosts: every 0th one"},
    {"at 5 crash random\n", "\"random\" is no set of hosts"},
    {"at 5 crash -1\n", "\"-1\" is no set of hosts"},
    {"at 5 crash 1..\n", "\"1..\" is no set of hosts"},
    {"at 5 crash 5 random\n", "of 5 hosts at most 4 can be drawn"},
    {"at 5 crash nobody\n", "\"nobody\" is no set of hosts"},
    {"at 5 crash 1 for 3\n", "crash: \"for\" has no place here"},
    {"at 5 pause 1 for\n", "pause: what follows \"for\"?"},
    {"at 5 cut 1 to\n", "cut: what follows \"to\"?"},
    {"at 5 cut 1 to 2 from 3\n", "cut: \"from\" has no place here"},
    {"at 5 cut 1\n", "cut: to which hosts, or from which?"},
    {"at 5 loss-in 1\n", "loss-in: how much?"},
    {"at 5 loss-in 1 120%\n", "\"120%\" is no share"},
    {"at 5 loss-in 1 0.5\n", "\"0.5\" is no share"},
    {"at 5 evict 1 5\n", "evict: 0..4, not 5"},
    {"at 5 clock-drift 1 900000\n", "clock-drift: -500000..500000"},
    {"at 5 restart 1 through 5\n", "through 5: hosts are 0..4, or -1 for none"},
    {"at 5 every 0 until 9 crash 1\n", "every 0 has no end"},
    {"at 5 every 1 until 4 crash 1\n", "until 4 is before it begins"},
    {"at 5 every 1us until 9 crash 1\n", "every 1us until 9: more than 100000 times"},
    {"at 5 roll all crash\n", "roll HOSTS gap|over TIME VERB"},
    {"nodes 0\n", "nodes: 1..16384, not 0"},
    {"at 5 crash 1\nnodes 9\n", "test.sim:2: nodes: say it before hosts are named"},
    {"set gossip.fanout many\n", "set: "},
    {"set no.such 1\n", "set: "},
    {"profile swift\n", "profile is henge, lifeguard or classic"},
    {"group all 1\n", "no group can be called \"all\""},
    {"group 7 1\n", "no group can be called \"7\""},
    {"duration 0\n", "duration: more than 0"},
    {"settle 5\n", "it is: settle, and no more"},
    {"loss\n", "it is: loss SHARE"},
    {"var T\n", "it is: var NAME VALUE"},
    {"set gossip.fanout\n", "it is: set KEY VALUE"},
    {"group slow\n", "it is: group NAME HOSTS"},
    {"group slow 1\ngroup slow 2\n", "test.sim:2: group: slow is there already"},
    {"group slow 1 2\n", "group: \"2\" has no place here"},
    {"var T 1\nvar T 2\n", "test.sim:2: var: T is there already"},
    {"var 2T 1\n", "var: a name is a letter"},
    {"var T-2 1\n", "var: a name is a letter"},
    {"var N 1\nat $N2 crash 1\n", "test.sim:2: no variable $N2"},
    {"at $ crash 1\n", "no variable $"},
    {"seed -1\n", "seed: 0..9223372036854775807, not -1"},
    {"at 5 crash 1\nseed 7\n", "seed: say it before hosts are named"},
    {"period 10500us\n", "period: whole milliseconds, not 10500us"},
    {"set name bob\n", "set: name is not for the simulator: hosts are n0, n1"},
    {"set profile classic\n", "set: profile is not for the simulator: profile NAME"},
    {"at 1 clock-step 1 31536000001\n", "clock-step: -31536000000..31536000000, not"},
    {"at 2 mark\nat 3 mark\n", "test.sim:2: a second mark; the first is in line 1"},
    {"at 60 mark\n", "test.sim:1: the mark at 60 s is not before the end, at 60 s"},
    {"at 9 mark\n\nduration 9\n", "test.sim:1: the mark at 9 s"},
    {"at 3 crash 1\nat 70 crash 2\nat 5 crash 3\n",
     "test.sim:2: what begins at 70 s is not before the end, at 60 s"},
    {"at 1 every 2 until 9.5 metadata 1\nduration 9\n",
     "test.sim:1: what begins at 9 s is not before the end, at 9 s"},
    {"duration 8\nat 1 roll rest gap 2.5 crash\n", "test.sim:2: what begins at 8.5 s"},
    {"at $T crash 1\n", "no variable $T"},
    {"boot all\n", "boot none, or no such line: not \"all\""},
};

Test(scenario, errors_name_file_line_and_reason) {
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        cr_expect_not(reading_open(refusals[i].text), "accepted: %s", refusals[i].text);
        cr_expect(strstr(reading.reason, refusals[i].reason), "%s: %s", refusals[i].text,
                  reading.reason);
        cr_expect_eq(strncmp(reading.reason, "test.sim:", 9), 0, "%s", reading.reason);
    }
}

/* Whoever asks for a shorter run knows that what comes later is left out; a mark is no action. */
Test(scenario, a_duration_of_the_command_line_may_cut_actions_off) {
    struct sim_settings settings;
    sim_settings_init(&settings, 5, 1);
    for (int i = 0; i < 2; i++) {
        scenario_deinit(&reading);
        scenario_init(&reading, &settings);
        reading.fixed = SCENARIO_FIXED_DURATION;
        reading.duration_ns = 20 * NS_PER_S;
        bool ok = scenario_read(&reading, "x",
                                i == 0 ? "duration 100\nboot none\nat 19 crash 1\nat 20 crash 2\n"
                                       : "duration 100\nat 20 mark\n");
        cr_expect_eq(ok, i == 0);
        cr_expect_eq(reading.duration_ns, 20 * NS_PER_S);
        if (i == 0) {
            char *written = reading_written();
            cr_expect(strstr(written, "crash 1") && !strstr(written, "crash 2"), "%s", written);
            free(written);
        }
    }
    cr_expect(strstr(reading.reason, "x:2: the mark at 20 s is not before the end, at 20 s"));
}

Test(scenario, names_have_digits_too) {
    reading_whole("boot none\nvar N 3\nvar N2 4\nvar _x1 2\nat $N2+$_x1 crash $N\n");
    cr_expect_eq(action(0)->at_ns, 6 * NS_PER_S);
    cr_expect_eq(action(0)->who.first, 3);
}

Test(scenario, long_lines_are_refused) {
    char text[SCENARIO_LINE_BYTES + 64];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    cr_expect_not(reading_open(text));
    cr_expect(strstr(reading.reason, "more than 511 bytes"), "%s", reading.reason);
    for (size_t i = 0; i + 1 < 128; i++) {
        text[i] = i % 2 == 0 ? 'x' : ' ';
    }
    text[127] = '\0';
    cr_expect_not(reading_open(text));
    cr_expect(strstr(reading.reason, "words"), "%s", reading.reason);
}

/* What a shrunken run is printed as must be that run. */
Test(scenario, what_is_written_reads_back_the_same) {
    for (const struct catalog_entry *entry = catalog; entry->name; entry++) {
        reading_whole(entry->text);
        char *first = reading_written();
        reading_whole(first);
        char *second = reading_written();
        cr_expect_str_eq(first, second, "%s", entry->name);
        free(first);
        free(second);
    }
}

/* tests/sim/mutants.c - one deliberate bug after the other, and who sees it: the kill table.
 *
 * This program is made of the same sources as the library and the simulator, compiled once more
 * with HENGE_MUTANTS (core/base/mutant.h). Every scene must be played without a violation while no
 * bug is switched on, and with each bug its scene must bring a violation of the invariant that it
 * breaks. Each play is a process of its own: a bug may also end in an assertion or in a loop, which
 * kills it just as well, and is said so.
 *
 *     mutants            all, and the table
 *     mutants NAME ...   these
 *     mutants --show ... likewise, with what the checkers say on stderr
 *
 * Exit code 0: all scenes are clean, all mutants are killed. */
#include "core/base/mutant.h"
#include "tests/sim/scenes.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEEDS = 3, LIMIT_SECONDS = 60 };

extern enum mutant mutant_active;
enum mutant mutant_active;

struct bug {
    enum mutant mutant;
    uint8_t invariant; /* that it breaks */
    uint8_t scene;     /* in which that must show */
    const char *name;
    const char *what; /* goes wrong */
};

#define BUG(name, invariant, scene, what)                                                          \
    { MUTANT_##name, invariant, scene, #name, what }
static const struct bug bugs[] = {
    BUG(LAST_PAYLOAD_WINS, 1, SCENE_REPLAYS, "an older payload replaces a newer one"),
    BUG(LAST_HEARD_WINS, 1, SCENE_REPLAYS, "another version replaces the held one, higher or not"),
    BUG(TOMBSTONE_IGNORED, 2, SCENE_LATE_WAKER, "who was buried and forgotten is admitted again"),
    BUG(TOMBSTONE_OUTLIVES_REFUTATION, 3, SCENE_BURIED_ALIVE,
        "a tombstone admits no higher version of its generation"),
    BUG(ACCUSES_AHEAD, 4, SCENE_CRASH, "an accuser raises the version of the accused"),
    BUG(RING_OF_SLOTS, 5, SCENE_QUIET,
        "weights come from slot numbers, which each node has its own of"),
    BUG(RING_KEEPS_THE_LEFT, 6, SCENE_LEAVE, "departed members keep their keys"),
    BUG(RECOVERY_UNTOLD, 7, SCENE_SHORT_PAUSE, "no event when a suspicion is over"),
    BUG(DEATH_UNTOLD, 7, SCENE_CRASH, "no event when a member ends"),
    BUG(MISSED_PING_KILLS, 8, SCENE_LOSS, "one ping without an ack is a verdict"),
    BUG(WAKES_BLIND, 9, SCENE_PAUSED_OBSERVER, "who wakes judges before reading"),
    BUG(BUCKET_WITHOUT_BOTTOM, 10, SCENE_FLOOD, "nothing bounds the packets per second"),
    BUG(SLOTS_NEVER_FREED, 10, SCENE_COMINGS_AND_GOINGS, "slots of forgotten members are lost"),
    BUG(LABEL_IGNORED, 11, SCENE_INTRUDER, "another cluster's JOIN is accepted"),
    BUG(CRASH_UNSEEN, 12, SCENE_CRASH, "a failed probe accuses nobody"),
    BUG(SUSPICION_ENDLESS, 12, SCENE_CRASH, "a suspicion never ends in a verdict"),
    BUG(NEVER_REFUTES, 12, SCENE_SHORT_SILENCE, "the accused never answers"),
    BUG(REPAIR_NEVER, 13, SCENE_MISSED_NEWS, "different fingerprints lead to nothing"),
    BUG(REPAIR_WHOLE_TABLE, 13, SCENE_MISSED_NEWS, "a repair asks for all buckets"),
    BUG(CONTACT_NEVER, 14, SCENE_HALVES, "tombstones and seeds are never contacted"),
    BUG(SYNCS_ALWAYS, 15, SCENE_QUIET, "a sync in every period, not in every thirtieth"),
    BUG(CONTACT_BY_EVERYBODY, 15, SCENE_CRASH, "each node contacts the dead once a second"),
    BUG(VERSION_BEFORE_GENERATION, 16, SCENE_RESTARTS, "a high version outlives a new generation"),
    BUG(GENERATION_OF_CLOCK, 16, SCENE_CLOCK_BACK, "a joiner does not rise above its tombstone"),
};
enum { BUGS = sizeof bugs / sizeof bugs[0] };
_Static_assert(BUGS == MUTANT_COUNT - 1, "each mutant has a row, MUTANT_NONE has none");

static bool shows;

struct outcome {
    uint32_t bits; /* invariants violated */
    uint64_t count;
    int signal; /* that ended it, 0: none */
};

static void play_in_child(const struct scene *scene, uint64_t seed, int pipe_fd) {
    struct outcome outcome = {0};
    if (!shows && freopen("/dev/null", "w", stderr) == NULL)
        _exit(2);
    alarm(LIMIT_SECONDS);
    outcome.bits = scene_play(scene, seed, &outcome.count);
    if (write(pipe_fd, &outcome, sizeof outcome) != (ssize_t)sizeof outcome)
        _exit(2);
    _exit(0);
}

static struct outcome play(enum mutant mutant, const struct scene *scene, uint64_t seed) {
    struct outcome outcome = {0};
    int fds[2], status = 0;
    mutant_active = mutant;
    fflush(stdout);
    if (pipe(fds) != 0) {
        perror("pipe");
        exit(2);
    }
    pid_t child = fork();
    if (child == 0)
        play_in_child(scene, seed, fds[1]);
    close(fds[1]);
    if (child < 0 || (read(fds[0], &outcome, sizeof outcome) < 0)) {
        perror("play");
        exit(2);
    }
    close(fds[0]);
    if (waitpid(child, &status, 0) == child && WIFSIGNALED(status))
        outcome.signal = WTERMSIG(status);
    return outcome;
}

static void print_bits(uint32_t bits) {
    const char *separator = "";
    for (uint32_t number = 1; number <= CHECKERS_INVARIANTS; number++)
        if ((bits & CHECKERS_BIT(number)) != 0) {
            printf("%sI%u", separator, number);
            separator = " ";
        }
}

static bool is_clean(const struct scene *scene) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct outcome outcome = play(MUTANT_NONE, scene, seed);
        if (outcome.count == 0 && outcome.signal == 0)
            continue;
        printf("NOT CLEAN without a mutant: %s, seed %llu: ", scene->name,
               (unsigned long long)seed);
        print_bits(outcome.bits);
        printf(outcome.signal == 0 ? "\n" : "signal\n");
        return false;
    }
    return true;
}

/* The first seed that shows it; a bug may need its luck. */
static bool is_killed(const struct bug *bug) {
    const struct scene *scene = &scenes[bug->scene];
    struct outcome outcome = {0};
    uint64_t seed = 1;
    for (; seed <= SEEDS; seed++) {
        outcome = play(bug->mutant, scene, seed);
        if (outcome.signal != 0 || (outcome.bits & CHECKERS_BIT(bug->invariant)) != 0)
            break;
    }
    bool is_seen = seed <= SEEDS;
    printf("%-22s I%-3u %-9s %-38s ", bug->name, bug->invariant, is_seen ? "killed" : "SURVIVES",
           scene->name);
    print_bits(outcome.bits);
    if (outcome.signal == SIGALRM)
        printf(" (never ends)");
    else if (outcome.signal != 0)
        printf(" (assertion)");
    printf("\n");
    return is_seen;
}

static bool is_wanted(const struct bug *bug, int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], bug->name) == 0)
            return true;
    return argc <= 1;
}

int main(int argc, char **argv) {
    shows = argc > 1 && strcmp(argv[1], "--show") == 0;
    argc -= shows;
    argv += shows;
    uint32_t dirty = 0, survivors = 0, tried = 0;
    for (size_t i = 0; i < SCENES && argc <= 1; i++)
        dirty += !is_clean(&scenes[i]);
    printf("%-22s %-4s %-9s %-38s %s\n", "mutant", "of", "", "scene", "seen by");
    for (size_t i = 0; i < BUGS; i++) {
        if (!is_wanted(&bugs[i], argc, argv))
            continue;
        tried++;
        survivors += !is_killed(&bugs[i]);
    }
    if (tried == 0)
        fprintf(stderr, "mutants: none of that name\n");
    printf("%u mutants, %u survive; %u scenes are not clean\n", tried, survivors, dirty);
    return survivors > 0 || dirty > 0 || tried == 0;
}

/* core/base/mutant.h - deliberate bugs, so that every check can be seen to fail.
 *
 * In ordinary builds MUTANT(x) is the constant 0 and leaves nothing in the code. The target
 * `mutants` (tests/sim) compiles the protocol once more with HENGE_MUTANTS; there one bug at a time
 * is switched on, and the suite must find it: the kill table is in docs/testing.md. */
#ifndef CORE_BASE_MUTANT_H
#define CORE_BASE_MUTANT_H

/* Named by what goes wrong; tests/sim/mutants.c says what each breaks, and who sees it. */
enum mutant {
    MUTANT_NONE = 0,
    MUTANT_LAST_PAYLOAD_WINS,
    MUTANT_LAST_HEARD_WINS,
    MUTANT_TOMBSTONE_IGNORED,
    MUTANT_TOMBSTONE_OUTLIVES_REFUTATION,
    MUTANT_ACCUSES_AHEAD,
    MUTANT_RING_OF_SLOTS,
    MUTANT_RING_KEEPS_THE_LEFT,
    MUTANT_RECOVERY_UNTOLD,
    MUTANT_DEATH_UNTOLD,
    MUTANT_MISSED_PING_KILLS,
    MUTANT_WAKES_BLIND,
    MUTANT_BUCKET_WITHOUT_BOTTOM,
    MUTANT_SLOTS_NEVER_FREED,
    MUTANT_LABEL_IGNORED,
    MUTANT_CRASH_UNSEEN,
    MUTANT_SUSPICION_ENDLESS,
    MUTANT_NEVER_REFUTES,
    MUTANT_REPAIR_NEVER,
    MUTANT_REPAIR_WHOLE_TABLE,
    MUTANT_CONTACT_NEVER,
    MUTANT_SYNCS_ALWAYS,
    MUTANT_CONTACT_BY_EVERYBODY,
    MUTANT_GENERATION_OF_CLOCK,
    MUTANT_VERSION_BEFORE_GENERATION,
    MUTANT_COUNT
};

#ifdef HENGE_MUTANTS
extern enum mutant mutant_active; /* tests/sim */
#define MUTANT(name) (mutant_active == MUTANT_##name)
#else
#define MUTANT(name) 0
#endif

#endif

/* core/base/mutant.h - deliberate bugs, so that every check can be seen to fail.
 *
 * In ordinary builds MUTANT(x) is the constant 0 and leaves nothing in the code. The target
 * `mutants` (tests/sim) compiles the protocol once more with HENGE_MUTANTS; there one bug at a time
 * is switched on, and the suite must find it: the kill table is in docs/testing.md. */
#ifndef CORE_BASE_MUTANT_H
#define CORE_BASE_MUTANT_H

/* Named by what goes wrong; what each breaks stands in tests/sim. */
enum mutant { MUTANT_NONE = 0, MUTANT_COUNT };

#ifdef HENGE_MUTANTS
extern enum mutant mutant_active; /* tests/sim */
#define MUTANT(name) (mutant_active == MUTANT_##name)
#else
#define MUTANT(name) 0
#endif

#endif

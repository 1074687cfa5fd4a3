/* core/base/assert.h - internal invariants, checked in release too. Never for input. */
#ifndef CORE_BASE_ASSERT_H
#define CORE_BASE_ASSERT_H

/* Prints the broken invariant on stderr and aborts. */
_Noreturn void assert_failed(const char *expression, const char *file, int line);

#define ASSERT(expression) ((expression) ? (void)0 : assert_failed(#expression, __FILE__, __LINE__))

#endif

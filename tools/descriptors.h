/* descriptors.h - how many files henged may have open, looked at once, at its start: with too few
 * of them poll(2) and accept(2) would fail later, in words that help nobody. */
#ifndef TOOLS_DESCRIPTORS_H
#define TOOLS_DESCRIPTORS_H

#include <stdbool.h>

/* Raises the soft limit if it is below `needed` and may be. False, with a line in the log that
 * names the limit: the hard one is below, too. */
bool descriptors_ensure(unsigned needed);

#endif

/* tools/sim/catalog.h - the scenarios of tests/sim/scenarios, inside the program. */
#ifndef TOOLS_SIM_CATALOG_H
#define TOOLS_SIM_CATALOG_H

struct catalog_entry {
    const char *name; /* of the file, without .sim */
    const char *text;
};

/* In alphabetical order; the last has name NULL. Written by tools/sim/catalog.cmake. */
extern const struct catalog_entry catalog[];

#endif

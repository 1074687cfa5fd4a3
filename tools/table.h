/* table.h - text tables with aligned columns, as `henge` prints them.
 *
 * Cells are gathered row by row and written at once, when all widths are known. Colour only where
 * asked for (the caller asks when the output is a terminal). */
#ifndef TOOLS_TABLE_H
#define TOOLS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct table;

/* `headings` is a list of column headings ended by NULL; one that begins with '>' is aligned to the
 * right (the sign itself is not shown). NULL without memory. */
struct table *table_create(const char *const *headings);
void table_destroy(struct table *table);

/* The next cell, left to right, then the next row. */
__attribute__((format(printf, 2, 3))) void table_cell(struct table *table, const char *format, ...);

/* Writes the table. With `colour` the headings are bold and the words of a member's status have
 * their colour. Returns the number of lines written. */
size_t table_print(const struct table *table, FILE *out, bool colour);

/* True if colour is welcome there: a terminal, and neither NO_COLOR nor TERM=dumb. */
bool colour_is_welcome(FILE *out);

#endif

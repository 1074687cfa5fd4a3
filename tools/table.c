/* table.c - see table.h. */
#include "tools/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GAP_COLUMNS = 2 };

struct table {
    size_t columns;
    bool *align_right;
    char **cells; /* headings first, then row by row */
    size_t cells_count, cells_size;
};

static void cell_add(struct table *table, char *text) {
    if (table->cells_count == table->cells_size) {
        size_t size = table->cells_size == 0 ? 64 : table->cells_size * 2;
        char **cells = reallocarray(table->cells, size, sizeof(*cells));
        if (cells == NULL) {
            free(text);
            return;
        }
        table->cells = cells;
        table->cells_size = size;
    }
    table->cells[table->cells_count++] = text;
}

struct table *table_create(const char *const *headings) {
    struct table *table = calloc(1, sizeof(*table));
    if (table == NULL) {
        return NULL;
    }
    while (headings[table->columns] != NULL) {
        table->columns++;
    }
    table->align_right = calloc(table->columns + 1, sizeof(*table->align_right));
    if (table->align_right == NULL) {
        free(table);
        return NULL;
    }
    for (size_t i = 0; i < table->columns; i++) {
        table->align_right[i] = headings[i][0] == '>';
        cell_add(table, strdup(headings[i] + (table->align_right[i] ? 1 : 0)));
    }
    return table;
}

void table_destroy(struct table *table) {
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < table->cells_count; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    free(table->align_right);
    free(table);
}

void table_cell(struct table *table, const char *format, ...) {
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int bytes = vasprintf(&text, format, arguments);
    va_end(arguments);
    cell_add(table, bytes < 0 ? NULL : text);
}

static const char *cell_text(const struct table *table, size_t index) {
    const char *text = table->cells[index];
    return text == NULL ? "?" : text[0] == '\0' ? "-" : text;
}

/* Characters, not bytes: UTF-8 continuation bytes take no column. */
static size_t text_width(const char *text) {
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

static size_t column_width(const struct table *table, size_t column) {
    size_t widest = 0;
    for (size_t i = column; i < table->cells_count; i += table->columns) {
        size_t width = text_width(cell_text(table, i));
        widest = width > widest ? width : widest;
    }
    return widest;
}

static const char *colour_of(const char *text) {
    static const struct {
        const char *word, *sequence;
    } colours[] = {{"ALIVE", "\033[32m"}, {"SUSPECT", "\033[33m"}, {"DEAD", "\033[31m"},
                   {"LEFT", "\033[2m"},   {"up", "\033[32m"},      {"down", "\033[31m"}};
    for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
        if (strcmp(text, colours[i].word) == 0) {
            return colours[i].sequence;
        }
    }
    return "";
}

static void cell_print(const struct table *table, size_t index, size_t width, FILE *out,
                       bool colour) {
    size_t column = index % table->columns;
    const char *text = cell_text(table, index);
    size_t own_width = text_width(text);
    size_t padding = width > own_width ? width - own_width : 0;
    const char *sequence = !colour ? "" : index < table->columns ? "\033[1m" : colour_of(text);
    if (table->align_right[column]) {
        fprintf(out, "%*s", (int)padding, "");
    }
    fprintf(out, "%s%s%s", sequence, text, sequence[0] != '\0' ? "\033[0m" : "");
    if (column + 1 == table->columns) {
        fputc('\n', out);
        return;
    }
    fprintf(out, "%*s", (int)(table->align_right[column] ? 0 : padding) + GAP_COLUMNS, "");
}

size_t table_print(const struct table *table, FILE *out, bool colour) {
    size_t *widths = calloc(table->columns, sizeof(*widths));
    if (widths == NULL) {
        return 0;
    }
    for (size_t i = 0; i < table->columns; i++) {
        widths[i] = column_width(table, i);
    }
    size_t rows = table->cells_count / table->columns;
    for (size_t i = 0; i < rows * table->columns; i++) {
        cell_print(table, i, widths[i % table->columns], out, colour);
    }
    free(widths);
    return rows;
}

bool colour_is_welcome(FILE *out) {
    const char *terminal = getenv("TERM");
    return isatty(fileno(out)) && getenv("NO_COLOR") == NULL &&
           (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

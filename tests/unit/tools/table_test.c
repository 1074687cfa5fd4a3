/* table_test.c - columns line up, whatever is in them. */
#include "tools/table.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *printed(const struct table *table, bool colour, size_t *lines_out) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    *lines_out = table_print(table, out, colour);
    fclose(out);
    return text;
}

static struct table *sample(void) {
    static const char *const headings[] = {"NAME", ">COUNT", "STATUS", NULL};
    struct table *table = table_create(headings);
    const char *rows[][3] = {
        {"n1", "5", "ALIVE"}, {"a-longer-name", "12345", ""}, {"\xc3\xa4\xc3\xb6", "7", "DEAD"}};
    for (size_t i = 0; i < 3; i++) {
        for (size_t column = 0; column < 3; column++) {
            table_cell(table, "%s", rows[i][column]);
        }
    }
    return table;
}

Test(table, columns_are_aligned_left_and_right) {
    struct table *table = sample();
    size_t lines = 0;
    char *text = printed(table, false, &lines);
    cr_expect_str_eq(text, "NAME           COUNT  STATUS\n"
                           "n1                 5  ALIVE\n"
                           "a-longer-name  12345  -\n"
                           "\xc3\xa4\xc3\xb6                 7  DEAD\n");
    cr_expect_eq(lines, 4);
    free(text);
    table_destroy(table);
}

Test(table, colour_only_on_demand_and_only_around_words) {
    struct table *table = sample();
    size_t lines = 0;
    char *plain = printed(table, false, &lines);
    char *coloured = printed(table, true, &lines);
    cr_expect_null(strchr(plain, '\033'));
    cr_expect_not_null(strstr(coloured, "\033[32mALIVE\033[0m\n"));
    cr_expect_not_null(strstr(coloured, "\033[31mDEAD\033[0m\n"));
    free(plain);
    free(coloured);
    table_destroy(table);
}

Test(table, a_row_that_is_not_complete_is_not_shown) {
    struct table *table = sample();
    table_cell(table, "%s", "half");
    size_t lines = 0;
    char *text = printed(table, false, &lines);
    cr_expect_eq(lines, 4);
    cr_expect_null(strstr(text, "half"));
    free(text);
    table_destroy(table);
}

#!/usr/bin/env bash
# Plants a bug for clang-tidy and one for cppcheck in a copy of the tree: each must be found.
. "$(dirname "$0")/common.sh"
if ! command -v clang-tidy >/dev/null || ! command -v cppcheck >/dev/null ||
    ! command -v clang >/dev/null; then
    echo "clang, clang-tidy or cppcheck is missing (tools/setup --checks)" >&2
    exit 77
fi
copy_tree "$scratch/tree"
cd "$scratch/tree"

cat >ring/planted.c <<'END'
#include <stdlib.h>
int planted(int which);
int planted(int which) {
    int *cell = malloc(sizeof(*cell));
    if (cell == NULL || which > 3) {
        return 0;
    }
    *cell = which;
    free(cell);
    return *cell;
}
END
expect 1 "ring/planted.c:10" tools/check-static --tidy ring/planted.c
cat >ring/planted.c <<'END'
int planted(int which);
int planted(int which) {
    int cells[4] = {0, 1, 2, 3};
    return which == 7 ? cells[which] : 0;
}
END
expect 1 "ring/planted.c:4: " tools/check-static --cppcheck ring/planted.c
expect 0 "clean" tools/check-static --cppcheck core/base/clock.c
expect 0 "clean" tools/check-static --tidy core/base/clock.c

# Without names: all files that are there, and none that a build would have to write first.
mkdir "$scratch/stub"
printf '#!/bin/sh\nfor file in "$@"; do :; done\ntest -f "$file"\n' >"$scratch/stub/clang-tidy"
chmod +x "$scratch/stub/clang-tidy"
expect 0 "clean" env PATH="$scratch/stub:$PATH" tools/check-static --tidy
finish

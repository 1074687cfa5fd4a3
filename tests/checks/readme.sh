#!/usr/bin/env bash
# The README's C is compiled, strictly; its commands and the paths it names must exist.
. "$(dirname "$0")/common.sh"
cd "$top"
{
    printf '#include <henge/henge.h>\nint worker(const void *key, size_t key_bytes);\n'
    printf 'int worker(const void *key, size_t key_bytes) {\n'
    awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' README.md
    printf 'return up;\n}\n'
} >"$scratch/readme.c"
expect 0 "" gcc -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I include \
    -fsyntax-only "$scratch/readme.c"
grep -q henge_ring_owner "$scratch/readme.c" || fail "the README has no C block"

# Paths in backquotes or behind ./ in the README and the docs.
for path in $(grep -ohE '(\./|`)(tools|docs|examples|tests|cmake|core|io|ring|membership|bench|include)/[A-Za-z0-9_./*-]*' \
    README.md docs/*.md | sed -e 's/^`//' -e 's|^\./||' -e 's|[./]*$||' | sort -u); do
    compgen -G "$path" >/dev/null || fail "README or docs name $path, which is not there"
done
finish

#!/usr/bin/env bash
# Plants what tools/check-style must refuse in a small copy of the tree, and what it must let pass.
. "$(dirname "$0")/common.sh"
if ! command -v clang-format >/dev/null; then
    echo "clang-format is missing (tools/setup --checks)" >&2
    exit 77
fi
for folder in include/henge core/base ring membership io tools examples bench tests; do
    mkdir -p "$scratch/tree/$folder"
done
cp "$top/.clang-format" "$scratch/tree/"
cp "$top/tools/check-style" "$scratch/tree/tools/"
cp "$top/core/base/clock.c" "$top/core/base/clock.h" "$top/core/base/list.h" "$scratch/tree/core/base/"
cd "$scratch/tree"

# function_of LINES: a function of so many lines, signature and closing brace counted.
function_of() {
    awk -v lines="$1" 'BEGIN {
        print "int planted(int value);\n"
        print "int planted(int value) {"
        for (i = 2; i < lines - 1; i++) print "    value += " i ";"
        print "    return value;\n}"
    }'
}

# refused FILE RULE-BEHIND-THE-LINE: the planted text comes on stdin
refused() {
    cat >"$1"
    expect 1 "$1:$2" tools/check-style
    rm "$1"
}

expect 0 "clean" tools/check-style
repeated() { # LINE COUNT
    awk -v line="$1" -v count="$2" 'BEGIN { for (i = 0; i < count; i++) print line }'
}

refused ring/planted.c "3: a function of 90 lines, the limit is 70" < <(function_of 90)
refused ring/planted.c "3: a function of 71 lines, the limit is 70" < <(function_of 71)
refused tests/planted.c "1: a function of 72 lines" < <(
    printf 'static int planted(int first,\n                   int second) {\n'
    repeated '    first += second;' 69
    echo '}'
)
refused tests/planted.c "1: a function of 72 lines" < <(
    echo 'Test(planted, planted, .timeout = 10) {'
    repeated '    work();' 70
    echo '}'
)
function_of 70 >ring/planted.c
expect 0 "clean" tools/check-style
rm ring/planted.c

refused io/planted.c "1: not as clang-format writes it" <<<'int  planted( void );'
refused io/planted.c "601: a file of 601 lines" < <(repeated 'int planted(void);' 601)
repeated 'int planted(void);' 401 >io/planted.c
expect 0 "note: io/planted.c has 401 lines" tools/check-style
rm io/planted.c

for word in strcpy strcat sprintf vsprintf gets strtok atoi atol rand srand alloca; do
    refused membership/planted.c "2: forbidden: a function of" <<<"int x;
int y = $word(x);"
done
printf 'int brand(void);\nint y = my_strcpy_s(1);\n' >membership/planted.c
expect 0 "clean" tools/check-style
rm membership/planted.c
for word in TO''DO FIX''ME XX''X; do
    refused core/base/planted.c "1: forbidden: a note-to-self" <<<"/* $word: later */"
done
refused planted.md "2: blanks at the end of the line" < <(printf 'one\ntwo \n')
refused planted.md "1: no newline at the end of the file" < <(printf 'one')
refused ring/planted.h "1: the first directive must be #ifndef RING_PLANTED_H" \
    < <(printf '#ifndef PLANTED_H\n#define PLANTED_H\n#endif\n')
printf '#ifndef HENGE_PLANTED_H\n#define HENGE_PLANTED_H\n#endif\n' >include/henge/planted.h
expect 0 "clean" tools/check-style
finish

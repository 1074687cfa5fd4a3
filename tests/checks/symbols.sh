#!/usr/bin/env bash
# Gives tools/check-symbols libraries that break its rules, one by one.
. "$(dirname "$0")/common.sh"
mkdir -p "$scratch/tree/include/henge" "$scratch/tree/tools" "$scratch/build"
cp "$top/tools/check-symbols" "$scratch/tree/tools/"
cd "$scratch/tree"
cat >include/henge/planted.h <<'END'
HENGE_PUBLIC int henge_one(void);
END

# build SOURCE: both libraries, made as the real ones are.
build() {
    printf '%s\n' "$1" >one.c
    gcc -fPIC -c -o "$scratch/build/one.o" one.c
    gcc -shared -Wl,-z,relro,-z,now ${soname--Wl,-soname,libhenge.so.0} \
        -o "$scratch/build/libhenge.so" "$scratch/build/one.o"
    rm -f "$scratch/build/libhenge.a"
    ar rc "$scratch/build/libhenge.a" "$scratch/build/one.o"
}

good='int henge_one(void) { return 1; }'
build "$good"
expect 0 "1 functions exported, clean" tools/check-symbols "$scratch/build"
build "$good int stray(void) { return 1; }"
expect 1 "exports a name without henge_: stray" tools/check-symbols "$scratch/build"
expect 1 "has a global name without henge_: stray" tools/check-symbols "$scratch/build"
build "$good int henge_two(void) { return 1; }"
expect 1 "exported but not declared in include/henge: henge_two" tools/check-symbols "$scratch/build"
build 'int henge_two(void) { return 1; }'
expect 1 "declared in include/henge but not exported: henge_one" tools/check-symbols "$scratch/build"
build "$good __attribute__((visibility(\"hidden\"))) int henge_inner(void) { return 1; }"
expect 1 "an internal name with the prefix henge_: henge_inner" tools/check-symbols "$scratch/build"
soname=
build "$good"
expect 1 "has no SONAME" tools/check-symbols "$scratch/build"
expect 2 "is missing" tools/check-symbols "$scratch/nowhere"
finish

#!/usr/bin/env bash
# install.sh BUILD: installs to a scratch prefix and builds one program against it in four ways:
# pkg-config and find_package, shared and static. Each public header must also stand alone.
. "$(dirname "$0")/common.sh"
build=$1
prefix=$scratch/prefix
said=$(cmake --install "$build" --prefix "$prefix" 2>&1) || { fail "cmake --install"; finish; }
for file in bin/henged bin/henge bin/henge-sim bin/henge-bench-lookup bin/henge-bench-swap include/henge/henge.h; do
    [ -e "$prefix/$file" ] || fail "$file is not installed"
done
libdir=$(dirname "$(find "$prefix" -name libhenge.so)")
export PKG_CONFIG_PATH=$libdir/pkgconfig

mkdir "$scratch/program"
cd "$scratch/program"
cat >program.c <<'END'
#include <henge/henge.h>
#include <stdio.h>

int main(void) {
    struct henge_config config;
    henge_config_init(&config, HENGE_PRESET_LOCAL);
    const char *text = henge_status_text(henge_config_set(&config, "name", "a", NULL, 0));
    printf("henge %s: %s, %016llx\n", henge_version_text(), text,
           (unsigned long long)henge_ring_hash("key", 3));
    return 0;
}
END
cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(program LANGUAGES C)
find_package(henge 0.1 REQUIRED)
foreach(kind henge static jemalloc)
    add_executable(with_${kind} program.c)
    target_link_libraries(with_${kind} henge::${kind})
endforeach()
target_link_libraries(with_jemalloc henge::henge)
END

says="henge 0.1.0: "
strict="-std=c11 -Wall -Wextra -Wpedantic -Werror"
expect 0 "" gcc $strict program.c -o shared $(pkg-config --cflags --libs henge)
expect 0 "$says" env LD_LIBRARY_PATH="$libdir" ./shared
expect 0 "libhenge.so.0" readelf -d shared
expect 0 "" gcc $strict program.c -o static $(pkg-config --cflags henge) "$libdir/libhenge.a" \
    $(pkg-config --static --libs-only-l henge | sed 's/-lhenge//')
expect 0 "$says" ./static

expect 0 "" cmake -S . -B build -G Ninja -DCMAKE_PREFIX_PATH="$prefix"
expect 0 "" cmake --build build
for program in with_henge with_static with_jemalloc; do
    expect 0 "$says" env LD_LIBRARY_PATH="$libdir" "build/$program"
done

# The installed programs stand on their own.
expect 0 "Usage" "$prefix/bin/henged" --help
expect 0 "Usage" "$prefix/bin/henge" --help
expect 0 "ns" "$prefix/bin/henge" bench lookup --rounds 1 --lookups 1000
expect 0 "trace hash" "$prefix/bin/henge" sim --scenario crash --nodes 10

for header in "$prefix"/include/henge/*.h; do
    name=henge/$(basename "$header")
    printf '#include <%s>\n#include <%s>\nint alone;\n' "$name" "$name" >alone.c
    expect 0 "" gcc $strict -Wconversion -Wshadow -I "$prefix/include" -fsyntax-only alone.c
    if command -v g++ >/dev/null; then
        expect 0 "" g++ -std=c++17 -Wall -Wextra -Werror -I "$prefix/include" -fsyntax-only -x c++ alone.c
    fi
done
finish

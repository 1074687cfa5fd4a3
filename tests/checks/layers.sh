#!/usr/bin/env bash
# Plants one forbidden include after the other in a copy of the tree: tools/check-layers must refuse
# each, naming file, line and rule. Then the same for a forbidden link between folder targets.
. "$(dirname "$0")/common.sh"
copy_tree "$scratch/tree"
cd "$scratch/tree"

# refused FILE INCLUDE-LINE RULE
refused() {
    mkdir -p "$(dirname "$1")"
    printf '/* planted */\n%s\n' "$2" >"$1"
    expect 1 "$1:2: $3" tools/check-layers "$scratch/tree"
    rm "$1"
}

refused ring/planted.c '#include "membership/membership.h"' "ring must not include membership"
refused membership/planted.c '#include "ring/ring.h"' "membership must not include ring"
refused membership/planted.c '#include "io/seal.h"' "membership must not include io"
refused io/planted.c '#  include "membership/outbox.h"' "io must not include membership"
refused core/base/planted.c '#include "ring/ring.h"' "base must not include ring"
refused core/base/planted.c '#include "tests/support/planted.h"' "include lines start at the root"
refused io/planted.c '#include "core/runtime/control.h"' "io must not include runtime"
refused tools/planted.c '#include "core/base/bytes.h"' "program must not include base"
refused examples/planted.c '#include "ring/ring.h"' "example must not include ring"
refused tests/unit/ring/planted.c '#include "io/seal.h"' "tests of ring must not include io"
refused tests/unit/tools/planted.c '#include "ring/ring.h"' "tests of tools must not include ring"
refused core/base/planted.c '#include "../../ring/ring.h"' "include lines start at the root"
refused ring/planted.c '#include "ring.h"' "include lines start at the root"
refused ring/planted.c '#include "ring/lookup.c"' "a .c file is never included"
refused include/henge/planted.h '#include <sys/socket.h>' "a public header includes only"
refused include/henge/planted.h '#include "core/base/bytes.h"' "public must not include base"
refused core/runtime/planted.c '#include <liburing.h>' "<liburing.h> may be named only in"
refused io/planted.c '#include <ck_ring.h>' "<ck_ring.h> may be named only in"
refused core/base/pool.c '#include <linux/membarrier.h>' "<linux/membarrier.h> may be named only in"
refused ring/planted.c '#include <xxhash.h>' "<xxhash.h> may be named only in"
refused io/planted.c '#include <sodium.h>' "<sodium.h> may be named only in"
refused tools/planted.c '#include <jemalloc/jemalloc.h>' "<jemalloc/jemalloc.h> may be named only in"
refused core/runtime/planted.c '#include <jansson.h>' "<jansson.h> may be named only in"
refused bench/planted.c '#include <criterion/criterion.h>' "<criterion/criterion.h> may be named only"
refused membership/planted.c '#include <sys/socket.h>' "<sys/socket.h> may be named only in"
refused core/runtime/node/planted.c '#include "io/transport.h"' "node must not include io"
refused core/runtime/node/planted.c '#include "core/runtime/waker.h"' "node must not include runtime"
refused core/runtime/node/planted.c '#include <pthread.h>' "node is a calculation"
refused membership/planted.c 'static int now(void) { return (int)clock_monotonic_ns(); }' \
    "membership is a calculation"
refused ring/planted.c 'static void *cell(void) { return malloc(8); }' "ring is a calculation"

# What is allowed must not be refused (whatever else is).
printf '/* planted: malloc( */\n#include "ring/ring.h"\n#include <stdio.h>\n' >ring/planted.c
said=$(tools/check-layers "$scratch/tree" 2>&1) || true
case $said in *ring/planted.c*) fail "an allowed include is refused" ;; esac
rm ring/planted.c

sed 's/^henge_check_links()/target_link_libraries(ring PUBLIC membership)\n&/' CMakeLists.txt \
    >CMakeLists.txt.planted
mv CMakeLists.txt.planted CMakeLists.txt
expect 1 "layers: target ring must not link membership" cmake --preset debug
finish

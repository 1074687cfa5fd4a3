#!/usr/bin/env bash
# tools/test on a small project with passing, failing, crashing and skipped tests: the counts, the
# last line and the exit codes must be right.
. "$(dirname "$0")/common.sh"
mkdir -p "$scratch/tree/tools"
cp -r "$top/cmake" "$top/CMakePresets.json" "$scratch/tree/"
cp "$top/tools/test" "$top/tools/setup" "$scratch/tree/tools/"
cd "$scratch/tree"
cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(planted VERSION 0.1.0 LANGUAGES C)
include(cmake/options.cmake)
include(cmake/tests.cmake)
henge_unit_test(test_good SOURCES good.c)
henge_unit_test(test_crash SOURCES crash.c)
henge_unit_test(test_empty SOURCES empty.c)
henge_unit_test(test_leak SOURCES leak.c)
henge_unit_test(test_parameters SOURCES parameters.c)
foreach(code 0 3 77)
    henge_stress_test(stress_${code} SOURCES exit.c)
    target_compile_definitions(stress_${code} PRIVATE CODE=${code})
endforeach()
henge_integration_test(integration_script SCRIPT script.sh)
END
printf '#include <criterion/criterion.h>\nTest(a, b) {}\nTest(a, c) {}\n' >good.c
printf '#include <criterion/criterion.h>\n#include <stdlib.h>\n%s\n' \
    'Test(a, b) {} Test(a, c) { abort(); } Test(a, d) { cr_assert(0); }' >crash.c
printf '#include <criterion/criterion.h>\n' >empty.c
cat >leak.c <<'END'
#include <criterion/criterion.h>
#include <stdlib.h>
Test(a, b) {
    char *volatile cell = malloc(48);
    cell[0] = 1;
    cell = NULL;
}
END
cat >parameters.c <<'END'
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
ParameterizedTestParameters(a, b) {
    static int values[] = {1, 2};
    return cr_make_param_array(int, values, 2);
}
ParameterizedTest(int *value, a, b) {
    cr_assert(*value > 0);
}
END
printf 'int main(void) {\n    return CODE;\n}\n' >exit.c
printf '#!/bin/sh\ntest -n "$HENGE_BIN"\n' >script.sh
chmod +x script.sh

last_line() { # TEXT: of the last command
    [ "$(printf '%s\n' "$said" | tail -n 1)" = "$1" ] || fail "the last line is not '$1'"
}
# 2 of good, 1 of crash, 1 of leak, 2 of parameters, stress_0, script; against 2 of crash, the empty
# program, stress_3.
expect 1 "skipped here: stress_77" tools/test --no-setup
last_line "8 passed, 4 failed"
expect 1 "test_crash" tools/test --no-setup --label unit
last_line "6 passed, 3 failed"
expect 0 "test_good" tools/test --no-setup --filter test_good
last_line "2 passed, 0 failed"
expect 0 "integration_script" tools/test --no-setup --label integration
last_line "1 passed, 0 failed"
expect 2 "no test ran" tools/test --no-setup --filter no_such_test
expect 2 "unknown label" tools/test --no-setup --label everything
expect 1 "cannot configure preset nowhere" tools/test --no-setup --preset nowhere
expect 1 "a sanitizer complained" tools/test --no-setup --preset asan --label unit --filter test_leak
last_line "1 passed, 1 failed"
expect 0 "test_parameters" tools/test --no-setup --preset asan --label unit --filter test_parameters
last_line "2 passed, 0 failed"
printf 'int main(void) {\n    return;\n}\n' >exit.c
expect 1 "the build failed" tools/test --no-setup
finish

# How tests are told to ctest. Each has a label, by which tools/test and CI choose.
#
#   henge_unit_test(name SOURCES ... LINK ...)         one Criterion program per room; label unit
#   henge_stress_test(name SOURCES ... LINK ...)       a plain program with main; label stress
#   henge_sim_test(name SOURCES ... LINK ... [ARGUMENTS ...])
#                                                      likewise, in virtual time; label sim
#   henge_integration_test(name SOURCES ... [LINK ...] | SCRIPT file [ARGUMENTS ...]
#       [SERIAL] [TIMEOUT seconds])                    real processes; label integration
#   henge_check_test(name SCRIPT file [ARGUMENTS ...]) the checks of the house; label check
#   henge_example_test(name)                           an example that runs to its end; label example
#
# Exit 0 = passed, 77 = this machine cannot (said on stderr), anything else = failed. SERIAL: nothing
# else runs beside it, for tests that measure CPU or need both cores. Integration tests find the
# programs under $HENGE_BIN. TIMEOUT only ends what hangs; it is no assertion.
enable_testing()

set(HENGE_RESULTS ${PROJECT_BINARY_DIR}/results)
file(MAKE_DIRECTORY ${HENGE_RESULTS})

# What `ninja unit_tests` and the like build: all that tests with the label need.
foreach(label unit stress sim integration)
    add_custom_target(${label}_tests)
endforeach()

set(HENGE_TEST_ENVIRONMENT
    "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=halt_on_error=1")

function(henge_register_test name label timeout)
    set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${timeout}
        SKIP_RETURN_CODE 77 ENVIRONMENT "${HENGE_TEST_ENVIRONMENT}")
    # Threads that must truly run side by side, daemons with real deadlines: ctest is told to leave
    # them two processors.
    if(label MATCHES "^(stress|integration)$")
        set_tests_properties(${name} PROPERTIES PROCESSORS 2)
    endif()
endfunction()

function(henge_unit_test name)
    cmake_parse_arguments(TEST "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${TEST_SOURCES})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${TEST_LINK} PkgConfig::CRITERION)
    add_dependencies(unit_tests ${name})
    add_test(NAME ${name} COMMAND ${PROJECT_SOURCE_DIR}/cmake/run-unit-test
        $<TARGET_FILE:${name}> ${HENGE_RESULTS}/${name}.tap)
    henge_register_test(${name} unit 300)
endfunction()

function(henge_stress_test name)
    cmake_parse_arguments(TEST "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${TEST_SOURCES})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${TEST_LINK})
    add_dependencies(stress_tests ${name})
    add_test(NAME ${name} COMMAND ${name})
    henge_register_test(${name} stress 600)
endfunction()

function(henge_sim_test name)
    cmake_parse_arguments(TEST "" "" "SOURCES;LINK;ARGUMENTS" ${ARGN})
    add_executable(${name} ${TEST_SOURCES})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${TEST_LINK})
    add_dependencies(sim_tests ${name})
    add_test(NAME ${name} COMMAND ${name} ${TEST_ARGUMENTS})
    henge_register_test(${name} sim 600)
endfunction()

function(henge_integration_test name)
    cmake_parse_arguments(TEST "SERIAL" "SCRIPT;TIMEOUT" "SOURCES;LINK;ARGUMENTS" ${ARGN})
    if(TEST_SCRIPT)
        cmake_path(ABSOLUTE_PATH TEST_SCRIPT)
        add_test(NAME ${name} COMMAND ${TEST_SCRIPT} ${TEST_ARGUMENTS})
    else()
        add_executable(${name} ${TEST_SOURCES})
        target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
        target_link_libraries(${name} PRIVATE ${TEST_LINK})
        add_dependencies(integration_tests ${name})
        add_test(NAME ${name} COMMAND ${name} ${TEST_ARGUMENTS})
    endif()
    foreach(program henged henge)
        if(TARGET ${program})
            add_dependencies(integration_tests ${program})
        endif()
    endforeach()
    if(NOT TEST_TIMEOUT)
        set(TEST_TIMEOUT 300)
    endif()
    henge_register_test(${name} integration ${TEST_TIMEOUT})
    set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT "HENGE_BIN=${PROJECT_BINARY_DIR}/tools")
    if(TEST_SERIAL)
        set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
    endif()
endfunction()

function(henge_check_test name)
    cmake_parse_arguments(TEST "" "SCRIPT" "ARGUMENTS" ${ARGN})
    cmake_path(ABSOLUTE_PATH TEST_SCRIPT)
    add_test(NAME ${name} COMMAND ${TEST_SCRIPT} ${TEST_ARGUMENTS})
    henge_register_test(${name} check 300)
endfunction()

function(henge_example_test name)
    add_test(NAME ${name} COMMAND $<TARGET_FILE:${name}>)
    henge_register_test(${name} example 120)
endfunction()

# Compiler settings of every target, and the foreign libraries by pkg-config.
include(CheckCCompilerFlag)
include(CheckCSourceCompiles)
include(CheckPIESupported)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)

set(HENGE_SANITIZE "" CACHE STRING "empty, address or thread")
set_property(CACHE HENGE_SANITIZE PROPERTY STRINGS "" address thread)
option(HENGE_COVERAGE "count executed lines and branches" OFF)

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(CK REQUIRED IMPORTED_TARGET ck)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(URING REQUIRED IMPORTED_TARGET liburing)
pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(CRITERION REQUIRED IMPORTED_TARGET criterion)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes
    -Wmissing-prototypes -Werror -fno-omit-frame-pointer)

if(HENGE_SANITIZE STREQUAL "address")
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all)
    add_link_options(-fsanitize=address,undefined)
elseif(HENGE_SANITIZE STREQUAL "thread")
    add_compile_options(-fsanitize=thread)
    add_link_options(-fsanitize=thread)
    # gcc says of every fence that TSan does not model it. Known: the fences are argued in comments,
    # and what they order is annotated where TSan must see it.
    check_c_compiler_flag(-Wtsan HENGE_HAS_WTSAN)
    if(HENGE_HAS_WTSAN)
        add_compile_options(-Wno-tsan)
    endif()
elseif(NOT HENGE_SANITIZE STREQUAL "")
    message(FATAL_ERROR "HENGE_SANITIZE is '${HENGE_SANITIZE}': empty, address or thread")
endif()

if(HENGE_COVERAGE)
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
endif()

# Hardening, in every build but those of the sanitizers, which bring stricter checks of their own.
function(henge_harden_if_known flag)
    string(MAKE_C_IDENTIFIER "HENGE_HAS${flag}" known)
    check_c_compiler_flag(${flag} ${known})
    if(${known})
        add_compile_options(${flag})
    endif()
endfunction()

# _FORTIFY_SOURCE needs optimisation, and a level that this libc and compiler know together.
function(henge_harden_fortify)
    if(CMAKE_BUILD_TYPE STREQUAL "Debug" OR CMAKE_BUILD_TYPE STREQUAL "")
        return()
    endif()
    foreach(level 3 2)
        set(CMAKE_REQUIRED_FLAGS "-O2 -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${level}")
        check_c_source_compiles("#include <stdio.h>
            #if !defined(__USE_FORTIFY_LEVEL) || __USE_FORTIFY_LEVEL < ${level}
            #error level is not known
            #endif
            int main(void) { return 0; }" HENGE_FORTIFY_${level})
        if(HENGE_FORTIFY_${level})
            add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${level})
            return()
        endif()
    endforeach()
endfunction()

check_pie_supported()
if(HENGE_SANITIZE STREQUAL "")
    henge_harden_fortify()
    henge_harden_if_known(-fstack-protector-strong)
    henge_harden_if_known(-fstack-clash-protection)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64|AMD64|i.86")
        henge_harden_if_known(-fcf-protection)
    endif()
    add_link_options(LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack)
endif()

# One target per folder: henge_room(name SOURCES ... LINK ...). Include lines start at the root.
function(henge_room name)
    cmake_parse_arguments(ROOM "" "" "SOURCES;LINK" ${ARGN})
    add_library(${name} STATIC ${ROOM_SOURCES})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
    target_link_libraries(${name} PUBLIC ${ROOM_LINK})
endfunction()

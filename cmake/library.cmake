# The library as others get it: libhenge.so and libhenge.a, both exporting henge_* and nothing else.
#
# The folder targets are archives of their own, with plain internal names, for the tests. Here
# their objects are joined: into the shared library, where a version script hides the rest, and, for
# the static one, into a single relocatable object whose other symbols objcopy makes local, so that
# an embedding program with a function called random_u64 or heap_set of its own does not clash.
include(GNUInstallDirs)

set(HENGE_OBJECTS "")
foreach(room IN LISTS HENGE_ROOMS)
    if(TARGET ${room})
        list(APPEND HENGE_OBJECTS $<TARGET_OBJECTS:${room}>)
    endif()
endforeach()
set(HENGE_FOREIGN PkgConfig::URING PkgConfig::CK PkgConfig::XXHASH PkgConfig::SODIUM m)

add_library(henge_shared SHARED ${HENGE_OBJECTS})
set_target_properties(henge_shared PROPERTIES
    OUTPUT_NAME henge EXPORT_NAME henge LINKER_LANGUAGE C
    VERSION ${PROJECT_VERSION} SOVERSION 0
    LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/henge.map)
target_link_options(henge_shared PRIVATE
    LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/henge.map)
if(HENGE_SANITIZE STREQUAL "")
    # Everything is resolved at link time. (A sanitizer's runtime comes with the executable.)
    target_link_options(henge_shared PRIVATE LINKER:-z,defs)
endif()
target_link_libraries(henge_shared PRIVATE ${HENGE_FOREIGN} Threads::Threads)

if(HENGE_SANITIZE STREQUAL "" AND NOT HENGE_COVERAGE)
    set(joined ${PROJECT_BINARY_DIR}/henge.o)
    add_custom_command(OUTPUT ${joined}
        COMMAND ${CMAKE_LINKER} -r -o ${joined} ${HENGE_OBJECTS}
        COMMAND ${CMAKE_OBJCOPY} --wildcard "--keep-global-symbol=henge_*" ${joined}
        DEPENDS ${HENGE_OBJECTS}
        COMMAND_EXPAND_LISTS VERBATIM
        COMMENT "Joining the folders into henge.o")
    set_source_files_properties(${joined} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
    add_library(henge_static STATIC ${joined})
else()
    # AddressSanitizer registers globals by section groups, which ld -r would merge, and gcov its
    # counters by constructors: there libhenge.a is a plain archive of all the objects.
    add_library(henge_static STATIC ${HENGE_OBJECTS})
endif()
set_target_properties(henge_static PROPERTIES
    OUTPUT_NAME henge EXPORT_NAME static LINKER_LANGUAGE C)
foreach(library IN LISTS HENGE_FOREIGN)
    target_link_libraries(henge_static INTERFACE $<BUILD_INTERFACE:${library}>)
endforeach()
target_link_libraries(henge_static INTERFACE
    $<INSTALL_INTERFACE:uring> $<INSTALL_INTERFACE:ck> $<INSTALL_INTERFACE:xxhash>
    $<INSTALL_INTERFACE:sodium> $<INSTALL_INTERFACE:m> Threads::Threads)

foreach(library henge_shared henge_static)
    target_include_directories(${library} INTERFACE
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()

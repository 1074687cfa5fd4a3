# Installing: libraries, headers, henge.pc and the CMake package. The programs: tools/CMakeLists.txt.
include(CMakePackageConfigHelpers)

set(HENGE_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/henge)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/henge DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS henge_shared henge_static EXPORT hengeTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET henge_jemalloc)
    # Not in the export: hengeConfig.cmake describes it, with jemalloc found on the user's machine.
    install(TARGETS henge_jemalloc
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()

# The .pc files find their prefix from where they lie, so `cmake --install --prefix` may choose it late.
file(RELATIVE_PATH HENGE_PREFIX_FROM_PC
    /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" HENGE_PREFIX_FROM_PC "${HENGE_PREFIX_FROM_PC}")
configure_file(${PROJECT_SOURCE_DIR}/cmake/henge.pc.in ${PROJECT_BINARY_DIR}/henge.pc @ONLY)
configure_file(${PROJECT_SOURCE_DIR}/cmake/henge_jemalloc.pc.in
    ${PROJECT_BINARY_DIR}/henge_jemalloc.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/henge.pc ${PROJECT_BINARY_DIR}/henge_jemalloc.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(EXPORT hengeTargets NAMESPACE henge:: DESTINATION ${HENGE_CMAKE_DIR})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/hengeConfig.cmake.in
    ${PROJECT_BINARY_DIR}/hengeConfig.cmake INSTALL_DESTINATION ${HENGE_CMAKE_DIR}
    PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
# Before 1.0 a minor version may break the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/hengeConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/hengeConfig.cmake ${PROJECT_BINARY_DIR}/hengeConfigVersion.cmake
    DESTINATION ${HENGE_CMAKE_DIR})

# Which folder target may link which: the counterpart, for targets, of tools/check-layers.
#
#     base <- { ring, membership, io } <- { config, node, runtime }
#
# Runs at the end of configuring; a forbidden link stops it.
set(HENGE_ROOMS base ring membership io config node runtime)
set(HENGE_LINKS_base "")
set(HENGE_LINKS_ring base)
set(HENGE_LINKS_membership base)
set(HENGE_LINKS_io base)
set(HENGE_LINKS_config base ring membership io)
set(HENGE_LINKS_node base ring membership config)
set(HENGE_LINKS_runtime base ring membership io config node)

function(henge_check_links)
    foreach(room IN LISTS HENGE_ROOMS)
        if(NOT TARGET ${room})
            continue()
        endif()
        get_target_property(links ${room} LINK_LIBRARIES)
        foreach(link IN LISTS links)
            if(link IN_LIST HENGE_ROOMS AND NOT link IN_LIST HENGE_LINKS_${room})
                message(FATAL_ERROR "layers: target ${room} must not link ${link} "
                    "(it may link: ${HENGE_LINKS_${room}})")
            endif()
        endforeach()
    endforeach()
endfunction()

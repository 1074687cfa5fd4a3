/* control_path.h - where a daemon's control socket and a local cluster's files lie.
 *
 * With $XDG_RUNTIME_DIR: henge-NAME.sock in it, and henge/ for a cluster. Without:
 * /tmp/henge-UID/, a directory of ours that nobody else may enter. Used by henged and henge alike,
 * so that both come to the same path from the same words. */
#ifndef TOOLS_CONTROL_PATH_H
#define TOOLS_CONTROL_PATH_H

#include <stdbool.h>
#include <stddef.h>

enum { CONTROL_PATH_BYTES = 108 }; /* sun_path of a Unix socket, with its NUL */

/* The default socket of the daemon called `name`. False if it does not fit. */
bool control_path_default(const char *name, char path_out[CONTROL_PATH_BYTES]);

/* The default directory of `henge cluster`. False if it does not fit. */
bool cluster_dir_default(char path_out[CONTROL_PATH_BYTES]);

/* Makes the directory (mode 0700) if it is not there; refuses one that is a symbolic link, belongs
 * to someone else, or that others may enter. On false `reason_out` says why. */
bool private_dir_ensure(const char *path, char *reason_out, size_t reason_bytes);

/* This host's name, as the default name of a node. */
void host_name_get(char *name_out, size_t name_bytes);

#endif

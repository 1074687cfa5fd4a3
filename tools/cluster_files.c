/* cluster_files.c - the directory of a local cluster; see cluster.h. */
#include "tools/cluster.h"
#include "tools/json_tools.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char *const daemon_suffixes[] = {"sock", "pid", "log", "data"};
enum { DAEMON_SUFFIXES = 4, LOG_TAIL_BYTES = 1500 };

struct cluster *cluster_create(const char *dir) {
    struct cluster *cluster = calloc(1, sizeof(*cluster));
    if (cluster == NULL) {
        return NULL;
    }
    snprintf(cluster->dir, sizeof(cluster->dir), "%s", dir);
    cluster->lock_fd = -1;
    cluster->flags = json_array();
    return cluster;
}

void cluster_destroy(struct cluster *cluster) {
    if (cluster == NULL) {
        return;
    }
    if (cluster->lock_fd >= 0) {
        close(cluster->lock_fd);
    }
    for (size_t i = 0; i < cluster->count; i++) {
        if (cluster->daemons[i].ready_fd >= 0) {
            close(cluster->daemons[i].ready_fd);
        }
    }
    json_decref(cluster->flags);
    free(cluster);
}

const char *cluster_file(const struct cluster *cluster, const char *name, const char *suffix,
                         char path_out[CLUSTER_FILE_BYTES]) {
    snprintf(path_out, CLUSTER_FILE_BYTES, "%s/%s.%s", cluster->dir, name, suffix);
    return path_out;
}

static const char *own_file(const struct cluster *cluster, const char *name,
                            char path_out[CLUSTER_FILE_BYTES]) {
    snprintf(path_out, CLUSTER_FILE_BYTES, "%s/%s", cluster->dir, name);
    return path_out;
}

static void pid_read(const struct cluster *cluster, struct cluster_daemon *daemon) {
    char path[CLUSTER_FILE_BYTES];
    FILE *in = fopen(cluster_file(cluster, daemon->name, "pid", path), "re");
    if (in == NULL) {
        return;
    }
    char text[64] = "";
    char *end = text;
    if (fgets(text, sizeof(text), in) != NULL) {
        long pid = strtol(text, &end, 10);
        uint64_t start = strtoull(end, NULL, 10);
        if (pid > 1 && pid <= INT_MAX && start > 0) {
            daemon->pid = (pid_t)pid;
            daemon->start_ticks = start;
        }
    }
    fclose(in);
}

bool cluster_load(struct cluster *cluster, char *reason_out) {
    char path[CLUSTER_FILE_BYTES];
    json_error_t error;
    reason_out[0] = '\0';
    if (access(own_file(cluster, "cluster.json", path), F_OK) != 0 && errno == ENOENT) {
        return false;
    }
    json_t *state = json_load_file(path, 0, &error);
    const json_t *daemons = json_object_get(state, "daemons");
    if (json_array_size(daemons) == 0 || json_array_size(daemons) > CLUSTER_DAEMONS_MAX) {
        snprintf(reason_out, CLUSTER_REASON_BYTES, "%s is not a cluster's state: %s", path,
                 state == NULL ? error.text : "no list of daemons");
        json_decref(state);
        return false;
    }
    size_t index;
    json_t *entry;
    cluster->count = json_array_size(daemons);
    json_array_foreach(daemons, index, entry) {
        struct cluster_daemon *daemon = &cluster->daemons[index];
        *daemon = (struct cluster_daemon){.ready_fd = -1};
        snprintf(daemon->name, sizeof(daemon->name), "%s", json_text(entry, "name", "?"));
        snprintf(daemon->zone, sizeof(daemon->zone), "%s", json_text(entry, "zone", ""));
        pid_read(cluster, daemon);
    }
    snprintf(cluster->henged, sizeof(cluster->henged), "%s", json_text(state, "henged", "henged"));
    json_decref(cluster->flags);
    cluster->flags = json_deep_copy(json_object_get(state, "flags"));
    if (cluster->flags == NULL) {
        cluster->flags = json_array();
    }
    json_decref(state);
    return true;
}

bool cluster_save(const struct cluster *cluster, char *reason_out) {
    char path[CLUSTER_FILE_BYTES];
    json_t *state = json_object();
    json_t *daemons = json_array();
    for (size_t i = 0; i < cluster->count; i++) {
        json_t *entry = json_object();
        json_put_text(entry, "name", cluster->daemons[i].name);
        json_put_text(entry, "zone", cluster->daemons[i].zone);
        (void)json_array_append_new(daemons, entry);
    }
    json_put_text(state, "henged", cluster->henged);
    json_put(state, "flags", json_incref(cluster->flags));
    json_put(state, "daemons", daemons);
    bool is_saved =
        json_dump_file(state, own_file(cluster, "cluster.json", path), JSON_INDENT(2)) == 0;
    json_decref(state);
    if (!is_saved) {
        snprintf(reason_out, CLUSTER_REASON_BYTES, "cannot write %s: %s", path, strerror(errno));
    }
    return is_saved;
}

bool cluster_lock(struct cluster *cluster, char *reason_out) {
    cluster->lock_fd = open(cluster->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cluster->lock_fd < 0) {
        snprintf(reason_out, CLUSTER_REASON_BYTES, "%s: %s", cluster->dir, strerror(errno));
        return false;
    }
    if (flock(cluster->lock_fd, LOCK_EX | LOCK_NB) == 0) {
        return true;
    }
    snprintf(reason_out, CLUSTER_REASON_BYTES,
             "another `henge cluster` is at work in %s; wait for it", cluster->dir);
    close(cluster->lock_fd);
    cluster->lock_fd = -1;
    return false;
}

/* The files of a data_dir, then the directory itself. It is flat. */
static void data_remove(const char *path) {
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    closedir(dir);
    (void)rmdir(path);
}

void cluster_remove(struct cluster *cluster) {
    char path[CLUSTER_FILE_BYTES];
    for (size_t i = 0; i < cluster->count; i++) {
        const char *name = cluster->daemons[i].name;
        for (size_t suffix = 0; suffix < DAEMON_SUFFIXES; suffix++) {
            (void)unlink(cluster_file(cluster, name, daemon_suffixes[suffix], path));
        }
        data_remove(cluster_file(cluster, name, "data", path));
    }
    (void)unlink(own_file(cluster, "key", path));
    (void)unlink(own_file(cluster, "cluster.json", path));
    (void)rmdir(cluster->dir); /* stays if somebody else keeps something there */
}

void cluster_log_tail(const struct cluster *cluster, const struct cluster_daemon *daemon,
                      FILE *out) {
    char path[CLUSTER_FILE_BYTES];
    FILE *in = fopen(cluster_file(cluster, daemon->name, "log", path), "re");
    if (in == NULL) {
        return;
    }
    char text[LOG_TAIL_BYTES + 1];
    if (fseek(in, -LOG_TAIL_BYTES, SEEK_END) != 0) {
        rewind(in);
    }
    size_t bytes = fread(text, 1, LOG_TAIL_BYTES, in);
    text[bytes] = '\0';
    fclose(in);
    char *from = text;
    if (bytes == LOG_TAIL_BYTES && strchr(text, '\n') != NULL) {
        from = strchr(text, '\n') + 1; /* begin with a whole line */
    }
    fprintf(out, "--- the end of %s\n%s", path, from);
}

struct cluster_daemon *cluster_find(struct cluster *cluster, const char *name) {
    for (size_t i = 0; i < cluster->count; i++) {
        if (strcmp(cluster->daemons[i].name, name) == 0) {
            return &cluster->daemons[i];
        }
    }
    return NULL;
}

/* henged_options.c - see henged_options.h. */
#include "tools/henged_options.h"
#include "tools/henged_flags.h"
#include "tools/henged_log.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is known while the layers are laid on each other. */
struct assembly {
    struct henged_options *options;
    const char *file_path;
    char preset[16]; /* the last word on it; empty: nobody said */
    unsigned errors;
};

static const char *const own_keys[] = {"control", "log_level", "log_format"};
enum { OWN_KEYS = sizeof(own_keys) / sizeof(own_keys[0]) };

static bool is_own_key(const char *key) {
    for (size_t i = 0; i < OWN_KEYS; i++) {
        if (strcmp(key, own_keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Names each line of a report on its own line of standard error. */
static void complain(struct assembly *assembly, const char *where, const char *reasons) {
    char text[HENGE_REASON_BYTES + 256];
    char *rest = text;
    char *line;
    snprintf(text, sizeof(text), "%s", reasons[0] != '\0' ? reasons : "not acceptable");
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (line[0] != '\0') {
            fprintf(stderr, "henged: %s%s%s\n", where, where[0] != '\0' ? ": " : "", line);
        }
    }
    assembly->errors++;
}

static void set_own(struct assembly *assembly, const char *where, const char *key,
                    const char *value) {
    struct henged_options *options = assembly->options;
    char reason[256];
    if (strcmp(key, "control") == 0) {
        int bytes = snprintf(options->control, sizeof(options->control), "%s", value);
        if (value[0] != '\0' && bytes < (int)sizeof(options->control)) {
            return;
        }
        snprintf(reason, sizeof(reason), "control: a path of 1 to %zu bytes is wanted",
                 sizeof(options->control) - 1);
        options->control[0] = '\0';
    } else if (strcmp(key, "log_level") == 0) {
        if (henged_log_level_parse(value, &options->log_level)) {
            return;
        }
        snprintf(reason, sizeof(reason), "log_level: error, warn, info or debug, not \"%.64s\"",
                 value);
    } else {
        options->log_as_json = strcmp(value, "json") == 0;
        if (options->log_as_json || strcmp(value, "text") == 0) {
            return;
        }
        snprintf(reason, sizeof(reason), "log_format: text or json, not \"%.64s\"", value);
    }
    complain(assembly, where, reason);
}

/* Remembers the preset for the beginning; a bad one is named here and not kept. */
static void set_preset(struct assembly *assembly, const char *where, const char *value) {
    struct henge_config scratch;
    char reason[HENGE_REASON_BYTES] = "";
    henge_config_init(&scratch, HENGE_PRESET_LAN);
    if (henge_config_set(&scratch, "preset", value, reason, sizeof(reason)) != HENGE_OK) {
        complain(assembly, where, reason);
        return;
    }
    snprintf(assembly->preset, sizeof(assembly->preset), "%s", value);
}

/* The settings that henged keeps to itself: its own, and the preset. */
static void set_taken(struct assembly *assembly, const char *where, const char *key,
                      const char *value) {
    if (strcmp(key, "preset") == 0) {
        set_preset(assembly, where, value);
    } else {
        set_own(assembly, where, key, value);
    }
}

static bool file_is_ours(void *context, const char *key) {
    (void)context;
    return is_own_key(key) || strcmp(key, "preset") == 0;
}

static void file_take(void *context, const char *key, const char *value, unsigned line) {
    struct assembly *assembly = context;
    char where[HENGE_PATH_BYTES + 32];
    snprintf(where, sizeof(where), "%s: line %u", assembly->file_path, line);
    set_taken(assembly, where, key, value);
}

/* First pass over the file: our own keys are taken, the rest waits behind the descriptor. */
static int file_open(struct assembly *assembly, const char *path) {
    char reason[256];
    assembly->file_path = path;
    const struct henged_file_hook hook = {
        .context = assembly, .is_ours = file_is_ours, .take = file_take};
    int fd = henged_file_split(path, &hook, reason, sizeof(reason));
    if (fd < 0) {
        complain(assembly, path, reason);
    }
    return fd;
}

static void file_load(struct assembly *assembly, int fd) {
    char path[64];
    char reason[HENGE_REASON_BYTES] = "";
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (henge_config_load(&assembly->options->config, path, reason, sizeof(reason)) != HENGE_OK) {
        complain(assembly, assembly->file_path, reason);
    }
    close(fd);
}

/* HENGE_LOG_LEVEL and so on. */
static const char *environment_of(const char *key, char *name_out, size_t name_bytes) {
    int used = snprintf(name_out, name_bytes, "HENGE_");
    for (size_t i = 0; key[i] != '\0' && (size_t)used + 1 < name_bytes; i++) {
        name_out[used++] = (char)toupper((unsigned char)key[i]);
    }
    name_out[used] = '\0';
    return getenv(name_out);
}

static void environment_take(struct assembly *assembly) {
    char name[64];
    for (size_t i = 0; i < OWN_KEYS; i++) {
        const char *value = environment_of(own_keys[i], name, sizeof(name));
        if (value != NULL) {
            set_own(assembly, name, own_keys[i], value);
        }
    }
    const char *preset = getenv("HENGE_PRESET");
    if (preset != NULL) {
        set_preset(assembly, "HENGE_PRESET", preset);
        /* Or henge_config_load_environment would lay its defaults over the file's settings. */
        (void)unsetenv("HENGE_PRESET");
    }
}

static void flags_take(struct assembly *assembly, const struct henged_flags *flags) {
    for (size_t i = 0; i < flags->count; i++) {
        const struct henged_flag *flag = &flags->flags[i];
        char where[80];
        if (is_own_key(flag->key) || strcmp(flag->key, "preset") == 0) {
            snprintf(where, sizeof(where), "--%s", flag->key);
            set_taken(assembly, where, flag->key, flag->value);
        }
    }
}

static void flags_set(struct assembly *assembly, const struct henged_flags *flags) {
    for (size_t i = 0; i < flags->count; i++) {
        const struct henged_flag *flag = &flags->flags[i];
        char reason[HENGE_REASON_BYTES] = "";
        char name[64];
        char where[80];
        if (is_own_key(flag->key) || strcmp(flag->key, "preset") == 0) {
            continue;
        }
        if (henge_config_set(&assembly->options->config, flag->key, flag->value, reason,
                             sizeof(reason)) != HENGE_OK) {
            henged_flag_name(flag->key, name, sizeof(name));
            snprintf(where, sizeof(where), "--%s", name);
            complain(assembly, where, reason);
        }
    }
}

/* What nobody said: the host's name, and the control socket that follows from the name. */
static void defaults_fill(struct assembly *assembly) {
    struct henged_options *options = assembly->options;
    if (options->config.name[0] == '\0') {
        char name[HENGE_NAME_BYTES];
        host_name_get(name, sizeof(name));
        char reason[HENGE_REASON_BYTES] = "";
        if (henge_config_set(&options->config, "name", name, reason, sizeof(reason)) != HENGE_OK) {
            complain(assembly, "the host's name cannot be the node's, give --name", reason);
        }
    }
    if (options->control[0] == '\0') {
        options->is_control_default = true;
        if (!control_path_default(options->config.name, options->control)) {
            complain(assembly, "", "control: the default path is too long, give --control");
        }
    }
}

int henged_options_parse(int argc, char **argv, struct henged_options *options_out) {
    static struct henged_flags flags;
    struct assembly assembly = {.options = options_out};
    char reason[HENGE_REASON_BYTES] = "";
    henged_flags_parse(argc, argv, &flags);
    *options_out = (struct henged_options){.log_level = HENGE_LOG_INFO,
                                           .ready_fd = flags.ready_fd,
                                           .print_config = flags.print_config};
    const char *file = flags.config_path != NULL ? flags.config_path : getenv("HENGE_CONFIG");
    int file_fd = file != NULL ? file_open(&assembly, file) : -1;
    environment_take(&assembly);
    flags_take(&assembly, &flags);

    struct henge_config *config = &options_out->config;
    henge_config_init(config, HENGE_PRESET_LAN);
    if (assembly.preset[0] != '\0' &&
        henge_config_set(config, "preset", assembly.preset, reason, sizeof(reason)) != HENGE_OK) {
        complain(&assembly, "preset", reason);
    }
    if (file_fd >= 0) {
        file_load(&assembly, file_fd);
    }
    if (henge_config_load_environment(config, reason, sizeof(reason)) != HENGE_OK) {
        complain(&assembly, "environment", reason);
    }
    flags_set(&assembly, &flags);
    defaults_fill(&assembly);
    reason[0] = '\0';
    if (assembly.errors == 0 && !options_out->print_config &&
        henge_config_validate(config, reason, sizeof(reason)) != HENGE_OK) {
        complain(&assembly, "", reason);
    }
    return assembly.errors > 0 ? HENGED_EXIT_USAGE : HENGED_GO_ON;
}

/* The values of `meta` hold one pair per line; in a file each is a line of its own. */
static void setting_print(FILE *out, const char *key, char *value) {
    char *rest = value;
    char *line;
    if (value[0] == '\0') {
        fprintf(out, "# %s =\n", key); /* not said; an empty value would be refused by some */
    }
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (line[0] != '\0') {
            fprintf(out, "%s = %s\n", key, line);
        }
    }
}

void henged_options_print(const struct henged_options *options, FILE *out) {
    /* The largest value is `join`: all seeds. */
    static char value[HENGE_SEEDS_MAX * HENGE_ENDPOINT_BYTES + HENGE_METADATA_BYTES];
    const struct henge_config_key *row;
    for (size_t i = 0; (row = henge_config_describe(i)) != NULL; i++) {
        if (henge_config_get(&options->config, row->key, value, sizeof(value)) != HENGE_OK) {
            continue;
        }
        bool is_secret = strcmp(row->key, "key") == 0 || strcmp(row->key, "ring_salt") == 0;
        if (is_secret) {
            fprintf(out, "# %s is %s\n", row->key, value);
        } else {
            setting_print(out, row->key, value);
        }
    }
    fprintf(out, "control = %s\n", options->control);
    fprintf(out, "log_level = %s\n", henged_log_level_text(options->log_level));
    fprintf(out, "log_format = %s\n", options->log_as_json ? "json" : "text");
}

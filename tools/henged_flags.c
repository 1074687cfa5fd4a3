/* henged_flags.c - see henged_flags.h. */
#include "tools/henged_flags.h"

#include <henge/config.h>

#include <argp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_CONFIG = 256, KEY_READY_FD, KEY_PRINT_CONFIG, KEY_OWN, KEY_SETTING = 512 };

enum { FLAG_NAME_BYTES = 64 };

static const struct own_setting {
    const char *key;
    const char *description;
} own_settings[] = {
    {"control", "Path of the control socket (default $XDG_RUNTIME_DIR/henge-NAME.sock, or "
                "/tmp/henge-UID/NAME.sock)"},
    {"log_level", "error, warn, info (default) or debug"},
    {"log_format", "text (default) or json"},
};
enum { OWN_SETTINGS = sizeof(own_settings) / sizeof(own_settings[0]) };

void henged_flag_name(const char *key, char *name_out, size_t name_bytes) {
    size_t i = 0;
    for (; key[i] != '\0' && i + 1 < name_bytes; i++) {
        name_out[i] = key[i] == '.' || key[i] == '_' ? '-' : key[i];
    }
    name_out[i] = '\0';
}

static bool is_switch(const char *key) {
    return strcmp(key, "insecure") == 0;
}

static void flag_add(struct henged_flags *flags, struct argp_state *state, const char *key,
                     const char *value) {
    if (flags->count == FLAGS_MAX) {
        argp_error(state, "more than %d settings", FLAGS_MAX);
        return;
    }
    flags->flags[flags->count++] = (struct henged_flag){.key = key, .value = value};
}

/* --insecure stands alone, or with =yes, or with a yes or no after it. henged takes no other
 * arguments, so a word there can mean nothing else. */
static const char *switch_value(const char *argument, struct argp_state *state) {
    static const char *const words[] = {"yes", "no", "true", "false", "on", "off", "1", "0"};
    if (argument != NULL) {
        return argument;
    }
    const char *next = state->next < state->argc ? state->argv[state->next] : NULL;
    for (size_t i = 0; next != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(next, words[i]) == 0) {
            state->next++;
            return next;
        }
    }
    return "yes";
}

static error_t option_parse(int key, char *argument, struct argp_state *state) {
    struct henged_flags *flags = state->input;
    if (key >= KEY_SETTING) {
        const struct henge_config_key *setting = henge_config_describe((size_t)(key - KEY_SETTING));
        if (setting == NULL) {
            return ARGP_ERR_UNKNOWN;
        }
        flag_add(flags, state, setting->key,
                 is_switch(setting->key) ? switch_value(argument, state) : argument);
        return 0;
    }
    if (key >= KEY_OWN && key < KEY_OWN + OWN_SETTINGS) {
        flag_add(flags, state, own_settings[key - KEY_OWN].key, argument);
        return 0;
    }
    char *end;
    switch (key) {
    case KEY_CONFIG:
        flags->config_path = argument;
        return 0;
    case KEY_READY_FD:
        errno = 0;
        long fd = strtol(argument, &end, 10);
        if (errno != 0 || *end != '\0' || end == argument || fd < 0 || fd > 65535) {
            argp_error(state, "--ready-fd: not a descriptor: %s", argument);
        }
        flags->ready_fd = (int)fd;
        return 0;
    case KEY_PRINT_CONFIG:
        flags->print_config = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument: %s", argument);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static size_t settings_count(void) {
    size_t count = 0;
    while (henge_config_describe(count) != NULL) {
        count++;
    }
    return count;
}

static char *own_text(const char *text) {
    char *copy = strdup(text);
    if (copy == NULL) {
        fputs("henged: out of memory\n", stderr);
        exit(1);
    }
    return copy;
}

static struct argp_option setting_option(size_t index) {
    const struct henge_config_key *setting = henge_config_describe(index);
    char name[FLAG_NAME_BYTES];
    char text[1024];
    henged_flag_name(setting->key, name, sizeof(name));
    snprintf(text, sizeof(text), "%s (%s)", setting->description, setting->value_form);
    return (struct argp_option){.name = own_text(name),
                                .key = (int)(KEY_SETTING + index),
                                .arg = "VALUE",
                                .flags = is_switch(setting->key) ? OPTION_ARG_OPTIONAL : 0,
                                .doc = own_text(text),
                                .group = 2};
}

/* The option table, NULL-ended. */
static struct argp_option *options_create(void) {
    static const struct argp_option fixed[] = {
        {"config", KEY_CONFIG, "FILE", 0, "Read key = value lines from FILE first", 1},
        {"ready-fd", KEY_READY_FD, "N", 0, "Write \"ready\\n\" to descriptor N when up", 1},
        {"print-config", KEY_PRINT_CONFIG, NULL, 0, "Print the settings as a file and exit", 1},
    };
    size_t fixed_count = sizeof(fixed) / sizeof(fixed[0]);
    size_t settings = settings_count();
    struct argp_option *options =
        calloc(fixed_count + OWN_SETTINGS + settings + 1, sizeof(*options));
    if (options == NULL) {
        fputs("henged: out of memory\n", stderr);
        exit(1);
    }
    size_t used = 0;
    for (; used < fixed_count; used++) {
        options[used] = fixed[used];
    }
    for (size_t i = 0; i < OWN_SETTINGS; i++) {
        char name[FLAG_NAME_BYTES];
        henged_flag_name(own_settings[i].key, name, sizeof(name));
        options[used++] = (struct argp_option){.name = own_text(name),
                                               .key = (int)(KEY_OWN + i),
                                               .arg = "VALUE",
                                               .doc = own_settings[i].description,
                                               .group = 1};
    }
    for (size_t i = 0; i < settings; i++) {
        options[used++] = setting_option(i);
    }
    return options;
}

/* What argp was told; the flags that were read point into argv, not here. */
static void options_free(struct argp_option *options) {
    for (size_t i = 0; options[i].name != NULL; i++) {
        if (options[i].key >= KEY_OWN) {
            free((char *)(uintptr_t)options[i].name);
        }
        if (options[i].key >= KEY_SETTING) {
            free((char *)(uintptr_t)options[i].doc);
        }
    }
    free(options);
}

void henged_flags_parse(int argc, char **argv, struct henged_flags *flags_out) {
    static const char text[] =
        "Runs one node of a henge cluster in the foreground.\v"
        "Every setting may also stand in the file of --config as `key = value` (dots and "
        "underscores for the dashes after the names of henge/config.h) or in the environment as "
        "HENGE_KEY; flags win over the environment, the environment over the file. SIGTERM and "
        "SIGINT leave the cluster gracefully.\n\n"
        "Exit codes: 0 clean, 2 bad usage or configuration, 1 anything else.";
    struct argp_option *options = options_create();
    struct argp argp = {.options = options, .parser = option_parse, .doc = text};
    *flags_out = (struct henged_flags){.ready_fd = -1};
    /* Assigned, not defined: a definition of ours would be hidden from libc's argp. */
    argp_program_version = "henged " HENGE_VERSION;
    argp_err_exit_status = 2;
    error_t error = argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, flags_out);
    options_free(options);
    if (error != 0) {
        fprintf(stderr, "henged: %s\n", strerror(error));
        exit(2);
    }
}

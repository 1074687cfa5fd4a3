/* tools/sim/scenario_words.c - times, shares, numbers and sets of hosts in a scenario's text. */
#include "tools/sim/scenario.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool scenario_fail(struct scenario *scenario, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(scenario->reason, sizeof(scenario->reason), format, arguments);
    va_end(arguments);
    return false;
}

/* A decimal as an integer in units of `scale` (a power of ten times any unit): no rounding by
 * floating point, so that every machine reads the same. */
static bool decimal(const char *word, uint64_t scale, uint64_t *out, const char **end_out) {
    uint64_t whole = 0;
    uint64_t part = 0;
    uint64_t part_scale = 1;
    const char *at = word;
    for (; *at >= '0' && *at <= '9'; at++) {
        whole = whole * 10 + (uint64_t)(*at - '0');
        if (whole > UINT64_MAX / 16 / scale) {
            return false;
        }
    }
    if (at == word) {
        return false;
    }
    if (*at == '.') {
        for (at++; *at >= '0' && *at <= '9'; at++) {
            if (part_scale < 1000000000) {
                part = part * 10 + (uint64_t)(*at - '0');
                part_scale *= 10;
            }
        }
    }
    *out = whole * scale + part * scale / part_scale;
    *end_out = at;
    return true;
}

/* One time with its unit, up to a "+" or the end. */
static bool one_time(const char *word, size_t bytes, uint64_t *ns_out) {
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {{"", NS_PER_S}, {"s", NS_PER_S},      {"ms", NS_PER_MS},     {"us", NS_PER_US},
                 {"ns", 1},      {"m", 60 * NS_PER_S}, {"h", 3600 * NS_PER_S}};
    size_t digits = strspn(word, "0123456789.");
    for (size_t i = 0; digits <= bytes && i < sizeof(units) / sizeof(units[0]); i++) {
        const char *end;
        if (strlen(units[i].unit) == bytes - digits &&
            memcmp(word + digits, units[i].unit, bytes - digits) == 0) {
            return decimal(word, units[i].ns, ns_out, &end) && end == word + digits;
        }
    }
    return false;
}

bool scenario_time(struct scenario *scenario, const char *word, uint64_t *ns_out) {
    *ns_out = 0;
    for (const char *at = word;; at++) {
        size_t bytes = strcspn(at, "+");
        uint64_t ns;
        if (!one_time(at, bytes, &ns) || ns > SCENARIO_TIME_MAX_NS - *ns_out) {
            return scenario_fail(scenario,
                                 "\"%s\" is no time up to ten years (30, 0.5, 200ms, 5us, 2m, "
                                 "48h, 8+500ms)",
                                 word);
        }
        *ns_out += ns;
        at += bytes;
        if (*at == '\0') {
            return true;
        }
    }
}

bool scenario_share(struct scenario *scenario, const char *word, uint64_t *ppm_out) {
    const char *end;
    if (decimal(word, SIM_MILLION / 100, ppm_out, &end) && strcmp(end, "%") == 0 &&
        *ppm_out <= SIM_MILLION) {
        return true;
    }
    if (decimal(word, 1, ppm_out, &end) && strcmp(end, "ppm") == 0 && *ppm_out <= SIM_MILLION) {
        return true;
    }
    return scenario_fail(scenario, "\"%s\" is no share (10%%, 0.5%%, 300ppm)", word);
}

bool scenario_number(struct scenario *scenario, const char *word, int64_t *number_out) {
    char *end;
    errno = 0;
    long long number = strtoll(word, &end, 10);
    if (errno != 0 || end == word || *end != '\0') {
        return scenario_fail(scenario, "\"%s\" is no whole number", word);
    }
    *number_out = number;
    return true;
}

static bool take_range(struct scenario *scenario, uint64_t first, uint64_t last, uint64_t step,
                       struct host_list *out) {
    uint32_t hosts = scenario->settings.hosts;
    if (last >= hosts) {
        return scenario_fail(scenario, "hosts are 0..%u", hosts - 1);
    }
    if (first > last || step == 0) {
        return scenario_fail(scenario, "no hosts: %s",
                             step == 0 ? "every 0th one" : "the first is behind the last");
    }
    uint32_t count = (uint32_t)((last - first) / step) + 1;
    out->numbers = malloc(count * sizeof(*out->numbers));
    if (!out->numbers) {
        return scenario_fail(scenario, "out of memory");
    }
    out->count = count;
    for (uint32_t i = 0; i < count; i++) {
        out->numbers[i] = (uint32_t)(first + i * step);
    }
    return true;
}

static int by_number(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* `count` of 1..hosts-1: host 0 is the one that others join through. */
static bool take_random(struct scenario *scenario, uint64_t count, struct host_list *out) {
    uint32_t hosts = scenario->settings.hosts;
    if (count == 0 || count >= hosts) {
        return scenario_fail(scenario, "of %u hosts at most %u can be drawn (0 stays)", hosts,
                             hosts - 1);
    }
    if (!take_range(scenario, 1, hosts - 1, 1, out)) {
        return false;
    }
    random_shuffle_u32(&scenario->random, out->numbers, out->count);
    out->count = (uint32_t)count;
    qsort(out->numbers, out->count, sizeof(*out->numbers), by_number);
    return true;
}

static bool take_group(struct scenario *scenario, const struct host_list *group,
                       struct host_list *out) {
    out->numbers = malloc(group->count * sizeof(*out->numbers));
    if (!out->numbers) {
        return scenario_fail(scenario, "out of memory");
    }
    memcpy(out->numbers, group->numbers, group->count * sizeof(*out->numbers));
    out->count = group->count;
    return true;
}

static uint64_t host_number(const char **at) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(*at, &end, 10);
    bool is_number = **at >= '0' && **at <= '9' && errno == 0;
    *at = end;
    return is_number ? number : UINT64_MAX;
}

static bool take_literal(struct scenario *scenario, const char *word, struct host_list *out) {
    const char *at = word;
    uint64_t first = host_number(&at);
    uint64_t last = first;
    uint64_t step = 1;
    if (strncmp(at, "..", 2) == 0) {
        at += 2;
        last = host_number(&at);
    }
    if (*at == '/') {
        at++;
        step = host_number(&at);
    }
    if (*at != '\0' || first == UINT64_MAX || last == UINT64_MAX || step == UINT64_MAX) {
        return scenario_fail(scenario, "\"%s\" is no set of hosts", word);
    }
    return take_range(scenario, first, last, step, out);
}

static bool is_word_for_many(const char *word) {
    return strcmp(word, "all") == 0 || strcmp(word, "rest") == 0 || strcmp(word, "lower") == 0 ||
           strcmp(word, "upper") == 0;
}

bool scenario_is_host_word(const char *word) {
    return is_word_for_many(word) || strcmp(word, "random") == 0 || (*word >= '0' && *word <= '9');
}

/* Words for many. "rest" is all but the one that they join through. */
static bool take_word(struct scenario *scenario, const char *word, struct host_list *out) {
    uint32_t hosts = scenario->settings.hosts;
    if (strcmp(word, "all") == 0) {
        return take_range(scenario, 0, hosts - 1, 1, out);
    }
    if (hosts < 2) {
        return scenario_fail(scenario, "\"%s\" of one host?", word);
    }
    return strcmp(word, "rest") == 0    ? take_range(scenario, 1, hosts - 1, 1, out)
           : strcmp(word, "lower") == 0 ? take_range(scenario, 0, hosts / 2 - 1, 1, out)
                                        : take_range(scenario, hosts / 2, hosts - 1, 1, out);
}

bool scenario_hosts(struct scenario *scenario, char **words, uint32_t count,
                    struct host_list *hosts_out, uint32_t *words_out) {
    uint32_t hosts = scenario->settings.hosts;
    *hosts_out = (struct host_list){0};
    if (count == 0) {
        return scenario_fail(scenario, "which hosts?");
    }
    *words_out = 1;
    if (count > 1 && strcmp(words[1], "random") == 0) {
        uint64_t ppm = 0;
        int64_t number = 0;
        *words_out = 2;
        if (strchr(words[0], '%')) {
            if (!scenario_share(scenario, words[0], &ppm)) {
                return false;
            }
            uint64_t share = (hosts * ppm + SIM_MILLION / 2) / SIM_MILLION;
            return take_random(scenario, share > 0 ? share : 1, hosts_out);
        }
        return scenario_number(scenario, words[0], &number) &&
               take_random(scenario, number > 0 ? (uint64_t)number : 0, hosts_out);
    }
    if (is_word_for_many(words[0])) {
        return take_word(scenario, words[0], hosts_out);
    }
    for (uint32_t i = 0; i < scenario->groups_count; i++) {
        if (strcmp(words[0], scenario->groups[i].name) == 0) {
            return take_group(scenario, &scenario->groups[i].hosts, hosts_out);
        }
    }
    return take_literal(scenario, words[0], hosts_out);
}

/* bench/report.c - see report.h. */
#include "bench/report.h"
#include <report_commit.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { MACHINE_BYTES = 160 };

static int pinned_cpu = -1;

void report_pin(void) {
    cpu_set_t set;
    int cpu = sched_getcpu();
    if (cpu < 0 || cpu >= CPU_SETSIZE) {
        return;
    }
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) == 0) {
        pinned_cpu = cpu;
    }
}

static int compare_doubles(const void *one, const void *other) {
    const double first = *(const double *)one;
    const double second = *(const double *)other;
    return (first > second) - (first < second);
}

void report_set_samples(struct report_row *row, double *samples, size_t count) {
    qsort(samples, count, sizeof(*samples), compare_doubles);
    row->value = samples[count / 2];
    row->low = samples[count / 4];
    row->high = samples[count - 1 - count / 4];
}

/* The processor's name and the number of CPUs. */
static void describe_machine(char machine[MACHINE_BYTES]) {
    char line[256];
    char model[128] = "unknown processor";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "model name : %127[^\n]", model) == 1) {
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    snprintf(machine, MACHINE_BYTES, "%s, %ld CPUs", model, sysconf(_SC_NPROCESSORS_ONLN));
}

static const char *build_warning(void) {
#if defined(__OPTIMIZE__)
    return "";
#else
    return " (built without optimisation: the figures mean nothing)";
#endif
}

static double ratio_of(const struct report_row *row) {
    return row->ratio == REPORT_TIMES_FASTER ? row->reference_value / row->value
                                             : row->value / row->reference_value;
}

static bool is_met(const struct report_row *row) {
    if (row->reference == NULL) {
        return row->value <= row->goal;
    }
    return row->ratio == REPORT_TIMES_FASTER ? ratio_of(row) >= row->goal
                                             : ratio_of(row) <= row->goal;
}

static void print_text(const char *text) {
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            putchar('\\');
        }
        if ((unsigned char)*text >= 0x20) {
            putchar(*text);
        }
    }
    putchar('"');
}

static void print_pair(const char *before, const char *text) {
    fputs(before, stdout);
    print_text(text);
}

static void print_json_row(const struct report_row *row) {
    print_pair("{\"name\":", row->name);
    printf(",\"n\":%llu,\"value\":%.4g,\"low\":%.4g,\"high\":%.4g", (unsigned long long)row->n,
           row->value, row->low, row->high);
    print_pair(",\"unit\":", row->unit);
    if (row->reference == NULL) {
        fputs(",\"reference\":null,\"reference_value\":null,\"ratio\":null", stdout);
    } else {
        print_pair(",\"reference\":", row->reference);
        printf(",\"reference_value\":%.4g,\"ratio\":%.4g", row->reference_value, ratio_of(row));
        print_pair(",\"ratio_is\":", row->ratio == REPORT_TIMES_FASTER ? "reference_value / value"
                                                                       : "value / reference_value");
    }
    if (row->goal <= 0) {
        fputs(",\"goal\":null,\"met\":null}", stdout);
    } else {
        printf(",\"goal\":%.4g,\"met\":%s}", row->goal, is_met(row) ? "true" : "false");
    }
}

static void print_json(const char *bench, const char *machine, const char *kernel,
                       const struct report_row *rows, size_t count) {
    print_pair("{\"bench\":", bench);
    print_pair(",\"machine\":", machine);
    print_pair(",\"kernel\":", kernel);
    print_pair(",\"commit\":", REPORT_COMMIT);
    printf(",\"pinned_cpu\":%d,\"optimised\":%s,\"rows\":[", pinned_cpu,
           build_warning()[0] == '\0' ? "true" : "false");
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "\n" : ",\n", stdout);
        print_json_row(&rows[i]);
    }
    puts("\n]}");
}

static void print_table_row(const struct report_row *row) {
    printf("%-36s %8llu %8.3f %-11s %8.3f .. %-8.3f", row->name, (unsigned long long)row->n,
           row->value, row->unit, row->low, row->high);
    if (row->reference != NULL) {
        printf("  %-30s %8.3f  %5.2fx", row->reference, row->reference_value, ratio_of(row));
    }
    if (row->reference == NULL && row->goal > 0) {
        printf("  <= %g %s %s", row->goal, row->unit, is_met(row) ? "met" : "not met");
    } else if (row->goal > 0) {
        printf("  %s %gx %s", row->ratio == REPORT_TIMES_FASTER ? ">=" : "<=", row->goal,
               is_met(row) ? "met" : "not met");
    }
    putchar('\n');
}

void report_print(const char *bench, const char *n_name, const struct report_row *rows,
                  size_t count, bool json) {
    char machine[MACHINE_BYTES];
    describe_machine(machine);
    struct utsname system;
    const char *kernel = uname(&system) == 0 ? system.release : "unknown";
    if (json) {
        print_json(bench, machine, kernel, rows, count);
        return;
    }
    printf("%s: %s, Linux %s, commit %s, ", bench, machine, kernel, REPORT_COMMIT);
    if (pinned_cpu >= 0) {
        printf("pinned to CPU %d%s\n\n", pinned_cpu, build_warning());
    } else {
        printf("not pinned%s\n\n", build_warning());
    }
    printf("%-36s %8s %8s %-11s %20s  %-30s %8s  %6s  %s\n", "", n_name, "median", "",
           "quartiles   ", "reference", "", "ratio", "goal");
    for (size_t i = 0; i < count; i++) {
        print_table_row(&rows[i]);
    }
}

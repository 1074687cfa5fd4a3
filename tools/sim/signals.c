/* tools/sim/signals.c - see signals.h. */
#include "tools/sim/signals.h"
#include "core/base/clock.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t noted;
static const char *last_words = "";

/* A second one is meant when it comes later: timeout(1) sends its signal twice. */
static void on_end(int number) {
    static uint64_t first_ns;
    uint64_t now_ns = clock_monotonic_ns();
    if (noted == 0) {
        noted = number;
        first_ns = now_ns;
    } else if (now_ns - first_ns > NS_PER_S) {
        signal(number, SIG_DFL);
        raise(number);
    }
}

void signals_note(void) {
    static const int signals[] = {SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = on_end, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sigaction before;
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            sigaction(signals[i], &action, NULL);
        }
    }
}

int signals_noted(void) {
    return noted;
}

static void on_fatal(int number) {
    ssize_t written = write(STDERR_FILENO, last_words, strlen(last_words));
    (void)written;
    raise(number); /* SA_RESETHAND: the usual end */
}

void signals_last_words(const char *words) {
    static const int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE};
    struct sigaction action = {.sa_handler = on_fatal, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
    last_words = words;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &action, NULL);
    }
}

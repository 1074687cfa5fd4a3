/* tools/sim/signals.c - see signals.h. */
#include "tools/sim/signals.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LAST_WORDS_BYTES = 2048 };

static volatile sig_atomic_t noted;
static char last_words[LAST_WORDS_BYTES];

static void on_end(int number) {
    noted = number;
}

void signals_note(void) {
    static const int signals[] = {SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = on_end, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
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
    snprintf(last_words, sizeof(last_words), "%s", words);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &action, NULL);
    }
}

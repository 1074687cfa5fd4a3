/* tests/support/daemons.h - real henged processes on loopback, asked through the henge command.
 *
 * Programs are found under $HENGE_BIN. $HENGE_TEST_THREADS, $HENGE_TEST_AFFINITY and
 * $HENGE_TEST_TRANSPORT, where set, become flags of every daemon, so one suite serves all variants.
 * Every daemon dies with the test that started it. */
#ifndef TESTS_SUPPORT_DAEMONS_H
#define TESTS_SUPPORT_DAEMONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { DAEMON_WAIT_MS = 60000, DAEMON_FLAGS_MAX = 48 };

struct daemon {
    char name[64];
    char directory[128];
    char address[64]; /* of its sockets, known when it is up */
    pid_t pid;        /* 0 = not running */
};

/* A scratch directory with a key file in it; daemons_end removes it. A test that ends without
 * daemons_end has failed: the ends of its daemons' logs are then shown on standard error. */
void daemons_begin(char directory_out[128]);
void daemons_end(const char *directory);

/* Starts one and waits until it answers. `flags` is NULL-terminated. False: it ended instead. */
bool daemon_start(struct daemon *daemon, const char *directory, const char *name,
                  const char *const *flags);
/* The same without waiting; `prepare` runs in the child before exec (may be NULL). */
void daemon_spawn(struct daemon *daemon, const char *directory, const char *name,
                  const char *const *flags, void (*prepare)(void));
bool daemon_wait_up(struct daemon *daemon);
/* Sends the signal and waits for the end; the exit code, or -signal. */
int daemon_stop(struct daemon *daemon, int signal);
/* `count` daemons n1.. in zones a, b, c, LOCAL preset, joined through n1; all see all. */
bool daemons_cluster(struct daemon *daemons, size_t count, const char *directory,
                     const char *const *flags);

/* What `henge -s SOCKET <words> --json` prints, or NULL. To be freed. */
json_t *daemon_ask(const struct daemon *daemon, const char *words);
/* How many events of this kind about `who` the daemon remembers. Always ask for one that must be
 * there as well: nothing at all is also what a daemon says that has forgotten. */
size_t daemon_events_count(const struct daemon *daemon, const char *kind, const char *who);
/* Output and exit code of any command line; `output` may be NULL. */
int daemon_run(const char *command, char *output, size_t room);
const char *daemon_bin(void);

/* "ALIVE", ... or "" when `who` is not listed. Static buffer. */
const char *daemon_status_of(const struct daemon *daemon, const char *who);
/* Any text of a member: "zone", "ring_state", ...; the same buffer. */
const char *daemon_text_of(const struct daemon *daemon, const char *who, const char *key);
uint64_t daemon_number_of(const struct daemon *daemon, const char *who, const char *key);
uint64_t daemon_info(const struct daemon *daemon, const char *key);
/* Text of an info field; static buffer. */
const char *daemon_info_text(const struct daemon *daemon, const char *key);

bool daemon_wait_status(const struct daemon *daemon, const char *who, const char *status);
bool daemon_wait_text(const struct daemon *daemon, const char *who, const char *key,
                      const char *value);
bool daemon_wait_info(const struct daemon *daemon, const char *key, uint64_t value);
/* True when every daemon (pid != 0) has the same ring fingerprint; waits for it. */
bool daemons_wait_agreement(const struct daemon *daemons, size_t count);
uint64_t daemon_now_ms(void);
void daemon_sleep_ms(unsigned ms);

#endif

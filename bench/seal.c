/* bench/seal.c - what do encryption and authentication cost a packet?
 *
 * How to read it. Nanoseconds per packet by bytes of payload; the ways take turns in one run.
 *
 *   seal   io/seal.h: header, nonce, associated data with the cluster's label, XChaCha20-Poly1305
 * in place. Reference: libsodium's function by itself, on the same bytes open   the reverse, of a
 * copy of a sealed packet (the copy is paid by both ways) copy   memcpy of the packet: what any way
 * has to pay. Reference of "seal, over a copy"
 *
 * Exit codes: 0 printed, 1 libsodium cannot start, 2 usage. */
#include "bench/report.h"
#include "core/base/clock.h"
#include "io/seal.h"
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum {
    ROUNDS = 9,
    PACKETS = 20000, /* of a round */
    SIZES = 4,
    PAYLOAD_MAX = 1400,
    BARE_DATA_BYTES = 12 + sizeof("bench") - 1, /* as seal's: a part of the header, and the label */
    ROWS_MAX = 3 * SIZES
};

static const size_t sizes[SIZES] = {64, 128, 512, PAYLOAD_MAX};

enum way { SEAL, BARE_SEAL, OPEN, BARE_OPEN, COPY, WAYS };

static struct {
    struct seal_keyring keyring;
    struct seal_sender sender;
    uint8_t packet[PAYLOAD_MAX + SEAL_OVERHEAD_BYTES];
    uint8_t sealed[PAYLOAD_MAX + SEAL_OVERHEAD_BYTES]; /* by seal_close */
    uint8_t boxed[PAYLOAD_MAX + SEAL_TAG_BYTES];       /* by libsodium, nonce 0 */
    uint8_t data[BARE_DATA_BYTES];
    size_t failures;
    struct report_row rows[ROWS_MAX];
    size_t rows_count;
} world;

static void seal_many(size_t bytes) {
    for (int i = 0; i < PACKETS; i++) {
        (void)seal_close(&world.keyring, &world.sender, world.packet, bytes, 1, 1);
    }
}

static void bare_seal_many(size_t bytes) {
    uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES] = {0};
    for (int i = 0; i < PACKETS; i++) {
        nonce[0] = (uint8_t)i;
        (void)crypto_aead_xchacha20poly1305_ietf_encrypt(world.packet, NULL, world.packet, bytes,
                                                         world.data, sizeof(world.data), NULL,
                                                         nonce, world.keyring.key);
    }
}

static void open_many(size_t bytes) {
    struct seal_opened opened;
    for (int i = 0; i < PACKETS; i++) {
        memcpy(world.packet, world.sealed, bytes + SEAL_OVERHEAD_BYTES);
        world.failures +=
            !seal_open(&world.keyring, world.packet, bytes + SEAL_OVERHEAD_BYTES, &opened);
    }
}

static void bare_open_many(size_t bytes) {
    const uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES] = {0};
    for (int i = 0; i < PACKETS; i++) {
        memcpy(world.packet, world.boxed, bytes + SEAL_TAG_BYTES);
        world.failures += crypto_aead_xchacha20poly1305_ietf_decrypt(
                              world.packet, NULL, NULL, world.packet, bytes + SEAL_TAG_BYTES,
                              world.data, sizeof(world.data), nonce, world.keyring.key) != 0;
    }
}

static void copy_many(size_t bytes) {
    for (int i = 0; i < PACKETS; i++) {
        memcpy(world.packet, world.sealed, bytes + SEAL_OVERHEAD_BYTES);
        __asm__ volatile("" ::: "memory"); /* each is done */
    }
}

static void sealed_make(size_t bytes) {
    const uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES] = {0};
    memset(world.packet, 'x', sizeof(world.packet));
    (void)seal_close(&world.keyring, &world.sender, world.packet, bytes, 1, 1);
    memcpy(world.sealed, world.packet, bytes + SEAL_OVERHEAD_BYTES);
    memset(world.packet, 'x', sizeof(world.packet));
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(world.boxed, NULL, world.packet, bytes,
                                                     world.data, sizeof(world.data), NULL, nonce,
                                                     world.keyring.key);
}

static void row_add(const char *name, size_t bytes, double *samples, double reference_value,
                    const char *reference, double goal) {
    struct report_row *row = &world.rows[world.rows_count++];
    *row = (struct report_row){.name = name,
                               .n = bytes,
                               .unit = "ns",
                               .reference = reference,
                               .reference_value = reference_value,
                               .ratio = REPORT_TIMES_AS_LONG,
                               .goal = goal};
    report_set_samples(row, samples, ROUNDS);
}

static double median(double *samples) {
    struct report_row row;
    report_set_samples(&row, samples, ROUNDS);
    return row.value;
}

static void measure(size_t bytes) {
    static void (*const ways[WAYS])(size_t bytes) = {seal_many, bare_seal_many, open_many,
                                                     bare_open_many, copy_many};
    double samples[WAYS][ROUNDS];
    sealed_make(bytes);
    for (int round = 0; round < ROUNDS; round++) {
        for (int way = 0; way < WAYS; way++) {
            const uint64_t begin_ns = clock_monotonic_ns();
            ways[way](bytes);
            samples[way][round] = (double)(clock_monotonic_ns() - begin_ns) / PACKETS;
        }
    }
    row_add("seal", bytes, samples[SEAL], median(samples[BARE_SEAL]), "bare AEAD", 1.1);
    row_add("open", bytes, samples[OPEN], median(samples[BARE_OPEN]), "bare AEAD", 1.1);
    row_add("seal, over a copy", bytes, samples[SEAL], median(samples[COPY]), "memcpy", 0);
}

static void print_help(void) {
    puts(
        "usage: bench_seal [--json]\n"
        "\n"
        "What sealing and opening a packet cost, beside libsodium by itself and a copy. How to read\n"
        "it: the head of bench/seal.c.\n"
        "\n"
        "  --json  one JSON object instead of the table\n"
        "  --help  this text");
}

/* -1 = go on; otherwise the exit code. */
static int parse(int argc, char **argv, bool *json_out) {
    static const struct option words[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int word;
    while ((word = getopt_long(argc, argv, "", words, NULL)) != -1) {
        if (word != 'j' && word != 'h') {
            return 2;
        }
        if (word == 'h') {
            print_help();
            return 0;
        }
        *json_out = true;
    }
    if (optind < argc) {
        fprintf(stderr, "bench_seal: '%s' is no option\n", argv[optind]);
        return 2;
    }
    return -1;
}

int main(int argc, char **argv) {
    static const uint8_t key[32] = {1, 2, 3};
    bool json = false;
    const int exit_code = parse(argc, argv, &json);
    if (exit_code != -1) {
        return exit_code;
    }
    if (seal_keyring_init(&world.keyring, key, "bench") != HENGE_OK ||
        seal_sender_init(&world.sender) != HENGE_OK) {
        fputs("bench_seal: libsodium cannot start\n", stderr);
        return 1;
    }
    report_pin();
    for (int at = 0; at < SIZES; at++) {
        measure(sizes[at]);
    }
    if (world.failures > 0) {
        fprintf(stderr, "bench_seal: %zu packets could not be opened\n", world.failures);
        return 1;
    }
    report_print("seal", "bytes", world.rows, world.rows_count, json);
    return 0;
}

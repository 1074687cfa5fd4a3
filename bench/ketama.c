/* bench/ketama.c - see ketama.h. */
#include "bench/ketama.h"
#include <stdio.h>
#include <stdlib.h>

#ifdef HENGE_BENCH_KETAMA
#include <libmemcached/memcached.h>

struct ketama {
    memcached_st *client;
};

struct ketama *ketama_create(size_t members) {
    struct ketama *ketama = members <= KETAMA_MEMBERS_MAX ? calloc(1, sizeof(*ketama)) : NULL;
    if (ketama == NULL) {
        return NULL;
    }
    ketama->client = memcached_create(NULL);
    bool is_good = ketama->client != NULL &&
                   memcached_behavior_set(ketama->client, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1) ==
                       MEMCACHED_SUCCESS;
    for (size_t i = 0; i < members && is_good; i++) {
        char name[32];
        snprintf(name, sizeof(name), "node-%zu", i);
        is_good = memcached_server_add(ketama->client, name, 11211) == MEMCACHED_SUCCESS;
    }
    if (!is_good) {
        ketama_destroy(ketama);
        return NULL;
    }
    return ketama;
}

void ketama_destroy(struct ketama *ketama) {
    if (ketama != NULL) {
        memcached_free(ketama->client);
        free(ketama);
    }
}

uint32_t ketama_owner(const struct ketama *ketama, const void *key, size_t key_bytes) {
    return memcached_generate_hash(ketama->client, key, key_bytes);
}
#else
struct ketama *ketama_create(size_t members) {
    (void)members;
    return NULL;
}

void ketama_destroy(struct ketama *ketama) {
    (void)ketama;
}

uint32_t ketama_owner(const struct ketama *ketama, const void *key, size_t key_bytes) {
    (void)ketama;
    (void)key;
    (void)key_bytes;
    return 0;
}
#endif

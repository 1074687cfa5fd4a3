/* core/base/list.h - an intrusive, circular, doubly linked list. A list head is a link that points
 * to itself when empty. All operations are O(1). */
#ifndef CORE_BASE_LIST_H
#define CORE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_link {
    struct list_link *next;
    struct list_link *previous;
};

#define LIST_ITEM(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct list_link *head) {
    head->next = head;
    head->previous = head;
}

static inline bool list_is_empty(const struct list_link *head) {
    return head->next == head;
}

static inline void list_insert_after(struct list_link *place, struct list_link *link) {
    link->next = place->next;
    link->previous = place;
    place->next->previous = link;
    place->next = link;
}

static inline void list_insert_first(struct list_link *head, struct list_link *link) {
    list_insert_after(head, link);
}

static inline void list_insert_last(struct list_link *head, struct list_link *link) {
    list_insert_after(head->previous, link);
}

/* Leaves the link pointing to itself, so removing twice is harmless. */
static inline void list_remove(struct list_link *link) {
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}

#endif

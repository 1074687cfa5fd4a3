/* henge_show.h - the human side of `henge`: documents of the daemon as text. */
#ifndef TOOLS_HENGE_SHOW_H
#define TOOLS_HENGE_SHOW_H

#include <jansson.h>
#include <stdio.h>

void show_members(const json_t *document, FILE *out);
void show_info(const json_t *document, FILE *out);
void show_lookup(const json_t *document, FILE *out);
void show_ring(const json_t *document, FILE *out);
void show_plan(const json_t *document, FILE *out);      /* henge_plan.c */
void show_moved(const json_t *document, FILE *out);     /* how much, in one line: of either */
void show_ring_diff(const json_t *document, FILE *out); /* henge_diff.c */
void show_event(const json_t *event, FILE *out);

#endif

/* worker_jobs.h - the control calls themselves, made in the worker's thread. */
#ifndef TOOLS_WORKER_JOBS_H
#define TOOLS_WORKER_JOBS_H

#include <henge/henge.h>
#include <jansson.h>

/* True for the verbs that worker_job_run knows. */
bool worker_job_is_known(const char *verb);

/* Makes the call and returns the reply. [may block, as the request says] */
json_t *worker_job_run(struct henge_node *node, const json_t *request);

#endif

/* dashboard.h - the curves of training as a page in a browser on this machine: one page that asks again every two seconds.
 *
 * It listens on 127.0.0.1 alone, answers GET alone, and only to requests that name this machine, so that no page from
 * elsewhere can read it under a name of its own. Everything comes from the binary, the logs, and the pictures beside them. */
#ifndef VL2_TRAIN_DASHBOARD_H
#define VL2_TRAIN_DASHBOARD_H

#include <stdbool.h>

#include "base/error.h"

typedef struct Dashboard Dashboard;

/* Answers on a thread of its own until dashboard_close(); logs may be missing at first. `port` 0: one that is free.
 * False: the port is taken. */
bool dashboard_open(Dashboard **d, const char *const *logs, int n, int port, Error *e);
int dashboard_port(const Dashboard *d);
void dashboard_close(Dashboard *d); /* NULL: nothing */

#endif

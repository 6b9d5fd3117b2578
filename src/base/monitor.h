/* monitor.h - threads meet: one at a time is inside, and who is inside may wait until another one wakes it.
 *
 *     monitor_enter(m);
 *     while (!there_is_news) monitor_wait(m, 0.5);
 *     ... take the news ...
 *     monitor_leave(m); */
#ifndef VL2_BASE_MONITOR_H
#define VL2_BASE_MONITOR_H

#include <stdbool.h>

typedef struct Monitor Monitor;

Monitor *monitor_open(void);
void monitor_close(Monitor *m); /* nobody is inside any more; of NULL: nothing */

void monitor_enter(Monitor *m);
void monitor_leave(Monitor *m);
/* Inside: lets others in until somebody wakes, at most so many seconds; < 0: as long as it takes. False when the time ran out.
 * May come back without cause: ask again for what is waited for. */
bool monitor_wait(Monitor *m, double seconds);
void monitor_wake(Monitor *m); /* all who wait */

#endif

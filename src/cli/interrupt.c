/* interrupt.c - see interrupt.h. A signal handler can reach nothing but globals: these three are the program's only
 * mutable ones. */
#include "cli/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "cli/args.h"

static _Atomic(Vl2Request *) answer;
static atomic_bool leave_at_once;
static atomic_int presses;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    Vl2Request *r = answer;
    const int before = presses++;
    if (leave_at_once && (!r || before > 0)) _exit(EXIT_INTERRUPTED);
    if (r) vl2_cancel(r);
}

static void handle(int signal_number)
{
    struct sigaction a = { .sa_handler = on_interrupt }; /* no SA_RESTART: reading from the terminal breaks off */
    sigemptyset(&a.sa_mask);
    sigaction(signal_number, &a, NULL);
}

void interrupt_install(bool leave)
{
    leave_at_once = leave;
    handle(SIGINT);
}

void interrupt_install_all(void)
{
    interrupt_install(false);
    handle(SIGTERM);
    handle(SIGHUP);
}

void interrupt_ends(Vl2Request *r)
{
    if (r) presses = 0;
    answer = r;
}

bool interrupt_seen(void)
{
    return presses > 0;
}

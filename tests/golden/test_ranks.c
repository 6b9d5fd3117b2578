/* test_ranks.c - `vl2 train` under mpirun, as several machines would do it: N ranks learn what one rank with N-fold accumulation
 * does, always the same bits for one N; a checkpoint goes on with another N; a rank that fails or dies ends the run.
 *
 * Bound of all comparisons: the sums of gradients have another order, and AdamW makes steps of one size of whatever the gradient
 * is, so a parameter whose gradient is close to zero may go another way by a part of a step of 1e-3: a tenth of one. The averages
 * of gradients (up to 1e-2) differ by their rounding alone. */
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/safetensors.h"

#include "train_support.h"

enum { RECORDS = 22 }; /* 4 in a step: the last step of an epoch has 2, and with 4 ranks two of them have none */
static const double VALUE_BOUND = 1e-4, MEAN_BOUND = 1e-6;

typedef struct {
    TempFolder folder;
    char program[512], model[512];
} Bench;

static bool in_path(const char *program)
{
    char path[4096];
    snprintf(path, sizeof path, "%s", getenv("PATH") ? getenv("PATH") : "");
    for (char *dir = strtok(path, ":"); dir; dir = strtok(NULL, ":")) {
        char *whole = path_join(dir, program);
        const bool there = access(whole, X_OK) == 0;
        free(whole);
        if (there) return true;
    }
    return false;
}

/* The program that was built with this test: build/<mode>/vl2. */
static void find_program(Bench *s)
{
    const ssize_t n = readlink("/proc/self/exe", s->program, 400);
    assert_true(n > 0);
    s->program[n] = 0;
    for (int up = 0; up < 3; up++) *strrchr(s->program, '/') = 0;
    strcat(s->program, "/vl2");
}

static void write_data(Bench *s)
{
    Str lines = { 0 };
    for (int i = 0; i < RECORDS; i++)
        str_printf(&lines,
                   "{\"messages\": [{\"role\": \"user\", \"content\": \"What is %d plus %d?\"}, {\"role\": "
                   "\"assistant\", \"content\": \"It is %d\"}]}\n",
                   i, i * 3, i * 4);
    temp_write(&s->folder, "data.jsonl", lines.text, lines.n);
    str_free(&lines);
}

static void open_bench(Bench *s)
{
    snprintf(s->model, sizeof s->model, "%s", golden_or_skip("micro-mla-noaux"));
    golden_or_skip("micro-mla-noaux/model.safetensors");
    if (!in_path("mpirun")) {
        printf("# skip: mpirun is not there: `make deps-test` installs openmpi-bin\n");
        skip();
    }
    s->folder = temp_open();
    find_program(s);
    write_data(s);
    setenv("LSAN_OPTIONS", "detect_leaks=0",
           1); /* MPI leaves some of its own behind, in plugins that have no name by then */
}

static void close_bench(Bench *s)
{
    temp_close(&s->folder);
}

/* Starts `mpirun -np N vl2 train`, or with 0 ranks vl2 alone, with options that end with NULL; what it says goes to "said". */
static pid_t start(Bench *s, int ranks, const char *out, const char *const *options)
{
    extern char **environ;
    char n[16], data[512], folder[512], said[512];
    const char *argv[40] = { "mpirun", "--oversubscribe", "--allow-run-as-root", "-np", n }, *own[16];
    posix_spawn_file_actions_t files;
    pid_t child;
    int at = ranks ? 5 : 0, k = 0;
    snprintf(n, sizeof n, "%d", ranks);
    snprintf(data, sizeof data, "%s", temp_path(&s->folder, "data.jsonl"));
    snprintf(folder, sizeof folder, "%s", temp_path(&s->folder, out));
    snprintf(said, sizeof said, "%s", temp_path(&s->folder, "said"));
    const char *const fixed[] = { s->program, "train", "-m",     s->model, "-d",        data, "-o",
                                  folder,     "-q",    "--rate", "1e-3",   "--threads", "1",  NULL };
    for (; options[k]; k++) own[k] = options[k];
    for (int i = 0; fixed[i]; i++) argv[at++] = fixed[i];
    for (int i = 0; i < k; i++) argv[at++] = own[i];
    argv[at] = NULL;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, said, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    if (posix_spawnp(&child, argv[0], &files, NULL, (char **)(uintptr_t)argv, environ) != 0)
        fail_msg("cannot start %s", argv[0]);
    posix_spawn_file_actions_destroy(&files);
    return child;
}

/* What the last run said; caller frees. */
static char *said(Bench *s)
{
    char *text;
    size_t n;
    Error e;
    if (!file_read(temp_path(&s->folder, "said"), 1 << 20, &text, &n, &e)) fail_msg("%s", e.text);
    return text;
}

/* Exit status, or 128 and the signal. Ends the test as skipped if that is why it ended: several ranks need MPI. */
static int end_of(Bench *s, pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    char *text = said(s);
    const bool has_mpi = strstr(text, "built without MPI") == NULL;
    free(text);
    if (!has_mpi) {
        printf("# skip: this vl2 was built without MPI: `make deps` installs libopenmpi-dev\n");
        close_bench(s);
        skip();
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool is_running(pid_t child)
{
    siginfo_t ended = { 0 };
    assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOHANG | WNOWAIT), 0);
    return ended.si_pid == 0;
}

#define RUN(s, ranks, out, ...) run_well(s, ranks, out, (const char *const[]){ __VA_ARGS__, NULL })

static void run_well(Bench *s, int ranks, const char *out, const char *const *options)
{
    const int status = end_of(s, start(s, ranks, out, options));
    char *text = said(s);
    if (status != 0) fail_msg("%d ranks: exit status %d: %s", ranks, status, text);
    free(text);
}

static TensorFiles *checkpoint(Bench *s, const char *run, int step)
{
    char name[128];
    Error e;
    snprintf(name, sizeof name, "%s/checkpoints/step-%08d.safetensors", run, step);
    TensorFiles *t = tensor_files_open(temp_path(&s->folder, name), &e);
    if (!t) fail_msg("%s", e.text);
    return t;
}

/* The largest difference of numbers of two checkpoints whose names begin with `kind`. */
static double distance(const TensorFiles *a, const TensorFiles *b, const char *kind)
{
    double worst = 0;
    assert_int_equal(tensor_files_count(a), tensor_files_count(b));
    for (int i = 0; i < tensor_files_count(a); i++) {
        const FileTensor *x = tensor_files_at(a, i), *y = tensor_files_at(b, i);
        assert_string_equal(x->name, y->name);
        if (!str_starts(x->name, kind)) continue;
        for (size_t k = 0; k < x->bytes; k += sizeof(float)) {
            float p, q;
            memcpy(&p, x->data + k, sizeof p);
            memcpy(&q, y->data + k, sizeof q);
            const double d = fabs((double)p - (double)q);
            if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
        }
    }
    return worst;
}

static void compare(Bench *s, const char *what, const char *a, const char *b, int step)
{
    TensorFiles *x = checkpoint(s, a, step), *y = checkpoint(s, b, step);
    assert_within(what, distance(x, y, "value."), VALUE_BOUND);
    assert_within("  averages of the gradient", distance(x, y, "mean."), MEAN_BOUND);
    tensor_files_close(x);
    tensor_files_close(y);
}

static void n_ranks_learn_what_one_does_with_n_fold_accumulation(void **state)
{
    Bench s;
    (void)state;
    open_bench(&s);
    RUN(&s, 0, "alone", "--accumulate", "4", "--epochs", "2");
    RUN(&s, 1, "one", "--accumulate", "4", "--epochs", "2");
    RUN(&s, 2, "two", "--accumulate", "2", "--epochs", "2");
    RUN(&s, 4, "four", "--accumulate", "1", "--epochs", "2");
    TensorFiles *a = checkpoint(&s, "alone", 12), *b = checkpoint(&s, "one", 12);
    assert_true(distance(a, b, "") == 0);
    tensor_files_close(a);
    tensor_files_close(b);
    compare(&s, "two ranks against one", "one", "two", 12);
    compare(&s, "four ranks against one", "one", "four", 12);
    close_bench(&s);
}

/* Adapters, and Muon, which needs whole matrices. */
static void ranks_share_adapters_and_muon_too(void **state)
{
    Bench s;
    (void)state;
    open_bench(&s);
    RUN(&s, 1, "lora-1", "--accumulate", "3", "--lora-rank", "4", "--lora-dropout", "0.1");
    RUN(&s, 3, "lora-3", "--accumulate", "1", "--lora-rank", "4", "--lora-dropout", "0.1");
    compare(&s, "adapters, three ranks against one", "lora-1", "lora-3", 8);
    RUN(&s, 1, "muon-1", "--accumulate", "2", "--optimizer", "muon", "--steps", "2", "--no-balance-loss");
    RUN(&s, 2, "muon-2", "--accumulate", "1", "--optimizer", "muon", "--steps", "2", "--no-balance-loss");
    TensorFiles *x = checkpoint(&s, "muon-1", 2), *y = checkpoint(&s, "muon-2", 2);
    assert_within("Muon, two ranks against one: momentum", distance(x, y, "mean."), MEAN_BOUND);
    tensor_files_close(x);
    tensor_files_close(y);
    close_bench(&s);
}

static void the_same_number_of_ranks_gives_the_same_bits(void **state)
{
    Bench s;
    (void)state;
    open_bench(&s);
    RUN(&s, 3, "a", "--accumulate", "2");
    RUN(&s, 3, "b", "--accumulate", "2", "--threads", "2");
    TensorFiles *x = checkpoint(&s, "a", 4), *y = checkpoint(&s, "b", 4);
    assert_true(distance(x, y, "") == 0);
    tensor_files_close(x);
    tensor_files_close(y);
    close_bench(&s);
}

/* A step stays what it was: 2 ranks of 2 groups, 4 of 1, one of 4. */
static void a_checkpoint_goes_on_with_other_ranks(void **state)
{
    Bench s;
    (void)state;
    open_bench(&s);
    RUN(&s, 1, "whole", "--accumulate", "4", "--epochs", "2", "--schedule", "constant");
    RUN(&s, 2, "parts", "--accumulate", "2", "--epochs", "2", "--schedule", "constant", "--steps", "5");
    RUN(&s, 4, "parts", "--accumulate", "1", "--epochs", "2", "--schedule", "constant", "--resume", "--steps", "9",
        "--changed-settings");
    RUN(&s, 0, "parts", "--accumulate", "4", "--epochs", "2", "--schedule", "constant", "--resume",
        "--changed-settings");
    compare(&s, "2 ranks, then 4, then 1, against 1", "whole", "parts", 12);
    const int status = end_of(
        &s, start(&s, 3, "parts", (const char *const[]){ "--accumulate", "2", "--epochs", "2", "--resume", NULL }));
    char *text = said(&s);
    assert_int_not_equal(status, 0);
    assert_non_null(strstr(text, "accumulate (saved 4, now 6)"));
    free(text);
    close_bench(&s);
}

/* A picture that is cut short is met by one rank alone. */
static void a_rank_that_fails_ends_all_and_is_told_once(void **state)
{
    Bench s;
    char *png, *text, record[1024];
    size_t n;
    Error e;
    (void)state;
    open_bench(&s);
    write_picture(&s.folder, "whole.png", 64, 64);
    if (!file_read(temp_path(&s.folder, "whole.png"), 1 << 20, &png, &n, &e)) fail_msg("%s", e.text);
    temp_write(&s.folder, "cut.png", png, n / 2);
    free(png);
    snprintf(record, sizeof record,
             "{\"messages\": [{\"role\": \"user\", \"content\": \"One?\"}, {\"role\": \"assistant\", \"content\": "
             "\"Two\"}]}\n{\"messages\": [{\"role\": \"user\", \"content\": \"What is it?\"}, {\"role\": "
             "\"assistant\", \"content\": \"A cat\"}], \"images\": [\"cut.png\"]}\n");
    temp_write(&s.folder, "data.jsonl", record, strlen(record));
    const pid_t child = start(&s, 2, "run", (const char *const[]){ "--accumulate", "1", "--in-order", NULL });
    assert_int_not_equal(end_of(&s, child), 0);
    text = said(&s);
    const char *first = strstr(text, "vl2 train: ");
    assert_non_null(first);
    if (!strstr(first, "rank 1 of 2: ") || !strstr(first, "cut.png")) fail_msg("%s", text);
    assert_null(strstr(first + 1, "vl2 train: "));
    free(text);
    close_bench(&s);
}

/* The processes that mpirun started. */
static int children_of(pid_t parent, pid_t *child, int most)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *f = fopen(path, "r");
    int n = 0, pid;
    while (f && n < most && fscanf(f, "%d", &pid) == 1) child[n++] = pid;
    if (f) fclose(f);
    return n;
}

static void wait_a_little(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
}

static void a_rank_that_dies_ends_the_run_which_another_number_resumes(void **state)
{
    Bench s;
    pid_t rank[4];
    (void)state;
    open_bench(&s);
    const pid_t run =
        start(&s, 2, "run", (const char *const[]){ "--accumulate", "2", "--epochs", "400", "--save-every", "2", NULL });
    const char *saved = temp_path(&s.folder, "run/checkpoints/step-00000002.safetensors");
    const char *later = temp_path(&s.folder, "run/checkpoints/step-00000004.safetensors");
    for (int i = 0; i < 3000 && is_running(run) && !file_exists(saved) && !file_exists(later); i++) wait_a_little();
    if (is_running(run)) {
        assert_int_equal(children_of(run, rank, 4), 2);
        assert_int_equal(kill(rank[1], SIGKILL), 0);
    }
    const int status = end_of(&s, run);
    char *text = said(&s);
    printf("# exit status %d\n", status);
    assert_int_not_equal(status, 0);
    assert_non_null(strstr(text, "exited on signal 9"));
    free(text);
    RUN(&s, 1, "run", "--accumulate", "4", "--epochs", "1", "--resume", "--changed-settings");
    close_bench(&s);
}

TEST_MAIN(TEST(n_ranks_learn_what_one_does_with_n_fold_accumulation), TEST(ranks_share_adapters_and_muon_too),
          TEST(the_same_number_of_ranks_gives_the_same_bits), TEST(a_checkpoint_goes_on_with_other_ranks),
          TEST(a_rank_that_fails_ends_all_and_is_told_once),
          TEST(a_rank_that_dies_ends_the_run_which_another_number_resumes))

/* task.c - see task.h. */
#include "eval/task.h"

#include <string.h>

#include "base/mem.h"

static const Task TASKS[] = {
    { "DocVQA", ASK_SHORT, SCORE_ANLS, RATE_MEAN, "ANLS", "" },
    { "InfoVQA", ASK_SHORT, SCORE_ANLS, RATE_MEAN, "ANLS", "" },
    { "ChartQA", ASK_SHORT, SCORE_RELAXED, RATE_MEAN, "relaxed accuracy", "" },
    { "TextVQA", ASK_SHORT, SCORE_VQA, RATE_MEAN, "VQA score", "" },
    { "OCRVQA", ASK_SHORT, SCORE_EXACT, RATE_MEAN, "accuracy", "" },
    { "GQA", ASK_SHORT, SCORE_EXACT, RATE_MEAN, "accuracy", "" },
    { "OCRBench", ASK_STORED, SCORE_CONTAINS, RATE_OCRBENCH, "points", "category" },
    { "MME", ASK_STORED, SCORE_YES_NO, RATE_MME, "points", "category image_path" },
    { "POPE", ASK_STORED, SCORE_YES_NO, RATE_POPE, "F1", "category" },
    { "HallusionBench", ASK_STORED, SCORE_YES_NO, RATE_HALLUSION, "accuracy", "l2-category" },
    { "AI2D", ASK_CHOICE, SCORE_CHOICE, RATE_CHOICE, "accuracy", "A" },
    { "MMBench", ASK_CHOICE, SCORE_CHOICE, RATE_CIRCULAR, "accuracy of all rotations", "A" },
    { "CCBench", ASK_CHOICE, SCORE_CHOICE, RATE_CIRCULAR, "accuracy of all rotations", "A" },
    { "MMT-Bench", ASK_CHOICE, SCORE_CHOICE, RATE_MMT, "accuracy", "A" },
    { "MMStar", ASK_CHOICE, SCORE_CHOICE, RATE_CHOICE, "accuracy", "A" },
    { "MMMU", ASK_MMMU, SCORE_CHOICE, RATE_CHOICE, "accuracy", "A" },
    { "RealWorldQA", ASK_CHOICE, SCORE_CHOICE, RATE_CHOICE, "accuracy", "A" },
    { "SEEDBench", ASK_CHOICE, SCORE_CHOICE, RATE_CHOICE, "accuracy", "A" },
    { "SEEDBench2", ASK_CHOICE, SCORE_CHOICE, RATE_CHOICE, "accuracy", "A" },
    { "ScienceQA", ASK_CHOICE, SCORE_CHOICE, RATE_CHOICE, "accuracy", "A" },
    { "MathVista", ASK_STORED, SCORE_MATHVISTA, RATE_MATHVISTA, "accuracy without a judge model",
      "question_type answer_type task" },
    { "RefCOCO", ASK_STORED, SCORE_BOX, RATE_REFCOCO, "precision at IoU 0.5", "width height" },
    { "Scenes", ASK_TAGGED, SCORE_SCENES, RATE_SCENES, "accuracy; boxes by IoU 0.5", "category" },
};
enum { N_TASKS = sizeof TASKS / sizeof *TASKS };

char *task_data_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return xstrndup(name, dot && strcmp(dot, ".tsv") == 0 ? (size_t)(dot - name) : strlen(name));
}

const Task *task_find(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    for (int i = 0; i < N_TASKS; i++) {
        const size_t n = strlen(TASKS[i].name);
        if (strncmp(name, TASKS[i].name, n) == 0 && (name[n] == 0 || name[n] == '_' || name[n] == '.'))
            return &TASKS[i];
    }
    return NULL;
}

const Task *task_at(int i)
{
    return i < N_TASKS ? &TASKS[i] : NULL;
}

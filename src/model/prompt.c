/* prompt.c - see prompt.h; what is tokenized is decided in text/chat.c, how pictures are cut in image/tile.c. */
#include "model/prompt.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/projector.h"

typedef struct {
    Prompt *p;
    int capacity;
} Writer;

static void put(Writer *w, int32_t id, bool is_image, bool is_answer)
{
    Prompt *p = w->p;
    if (p->n == w->capacity) {
        w->capacity = w->capacity ? 2 * w->capacity : 1024;
        p->id = xrealloc(p->id, (size_t)w->capacity, sizeof *p->id);
        p->is_image = xrealloc(p->is_image, (size_t)w->capacity, sizeof *p->is_image);
        p->is_answer = xrealloc(p->is_answer, (size_t)w->capacity, sizeof *p->is_answer);
    }
    p->id[p->n] = id;
    p->is_image[p->n] = is_image;
    p->is_answer[p->n++] = is_answer;
}

static bool fail_too_long(Error *e)
{
    return fail(e, ERR_LIMIT, "the prompt has more than %d tokens", INT_MAX / 2);
}

static bool put_text(Writer *w, const Tokenizer *t, const Piece *piece, AddedTokens added, Error *e)
{
    Ids ids = { 0 };
    bool ok = tokenizer_encode(t, piece->text, piece->n, piece->is_template ? ADDED_ALL : added, &ids, e);
    if (ok && ids.n > (size_t)(INT_MAX / 2 - w->p->n)) ok = fail_too_long(e);
    for (size_t i = 0; ok && i < ids.n; i++) put(w, ids.id[i], false, piece->is_answer);
    ids_free(&ids);
    return ok;
}

/* Tiling is for conversations of one or two pictures. */
static bool is_cropped(int n_pictures)
{
    return n_pictures <= 2;
}

/* Leaves room for the rows of one picture. */
static bool put_image(Writer *w, const Config *c, Size picture, bool crop, int32_t image_id, Error *e)
{
    const ProcessorConfig *pc = &c->processor;
    PromptImage *i = &w->p->image[w->p->n_images++];
    *i = (PromptImage){ .w = picture.w, .h = picture.h, .first = w->p->n };
    i->tiles = tiles_plan(picture, pc->candidate, pc->n_candidates, pc->image_size, crop);
    i->n_tokens = image_token_count(c->projector.grid, i->tiles.across, i->tiles.down);
    if (i->n_tokens > INT_MAX / 2 - w->p->n) return fail_too_long(e);
    for (int k = 0; k < i->n_tokens; k++) put(w, image_id, true, false);
    w->p->n_image_tokens += i->n_tokens;
    return true;
}

/* The pictures of all messages, in order. */
typedef struct {
    const Size *size;
    const bool *whole; /* NULL: none */
    int n;
} Pictures;

static bool put_piece(Writer *w, const Config *c, const Tokenizer *t, const Piece *piece, const Pictures *pictures,
                      AddedTokens added, Error *e)
{
    const int i = w->p->n_images; /* the next picture */
    const SpecialIds *ids = tokenizer_special(t);
    switch (piece->kind) {
    case PIECE_BOS: put(w, ids->bos, false, false); return true;
    case PIECE_EOS:
        put(w, ids->eos, false, piece->is_answer);
        w->p->answer_end[w->p->n_answers++] = w->p->n;
        return true;
    case PIECE_TEXT: return put_text(w, t, piece, added, e);
    case PIECE_IMAGE:
        return put_image(w, c, pictures->size[i], is_cropped(pictures->n) && !(pictures->whole && pictures->whole[i]),
                         ids->image, e);
    }
    return false;
}

static bool lay_out(Prompt *p, const Config *config, const Tokenizer *t, const Conversation *c,
                    const Pictures *pictures, AddedTokens added, Error *e)
{
    const int n_pictures = pictures->n;
    Pieces pieces = { 0 };
    Writer w = { p, 0 };
    bool ok = true;
    *p = (Prompt){ 0 };
    p->image = xcalloc((size_t)n_pictures, sizeof *p->image);
    p->answer_end = xcalloc((size_t)c->n, sizeof *p->answer_end);
    chat_pieces(c, &pieces);
    for (int i = 0; ok && i < pieces.n; i++) ok = put_piece(&w, config, t, &pieces.piece[i], pictures, added, e);
    pieces_free(&pieces);
    if (!ok) {
        prompt_free(p);
        return false;
    }
    assert(p->n_images == n_pictures && p->n > 1 && p->id[p->n - 1] == tokenizer_special(t)->eos);
    return true;
}

bool prompt_layout(Prompt *p, const Config *config, const Tokenizer *t, const Conversation *c, const Size *pictures,
                   AddedTokens added, Error *e)
{
    return lay_out(p, config, t, c, &(Pictures){ pictures, NULL, conversation_images(c) }, added, e);
}

static bool cut(Tiles *out, const Config *config, const Image *picture, bool crop, Error *e)
{
    const ProcessorConfig *c = &config->processor;
    return tiles_cut(out, picture, c->candidate, c->n_candidates, c->image_size, crop, c->around, e);
}

bool prompt_cut(Tiles *out, const Config *config, const Image *picture, int n_pictures, Error *e)
{
    return cut(out, config, picture, is_cropped(n_pictures), e);
}

bool prompt_build(Prompt *p, const Config *config, const Tokenizer *t, const Conversation *c, const Image *pictures,
                  const bool *whole, AddedTokens added, Error *e)
{
    const int n = conversation_images(c);
    Size *size = xcalloc((size_t)n, sizeof *size);
    for (int i = 0; i < n; i++) size[i] = (Size){ pictures[i].w, pictures[i].h };
    bool ok = lay_out(p, config, t, c, &(Pictures){ size, whole, n }, added, e);
    free(size);
    if (!ok) return false;
    for (int i = 0; ok && i < n; i++)
        ok = cut(&p->image[i].tiles, config, &pictures[i], is_cropped(n) && !(whole && whole[i]), e);
    if (!ok) {
        prompt_free(p);
        return false;
    }
    p->n--; /* the end token: the answer is left open */
    return true;
}

void prompt_free(Prompt *p)
{
    for (int i = 0; i < p->n_images; i++) tiles_free(&p->image[i].tiles);
    free(p->image);
    free(p->answer_end);
    free(p->id);
    free(p->is_image);
    free(p->is_answer);
    *p = (Prompt){ 0 };
}

void prompt_labels(const Prompt *p, bool mask_prompt, int32_t *out)
{
    for (int i = 0; i < p->n; i++) {
        const bool is_label = !p->is_image[i] && (i == 0 || p->is_answer[i] || !mask_prompt);
        out[i] = is_label ? p->id[i] : LABEL_IGNORE;
    }
}

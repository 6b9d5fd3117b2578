/* cmd_tokenize.c - `vl2 tokenize`: text to ids and back. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "format/json.h"
#include "model/model.h"
#include "text/detokenize.h"

enum { TOKENIZER_MAX = 256 << 20, TEXT_MAX = 1 << 30, LINE_MAX_BYTES = 64 << 20 };

typedef struct {
    const char *model, *tokenizer;
    bool jsonl, decode, raw_special, skip_special, verbose;
} TokenizeArgs;

#define T TokenizeArgs
static const Option OPTIONS[] = {
    OPTION_TEXT(
        T, model, "model", 'm', "MODEL",
        "Model, a folder or a GGUF file, whose tokenizer is used. Default: the small model that comes with vl2."),
    OPTION_TEXT(T, tokenizer, "tokenizer", 0, "FILE", "A tokenizer.json instead of a model. Default: none."),
    OPTION_FLAG(T, decode, "decode", 0, "Ids in, text out. Default: text in, ids out."),
    OPTION_FLAG(
        T, jsonl, "jsonl", 0,
        "Standard input has one JSON object a line, {\"text\": ...}, and standard output gets {\"ids\": [...]} for "
        "each; with --decode the other way round. Default: off."),
    OPTION_FLAG(
        T, raw_special, "raw-special", 0,
        "Every special token written in a text acts, as in the official code. Default: only the grounding tags do; "
        "others are plain text, as in a user's prompt."),
    OPTION_FLAG(T, skip_special, "skip-special", 0, "Leave special tokens out of decoded text. Default: off."),
    OPTION_FLAG(T, verbose, "verbose", 'v', "One line for each token: id, then its bytes as text. Default: off."),
    OPTIONS_END
};
#undef T

static const Group GROUPS[] = { { "Options", OPTIONS, 0 }, { 0 } };

/* ---- the tokenizer ---- */

static Tokenizer *open_file(const char *path, Error *e)
{
    char *json;
    size_t n;
    if (!file_read(path, TOKENIZER_MAX, &json, &n, e)) return NULL;
    Tokenizer *t = tokenizer_open(json, n, NULL, path, e);
    free(json);
    return t;
}

static Tokenizer *open_model(const char *model, Error *e)
{
    Config config;
    Tokenizer *t = NULL;
    ModelSource *source = model_source_open(model_or_default(model), e);
    if (source && config_read(&config, source, e)) {
        t = model_tokenizer(source, config.processor.pad_token, e);
        config_free(&config);
    }
    model_source_close(source);
    return t;
}

/* ---- one text ---- */

static bool encode(const TokenizeArgs *a, const Tokenizer *t, const char *text, size_t n, Ids *ids, Error *e)
{
    return tokenizer_encode(t, text, n, a->raw_special ? ADDED_ALL : ADDED_GROUNDING, ids, e);
}

static void print_pieces(const Tokenizer *t, const Ids *ids)
{
    Str piece = { 0 };
    for (size_t i = 0; i < ids->n; i++) {
        size_t n;
        const char *bytes = tokenizer_bytes(t, ids->id[i], &n);
        str_clear(&piece);
        for (size_t k = 0; bytes && k < n; k++) {
            const unsigned char c = (unsigned char)bytes[k];
            if (c < 0x20 || c == 0x7f || c == '\\')
                str_printf(&piece, "\\x%02x", c);
            else
                str_putc(&piece, bytes[k]);
        }
        printf("%7d  ", ids->id[i]);
        if (utf8_is_valid(piece.text, piece.n))
            print_untrusted(piece.text, piece.n);
        else
            for (size_t k = 0; k < n; k++) printf("\\x%02x", (unsigned char)bytes[k]);
        putchar('\n');
    }
    str_free(&piece);
}

static void print_ids(const Ids *ids)
{
    for (size_t i = 0; i < ids->n; i++) printf("%s%d", i ? " " : "", ids->id[i]);
    putchar('\n');
}

static bool print_encoded(const TokenizeArgs *a, const Tokenizer *t, const char *text, size_t n, Error *e)
{
    Ids ids = { 0 };
    const bool ok = encode(a, t, text, n, &ids, e);
    if (ok && a->verbose)
        print_pieces(t, &ids);
    else if (ok)
        print_ids(&ids);
    ids_free(&ids);
    return ok;
}

/* Numbers apart by blanks, commas or brackets, so that a list from JSON may be pasted. */
static bool parse_ids(const char *text, Ids *ids, Error *e)
{
    static const char APART[] = " ,\t\r\n[]";
    for (const char *s = text + strspn(text, APART); *s; s += strspn(s, APART)) {
        char *end;
        errno = 0;
        const long v = strtol(s, &end, 10);
        if (end == s || errno || v < 0 || v > INT32_MAX || (*end && !strchr(APART, *end)))
            return fail(e, ERR_FORMAT, "found '%.*s', expected token ids", (int)strcspn(s, APART), s);
        ids_add(ids, (int32_t)v);
        s = end;
    }
    return true;
}

static bool print_decoded(const TokenizeArgs *a, const Tokenizer *t, const char *text, Error *e)
{
    Ids ids = { 0 };
    Str out = { 0 };
    const bool ok = parse_ids(text, &ids, e);
    if (ok && a->verbose) {
        print_pieces(t, &ids);
    } else if (ok) {
        detokenize(t, ids.id, ids.n, a->skip_special, &out);
        print_untrusted(out.text ? out.text : "", out.n);
        putchar('\n');
    }
    str_free(&out);
    ids_free(&ids);
    return ok;
}

/* ---- JSON lines ---- */

static bool take_text(const json_t *o, const char **text, size_t *n, const char *where, Error *e)
{
    const json_t *v = json_object_get(o, "text");
    if (!json_is_string(v))
        return fail(e, ERR_FORMAT, "%s: \"text\" is %s, expected a string", where, v ? json_type_name(v) : "missing");
    *text = json_string_value(v);
    *n = json_string_length(v);
    return true;
}

static json_t *encoded_line(const TokenizeArgs *a, const Tokenizer *t, const json_t *o, const char *where, Error *e)
{
    const char *text = NULL;
    size_t n = 0;
    Ids ids = { 0 };
    json_t *list = NULL;
    if (!take_text(o, &text, &n, where, e)) return NULL;
    if (encode(a, t, text, n, &ids, e)) {
        list = json_array();
        for (size_t i = 0; i < ids.n; i++) json_array_append_new(list, json_integer(ids.id[i]));
    } else
        fail_in(e, "%s", where);
    ids_free(&ids);
    return list ? json_pack("{s:o}", "ids", list) : NULL;
}

static json_t *decoded_line(const TokenizeArgs *a, const Tokenizer *t, const json_t *o, const char *where, Error *e)
{
    json_t *list, *v;
    size_t i;
    Ids ids = { 0 };
    Str out = { 0 };
    if (!json_take_node(o, "ids", JSON_ARRAY, &list, where, e)) return NULL;
    if (!list) return fail(e, ERR_FORMAT, "%s: \"ids\" is missing", where), NULL;
    json_array_foreach(list, i, v)
    {
        const json_int_t id = json_is_integer(v) ? json_integer_value(v) : -1;
        if (id < 0 || id > INT32_MAX) {
            fail(e, ERR_FORMAT, "%s: ids[%zu] is not a token id", where, i);
            ids_free(&ids);
            return NULL;
        }
        ids_add(&ids, (int32_t)id);
    }
    detokenize(t, ids.id, ids.n, a->skip_special, &out);
    json_t *line = json_pack("{s:s%}", "text", out.text ? out.text : "", out.n);
    str_free(&out);
    ids_free(&ids);
    return line;
}

static bool convert_line(const TokenizeArgs *a, const Tokenizer *t, const char *line, size_t n, size_t number, Error *e)
{
    char where[64];
    snprintf(where, sizeof where, "standard input, line %zu", number);
    json_t *in = json_parse(line, n, where, e), *out = NULL;
    if (in && !json_is_object(in))
        fail(e, ERR_FORMAT, "%s: %s, expected an object", where, json_type_name(in));
    else if (in)
        out = a->decode ? decoded_line(a, t, in, where, e) : encoded_line(a, t, in, where, e);
    json_decref(in);
    if (!out) return false;
    print_json_line(out);
    return true;
}

static bool convert_lines(const TokenizeArgs *a, const Tokenizer *t, Error *e)
{
    char *line = NULL;
    size_t capacity = 0, number = 0;
    bool ok = true;
    for (ssize_t n; ok && !ferror(stdout) && (n = getline(&line, &capacity, stdin)) >= 0;) {
        number++;
        if (n > LINE_MAX_BYTES)
            ok = fail(e, ERR_LIMIT, "standard input, line %zu: %zd bytes, at most %d are read", number, n,
                      LINE_MAX_BYTES);
        else if (strspn(line, " \t\r\n") < (size_t)n)
            ok = convert_line(a, t, line, (size_t)n, number, e);
    }
    free(line);
    return ok;
}

/* ---- the command ---- */

/* The operands with blanks between them, or standard input. */
static bool take_input(char **operand, int n_operands, char **text, size_t *n, Error *e)
{
    Str s = { 0 };
    if (n_operands == 0 || (n_operands == 1 && !strcmp(operand[0], "-"))) return file_read("-", TEXT_MAX, text, n, e);
    for (int i = 0; i < n_operands; i++) str_printf(&s, "%s%s", i ? " " : "", operand[i]);
    *text = s.text;
    *n = s.n;
    return true;
}

static bool convert(const TokenizeArgs *a, const Tokenizer *t, char **operand, int n_operands, Error *e)
{
    char *text = NULL;
    size_t n = 0;
    const bool ok = take_input(operand, n_operands, &text, &n, e) &&
                    (a->decode ? print_decoded(a, t, text, e) : print_encoded(a, t, text, n, e));
    free(text);
    return ok;
}

static bool work(const TokenizeArgs *a, char **operand, int n_operands, Error *e)
{
    Tokenizer *t = a->tokenizer ? open_file(a->tokenizer, e) : open_model(a->model, e);
    if (!t) return false;
    const bool ok = a->jsonl ? convert_lines(a, t, e) : convert(a, t, operand, n_operands, e);
    tokenizer_close(t);
    return ok;
}

static int tokenize(const Command *self, int argc, char **argv)
{
    TokenizeArgs a = { 0 };
    Error e = { 0 };
    int n, status;
    if (!args_begin(self, &a, argc, argv, &n, &status)) return status;
    if (a.jsonl && n > 0)
        fail(&e, ERR_USAGE, "--jsonl reads standard input, and there is a TEXT, too");
    else if (a.model && a.tokenizer)
        fail(&e, ERR_USAGE, "-m and --tokenizer say different things: give one");
    else if (work(&a, argv + 1, n, &e))
        return finish_output();
    fflush(stdout);
    return args_report(self, &e);
}

const Command CMD_TOKENIZE = {
    .name = "tokenize",
    .summary = "text to token ids and back",
    .usage =
        (const char *const[]){ "tokenize [-m MODEL | --tokenizer FILE] [options] [TEXT]",
                               "tokenize --decode [options] [IDS]", "tokenize --jsonl [--decode] [options]", NULL },
    .about =
        "TEXT or IDS come from standard input when they are absent or '-'; several arguments are joined by blanks. No "
        "token is added in front or at the end.",
    .group = GROUPS,
    .example =
        (const char *const[]){ "Ids of a text", "vl2 tokenize -m deepseek-vl2-tiny 'Describe this image.'", "And back",
                               "vl2 tokenize -m deepseek-vl2-tiny --decode 72188 566 4609 16", "Many texts",
                               "vl2 tokenize -m deepseek-vl2-tiny --jsonl < texts.jsonl > ids.jsonl", NULL },
    .max_operands = -1,
    .run = tokenize,
};

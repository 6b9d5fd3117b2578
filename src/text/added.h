/* added.h - added tokens: fixed strings that are cut out of a text before anything else happens to it.
 *
 * The `tokenizers` library does it in two passes, first the tokens with normalized = false, then in what lies between
 * them those with normalized = true. In a pass the leftmost match wins, the longest of those that begin there, and
 * matches do not overlap. lstrip and rstrip take the white space around a match with it; single_word drops a match that
 * has a letter, mark, digit or the like right beside it. */
#ifndef VL2_TEXT_ADDED_H
#define VL2_TEXT_ADDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/tokenizer.h"

enum { MAX_ADDED_BYTES = 4096 }; /* of one token: what a search at one position can cost */

typedef struct {
    char *content; /* not empty */
    size_t n;
    int32_t id;
    bool special, normalized, lstrip, rstrip, single_word;
} AddedToken;

typedef struct {
    unsigned char byte;
    int32_t child, sibling; /* nodes; 0: none */
    int32_t token;          /* index of the token that ends here, -1: none */
} TrieNode;

typedef struct {
    TrieNode *node; /* 0 is the root */
    int32_t n, capacity;
    bool begins[256]; /* a token begins with this byte */
} Trie;

enum { N_ADDED_PASSES = 2, N_ADDED_SETS = 2 };

typedef struct {
    AddedToken *token;
    int32_t n, capacity;
    Trie names;                              /* all of them: to find one by its content */
    Trie trie[N_ADDED_SETS][N_ADDED_PASSES]; /* by AddedTokens and by `normalized`; built by added_ready() */
} Added;

const AddedToken *added_find(const Added *a, const char *content, size_t n); /* NULL: none */
void added_add(Added *a, AddedToken token); /* takes token.content over; there is none of that content yet */
void added_ready(Added *a);
void added_free(Added *a);

typedef struct {
    size_t scanned; /* the next place to look at */
    size_t done;    /* up to here the text has been given out */
} AddedCursor;

typedef struct {
    size_t begin, end; /* the text up to `begin`, from the cursor's `done` before the call, is ordinary */
    int32_t id;
} AddedMatch;

/* The next match in text[0, n), which is valid UTF-8. False: there is none; the rest from c->done on is ordinary. */
bool added_next(const Added *a, AddedTokens set, int pass, const char *text, size_t n, AddedCursor *c, AddedMatch *m);

#endif

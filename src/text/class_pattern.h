/* class_pattern.h - regular expressions that are made of character classes: the ones that published tokenizers cut
 * with.
 *
 *   pattern     alternative | alternative | ...           the first that matches at a position wins
 *   alternative item item ...
 *   item        class, class?, class*, class+, class{m}, class{m,}, class{m,n}     greedy, going back where it must
 *               (?!class)   $
 *   class       a character, an escape, \s \S \p{L} \P{L} (also M N P S), [..], [^..]
 *
 * Inside this subset a match is exactly Oniguruma's and takes a fraction of its time (docs/speed.md). A pattern
 * outside of it is not an error: class_pattern_open() says so, and the caller asks Oniguruma. */
#ifndef VL2_TEXT_CLASS_PATTERN_H
#define VL2_TEXT_CLASS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/unicode_class.h"

enum { MAX_CLASSES = 16, MAX_ITEMS = 64 };

/* The classes of all patterns of one tokenizer. Bit c of bmp[cp]: cp belongs to class c. */
typedef struct {
    uint16_t bmp[0x10000];
    struct {
        CodeRange *range; /* ascending, not touching */
        size_t n;
    } class[MAX_CLASSES];
    int n;
} ClassTable;

void class_table_free(ClassTable *t); /* what it holds, not t */

typedef enum { ITEM_CLASS, ITEM_NOT_AHEAD, ITEM_LINE_END, ITEM_DONE } ItemKind;

typedef struct {
    ItemKind kind;
    int class;
    uint32_t min, max;
} Item;

typedef struct {
    Item item[MAX_ITEMS]; /* the alternatives, each ended by ITEM_DONE */
    int n_items;
    int first[MAX_ITEMS];            /* item that an alternative begins with */
    uint16_t starts_with[MAX_ITEMS]; /* the classes that its first character can be of */
    bool may_be_empty[MAX_ITEMS];    /* it can match nothing at all, or looks ahead first */
    int n_alternatives;
} ClassPattern;

/* False: the pattern is outside of the subset, or the table is full. The pattern is valid UTF-8. */
bool class_pattern_open(ClassPattern *p, ClassTable *t, const char *pattern);

typedef enum { SEARCH_FOUND, SEARCH_NONE, SEARCH_GAVE_UP } SearchResult;

/* The first match in text[from, end); the text is valid UTF-8 and nothing behind `end` is looked at. Gives up after
 * `limit` steps back. */
SearchResult class_pattern_search(const ClassPattern *p, const ClassTable *t, const char *text, uint32_t from,
                                  uint32_t end, uint32_t limit, uint32_t *match_begin, uint32_t *match_end);

#endif

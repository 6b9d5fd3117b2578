/* test_make_scenes.c - the generator of training pictures: the same bytes from the same numbers, boxes that fit, a held-out split
 * that training cannot have seen, and every record a sample. */
int make_scenes_main(int argc, char **argv);
#define main make_scenes_main
#include "../../tools/make_scenes.c"
#undef main

#include <ctype.h>

#include "format/json.h"
#include "train_support.h"

/* Runs the generator with `args`, words apart by blanks, into the folder `name`. */
static const char *make_into(TempFolder *t, const char *name, const char *args)
{
    char text[256], *argv[24] = { (char[]){ "make_scenes" } };
    int argc = 1;
    const char *folder = temp_path(t, name);
    snprintf(text, sizeof text, "%s", args);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) argv[argc++] = word;
    argv[argc++] = (char[]){ "-o" };
    argv[argc++] = (char *)(uintptr_t)folder;
    assert_int_equal(make_scenes_main(argc, argv), 0);
    return folder;
}

/* The records of a folder; caller: json_decref(). */
static json_t *records_of(const char *folder)
{
    Error e;
    char *path = path_join(folder, "data.jsonl"), *text;
    size_t n;
    json_t *list = json_array();
    if (!file_read(path, 64 << 20, &text, &n, &e)) fail_msg("%s", e.text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        json_array_append_new(list, json_parse(line, strlen(line), path, &e));
    free(text);
    free(path);
    return list;
}

static void load_picture(const char *folder, const char *name, Image *i)
{
    Error e;
    char *path = path_join(folder, name);
    if (!image_load(i, path, &IMAGE_DEFAULTS, &e)) fail_msg("%s", e.text);
    free(path);
}

static uint64_t hash_bytes(uint64_t h, const void *bytes, size_t n)
{
    for (const unsigned char *p = bytes; n > 0; n--, p++) h = (h ^ *p) * 0x100000001b3u;
    return h;
}

/* Of all texts and pixels: not of the PNG files, whose bytes are zlib's matter. */
static uint64_t hash_folder(const char *folder)
{
    json_t *list = records_of(folder), *r, *name;
    uint64_t h = 0xcbf29ce484222325u;
    size_t i, k;
    json_array_foreach(list, i, r)
    {
        char *line = json_dumps(r, JSON_COMPACT | JSON_SORT_KEYS);
        h = hash_bytes(h, line, strlen(line));
        free(line);
        json_array_foreach(json_object_get(r, "images"), k, name)
        {
            Image image;
            load_picture(folder, json_string_value(name), &image);
            h = hash_bytes(h, image.rgb, (size_t)image.w * (size_t)image.h * 3);
            image_free(&image);
        }
    }
    json_decref(list);
    return h;
}

static void the_same_numbers_give_the_same_pictures_everywhere(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    const uint64_t h = hash_folder(make_into(&t, "a", "--emoji none --count 300 --seed 7 --mixed-sizes"));
    printf("# 300 records: %016llx\n", (unsigned long long)h);
    assert_true(h == 0x65a683dd78c90cebu);
    temp_close(&t);
}

static void a_record_depends_on_its_number_alone(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    json_t *all = records_of(make_into(&t, "a", "--emoji none --count 60"));
    json_t *part = records_of(make_into(&t, "b", "--emoji none --first 40 --count 20"));
    for (size_t i = 0; i < 20; i++) assert_true(json_equal(json_array_get(all, 40 + i), json_array_get(part, i)));
    json_decref(all);
    json_decref(part);
    temp_close(&t);
}

static void boxes_of_shapes_are_tight(void **state)
{
    (void)state;
    static const int BLACK[3] = { 0, 0, 0 }, WHITE[3] = { 255, 255, 255 };
    for (int s = 0; s < SHAPE_KINDS; s++)
        for (int side = 24; side <= 72; side += 7) {
            Image i;
            Rect seen = NOTHING;
            new_image(&i, SIDE, SIDE);
            fill_rect(&i, (Rect){ 0, 0, SIDE, SIDE }, WHITE);
            const Rect box = draw_shape(&i, (Shape)s, 20, 30, side, BLACK);
            for (int y = 0; y < SIDE; y++)
                for (int x = 0; x < SIDE; x++)
                    if (i.rgb[(y * SIDE + x) * 3] <= 128) rect_add(&seen, x, y);
            assert_memory_equal(&box, &seen, sizeof box);
            assert_in_range(box.x1 - box.x0, side / 2, side);
            assert_in_range(box.y1 - box.y0, side / 2, side);
            image_free(&i);
        }
}

/* Of a text that the picture's border cuts, too. */
static void boxes_of_text_are_within_the_picture(void **state)
{
    (void)state;
    static const int BLACK[3] = { 0, 0, 0 };
    for (int end = 0; end < 2; end++)
        for (size_t k = 0; k < N_CHARACTERS; k++) {
            Image i;
            const char text[2] = { CHARACTERS[k] };
            new_image(&i, SIDE, SIDE);
            const Rect box = draw_text(&i, text, 4, end ? SIDE - 20 : -20, 2, BLACK);
            assert_int_equal(end ? box.y1 : box.y0, end ? SIDE : 0);
            image_free(&i);
        }
}

/* Names of shapes in a text whose colour and shape are kept for the held-out split. */
static bool names_kept(const char *text)
{
    char name[NAME_BYTES];
    for (int c = 0; c < N_COLOURS; c++)
        for (int s = 0; s < SHAPE_KINDS; s++) {
            snprintf(name, sizeof name, "%s %s", COLOURS[c].name, SHAPE_NAMES[s]);
            if (is_kept_colour(c, (Shape)s) && strstr(text, name)) return true;
        }
    return false;
}

static void training_never_sees_what_is_held_out(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    json_t *list = records_of(make_into(&t, "a", "--emoji none --count 800 --tasks read,what,caption,ground")), *r;
    size_t i;
    int texts = 0, kept = 0;
    json_array_foreach(list, i, r)
    {
        char *line = json_dumps(r, 0);
        assert_false(names_kept(line));
        free(line);
        assert_null(json_object_get(r, "unseen"));
        const char *task = json_string_value(json_array_get(json_object_get(r, "tasks"), 0));
        if (strcmp(task, "read") != 0) continue;
        assert_false(is_kept_text(
            json_string_value(json_object_get(json_array_get(json_object_get(r, "messages"), 1), "content"))));
        texts++;
    }
    assert_true(texts > 100);
    json_decref(list);
    for (int c = 0; c < N_COLOURS; c++)
        for (int s = 0; s < SHAPE_KINDS; s++) kept += is_kept_colour(c, (Shape)s);
    assert_int_equal(kept, 10);
    temp_close(&t);
}

static void the_held_out_split_asks_all_tasks_alike(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    json_t *list = records_of(make_into(&t, "a", "--emoji none --count 1100 --held-out")), *r;
    size_t i;
    int n[TASKS] = { 0 }, unseen = 0, yes = 0;
    json_array_foreach(list, i, r)
    {
        const json_t *tasks = json_object_get(r, "tasks"), *messages = json_object_get(r, "messages");
        assert_int_equal(json_array_size(tasks), 1);
        assert_int_equal(json_array_size(messages), 2);
        unseen += json_is_true(json_object_get(r, "unseen"));
        for (int k = 0; k < TASKS; k++) n[k] += strcmp(json_string_value(json_array_get(tasks, 0)), TASK_NAMES[k]) == 0;
        yes += strcmp(json_string_value(json_object_get(json_array_get(messages, 1), "content")), "yes") == 0;
    }
    for (int k = 0; k < TASKS; k++) assert_int_equal(n[k], k >= TASK_MAP ? 0 : 100);
    printf("# %d of 1100 unseen; %d of 100 answers of place are yes\n", unseen, yes);
    assert_true(unseen > 40);
    assert_in_range(yes, 35, 65); /* three sigma of a fair coin */
    json_decref(list);
    temp_close(&t);
}

/* Question and answer number i of a record. */
static const char *said(const json_t *record, size_t i)
{
    return json_string_value(json_object_get(json_array_get(json_object_get(record, "messages"), i), "content"));
}

static void find_asks_for_all_things_and_says_their_parts(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    json_t *list = records_of(
               make_into(&t, "a", "--emoji none --count 600 --tasks find-ref,caption --rounds 2 --objects 3-3")),
           *r;
    size_t i;
    int compared = 0, from_left = 0;
    json_array_foreach(list, i, r) /* the caption has the boxes */
    {
        const json_t *tasks = json_object_get(r, "tasks"), *objects = json_object_get(r, "objects");
        if (json_array_size(tasks) != 2 || json_array_size(json_object_get(objects, "ref")) != 3) continue;
        const size_t find = strcmp(json_string_value(json_array_get(tasks, 0)), "find-ref") == 0 ? 0 : 2;
        const char *at = said(r, find + 1);
        int last = -1, ordered = 0;
        for (size_t k = 0; k < 3; k++) { /* from left to right */
            int box[4];
            char part[24];
            const char *name = json_string_value(json_array_get(json_object_get(objects, "ref"), k));
            const char *place = strstr(at, name) ? strstr(at, name) : strstr(at, strchr(name, ' ') + 1);
            for (size_t c = 0; c < 4; c++)
                box[c] =
                    (int)json_integer_value(json_array_get(json_array_get(json_object_get(objects, "bbox"), k), c));
            snprintf(part, sizeof part, "<|/ref|>%c%d", 'A' + (box[0] + box[2]) / 2 / (SIDE / 4),
                     1 + (box[1] + box[3]) / 2 / (SIDE / 4));
            assert_memory_equal(strstr(place, "<|/ref|>"), part, strlen(part));
            ordered += place - at > last;
            last = (int)(place - at);
        }
        from_left += ordered == 3;
        compared++;
    }
    printf("# %d compared, %d from left to right\n", compared, from_left);
    assert_true(compared > 50);
    assert_in_range(from_left, 1, compared / 3); /* a sixth, by chance */
    json_decref(list);
    temp_close(&t);
}

static void find_between_has_a_colon_or_tags(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    json_t *list =
               records_of(make_into(&t, "a", "--emoji none --count 60 --tasks find-between --rounds 1 --objects 2-2")),
           *r;
    size_t i;
    int form[2] = { 0 };
    json_array_foreach(list, i, r)
    {
        const bool tags = strstr(said(r, 1), "<|ref|>") != NULL;
        const char *question = strstr(said(r, 0), "Find ") + strlen("Find "), *answer = said(r, 1);
        char names[2][32], asked[128];
        int part;
        if (sscanf(answer,
                   tags ? "<|ref|>the %31[a-z ]<|/ref|>%*1[A-D]%*1[1-4]<|ref|>the %31[a-z ]<|/ref|>%*1[A-D]%1d"
                        : "the %31[a-z ]:%*1[A-D]%*1[1-4] the %31[a-z ]:%*1[A-D]%1d",
                   names[0], names[1], &part) < 3)
            continue; /* one thing alone found a place */
        snprintf(asked, sizeof asked, tags ? "<|ref|>the %s<|/ref|><|ref|>the %s<|/ref|>" : "the %s the %s", names[0],
                 names[1]);
        assert_string_equal(question, asked);
        form[tags]++;
    }
    assert_in_range(form[0], 10, 45);
    assert_in_range(form[1], 10, 45);
    json_decref(list);
    temp_close(&t);
}

/* As a shape is drawn: each part within 12 of its colour's. */
static int count_pixels(const Image *i, const int rgb[3])
{
    int n = 0;
    for (int at = 0; at < i->w * i->h; at++) {
        bool near = true;
        for (int c = 0; c < 3; c++) near &= abs(i->rgb[at * 3 + c] - rgb[c]) <= 12;
        n += near;
    }
    return n;
}

static void find_image_says_which_picture_each_is_in(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    const char *folder = make_into(&t, "a", "--emoji none --count 40 --tasks find-image --rounds 1 --objects 1-1");
    json_t *list = records_of(folder), *r;
    size_t i;
    int found = 0;
    json_array_foreach(list, i, r)
    {
        int used = 0;
        char colour[16], ordinal[16];
        for (const char *at = said(r, 1); sscanf(at, "the %15s %*s %15s%n", colour, ordinal, &used) == 2;
             at += used + (at[used] == ' ')) {
            Image image;
            int c = 0;
            size_t which = 0;
            while (strcmp(COLOURS[c].name, colour) != 0) assert_true(++c < N_COLOURS);
            while (strcmp(ORDINALS[which], ordinal) != 0) assert_true(++which < MAX_SCENES);
            load_picture(folder, json_string_value(json_array_get(json_object_get(r, "images"), which)), &image);
            assert_true(count_pixels(&image, COLOURS[c].rgb) > 50);
            image_free(&image);
            found++;
        }
    }
    printf("# %d found\n", found);
    assert_true(found > 70);
    json_decref(list);
    temp_close(&t);
}

static void same_marks_a_thing_and_asks_for_its_kind(void **state)
{
    (void)state;
    static const int RED[3] = { 255, 0, 0 };
    TempFolder t = temp_open();
    const char *folder = make_into(&t, "a", "--emoji none --count 60 --tasks same --rounds 1");
    json_t *list = records_of(folder), *r;
    size_t i;
    json_array_foreach(list, i, r)
    {
        const json_t *objects = json_object_get(r, "objects");
        Image image;
        assert_int_equal(json_array_size(json_object_get(objects, "bbox")), 1);
        assert_int_equal(json_integer_value(json_array_get(json_object_get(objects, "image_id"), 0)), 1);
        for (size_t k = 0; k < 2; k++) { /* a line of two pixels around at least 24 x 24 */
            load_picture(folder, json_string_value(json_array_get(json_object_get(r, "images"), k)), &image);
            if (k == 0)
                assert_true(count_pixels(&image, RED) > 100);
            else
                assert_true(count_pixels(&image, RED) == 0);
            image_free(&image);
        }
    }
    assert_int_equal(json_array_size(list), 60);
    json_decref(list);
    temp_close(&t);
}

static void many_things_stand_in_parts_of_their_own(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    json_t *list =
               records_of(make_into(&t, "a", "--emoji none --count 50 --tasks find-ref --rounds 1 --objects 16-16")),
           *r;
    size_t i;
    json_array_foreach(list, i, r)
    {
        unsigned taken = 0;
        for (const char *at = said(r, 1); (at = strstr(at, "<|/ref|>")); at++) {
            const int column = at[8] - 'A', row = at[9] - '1';
            assert_in_range(column, 0, 3);
            assert_in_range(row, 0, 3);
            taken |= 1u << (row * 4 + column);
        }
        assert_int_equal(taken, 0xffff);
    }
    json_decref(list);
    temp_close(&t);
}

/* `letters`: rows of one length; as things: tight boxes within the picture. */
static void characters_are_printed_in_cells_and_as_things(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    json_t *list = records_of(make_into(&t, "a", "--emoji none --count 60 --tasks letters --rounds 1")), *r;
    size_t i;
    int seen = 0;
    json_array_foreach(list, i, r)
    {
        const char *answer = said(r, 1);
        const size_t columns = strcspn(answer, " "), rows = (strlen(answer) + 1) / (columns + 1);
        assert_in_range(columns, 1, 4);
        assert_in_range(rows, 1, 3);
        assert_int_equal(strlen(answer), rows * (columns + 1) - 1);
        for (const char *c = answer; *c; c++) seen += isalnum((unsigned char)*c) != 0;
    }
    assert_true(seen > 200);
    json_decref(list);
    list = records_of(
        make_into(&t, "b", "--emoji none --count 200 --tasks caption --rounds 1 --objects 1-8 --characters 62"));
    json_array_foreach(list, i, r)
    {
        const json_t *objects = json_object_get(r, "objects"), *names = json_object_get(objects, "ref");
        for (size_t k = 0; k < json_array_size(names); k++) {
            const char *name = json_string_value(json_array_get(names, k));
            const json_t *box = json_array_get(json_object_get(objects, "bbox"), k);
            int b[4];
            assert_int_equal(strlen(name), 1);
            assert_true(isalnum((unsigned char)*name));
            for (size_t c = 0; c < 4; c++) b[c] = (int)json_integer_value(json_array_get(box, c));
            assert_true(b[0] >= 0 && b[1] >= 0 && b[2] <= SIDE && b[3] <= SIDE);
            assert_in_range(b[3] - b[1], 14, 72); /* seven to twelve font pixels, at two pixels or more each */
        }
    }
    json_decref(list);
    temp_close(&t);
}

static void no_answer_before_tells_which_picture(void **state)
{
    (void)state;
    TempFolder t = temp_open();
    json_t *list = records_of(make_into(&t, "a", "--emoji none --count 200 --tasks several --rounds 8")), *r;
    size_t i;
    int asked = 0;
    json_array_foreach(list, i, r)
    {
        const size_t n = json_array_size(json_object_get(r, "messages"));
        for (size_t k = 2; k < n; k += 2) {
            char name[NAME_BYTES] = "";
            if (sscanf(said(r, k), "In which image is the %31[a-z ]?", name) != 1) continue;
            for (size_t before = 1; before < k; before += 2) assert_null(strstr(said(r, before), name));
            asked++;
        }
    }
    printf("# %d later questions\n", asked);
    assert_true(asked > 100);
    json_decref(list);
    temp_close(&t);
}

static void every_record_is_a_sample(void **state)
{
    (void)state;
    const bool emoji = file_exists(DEFAULT_EMOJI);
    Rules r;
    Dataset d;
    Error e;
    open_rules(&r, "micro-mla-noaux");
    TempFolder t = temp_open();
    char *path = path_join(make_into(&t, "a", "--count 200 --objects 1-5 --rounds 5 --mixed-sizes"), "data.jsonl");
    if (!dataset_open(&d, (const char *const *)&path, 1, &(DatasetOptions){ 0 }, &e)) fail_msg("%s", e.text);
    for (size_t i = 0; i < d.n_records; i++) {
        Sample s;
        take_good(&s, &d, i, &r.rules, SAMPLE_WHOLE);
        assert_true(s.prompt.n_images > 0);
        sample_free(&s);
    }
    printf("# %s\n",
           emoji ? "with the pictures of Noto Emoji" : "shapes alone: fonts-noto-color-emoji is not installed");
    dataset_close(&d);
    free(path);
    temp_close(&t);
    close_rules(&r);
}

static void misuse_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *says;
    } cases[] = {
        { "--tasks", "ground,fly", "there is no task 'fly'" },
        { "--tasks", "ground:0", "the weight of ground" },
        { "--objects", "0-3", "expected A-B, 1 to 16" },
        { "--kinds", "2", "as many as there are things in a scene (3)" },
        { "--characters", "2", "as many as there are things in a scene (3)" },
        { "--characters", "63", "expected 1 to 62" },
        { "--objects", "3-2", "expected A-B" },
        { "--count", "0", "expected 1 to 999999" },
        { "--rounds", "x", "expected 1 to 20" },
        { "--what", "x", "there is no option --what" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Options o;
        Error e;
        char *argv[] = { NULL, (char *)(uintptr_t)cases[i].name, (char *)(uintptr_t)cases[i].value };
        assert_false(take_options(&o, 3, argv, &e));
        if (!strstr(e.text, cases[i].says)) fail_msg("%s, expected %s", e.text, cases[i].says);
    }
}

/* Half a font, and fonts of chance: no picture is found, and nothing is read beyond the end. */
static void broken_fonts_are_refused(void **state)
{
    (void)state;
    Error e;
    TempFolder t = temp_open();
    Rng r = { .seed = 3 };
    unsigned char *bytes = xmalloc(4096);
    static const unsigned char HEAD[] = "\0\1\0\0\0\3\0\0\0\0\0\0"
                                        "cmap\0\0\0\0\0\0\0\x40\0\0\1\0"
                                        "CBLC\0\0\0\0\0\0\1\x40\0\0\4\0"
                                        "CBDT\0\0\0\0\0\0\2\0\0\0\x0e\0";
    for (int i = 0; i < 2000 * fuzz_rounds(); i++) {
        for (int k = 0; k < 4096; k++) bytes[k] = (unsigned char)(rng_next(&r) % 5 ? rng_next(&r) % 3 : rng_next(&r));
        memcpy(bytes, HEAD, sizeof HEAD - 1);
        const size_t n = rng_next(&r) % 4097;
        unsigned char *exact = xmalloc(n);
        memcpy(exact, bytes, n);
        Sprite s;
        if (emoji_load(&(FileMap){ exact, n }, EMOJI[i % N_EMOJI].code, &s)) free(s.rgba);
        free(exact);
    }
    temp_write(&t, "half.ttf", bytes, 1000);
    free(bytes);
    Tool tool = { .o.emoji = temp_path(&t, "half.ttf") };
    assert_false(load_emoji(&tool, &e));
    assert_non_null(strstr(e.text, "pictures found"));
    free_tool(&tool);
    temp_close(&t);
}

TEST_MAIN(TEST(the_same_numbers_give_the_same_pictures_everywhere), TEST(a_record_depends_on_its_number_alone),
          TEST(boxes_of_shapes_are_tight), TEST(boxes_of_text_are_within_the_picture),
          TEST(training_never_sees_what_is_held_out), TEST(the_held_out_split_asks_all_tasks_alike),
          TEST(find_asks_for_all_things_and_says_their_parts), TEST(find_between_has_a_colon_or_tags),
          TEST(find_image_says_which_picture_each_is_in), TEST(same_marks_a_thing_and_asks_for_its_kind),
          TEST(many_things_stand_in_parts_of_their_own), TEST(no_answer_before_tells_which_picture),
          TEST(characters_are_printed_in_cells_and_as_things), TEST(every_record_is_a_sample), TEST(misuse_is_told),
          TEST(broken_fonts_are_refused))

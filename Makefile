# vl2. `make help` lists what there is. Two commands do all set-up on a fresh Debian machine: `make demo`, `make test`.
#
# Out of tree: build/<mode>/ for MODE = release (default), debug, asan, tsan; they coexist. ROOMS narrows what is
# compiled into the library ("make ROOMS='base image' ..."), for work on one room.

MODE   ?= release
ifeq ($(origin CC),default)
CC = gcc
endif
BUILD  ?= build/$(MODE)
ROOMS  ?= base kernels nn format image text model engine

PACKAGES = libjpeg libpng libwebp libwebpdemux jansson oniguruma
WARN   = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes \
         -Wwrite-strings -Wpointer-arith -Wvla $(if $(NO_WERROR),,-Werror)
# -fno-math-errno and -fno-trapping-math let loops vectorise and change no result; no -ffast-math anywhere.
# -ffp-contract=off: a product and a sum are fused only where the code says so, so that every compiler gives one result.
OPT_release = -O3 -g -fno-math-errno -fno-trapping-math
OPT_debug   = -O0 -g3
OPT_asan    = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_tsan    = -O1 -g -fsanitize=thread
CFLAGS_ALL = -std=c11 -D_GNU_SOURCE -Isrc -Iinclude -I$(BUILD)/gen -ffp-contract=off $(WARN) $(OPT_$(MODE)) -pthread \
             $(shell pkg-config --cflags $(PACKAGES)) $(CFLAGS)
LDLIBS_ALL = $(LIBS_ONLY) $(shell pkg-config --libs $(PACKAGES)) -lgif -lm -pthread $(LDFLAGS)

LIB_SRC := $(foreach r,$(ROOMS),$(wildcard src/$(r)/*.c))
CLI_SRC := $(wildcard src/cli/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
CLI_OBJ := $(CLI_SRC:%.c=$(BUILD)/%.o)
LIB     := $(BUILD)/libvl2.a
VL2     := $(BUILD)/vl2
# Test programs: one for each tests/<kind>/test_*.c; each ends by printing TAP (cmocka).
TEST_SRC := $(wildcard tests/unit/test_*.c tests/golden/test_*.c tests/kernels/test_*.c tests/fuzz/test_*.c)
TESTS    := $(TEST_SRC:%.c=$(BUILD)/%)
TOOL_SRC := $(wildcard tools/*.c)
TOOLS    := $(TOOL_SRC:%.c=$(BUILD)/%)

.PHONY: all lib tools tests demo test check check-baseline layers format format-check bench bench-kernels cli-test cli-update clean help
all: $(VL2) ## build the program, $(BUILD)/vl2
lib: $(LIB) ## build the library, $(BUILD)/libvl2.a
tools: $(TOOLS)
tests: $(TESTS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(ISA_$(basename $(notdir $<))) -MMD -MP -c $< -o $@

# The font in the binary: tables made from Debian's package unifont by a tool that needs nothing of ours.
FONT_DIR ?= /usr/share/unifont
$(BUILD)/gen/font_table.h: tools/embed_font.c $(FONT_DIR)/unifont.hex
	@mkdir -p $(@D)
	$(CC) -std=c11 -O1 $(WARN) $< -o $(@D)/embed_font
	$(@D)/embed_font $(FONT_DIR) > $@.part && mv $@.part $@
$(BUILD)/src/image/font.o: $(BUILD)/gen/font_table.h

# One translation unit for each instruction set, with its own flags; all else is compiled for the baseline.
ifeq ($(shell uname -m),x86_64)
ISA_avx2       = -mavx2 -mfma -mf16c
ISA_avx512     = -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx2 -mfma -mf16c
ISA_avx512bf16 = $(ISA_avx512) -mavx512bf16
ISA_emulated_bf16 = $(ISA_avx512)
endif

$(LIB): $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $(LIB_OBJ)

$(VL2): $(CLI_OBJ) $(LIB)
	$(CC) $(CFLAGS_ALL) $(CLI_OBJ) $(LIB) -ledit $(LDLIBS_ALL) -o $@

$(BUILD)/tests/%: tests/%.c $(LIB) tests/support.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -Itests -MMD -MP -MF $@.d $< $(filter %.o,$^) $(LIB) -lcmocka $(LDLIBS_ALL) -o $@
$(BUILD)/tests/kernels/test_kernels: $(BUILD)/tests/kernels/emulated_bf16.o $(BUILD)/tests/kernels/bench_kernels.o
$(BUILD)/tests/golden/test_variants: | $(BUILD)/tools/make_model # runs it

bench-kernels: $(BUILD)/tests/kernels/test_kernels ## speed of the matrix products beside the limits of the machine
	@$< --bench
check-baseline: $(LIB) ## check that only the files of the instruction sets need a newer processor
	@tools/check_baseline.sh $(BUILD)

$(BUILD)/tools/%: tools/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d $< $(LIB) $(LDLIBS_ALL) -o $@

layers: ## check that includes point one way (tools/layers.txt)
	@tools/check_layers.sh

FORMATTED = $(wildcard src/*/*.[ch] src/*/*.inc include/*.h tests/*/*.c tests/*.h tools/*.c)
format: ## lay out the code with .clang-format
	clang-format -i $(FORMATTED)
format-check:
	@clang-format --dry-run -Werror $(FORMATTED)

cli-test: $(VL2) ## compare what the program prints with tests/cli/cases
	tests/cli/run.sh $(VL2)
cli-update: $(VL2) ## write the expectations in tests/cli/cases anew
	tests/cli/run.sh --update $(VL2)

clean: ## remove build/
	rm -rf build
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(TESTS:=.d) $(TOOLS:=.d)

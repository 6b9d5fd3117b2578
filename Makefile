# vl2. `make help` lists what there is. Two commands do all set-up on a fresh Debian machine: `make demo`, `make test`.
#
# Out of tree: build/<mode>/ for MODE = release (default), debug, asan, tsan; they coexist. ARCH=aarch64 builds for
# another processor, into build/<arch>-<mode>/. ROOMS narrows what is compiled into the library
# ("make ROOMS='base image' ..."), for work on one room.

MODE   ?= release
NATIVE := $(shell uname -m)
ARCH   ?= $(NATIVE)
HOST_CC = gcc
PKG_CONFIG = pkg-config
ASKED   = $(PACKAGES)
ifeq ($(ARCH),$(NATIVE))
BUILD  ?= build/$(MODE)
else # Debian's cross compiler and multiarch libraries (make deps-aarch64); RUN runs what was built
CROSS   = $(ARCH)-linux-gnu-
RUN     = qemu-$(ARCH)
BUILD  ?= build/$(ARCH)-$(MODE)
PKG_CONFIG = env PKG_CONFIG_LIBDIR=/usr/lib/$(ARCH)-linux-gnu/pkgconfig pkg-config
ASKED   = $(filter-out oniguruma,$(PACKAGES)) # its -dev package is for one architecture at a time: native headers
LDLIBS  = -l:libonig.so.5
endif
ifeq ($(origin CC),default)
CC = $(CROSS)gcc
endif
ROOMS  ?= base kernels nn format image text model engine train bench serve eval
PREFIX ?= /usr/local
VERSION := $(shell sed -n 's/.*return "\([0-9.]*\)";.*/\1/p' src/engine/engine.c)

PACKAGES = libjpeg libpng libwebp libwebpdemux jansson oniguruma libmicrohttpd
WARN   = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wmissing-prototypes \
         -Wwrite-strings -Wpointer-arith -Wvla $(if $(NO_WERROR),,-Werror)
# -fno-math-errno and -fno-trapping-math let loops vectorise and change no result; no -ffast-math anywhere.
# -ffp-contract=off: a product and a sum are fused only where the code says so, so that every compiler gives one result.
# -fvisibility=hidden: the shared library shows what include/vl2.h declares, and inner calls stay direct.
OPT_release = -O3 -g -fno-math-errno -fno-trapping-math
OPT_debug   = -O0 -g3
OPT_asan    = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_tsan    = -O1 -g -fsanitize=thread -Wno-maybe-uninitialized # gcc loses track behind the sanitizer's calls
# What pkg-config says is asked when it is first needed (make deps may have to bring it) and kept.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(ASKED) $(HAVE_MPI) $(HAVE_CURL)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(ASKED) $(HAVE_MPI) $(HAVE_CURL)))$(PKG_LIBS)
CFLAGS_ALL = -std=c11 -D_GNU_SOURCE -Isrc -Iinclude -I$(BUILD)/gen -fPIC -fvisibility=hidden -ffp-contract=off $(WARN) \
             $(OPT_$(MODE)) -pthread $(PKG_CFLAGS) $(CFLAGS)
LDLIBS_ALL = $(PKG_LIBS) $(LDLIBS) -lgif -lm -pthread $(LDFLAGS)

# Training on several machines needs MPI. Where it is not installed, or not wanted (make HAVE_MPI=), a file in its place says so.
HAVE_MPI = $(eval HAVE_MPI := $(shell $(PKG_CONFIG) --exists ompi-c 2>/dev/null && echo ompi-c))$(HAVE_MPI)
# The same for pictures that `vl2 serve` fetches, and libcurl (make HAVE_CURL=).
HAVE_CURL = $(eval HAVE_CURL := $(shell $(PKG_CONFIG) --exists 'libcurl >= 7.85' 2>/dev/null && echo libcurl))$(HAVE_CURL)
NOT_BUILT = $(if $(HAVE_MPI),src/train/ranks_alone.c,src/train/ranks_mpi.c) \
            $(if $(HAVE_CURL),src/serve/fetch_nothing.c,src/serve/fetch.c)
LIB_SRC = $(filter-out $(NOT_BUILT),$(foreach r,$(ROOMS),$(wildcard src/$(r)/*.c)))
CLI_SRC := $(wildcard src/cli/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o) $(BUILD)/src/format/default_model.o
# The library for others has what include/vl2.h leads to; training, serving (which alone need HTTP), evaluation and benches are
# the program's.
SHOWN_OBJ := $(filter-out $(foreach r,train serve eval bench,$(BUILD)/src/$(r)/%),$(LIB_OBJ))
SHOWN_PACKAGES = $(filter-out libmicrohttpd,$(PACKAGES))
CLI_OBJ := $(CLI_SRC:%.c=$(BUILD)/%.o)
INSIDE  := $(BUILD)/inside.a
VL2     := $(BUILD)/vl2
LIB     := $(BUILD)/libvl2.a $(BUILD)/libvl2.so
# Test programs: one for each tests/<kind>/test_*.c; each ends by printing TAP (cmocka).
TEST_SRC := $(sort $(wildcard tests/*/test_*.c))
TESTS    := $(TEST_SRC:%.c=$(BUILD)/%)
TOOL_SRC := $(filter-out tools/embed_font.c tools/embed_files.c,$(wildcard tools/*.c))
TOOLS    := $(TOOL_SRC:%.c=$(BUILD)/%)

.PHONY: all lib tools tests demo test check check-aarch64 bench bench-kernels bench-serve eval install uninstall deps deps-test deps-check deps-aarch64 layers \
        check-baseline format format-check cli-update clean help
all: $(VL2) ## build the program, $(BUILD)/vl2
lib: $(LIB) ## build the library, $(BUILD)/libvl2.a and .so
tools: $(TOOLS) ## build make_model and others into $(BUILD)/tools
tests: $(TESTS)

# ---- building -------------------------------------------------------------------------------------------------------

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(ISA_$(basename $(notdir $<))) -MMD -MP -c $< -o $@

# The model in the binary (models/README.md).
$(BUILD)/src/format/default_model.o: src/format/default_model.S models/default.gguf
	@mkdir -p $(@D)
	$(CC) -c $< -o $@

# The font in the binary: tables made from Debian's package unifont by a tool that needs nothing of ours.
FONT_DIR ?= /usr/share/unifont
$(BUILD)/gen/font_table.h: tools/embed_font.c $(FONT_DIR)/unifont.hex
	@mkdir -p $(@D)
	$(HOST_CC) -std=c11 -O1 $(WARN) $< -o $(@D)/embed_font
	$(@D)/embed_font $(FONT_DIR) > $@.part && mv $@.part $@
$(BUILD)/src/image/font.o: $(BUILD)/gen/font_table.h
$(FONT_DIR)/unifont.hex:
	@echo "$@ is not there: run 'make deps', which installs what docs/dependencies.md lists" >&2; exit 1

# The page of `vl2 serve`, in the binary.
$(BUILD)/gen/web_files.h: tools/embed_files.c $(wildcard web/*.* web/vendor/* web/examples/*)
	@mkdir -p $(@D)
	$(HOST_CC) -std=c11 -D_GNU_SOURCE -O1 $(WARN) $< -o $(@D)/embed_files
	$(@D)/embed_files web vendor examples > $@.part && mv $@.part $@
$(BUILD)/src/serve/assets.o: $(BUILD)/gen/web_files.h

# One translation unit for each instruction set, with its own flags; all else is compiled for the baseline. Here UBSan leaves
# addresses to ASan, which checks each load and store: doing so itself would double the time to compile them.
ISA_asan = -fno-sanitize=null,alignment,pointer-overflow,bounds,object-size
ifeq ($(ARCH),x86_64)
ISA_avx2       = -mavx2 -mfma -mf16c $(ISA_$(MODE))
ISA_avx512     = -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx2 -mfma -mf16c $(ISA_$(MODE))
ISA_avx2_int8 = $(ISA_avx2)
ISA_avx512_int8 = $(ISA_avx512)
ISA_avx512vnni = $(ISA_avx512) -mavx512vnni
ISA_avx512bf16 = $(ISA_avx512) -mavx512bf16
ISA_emulated_bf16 = $(ISA_avx512)
endif
ifeq ($(ARCH),aarch64)
ISA_neon_dotprod = -march=armv8.2-a+dotprod
endif

# All rooms with their inner names, for our own program, tests and tools.
$(INSIDE): $(LIB_OBJ) $(BUILD)/inside.list
	@rm -f $@
	$(CROSS)ar rcs $@ $(LIB_OBJ)

# What is in it: another choice (ROOMS, HAVE_MPI) makes it anew, though no object is newer.
$(BUILD)/inside.list: .FORCE
	@mkdir -p $(@D)
	@echo '$(LIB_OBJ)' | cmp -s - $@ || echo '$(LIB_OBJ)' >$@
.FORCE:

# For others: one object in which only the names of include/vl2.h are left.
$(BUILD)/libvl2.a: $(SHOWN_OBJ)
	@rm -f $@
	$(CROSS)ld -r $(SHOWN_OBJ) -o $(BUILD)/vl2.o
	$(CROSS)objcopy --localize-hidden $(BUILD)/vl2.o
	$(CROSS)ar rcs $@ $(BUILD)/vl2.o
SONAME = libvl2.so.$(firstword $(subst ., ,$(VERSION)))
$(BUILD)/libvl2.so: $(SHOWN_OBJ)
	$(CC) $(CFLAGS_ALL) -shared -Wl,-soname,$(SONAME) $(SHOWN_OBJ) $(filter-out -lmicrohttpd -lmpi -lcurl%,$(LDLIBS_ALL)) -o $@

$(VL2): $(CLI_OBJ) $(INSIDE)
	$(CC) $(CFLAGS_ALL) $(CLI_OBJ) $(INSIDE) -ledit $(LDLIBS_ALL) -o $@

$(BUILD)/tests/%: tests/%.c $(INSIDE) tests/support.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -Itests -MMD -MP -MF $@.d $< $(filter %.o,$^) $(INSIDE) -lcmocka $(LDLIBS_ALL) -o $@
$(BUILD)/tests/kernels/test_kernels: $(BUILD)/tests/kernels/emulated_bf16.o $(BUILD)/tests/kernels/bench_kernels.o
$(BUILD)/tests/golden/test_variants: | $(BUILD)/tools/make_model # runs it
$(BUILD)/tests/golden/test_ranks: | $(VL2)

$(BUILD)/tools/%: tools/%.c $(INSIDE)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d $< $(INSIDE) $(LDLIBS_ALL) -o $@

# ---- packages -------------------------------------------------------------------------------------------------------

deps: ## install what building needs (docs/dependencies.md)
	@tools/install.sh build run
deps-test: ## ... and what `make test` needs
	@tools/install.sh build run test
	@tools/fetch_test_data.sh || echo "tests that need it will be skipped"
deps-check: deps-test ## ... and what `make check` needs
	@tools/install.sh check
deps-aarch64: deps ## ... and what `make ARCH=aarch64` and `make check-aarch64` need
	@tools/install.sh aarch64

# ---- doing ----------------------------------------------------------------------------------------------------------

# Recursive makes, so that packages are there before anything is built; as many jobs as processors unless -j says more.
SUBMAKE = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

demo: deps ## from nothing to an answer about a picture, its tiles and its boxes
	+@$(SUBMAKE) -s MODE=release all
	@tools/demo.sh build/release/vl2 build/demo

# What `make test` runs, long ones first, so that no processor is idle at the end: the command line, the project and what others
# make of it, every program under ASan and UBSan, and plain. One takes a minute under ASan: it is there in `make check`.
SLOW_UNDER_ASAN = tests/golden/test_trainer.c
TESTED  = "env VL2_TEST_SHARE=4 tests/cli/run.sh build/asan/vl2" tests/kernels/aarch64.sh "tests/browser/run.sh build/release/vl2" \
          "tests/cli/run.sh build/release/vl2" "tests/interop/run.sh build/release/vl2" tests/project/run.sh \
          $(patsubst %.c,build/asan/%,$(filter-out $(SLOW_UNDER_ASAN),$(TEST_SRC))) $(TEST_SRC:%.c=build/release/%)
test: deps-test ## run all tests; the last line is "N passed, N failed, N skipped"
	+@$(SUBMAKE) -s MODE=release all lib tests tools
	+@$(SUBMAKE) -s MODE=asan all tests
	@tests/run.sh $(TESTED)

# `make check` adds: each instruction set, threads under TSan, the other compiler, longer fuzzing.
LEVELS_x86_64 = avx2 avx512 avx512vnni avx512bf16
LEVELS_aarch64 = neon neon-dotprod
LEVELS  = scalar $(LEVELS_$(ARCH))
RACED   = $(addprefix build/tsan/tests/,unit/test_pool unit/test_train_order unit/test_serve unit/test_http_edges \
          unit/test_remote_picture golden/test_same_bits)
# What strangers send is bent for a minute each.
FUZZ_ROUNDS = $(if $(findstring fuzz_serve,$1),600,$(if $(findstring fuzz_text,$1),40,20))
CHECKED = $(foreach l,$(LEVELS),"env VL2_TEST_CPU=$l build/release/tests/golden/test_model" \
                                "env VL2_TEST_CPU=$l build/release/tests/golden/test_same_bits") \
          $(RACED) \
          "tests/cli/run.sh build/asan/vl2" $(SLOW_UNDER_ASAN:%.c=build/asan/%) \
          $(TEST_SRC:%.c=build/clang/%) \
          $(foreach t,$(filter tests/fuzz/%,$(TEST_SRC:%.c=%)),"env VL2_FUZZ_ROUNDS=$(call FUZZ_ROUNDS,$t) build/asan/$t")
check: deps-check ## run all tests and more: every --cpu level, TSan, clang, longer fuzzing
	+@$(SUBMAKE) -s MODE=release all lib tests tools
	+@$(SUBMAKE) -s MODE=asan all tests
	+@$(SUBMAKE) -s MODE=tsan $(RACED)
	+@$(SUBMAKE) -s CC=clang BUILD=build/clang all lib tests tools
	@VL2_TEST_TIMEOUT=1800 tests/run.sh $(TESTED) $(CHECKED)

# Without the programs that start others: the emulator runs one program. A Cortex-A53 has nothing but the baseline.
STARTERS = test_tokenizer test_variants test_public_quantiser
EMULATED = $(filter-out $(foreach t,$(STARTERS),%/$t.c),$(TEST_SRC))
check-aarch64: deps-aarch64 ## build for aarch64 and test it in an emulator
	+@$(SUBMAKE) -s ARCH=aarch64 all lib tests
	@$(MAKE) -s ARCH=aarch64 check-baseline
	@VL2_TEST_TIMEOUT=3600 VL2_TEST_SHARE=8 tests/run.sh $(EMULATED:%.c="qemu-aarch64 build/aarch64-release/%") \
	    "qemu-aarch64 -cpu cortex-a53 build/aarch64-release/tests/kernels/test_kernels"

bench: all ## measure MODEL=DIR against this machine's limits; BENCH="--quick ..." are options of vl2 bench
	@$(if $(MODEL),,echo "bench: without MODEL=DIR this is the default model, 6 M parameters: it shows that the bench runs, no more."; \
	    echo "For the shape of tiny with random weights, 6.7 GB: $(BUILD)/tools/make_model --shape tiny -o build/tiny";)
	$(VL2) bench $(if $(MODEL),-m $(MODEL)) $(BENCH)
eval: all tools ## ask the default model (or MODEL=DIR) its held-out questions, after each quantisation preset and blindly
	@tools/eval_default.sh $(BUILD) build/eval $(MODEL)
bench-kernels: $(BUILD)/tests/kernels/test_kernels ## speed of the matrix products beside the limits of the machine
	@$< --bench

bench-serve: all ## put vl2 serve under load; BENCH="--short ..." are options of tools/bench_serve.mjs, MODEL=DIR the model
	@node tools/bench_serve.mjs $(VL2) $(if $(MODEL),--model $(MODEL)) $(BENCH)

install: all lib ## to $(DESTDIR)$(PREFIX), by default /usr/local
	@tools/install_files.sh $(BUILD) "$(DESTDIR)" "$(PREFIX)" $(VERSION) "$(SHOWN_PACKAGES)"
uninstall: ## remove what install put there
	@tools/install_files.sh --remove "$(DESTDIR)" "$(PREFIX)"

# ---- the code itself ------------------------------------------------------------------------------------------------

layers: ## check that includes point one way (tools/layers.txt)
	@tools/check_layers.sh
check-baseline: $(INSIDE) ## check that only the files of the instruction sets need a newer processor
	@tools/check_baseline.sh $(BUILD) $(ARCH) $(CROSS)objdump

FORMATTED = $(wildcard src/*/*.[ch] src/*/*.inc include/*.h tests/*/*.[ch] tests/*.h tools/*.c docs/*.c)
format: ## lay out the code with .clang-format
	clang-format -i $(FORMATTED)
format-check: ## name the files that `make format` would change
	@bad=$$(for f in $(FORMATTED); do clang-format $$f | cmp -s - $$f || echo $$f; done); echo "$$bad"; [ -z "$$bad" ]
cli-update: $(VL2) ## write the expectations in tests/cli/cases anew
	tests/cli/run.sh --update $(VL2)

clean: ## remove build/
	rm -rf build
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(TESTS:=.d) $(TOOLS:=.d)

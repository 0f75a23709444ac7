# Saves typing; every program here is one C file that "cc -O2 -I. x.c -lm" builds.
#
#   make          the programs in examples/ -> build/
#   make demo     renders a clip of known heart rate, measures it, compares the two
#   make test     all tests whose tools are installed (tests/run.sh says what it skips)
#   make bench    table of speeds, and build/bench.json
#   make peers    the same work by other libraries, where they are installed
#   make golden   remakes tests/golden/*.h with NumPy, SciPy, PyTorch (needs Python and pip)
#   make install  PREFIX=/usr/local DESTDIR=: the headers and rppg.pc
#   make clean

CC     ?= cc
CXX    ?= c++
CFLAGS ?= -O2
PREFIX ?= /usr/local
PYTHON ?= python3

HEADERS  := $(wildcard rppg*.h)
PROGRAMS := $(patsubst examples/%.c,build/%,$(wildcard examples/*.c))
BPM      := 72
GOLDEN   := tests/golden

all: $(PROGRAMS)

# PNG is read and written where stb is installed (Debian: libstb-dev): the sources look for it.
build/%: examples/%.c $(HEADERS) $(wildcard examples/*.h) | build
	$(CC) $(CPPFLAGS) $(CFLAGS) -I. $< $(LDFLAGS) -lm -o $@

build/bench: bench/bench.c $(HEADERS) | build
	$(CC) $(CPPFLAGS) $(CFLAGS) -I. $< $(LDFLAGS) -lm -o $@

build:
	mkdir -p $@

demo: build/synth_face build/hr_video
	@sh examples/demo.sh $(BPM)

test:
	@tests/run.sh $(JOBS)

bench: build/bench
	build/bench -o build/bench.json

peers: | build
	@CC="$(CC)" CXX="$(CXX)" CFLAGS="$(CFLAGS)" sh bench/peers.sh

# Each make_X.py prints X.h. GOLDEN= another folder, to compare.
golden: build/tools-venv
	mkdir -p $(GOLDEN)
	set -e; for f in tests/golden/make_*.py; do n=$${f##*/make_}; \
	  build/tools-venv/bin/python $$f > build/golden.h; mv build/golden.h $(GOLDEN)/$${n%.py}.h; done

# The tools with all that their tests and the golden vectors need, pinned: the vectors are what these
# very versions compute. -e: the tools find the headers above themselves.
build/tools-venv: tools/pyproject.toml | build
	$(PYTHON) -m venv $@
	$@/bin/pip install --quiet --disable-pip-version-check -e './tools[test,torch]' || { rm -rf $@; exit 1; }
	touch $@

install: build/rppg.pc
	mkdir -p $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib/pkgconfig
	cp $(HEADERS) $(DESTDIR)$(PREFIX)/include/
	cp build/rppg.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/

# The version stands once, in the header.
build/rppg.pc: rppg.pc.in $(HEADERS) FORCE | build
	v=$$(sed -n 's/^# *define RPPG_DSP_VERSION_STRING "\(.*\)".*/\1/p' rppg_dsp.h); \
	sed -e "s|@prefix@|$(PREFIX)|" -e "s|@version@|$$v|" rppg.pc.in > $@

clean:
	rm -rf build

FORCE:
.PHONY: all demo test bench peers golden install clean FORCE

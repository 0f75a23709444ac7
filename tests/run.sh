#!/usr/bin/env bash
# Runs the tests: tests/run.sh [-l] [-v] [JOB...]     without a name, all of these:
#
#   host      the test programs as a user would build them: cc -O2
#   flags     ... at every optimisation level, with and without SIMD, with FMA contraction allowed, tcc
#   asan      ... and the command-line programs on bad input, under address and undefined-behaviour sanitizers
#   qemu      ... on ARM, RISC-V, s390x (big-endian) and 32-bit x86
#   wasm      ... in WebAssembly, without and with SIMD, under node
#   compile   the headers: C compilers x C99 to C17 x options x warnings as errors, Cortex-M
#   cxx       the headers as C++11 to C++20; C and C++ files in one program
#   symbols   what the implementation exports, imports and writes to
#   size      text size by configuration (a table, never a failure)
#   examples  the command-line programs as a user would use them
#   readme    the programs printed in README.md and in the headers' SYNOPSIS
#   cmake     a consumer by find_package, add_subdirectory and pkg-config
#   fuzz      models out of arbitrary bytes, 60 s under sanitizers (10 s unless all is demanded)
# and, only when named:
#   golden    the golden vectors, remade with NumPy and SciPy, are the same files (needs pip)
#   bench     the bench runs and its JSON has the documented keys
#   peers     the comparisons with other libraries build and run
#
# A job whose tools are absent is skipped, by name. CI=true or RPPG_ALL=1 makes that a failure.
# -l lists the jobs, -v shows every check. Logs stay in build/test/.
# The last line reads "N passed, N failed", with ", N skipped" behind it where that is so.
set -u
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C

all="host flags asan qemu wasm compile cxx symbols size examples readme cmake fuzz"
out=build/test
results=$out/results
cores=$(nproc 2>/dev/null || echo 2)
CC=${CC:-cc}
verbose=0
demand=0
case "${CI:-}:${RPPG_ALL:-}" in true:* | *:1) demand=1 ;; esac

# ---- one check ---------------------------------------------------------------------------------

have() { command -v "$1" >/dev/null 2>&1; }

# record PASSED FAILED SKIPPED WHAT [LOG]
record() { printf '%s\t%d\t%d\t%d\t%s\t%s\n' "$job" "$1" "$2" "$3" "$4" "${5:-}" >> "$results"; }

# Says what became of the job's checks, when all are done.
report() {
  local name passed failed skipped what log
  while IFS=$'\t' read -r name passed failed skipped what log; do
    [ "$name" = "$job" ] || continue
    if [ "$failed" -gt 0 ]; then
      echo "   FAILED   $what"
      [ -z "$log" ] || { grep -A 2 '^not ok' "$log" || tail -n 25 "$log"; } | head -n 25 | cut -c 1-300 | sed 's/^/     | /'
    elif [ "$skipped" -gt 0 ] && [ "$passed" -eq 0 ]; then echo "   SKIPPED  $what"
    elif [ $verbose = 1 ]; then echo "   passed   $what ($passed)"
    fi
  done < "$results"
  awk -F'\t' -v job="$job" -v s="$1" '
    $1 == job { p += $2; f += $3; k += $4 }
    END { printf "   %d passed, %d failed, %d skipped in %d s\n", p, f, k, s }' "$results"
}

# need TOOL...: true when all are there; else the job, or this part of it, is skipped aloud.
need() {
  local tool missing=
  for tool; do have "$tool" || missing+=" $tool"; done
  [ -z "$missing" ] && return 0
  skip "needs$missing"
  return 1
}
skip() { record 0 $demand $((1 - demand)) "$1"; }

logfile() { printf '%s/log/%s-%s.log' $out "$job" "${1//[^A-Za-z0-9_.+-]/_}"; }

# Waits for a free core; the checks of a job run side by side.
slot() { while [ "$(jobs -rp | wc -l)" -ge "$cores" ]; do wait -n; done; }

# check WHAT COMMAND...: passes when the command exits 0.
check() { slot; check_here "$@" & }
check_here() {
  local what=$1 log; shift
  log=$(logfile "$what")
  if limit 300 "$@" >"$log" 2>&1; then record 1 0 0 "$what"
  else echo "command: $*" >>"$log"; record 0 1 0 "$what" "$log"; fi
}

# A hang is a failure too. Functions of this script cannot be run by timeout: they get no limit.
limit() {
  if have timeout && [ "$(type -t "$2")" = file ]; then timeout "$@"; else shift; "$@"; fi
}

# tap WHAT RUNNER PROGRAM: runs a program that prints TAP and counts it, through prove where that
# is installed. A crash, a missing plan or a wrong number of tests is a failure.
# shellcheck disable=SC2086
tap() {
  local what=$1 runner=$2 program=$3 log rc counts
  log=$(logfile "$what")
  if have prove; then limit 600 prove --verbose --norc -e "$runner" "$program" >"$log" 2>&1
  else limit 600 $runner "$program" >"$log" 2>&1; fi # unquoted: a command and its options
  rc=$?
  counts=$(awk -v rc=$rc '
    /^1\.\.[0-9]+/           { plan = substr($1, 4) + 0; planned++ }
    /^ok [0-9]/ && /# *SKIP/ { skipped++; next }
    /^ok [0-9]/              { passed++ }
    /^not ok [0-9]/          { failed++ }
    END {
      if (!failed && (rc || planned != 1 || plan != passed + skipped)) failed = 1
      if (plan == 0 && planned == 1 && !failed) skipped = 1
      print passed + 0, failed + 0, skipped + 0
    }' "$log")
  record $counts "$what" "$log"
}

# programs LABEL RUNNER COMPILER...: builds every test program and runs it. The host job builds them
# as a user would; the others leave out the functions that a test does not call: half the time.
programs() { some '*' "$@"; }
# The tests whose hashes and goldens tell a machine apart, where all of them would say it again.
few="session dsp frame nn_kernels nn_open nn_s8"
# some "NAME..." LABEL RUNNER COMPILER...
some() {
  local name source names=$1; shift
  set -f
  for name in $names; do
    set +f
    for source in tests/test_$name.c; do slot; program "$source" "$@" & done
  done
  set +f
}
program() {
  local source=$1 label=$2 runner=$3 what exe log; shift 3
  what="$label $(basename "$source" .c)"
  exe=$out/bin/$job-${what//[^A-Za-z0-9_.+-]/_}
  log=$(logfile "$what")
  [ "$job" = host ] || set -- "$@" -DRPPG_STATIC
  if "$@" -I. "$source" -o "$exe" -lm >"$log" 2>&1; then tap "$what" "$runner" "$exe"
  else echo "command: $*" >>"$log"; record 0 1 0 "$what (build)" "$log"; fi
}

# compiles WHAT COMMAND...: passes when the command, with -c -o and an object file, exits 0.
compiles() { local o; o=$out/obj/$job-${1//[^A-Za-z0-9_.+-]/_}.o; check "$@" -I. -c -o "$o"; }

# ---- the test programs in every build ----------------------------------------------------------

job_host() { need "$CC" && programs "$CC -O2" '' "$CC" -O2; }

# Levels with and without SIMD, by one compiler or the other.
job_flags() {
  local cc build builds
  for cc in gcc clang; do
    need $cc || continue
    if [ $cc = gcc ]; then builds="-O3 -Os:-DRPPG_NO_SIMD"; else builds="-O1:-DRPPG_NO_SIMD"; fi
    for build in $builds; do
      # shellcheck disable=SC2086
      programs "$cc ${build//:/ }" '' $cc ${build//:/ }
    done
    # gnu99 lets the compiler fuse a * b + c: the golden hash says whether the headers prevent it.
    if cpu_has avx2; then programs "$cc fma" '' $cc -std=gnu99 -O2 -mavx2 -mfma
    else record 0 0 1 "$cc fma: this processor has no AVX2"; fi
  done
  need tcc && programs tcc '' tcc
}
cpu_has() { grep -qw "$1" /proc/cpuinfo 2>/dev/null; }

job_asan() {
  need gcc || return
  local f="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer" program
  # shellcheck disable=SC2086
  programs gcc '' gcc $f
  mkdir -p $out/asan
  for program in examples/*.c; do
    # shellcheck disable=SC2086
    check "build $program" gcc $f -I. "$program" \
      -o "$out/asan/$(basename "$program" .c)" -lm
  done
  wait
  # The programs leave their memory to the system when they end.
  ASAN_OPTIONS=detect_leaks=0 RPPG_BIN=$out/asan RPPG_ONLY=bad tap 'examples on bad input' bash tests/examples.sh
  ASAN_OPTIONS=detect_leaks=0 RPPG_BIN=$out/asan tap 'webcam' bash tests/webcam.sh
}

job_qemu() {
  local f="-O2 -static"
  # shellcheck disable=SC2086
  {
    need aarch64-linux-gnu-gcc qemu-aarch64-static && {
      programs 'aarch64 max' 'qemu-aarch64-static -cpu max' aarch64-linux-gnu-gcc $f
      some "$few" 'aarch64 cortex-a53' 'qemu-aarch64-static -cpu cortex-a53' aarch64-linux-gnu-gcc $f
    }
    need arm-linux-gnueabihf-gcc qemu-arm-static &&
      some "$few" 'armhf neon' qemu-arm-static arm-linux-gnueabihf-gcc $f -march=armv7-a -mfpu=neon
    need riscv64-linux-gnu-gcc qemu-riscv64-static &&
      some "$few" riscv64 qemu-riscv64-static riscv64-linux-gnu-gcc $f
    # s390x computes float in double under -std=c99 unless told otherwise (FLT_EVAL_METHOD 1).
    need s390x-linux-gnu-gcc qemu-s390x-static &&
      programs 's390x big-endian' qemu-s390x-static s390x-linux-gnu-gcc $f -fexcess-precision=fast
    need i686-linux-gnu-gcc &&
      some "$few" 'i686 sse' '' i686-linux-gnu-gcc $f -msse2 -mfpmath=sse
    # Not demanded of CI: the same again on machines that trap unaligned loads.
    have mips-linux-gnu-gcc && programs 'mips big-endian' qemu-mips-static mips-linux-gnu-gcc $f
    have powerpc64-linux-gnu-gcc &&
      programs 'ppc64 big-endian' qemu-ppc64-static powerpc64-linux-gnu-gcc $f
  }
}

job_wasm() {
  need clang wasm-ld node || return
  [ -e /usr/include/wasm32-wasi/stdio.h ] || { skip "needs wasi-libc"; return; }
  # All memory at the start: measured, node 20.20 crashes when memory grows between calls of WASI
  # (6 of 8 runs; none so, and none with --no-turbo-fast-api-calls).
  local cc="clang --target=wasm32-wasi -O2 -Wl,-z,stack-size=1048576 -Wl,--initial-memory=134217728"
  local run="node --no-warnings tests/wasi.mjs"
  # shellcheck disable=SC2086
  {
    some "$few" scalar "$run" $cc
    programs simd128 "$run" $cc -msimd128
  }
}

# ---- the headers -------------------------------------------------------------------------------

warn="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wundef -Werror"
cwarn="$warn -Wstrict-prototypes -Wmissing-prototypes"
options="-DRPPG_STATIC -DRPPG_NO_NN -DRPPG_NO_SIMD -DRPPG_NO_DISPATCH -DRPPG_NO_LIBM -DRPPG_TESTING"

# Standards and options differ before code is generated, levels after: the one is checked by
# -fsyntax-only, the other by whole builds.
# shellcheck disable=SC2086
job_compile() {
  local cc std o file d
  mkdir -p $out/elsewhere/dir && cp rppg*.h $out/elsewhere/dir/
  for cc in gcc clang; do
    need $cc || continue
    for std in c99 c11 c17; do
      for file in dsp nn rppg api macros assert dir two_a two_b; do
        check "$cc $std $file" $cc -fsyntax-only -std=$std $warn -I. -I$out/elsewhere tests/compile/$file.c
      done
      for d in $options; do
        check "$cc $std $d" $cc -fsyntax-only -std=$std $cwarn $d -I. tests/compile/rppg.c
      done
    done
    for o in -O0 -O1 -O2 -O3 -Os; do compiles "$cc $o" $cc -std=c99 $o $cwarn tests/compile/rppg.c; done
    for d in $options; do compiles "$cc -O2 $d" $cc -std=c99 -O2 $cwarn $d tests/compile/rppg.c; done
    compiles "$cc freestanding" $cc -std=c99 -O1 $cwarn -ffreestanding -nostdlib -DRPPG_NO_LIBM \
      tests/compile/rppg.c
    check "$cc more warnings" $cc -fsyntax-only -std=c99 $cwarn -Wcast-qual -Wvla -Wwrite-strings \
      -Wpointer-arith -I. tests/compile/rppg.c
  done
  if need tcc; then
    for std in c99 c11; do
      for file in dsp nn rppg api macros two_b; do
        compiles "tcc $std $file" tcc -std=$std -Wall -Werror tests/compile/$file.c
      done
    done
  fi
  if need arm-none-eabi-gcc; then
    for d in 'cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16' cortex-m0; do
      compiles "${d%% *}" arm-none-eabi-gcc -std=c99 -Os $cwarn -mthumb -mcpu=$d tests/compile/rppg.c
    done
  fi
}

# shellcheck disable=SC2086
job_cxx() {
  local cxx cc std file o d
  for cxx in g++ clang++; do
    need $cxx || continue
    [ $cxx = g++ ] && cc=gcc || cc=clang
    need $cc || continue
    for std in c++11 c++14 c++17 c++20; do
      for file in dsp nn rppg api macros; do
        check "$cxx $std $file" $cxx -fsyntax-only -x c++ -std=$std $warn -I. tests/compile/$file.c
      done
      for d in $options; do
        check "$cxx $std $d" $cxx -fsyntax-only -x c++ -std=$std $warn $d -I. tests/compile/rppg.c
      done
    done
    for o in -O0 -O1 -O2 -O3 -Os; do
      compiles "$cxx $o" $cxx -x c++ -std=c++11 $o $warn tests/compile/rppg.c
    done
    check "C and C++ files, $cc implements" two_files $cc $cxx "$cc -std=c99"
    check "C and C++ files, $cxx implements" two_files $cc $cxx "$cxx -x c++ -std=c++11"
  done
}

# two_files CC CXX IMPLEMENTER: a program of three files, one of which holds the implementation.
two_files() {
  local o; o=$out/obj/two-${3//[^a-z]/}
  $1 -std=c99 -I. -DWITH_CXX -c tests/compile/two_a.c -o "$o-a.o" &&
    $3 -I. -c tests/compile/two_b.c -o "$o-b.o" &&
    $2 -std=c++11 -I. -c tests/compile/two_c.cc -o "$o-c.o" &&
    $2 "$o"-[abc].o -o "$o" -lm && "$o"
}

# shellcheck disable=SC2086
job_symbols() {
  local cc o d
  need nm || return
  for cc in gcc clang; do
    need $cc || continue
    for o in -O0 -O2 -Os; do check "$cc $o" symbols $cc $o; done
    for d in -DRPPG_NO_SIMD -DRPPG_NO_DISPATCH -DRPPG_NO_LIBM; do
      check "$cc -O2 $d" symbols $cc -O2 $d
    done
  done
}

# symbols COMPILER...: exports rppg_* alone; imports mem*, sqrt and sqrtf alone; writes to one global.
symbols() {
  local flags=$* o allowed='mem(cpy|set|move|cmp)|sqrtf?' bad
  case $flags in *NO_LIBM*) allowed='mem(cpy|set|move|cmp)' ;; esac
  o=$out/obj/symbols-${flags//[^A-Za-z0-9_-]/_}.o
  "$@" -fno-pie -fno-stack-protector -U_FORTIFY_SOURCE -I. -c tests/compile/rppg.c -o "$o" || return 1
  bad=$(nm -g --defined-only "$o" | awk '$3 !~ /^rppg_[a-z0-9]/ { print "exports " $3 }'
    nm -u "$o" | awk '{ print $NF }' | grep -vxE "$allowed" | sed 's/^/imports /'
    nm "$o" | awk '$2 ~ /^[BbCcDdSs]$/ && $3 != "rppg__isa_now" { print "writable " $3 }')
  [ -z "$bad" ] || { echo "$bad"; return 1; }
}

job_size() {
  need size && need gcc && {
    size_row 'x86-64 gcc -O2' gcc -O2
    size_row 'x86-64 gcc -O2, rppg_dsp.h alone' gcc -O2 tests/compile/dsp.c
    size_row 'x86-64 gcc -O2, rppg_nn.h' gcc -O2 tests/compile/nn.c
    size_row 'x86-64 gcc -O2 RPPG_NO_NN' gcc -O2 -DRPPG_NO_NN
    size_row 'x86-64 gcc -Os RPPG_NO_DISPATCH' gcc -Os -DRPPG_NO_DISPATCH
  }
  need arm-none-eabi-gcc && size_row 'Cortex-M4F gcc -Os' arm-none-eabi-gcc -Os -mthumb \
    -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16
}
# size_row WHAT COMPILER...: of rppg.h with what it includes, unless another source is named.
size_row() {
  local what=$1 o=$out/obj/size.o; shift
  case "$*" in *.c) ;; *) set -- "$@" tests/compile/rppg.c ;; esac
  if "$@" -I. -c -o $o 2>"$(logfile size)"; then
    size $o | awk -v what="$what" 'NR == 2 { printf "  %-38s %7d bytes of text\n", what, $1 }'
    record 1 0 0 "$what"
  else record 0 1 0 "$what" "$(logfile size)"; fi
}

# ---- what a user does --------------------------------------------------------------------------

job_examples() {
  check 'make' make -s CC="$CC"
  wait
  tap examples bash tests/examples.sh
  tap webcam bash tests/webcam.sh
  check 'make demo' make -s demo
}

job_readme() {
  local dir=$out/readme header name
  rm -rf $dir && mkdir -p $dir && cp rppg*.h $dir/
  check 'README, Try it' readme_program
  for header in rppg*.h; do
    name=$dir/synopsis_${header%.h}
    # From SYNOPSIS to the next heading of the top comment.
    awk '/^#ifndef/ { exit } /^   [A-Z][A-Z]+/ { on = $1 == "SYNOPSIS"; next } on' "$header" > "$name.c"
    check "$header, SYNOPSIS" synopsis_program "$name"
  done
}
synopsis_program() {
  [ -s "$1.c" ] || { echo "no SYNOPSIS in the top comment"; return 1; }
  "$CC" -std=c99 -O2 -Wall -Wextra "$1.c" -o "$1" -lm && "$1" </dev/null
}
# The first C block under "Try it", built and run by the "cc" and "./" lines printed below it.
readme_program() {
  local dir=$out/readme source commands
  [ -e README.md ] || { echo "no README.md"; return 1; }
  awk '/^## /{ on = /Try it/ } on' README.md > $dir/section
  commands=$(grep -E '^(\$ )?(cc|\./)[ a-z]' $dir/section | sed 's/^\$ //')
  source=$(printf '%s\n' "$commands" | grep -oE '[A-Za-z0-9_]+\.c' | head -n 1)
  awk '/^```/ { if (on) exit; on = /^```c$/; next } on' $dir/section > "$dir/${source:=try.c}"
  [ -s "$dir/$source" ] || { echo "README.md has no C program under \"Try it\""; return 1; }
  [ -n "$commands" ] || commands="cc -O2 $source -o try -lm && ./try"
  echo "$commands"
  (cd $dir && bash -ec "$commands") </dev/null
}

job_cmake() {
  need cmake pkg-config && check 'find_package, add_subdirectory, pkg-config' consumers
}
# shellcheck disable=SC2046
consumers() {
  local dir=$PWD/$out/cmake how
  rm -rf "$dir" && mkdir -p "$dir" || return 1
  cmake -S . -B "$dir/top" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_INSTALL_PREFIX="$dir/prefix" -DCMAKE_INSTALL_LIBDIR=lib &&
    cmake --build "$dir/top" -j "$cores" && cmake --install "$dir/top" || return 1
  for how in find_package add_subdirectory; do
    cmake -S tests/cmake -B "$dir/$how" -DHOW=$how -DCMAKE_PREFIX_PATH="$dir/prefix" &&
      cmake --build "$dir/$how" && "$dir/$how/consumer" || return 1
  done
  make -s install PREFIX="$dir/usr" || return 1
  for how in prefix usr; do
    PKG_CONFIG_PATH=$dir/$how/lib/pkgconfig
    export PKG_CONFIG_PATH
    [ "$(pkg-config --modversion rppg)" = "$(version)" ] &&
      "$CC" $(pkg-config --cflags rppg) tests/cmake/consumer.c -o "$dir/consumer" \
        $(pkg-config --libs rppg) && "$dir/consumer" || return 1
  done
  grep -q "\"version\": \"$(version)\"" clib.json && grep -q "\"version\": \"$(version)\"" library.json
}
version() { sed -n 's/^# *define RPPG_DSP_VERSION_STRING "\(.*\)".*/\1/p' rppg_dsp.h; }

# The seeds are opened and run, then mutated. What it finds stays in build/test/fuzz.
job_fuzz() {
  local dir=$out/fuzz seconds=10
  need clang || return
  mkdir -p $dir/corpus
  echo 'int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n) { (void)p; (void)n; return 0; }' > $dir/probe.c
  clang -fsanitize=fuzzer $dir/probe.c -o $dir/probe 2>"$(logfile probe)" || { skip "needs clang's fuzzer runtime"; return; }
  [ $demand = 0 ] || seconds=60
  check_here 'build fuzz_nn' clang -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I. \
    tests/fuzz/fuzz_nn.c -o $dir/fuzz_nn || return
  check_here 'seeds' $dir/fuzz_nn tests/fuzz/corpus/*
  check_here "fuzz_nn, $seconds s" $dir/fuzz_nn -max_total_time=$seconds -timeout=20 -max_len=20000 -rss_limit_mb=2048 \
    -artifact_prefix=$dir/ $dir/corpus tests/fuzz/corpus
}

# ---- only when named ---------------------------------------------------------------------------

job_golden() { need python3 && check 'golden vectors are what NumPy and SciPy compute' golden; }
golden() {
  local new rc=0
  rm -rf $out/golden && make -s golden GOLDEN=$out/golden || return 1
  for new in "$out"/golden/*.h; do
    # Another processor may round the last bit of a double otherwise: 1e-6 and text as it stands.
    paste <(words "$new") <(words "tests/golden/${new##*/}") | awk -v file="${new##*/}" '
      $1 == $2 || ($1 ~ /^-?[0-9.]+(e-?[0-9]+)?f?$/ && ($1 - $2)^2 <= 1e-12 * ($1^2 + 1e-6)) { next }
      { print file ": " $1 " is now " $2; bad = 1; exit }
      END { exit bad }' || rc=1
  done
  return $rc
}
words() { tr -s ' ,{}()[]=\n' '\n' < "$1"; }

job_bench() { check 'make bench' bench; }
bench() {
  make -s bench || return 1
  local key
  for key in name isa median_ns min_ns work unit limit ratio; do
    grep -q "\"$key\":" build/bench.json || { echo "build/bench.json has no \"$key\""; return 1; }
  done
  ! have python3 || python3 -m json.tool build/bench.json >/dev/null
}

job_peers() { check 'make peers' make -s peers; }

# ---- the run -----------------------------------------------------------------------------------

chosen=
for arg; do
  case $arg in
    -l) echo "$all golden bench peers" | tr ' ' '\n'; exit 0 ;;
    -v) verbose=1 ;;
    -h | --help) sed -n '2,/^set -u/s/^# \{0,1\}//p' "$0" | sed '$d'; exit 0 ;;
    *) [ "$(type -t "job_$arg")" = function ] || { echo "tests/run.sh: no job $arg (-l lists them)" >&2; exit 2; }
       chosen+=" $arg" ;;
  esac
done

mkdir -p $out/log $out/bin $out/obj
: > $results
for job in ${chosen:-$all}; do
  begin=$SECONDS
  echo "== $job"
  "job_$job"
  wait
  report $((SECONDS - begin))
done

awk -F'\t' '
  { p += $2; f += $3; k += $4 }
  END {
    printf "%d passed, %d failed%s\n", p, f, k ? ", " k " skipped" : ""
    exit f > 0 || p == 0
  }' $results

# tap.sh - TAP and helpers of examples.sh and webcam.sh, which source it and end with tap_end.
# Goes to an empty folder of its own, gone at the end.
#   RPPG_BIN   where the programs are (build)
#   RPPG_ONLY  good: only what must be measured; bad: only what must be refused
# shellcheck shell=bash disable=SC2034
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
export LC_ALL=C
root=$PWD
bin=$PWD/${RPPG_BIN:-build}
only=${RPPG_ONLY:-all}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

count=0
# ok RC WHAT: a test that passed when RC is 0; else shows how the last command ended.
ok() {
  count=$((count + 1))
  if [ "$1" -eq 0 ]; then echo "ok $count - $2"; return; fi
  echo "not ok $count - $2"
  echo "# exit ${rc:-}, standard error: $(head -n 3 err 2>/dev/null | cut -c 1-200)"
  echo "# last line: $(tail -n 1 out 2>/dev/null | cut -c 1-200)"
}
skip() { count=$((count + 1)); echo "ok $count # SKIP $1"; }
tap_end() { echo "1..$count"; }
have() { command -v "$1" >/dev/null 2>&1; }

# has_summary, value KEY: of the last line of out, or nothing.
has_summary() { grep -q '"summary": *true' out; }
value() { grep '"summary": *true' out | sed -n 's/.*"'"$1"'": *"\{0,1\}\([^],}"]*\).*/\1/p'; }

# near BPM [TOLERANCE]: the summary's rate, whatever the exit status.
near() { awk -v a="$(value hr_bpm)" -v b="$1" -v t="${2:-1}" 'BEGIN { exit !(a != "" && a - b <= t && b - a <= t) }'; }

# measured WHAT BPM [TOLERANCE]: that rate, and exit 0
measured() { [ "$rc" -eq 0 ] && near "$2" "${3:-1}"; ok $? "$1: $(value hr_bpm) bpm, true $2, confidence $(value confidence)"; }

# refused RC WHAT: that exit status, one clear line on standard error, and no summary.
refused() {
  [ "$rc" -eq "$1" ] && [ "$(wc -l < err)" -eq 1 ] && ! has_summary
  ok $? "$2: exit $1 and one line on standard error"
}

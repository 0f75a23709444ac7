#!/usr/bin/env bash
# The programs on real recordings, which are not part of the repository: RPPG_DATA=FOLDER tests/real.sh
#   face/face.mp4                          a face at 53 bpm (needs ffmpeg)
#   finger-oximetry/ finger-welltory/      fingertip traces with references (needs python3)
# The bounds are those of the README's table with room for another compiler, not aims.
set -u
cd "$(dirname "$0")/.." || exit 1
data=${RPPG_DATA:?a folder of recordings}
passed=0 failed=0 skipped=0

check() { # RC WHAT
  if [ "$1" -eq 0 ]; then passed=$((passed + 1)); echo "ok - $2"
  else failed=$((failed + 1)); echo "not ok - $2"; fi
}
skip() { skipped=$((skipped + 1)); echo "SKIPPED $1"; }
key() { printf '%s' "$2" | sed -n 's/.*"'"$1"'": *\([0-9.]*\).*/\1/p'; }
between() { awk -v x="${1:-nan}" -v lo="$2" -v hi="$3" 'BEGIN { exit !(x >= lo && x <= hi) }'; }

make -s build/hr_video build/hr_trace || exit 1

if [ ! -e "$data/face/face.mp4" ]; then skip "face: no $data/face/face.mp4"
elif ! command -v ffmpeg >/dev/null; then skip "face: no ffmpeg"
else
  summary=$(ffmpeg -nostdin -v error -i "$data/face/face.mp4" -f yuv4mpegpipe - |
            build/hr_video --face 85,60,350,420 --json - | tail -n 1)
  between "$(key hr_bpm "$summary")" 52 54; check $? "face: 53 +- 1 bpm: $summary"
  between "$(key confidence "$summary")" 0.5 1; check $? 'face: confidence above 0.5'
  summary=$(ffmpeg -nostdin -v error -i "$data/face/face.mp4" -f yuv4mpegpipe - |
            build/hr_video --face auto --json - | tail -n 1)
  between "$(key hr_bpm "$summary")" 52 54 && between "$(key confidence "$summary")" 0.5 1
  check $? "face, without a box: 53 +- 1 bpm, confidence above 0.5: $summary"
fi

if [ ! -d "$data/finger-oximetry" ] || [ ! -d "$data/finger-welltory" ]; then skip "finger: no recordings in $data"
elif ! command -v python3 >/dev/null; then skip "finger: no python3"
else
  table=$(tests/real_table.py "$data" --methods contact); check $? 'finger: the table is made'
  echo "$table"
  row() { printf '%s\n' "$table" | awk -F ' *\\| *' -v name="$1" -v split_="$2" '$2 == name && $3 == split_ { print $6 }'; }
  between "$(row finger-oximetry test)" 0 1.6; check $? 'finger-oximetry, test: MAE at most 1.6 bpm'
  between "$(row finger-oximetry train)" 0 1.2; check $? 'finger-oximetry, training: MAE at most 1.2 bpm'
  between "$(row finger-welltory test)" 0 5; check $? 'finger-welltory, test: MAE at most 5 bpm'
  between "$(row finger-welltory train)" 0 2.6; check $? 'finger-welltory, training: MAE at most 2.6 bpm'
fi
echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
[ $failed -eq 0 ]

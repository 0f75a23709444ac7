#!/usr/bin/env bash
# The programs on real recordings, which are not part of the repository: RPPG_DATA=FOLDER tests/real.sh
#   face/face.mp4                            a face at 53 bpm (needs ffmpeg)
#   finger-oximetry/ ... nuisance-faces/     colour traces: tools/rppg_tools evaluate (needs python3 with
#                                            numpy, as $PYTHON, build/tools-venv/bin/python or python3)
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
between() { awk -v x="${1:-nan}" -v lo="$2" -v hi="$3" 'BEGIN { exit !(x != "nan" && x >= lo && x <= hi) }'; }

make -s build/hr_video || exit 1

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

python=${PYTHON:-build/tools-venv/bin/python}
[ -x "$python" ] || command -v "$python" >/dev/null || python=python3
table=build/real.csv
# figure SET METHOD WINDOW COLUMN LO HI: of the test split
figure() {
  local x
  x=$(awk -F, -v s="$1" -v m="$2" -v w="$3" -v c="$4" '
    NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    $1 == s && $2 == "test" && $3 == m && $4 == w { print $at[c] }' $table)
  between "$x" "$5" "$6"; check $? "$1, test, $2, $3 s: $4 = $x, $5 to $6"
}
if ! PYTHONPATH=tools "$python" -c 'import numpy' 2>/dev/null; then skip "traces: no numpy for $python"
elif [ ! -d "$data/finger-oximetry" ] || [ ! -d "$data/finger-welltory" ] || [ ! -d "$data/macaque" ] ||
     [ ! -d "$data/nuisance-faces" ]; then skip "traces: not all recordings in $data"
else
  PYTHONPATH=tools "$python" -m rppg_tools evaluate "$data" --splits test --csv $table
  check $? 'traces: the table is made'
  figure finger-oximetry contact 15 mae 0 1.15
  figure finger-oximetry contact 15 within_5 98 100
  figure finger-welltory contact 15 mae 0 3
  figure finger-welltory contact 15 median 0 0.9
  for m in pos chrom green; do
    for w in 10 15; do figure nuisance-faces $m $w below_0.3 95 100; done
    figure 'all of these' $m 15 ece 0 0.08
  done
  figure 'all of these' contact 15 ece 0 0.08
  figure 'all of these' contact 15 sure_of_good 85 100
fi
if [ ! -d "$data/finger-welltory" ]; then skip "variability: no $data/finger-welltory"
elif ! command -v python3 >/dev/null; then skip "variability: no python3"
else
  table=$(tests/real_hrv.py "$data"); check $? 'variability: the table is made'
  echo "$table"
  mae() { printf '%s\n' "$table" | awk -F ' *\\| *' -v split_="$1" -v column="$2" '$2 == split_ && $3 == "**MAE**" { print $column + 0 }'; }
  between "$(mae test 6)" 0 8; check $? 'variability, test: mean interval within 8 ms'
  between "$(mae test 7)" 0 8; check $? 'variability, test: SDNN within 8 ms'
  between "$(mae train 8)" 0 16; check $? 'variability, training: RMSSD within 16 ms'
fi
echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
[ $failed -eq 0 ]

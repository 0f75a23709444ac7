#!/bin/sh
# The demo of "make demo": a rendered clip of known heart rate, measured. demo.sh [BPM]
# Fails when the two rates are more than 0.5 bpm apart.
set -eu
cd "$(dirname "$0")/../build"

./synth_face --quiet --bpm "${1:-72}" --seconds 20 --truth demo.truth.csv demo.y4m
./hr_video --face "$(./synth_face --box)" --json --plot demo.svg demo.y4m > demo.json

true_bpm=$(awk -F, 'NR > 1 { s += $2; n++ } END { print s / n }' demo.truth.csv)
hr_bpm=$(sed -n '/"summary": *true/s/.*"hr_bpm": *\([0-9.]*\).*/\1/p' demo.json)
confidence=$(sed -n '/"summary": *true/s/.*"confidence": *\([0-9.]*\).*/\1/p' demo.json)

awk -v t="$true_bpm" -v m="${hr_bpm:-0}" -v c="${confidence:-0}" 'BEGIN {
  d = m - t
  printf "rendered   %6.2f bpm   build/demo.y4m, build/demo.truth.csv\n", t
  printf "measured   %6.2f bpm   confidence %.2f, build/demo.json, build/demo.svg\n", m, c
  printf "difference %+6.2f bpm   %s\n", d, d * d <= 0.25 ? "ok (within 0.5)" : "FAILED (more than 0.5)"
  exit d * d > 0.25
}'

#!/usr/bin/env bash
# Uses synth_face, hr_video and hr_trace as a user would; prints TAP. tests/examples.sh
. "$(dirname "$0")/tap.sh"

# ---- helpers --------------------------------------------------------------------------------------

# run PROGRAM ARG...: leaves out, err and $rc.
run() { "$bin/$1" "${@:2}" >out 2>err </dev/null; rc=$?; }

# clip FILE SYNTH_FACE_OPTION...: renders; $box is its face.
clip() {
  "$bin/synth_face" --quiet --truth truth.csv "${@:2}" "$1" || { echo "Bail out! synth_face failed"; exit 1; }
  box=$("$bin/synth_face" --box "${@:2}")
}

truth() { awk -F, 'NR > 1 { s += $2; n++ } END { print s / n }' truth.csv; }

# sure WHAT BPM TOLERANCE: the same, with a confidence to be believed
sure() { [ $rc -eq 0 ] && near "$2" "$3" && awk -v c="$(value confidence)" 'BEGIN { exit !(c > 0.5) }'; ok $? "$1: $(value hr_bpm) bpm, true $2, confidence $(value confidence)"; }

usage_error() { [ $rc -eq 2 ] && [ -s err ]; ok $? "$1: exit 2 and a word on standard error"; }

# said: the program ended in order: with a summary, or with a line that says why not (and at most
# one before it that says what was left out).
said() { if [ $rc -eq 0 ]; then has_summary; else [ $rc -eq 1 ] && [ -s err ] && [ "$(wc -l < err)" -le 2 ]; fi; }
# No crash (signals end above 128, sanitizers with many lines) and no number that is none.
sane() { said && ! grep -qE '[:,] *-?(nan|inf)' out; ok $? "$1: a summary or a clear refusal, no NaN"; }

# trace FILE BPM FPS SECONDS [AWK]: columns t,r,g,b; AWK may change t, g or skip before a row is printed.
trace() {
  awk -v bpm="$2" -v fps="$3" -v s="$4" 'BEGIN {
    srand(7); print "t,r,g,b"
    for (i = 0; i < s * fps; i++) {
      t = i / fps; w = sin(6.283185307 * bpm / 60 * t)
      r = 150 + 0.30 * w + 0.1 * rand(); g = 110 - 0.60 * w + 0.1 * rand(); b = 90 - 0.30 * w + 0.1 * rand()
      '"${5:-}"'
      printf "%.6f,%s,%s,%s\n", t, r, g, b
    } }' > "$1"
}

# json WHAT: every line of out is an object with the documented keys, the last one the summary.
json() {
  local key bad=0
  for key in t hr_bpm confidence snr_db source flags; do
    [ "$(grep -c "\"$key\":" out)" -eq "$(wc -l < out)" ] || { bad=1; echo "# a line without \"$key\""; }
  done
  grep -qv '^{.*}$' out && bad=1
  has_summary && tail -n 1 out | grep -q '"summary": *true' || bad=1
  if python3 -c '' 2>/dev/null; then
    while IFS= read -r line; do printf '%s' "$line" | python3 -m json.tool >/dev/null 2>&1 || bad=1; done < <(sed -n '1,5p;$p' out)
  fi
  ok $bad "$1: JSON lines with the documented keys, and a summary"
}

# ---- what must be measured -----------------------------------------------------------------------

good() {
  clip demo.y4m --bpm 72 --seconds 20 --size 320x240
  run hr_video --face "$box" --json --csv demo.csv --plot demo.svg demo.y4m
  measured 'demo' "$(truth)" 0.5
  json 'hr_video'
  [ -s demo.csv ] && [ "$(wc -l < demo.csv)" -gt 10 ]; ok $? '--csv: rows'
  grep -q '<svg' demo.svg 2>/dev/null && tail -n 1 demo.svg | grep -q '</svg>'; ok $? '--plot: a whole SVG'
  cp out first; run hr_video --face "$box" --json demo.y4m
  has_summary && cmp -s out first; ok $? 'the same clip gives the same output'
  rc=0; "$bin/hr_video" --face "$box" --json - < demo.y4m > out 2> err || rc=$?
  has_summary && cmp -s out first; ok $? 'Y4M on standard input gives the same output'
  run hr_video --face "$box" demo.y4m
  [ $rc -eq 0 ] && [ -s out ] && ! grep -q '^{' out; ok $? 'without --json: words for people'

  for fps in 15 30 60; do
    for bpm in 45 72 120 180 200; do
      clip grid.y4m --bpm $bpm --fps $fps --seconds 20 --size 96x72 --jitter 30 --drop 10 --seed $((bpm + fps))
      run hr_video --face "$box" --json grid.y4m
      measured "$fps fps, jitter 30 %, drop 10 %" "$(truth)" 1
    done
  done

  for format in ppm png; do
    mkdir $format
    if "$bin/synth_face" --quiet --bpm 80 --seconds 12 --size 96x72 "$format/f_%04d.$format" 2>err; then
      box=$("$bin/synth_face" --box --size 96x72)
      run hr_video --face "$box" --fps 30 --json "$format/f_%04d.$format"
      measured "numbered $format with --fps" 80 1
    else skip "numbered $format: $(head -n 1 err)"; fi
  done

  # Breathing, beats and their variability; refused where the clip is too short.
  clip vital.y4m --bpm 70 --breath 18 --hrv 3 --seconds 66 --size 96x72
  for face in "$box" auto; do
    run hr_video --face "$face" --json --vitals vital.y4m; measured "--vitals, --face $face" "$(truth)" 1
    awk -v b="$(value breath_rate)" -v c="$(value breath_confidence)" -v r="$(value beat_rate)" -v n="$(value beats)" \
      'BEGIN { exit !(b > 17 && b < 19 && c > 0.5 && r > 69 && r < 71 && n > 70 && n < 80) }'
    ok $? "... $(value breath_rate) breaths a minute, true 18, $(value beats) beats at $(value beat_rate)"
    [ "$(value lf_ms2)" = null ] && grep -q '"refused":.*"lf_ms2: needs 120 s of clean beats"' out && [ "$(value rmssd_ms)" != null ]
    ok $? "... RMSSD $(value rmssd_ms) ms, confidence $(value rmssd_ms_confidence); LF refused, with its reason"
    json "... --face $face"
  done
  run hr_video --face "$box" --vitals vital.y4m
  grep -q '^breath .* a minute ' out && grep -q '^  RMSSD .*confidence' out && grep -q '^  LF .*refused' out; ok $? '--vitals for people'
  run hr_video --face "$box" --json --vitals demo.y4m; grep -q '"breath_rate":null' out && grep -q '"sdnn_ms":null' out; ok $? '--vitals of 20 s: refused'
  rm -f vital.y4m
  box=$("$bin/synth_face" --box --size 320x240)
  run hr_video --face "$box" --json --skin demo.y4m; measured '--skin' 72 0.5
  awk -v s="$(value skin_share)" 'BEGIN { exit !(s > 0.7 && s <= 1) }'; ok $? "... $(value skin_share) of the regions is skin"
  run hr_video --face 0,0,60,60 --json --skin demo.y4m; [ $rc -eq 1 ] && [ -s err ]; ok $? '--skin where there is none'

  clip photo.y4m --pulse 0 --seconds 20 --size 160x120
  run hr_video --face "$box" --json photo.y4m
  [ $rc -eq 0 ] && awk -v c="$(value confidence)" 'BEGIN { exit !(c != "" && c < 0.3) }'
  ok $? "a photograph: confidence $(value confidence), below 0.3"
  for light in 1.2:1 1.2:5; do
    clip lamp.y4m --pulse 0 --flicker $light --seconds 20 --size 160x120
    for m in pos chrom green; do
      run hr_video --method $m --face "$box" --json lamp.y4m
      [ $rc -eq 0 ] && awk -v c="$(value confidence)" 'BEGIN { exit !(c != "" && c < 0.3) }'
      ok $? "a photograph under a lamp of $light, $m: confidence $(value confidence), below 0.3"
    done
  done

  trace t.csv 66 30 30
  run hr_trace --json t.csv; measured 'hr_trace t,r,g,b' 66 1; json 'hr_trace'
  cut -d, -f2- t.csv > rgb.csv; run hr_trace --json --fps 30 rgb.csv; measured 'hr_trace r,g,b with --fps' 66 1
  tail -n +2 rgb.csv > bare.csv; run hr_trace --json --fps 30 bare.csv; measured 'hr_trace without a header' 66 1
  cut -d, -f1,3 t.csv > ty.csv; run hr_trace --json ty.csv; measured 'hr_trace t,y' 66 1
  cut -d, -f3 t.csv > wave.csv; run hr_trace --json --wave --fps 30 wave.csv; measured 'hr_trace --wave' 66 1
  trace crlf.csv 66 30 30; sed 's/$/\r/' crlf.csv > t2.csv; run hr_trace --json t2.csv; measured 'hr_trace with CRLF' 66 1

  # No face box: off the centre, small, moving, dark; two people; nobody.
  for clip in '66 --head 0.25,0.4,0.2' '78 --head 0.7,0.4,0.15' '90 --motion 2' '97 --skin 6 --head 0.6,0.45,0.3'; do
    # shellcheck disable=SC2086
    clip auto.y4m --seconds 14 --bpm $clip; run hr_video --face auto --json auto.y4m
    sure "hr_video --face auto, --bpm $clip" "$(truth)" 1.5
  done
  cp out first; run hr_video --json auto.y4m; cmp -s out first; ok $? 'hr_video without --face searches'
  json 'hr_video --face auto'
  run hr_video auto.y4m; grep -q 'face [0-9]*,[0-9]*,[0-9]*,[0-9]*$' out; ok $? 'hr_video prints the box that it found'
  clip a.y4m --seconds 14 --bpm 60; clip b.y4m --seconds 14 --bpm 84 --seed 2 --skin 4
  if command -v ffmpeg >/dev/null; then
    ffmpeg -nostdin -v error -i a.y4m -i b.y4m -filter_complex hstack -pix_fmt yuv420p two.y4m; run hr_video --json two.y4m
    for bpm in 60 84; do
      grep -E '"(summary|whole_clip)":true' out | grep -o '"hr_bpm":[0-9.]*' |
        awk -F: -v b=$bpm '$2 - b < 1 && b - $2 < 1 { n++ } END { exit n != 1 }'
      ok $? "hr_video, two people: $bpm bpm"
    done
    [ "$(grep -c '"summary":true' out)" -eq 1 ] && tail -n 1 out | grep -q '"summary":true'; ok $? 'one summary, the last line'
  else skip 'two people: no ffmpeg'; fi
  rm -f a.y4m b.y4m two.y4m
  for clip in '--pulse 0' '--pulse 0 --motion 3' '--pulse 0 --flicker 1.2:1' '--pulse 0 --noise 20'; do
    # shellcheck disable=SC2086
    clip auto.y4m --seconds 14 $clip; run hr_video --json auto.y4m
    awk -v c="$(value confidence)" 'BEGIN { exit !(c != "" && c < 0.3) }'; ok $? "hr_video, $clip: confidence $(value confidence)"
  done

  # Cut off in the middle of a frame: measured up to there, and said.
  head -c $(($(wc -c < demo.y4m) * 3 / 5 + 1000)) demo.y4m > cut.y4m
  box=$("$bin/synth_face" --box --size 320x240)
  run hr_video --face "$box" --json cut.y4m
  awk -v a="$(value hr_bpm)" 'BEGIN { exit !(a > 71 && a < 73) }' && [ "$(wc -l < err)" -eq 1 ] && [ $rc -le 1 ]
  ok $? 'a cut-off clip is measured up to the cut, and a line says so'
}

# ---- what must be refused, or survived -----------------------------------------------------------

bad() {
  clip small.y4m --seconds 8 --size 64x48
  for option in --no-such-option '--face 1,2,3' '--face a,b,c,d' '--method NONE' '--fps 0' '--fps x' '--window -1'; do
    # shellcheck disable=SC2086
    run hr_video $option small.y4m; usage_error "hr_video $option"
  done
  run hr_video --skin small.y4m; usage_error 'hr_video --skin without a face'
  run hr_video; usage_error 'hr_video without input'
  run hr_video small.y4m small.y4m; usage_error 'hr_video with two inputs'
  run hr_video --face; usage_error 'hr_video --face without a value'
  run hr_trace; usage_error 'hr_trace without input'
  run hr_trace --no-such-option t.csv; usage_error 'hr_trace --no-such-option'
  for program in synth_face hr_video hr_trace; do
    run $program --help; [ $rc -eq 0 ] && grep -q 'usage:' out; ok $? "$program --help"
  done

  : > empty; head -c 5000 /dev/urandom > garbage; printf 'YUV4MPEG2 W64 H48 F30:1\n' > header.y4m
  { printf 'YUV4MPEG2 W64 H48 F30:1\nFRAME\n'; head -c 100 garbage; } > short.y4m
  printf 'YUV4MPEG2 W999999999 H999999999 F30:1\nFRAME\n' > huge.y4m
  printf 'YUV4MPEG2 W-3 H0 F0:0\nFRAME\n' > zero.y4m
  for input in missing empty garbage header.y4m short.y4m huge.y4m zero.y4m .; do
    run hr_video --face 5,5,40,30 --json $input; refused 1 "hr_video $input"
  done
  { cat small.y4m; echo rubbish; } > tail.y4m; run hr_video --face 5,5,40,30 --json tail.y4m; sane 'hr_video, rubbish after the frames'
  run hr_video --face 5,5,40,30 --fps 30 --json 'none_%04d.ppm'; refused 1 'hr_video, pattern without files'
  run hr_video --face 5,5,40,30 --fps 30 '%n%s%s.ppm'; [ $rc -eq 1 ] || [ $rc -eq 2 ]; ok $? 'hr_video, hostile pattern'

  for face in 10,10,0,0 10,10,-5,20 5000,5000,40,40 -100,-100,20,20; do
    run hr_video --face "$face" --json small.y4m
    { [ $rc -eq 1 ] || [ $rc -eq 2 ]; } && [ -s err ]; ok $? "hr_video --face $face is refused"
  done
  run hr_video --face 40,20,100,100 --json small.y4m; sane 'hr_video, face partly outside'
  run hr_video --face 5,5,1,1 --json small.y4m; sane 'hr_video, face of one pixel'
  run hr_video --face "$box" --csv no/such/folder/x.csv small.y4m; refused 1 'hr_video, --csv cannot be written'
  run hr_video --face "$box" --plot no/such/folder/x.svg small.y4m; refused 1 'hr_video, --plot cannot be written'
  if [ -e /dev/full ]; then
    "$bin/hr_video" --face "$box" --json small.y4m > /dev/full 2> err; rc=$?
    [ $rc -eq 1 ] && [ -s err ]; ok $? 'hr_video, standard output is full: exit 1'
  else skip 'no /dev/full here'; fi

  for input in missing empty garbage .; do run hr_trace --json $input; refused 1 "hr_trace $input"; done
  echo 't,r,g,b' > head.csv; run hr_trace --json head.csv; refused 1 'hr_trace, only a header'
  trace few.csv 66 30 0.5; run hr_trace --json few.csv; sane 'hr_trace, 15 rows'
  printf 't,r,g,b\n0,1,2\n1,2\n' > ragged.csv; run hr_trace --json ragged.csv; refused 1 'hr_trace, missing columns'
  trace nan.csv 66 30 30 'if (i % 50 == 20) g = "nan"'; run hr_trace --json nan.csv; sane 'hr_trace, NaN in a column'
  trace inf.csv 66 30 30 'if (i == 99) { g = "inf"; r = "1e999" }'; run hr_trace --json inf.csv; sane 'hr_trace, infinity'
  trace back.csv 66 30 30 'if (i >= 450) t -= 5'; run hr_trace --json back.csv; sane 'hr_trace, times go back'
  said && { [ -s err ] || grep -q '"flags": *\[ *"' out; }; ok $? 'hr_trace, times go back: said in a flag or on standard error'
  trace gap.csv 66 30 30 'if (i >= 450) t += 60'; run hr_trace --json gap.csv; sane 'hr_trace, a gap of a minute'
  trace same.csv 66 30 30 't = 1'; run hr_trace --json same.csv; sane 'hr_trace, one time for all rows'
  trace far.csv 66 30 30 't += 1e300'; run hr_trace --json far.csv; sane 'hr_trace, times near 1e300'
  trace flat.csv 66 30 30 'r = g = b = 100'; run hr_trace --json flat.csv; sane 'hr_trace, constant'
  said && awk -v c="$(value confidence)" 'BEGIN { exit !(c + 0 < 0.3) }'; ok $? 'hr_trace, constant: no confidence'
  trace zero.csv 66 30 30 'r = g = b = 0'; run hr_trace --json zero.csv; sane 'hr_trace, all zero'
  head -c 100000 /dev/zero | tr '\0' 9 > long.csv; run hr_trace --json long.csv; sane 'hr_trace, one endless number'
}

[ "$only" = bad ] || good
[ "$only" = good ] || bad
tap_end

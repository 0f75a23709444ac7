#!/usr/bin/env bash
# Uses synth_face, hr_video, hr_trace and nn_run as a user would; prints TAP. tests/examples.sh
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

# gold FILE NAME: the numbers of array NAME in a golden header, one a line.
gold() { awk -v name="$2" 'index($0, " " name "[]") { on = 1; next } /^}/ { on = 0 } on' "$root/tests/golden/$1" | tr -s ' ,f' '\n' | grep .; }
# model NAME: writes NAME.rppg, of golden/nn_open.h.
model() { printf "$(gold nn_open.h "gold_$1" | awk '{ printf "\\%03o", $1 }')" > "$1.rppg"; }

# npy FILE SHAPE COUNT [TYPE [ORDER [VERSION]]]: float32 numbers ((37 i) mod 101 - 50) / 64, or with COUNT FRAMESxN
# those of golden/nn_open.h's frames; TYPE <f4 or >f4.
npy() {
  printf "$(awk -v shape="$2" -v count="$3" -v type="${4:-<f4}" -v order="${5:-False}" -v version="${6:-1}" '
    function byte(v) { printf "\\%03o", v }
    function number(x, s, e, m) {
      s = x < 0; if (s) x = -x
      if (x) { for (e = 127; x < 1; e--) x *= 2; m = (x - 1) * 8388608 } else e = m = 0
      b[3] = s * 128 + int(e / 2); b[2] = e % 2 * 128 + int(m / 65536); b[1] = int(m / 256) % 256; b[0] = m % 256
      for (s = 0; s < 4; s++) byte(b[substr(type, 1, 1) == ">" ? 3 - s : s])
    }
    BEGIN {
      byte(147); printf "NUMPY"; byte(version); byte(0); byte(118); byte(0)
      if (version > 1) { byte(0); byte(0) }
      header = "{\047descr\047: \047" type "\047, \047fortran_order\047: " order ", \047shape\047: " shape ", }"
      printf "%-117s\\n", header
      n = split(count, parts, "x"); frames = n > 1 ? parts[1] : 1; n = parts[n]
      for (run = 0; run < frames; run++) for (i = 0; i < n; i++) number(((37 * i + 11 * run) % 101 - 50) / 64)
    }')" > "$1"
}

# gives FILE.npy NAME: its numbers are those of golden/nn_open.h, to 1e-4.
gives() {
  [ $rc -eq 0 ] && paste <(tail -c +129 "$1" | od -A n -v -t f4 | tr -s ' ' '\n' | grep .) <(gold nn_open.h "gold_$2_out") |
    awk 'NF != 2 || $1 - $2 > 1e-4 || $2 - $1 > 1e-4 { bad = 1 } END { exit bad || !NR }'
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

  # A recording for the tools: a row a frame, the last region is the whole box, and nothing is written over.
  run hr_video --face "$box" --json --record rec demo.y4m; measured '--record' 72 0.5
  [ "$(wc -l < rec/trace.csv)" -eq 601 ] && [ "$(head -n 1 rec/trace.csv | tr ',' '\n' | wc -l)" -eq 19 ]
  ok $? '... 600 frames, six regions'
  [ "$(sed -n '2s/^[^,]*,//p;$s/^[^,]*,//p' rec/faces.csv | sort -u)" = "$box" ]; ok $? '... with their boxes'
  cmp -s <(tail -n +2 demo.csv | cut -d, -f7-) <(tail -n +2 rec/trace.csv | cut -d, -f2-)
  ok $? '... the colours of --csv'
  cp rec/trace.csv before; run hr_video --face "$box" --record rec demo.y4m
  refused 1 '--record into a recording'; cmp -s before rec/trace.csv; ok $? '... which is left as it is'
  run hr_video --record found --json demo.y4m; measured '--record with the search' 72 1
  awk -F, 'NR > 1 { n++; if ($4 < 60 || $4 > 260 || $1 <= last) bad = 1; last = $1 } END { exit bad || n < 300 }' \
    found/faces.csv
  ok $? "... $(($(wc -l < found/faces.csv) - 1)) of 600 frames have a face that was found"

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

good_models() {
  run embed_model; [ $rc -eq 0 ] && [ "$(tail -n 1 out)" = '0 0 2 0 0 0 0 0 2 0 0 0' ]; ok $? 'embed_model: a model in the program'
  model cnn; model causal; model mixed
  npy in.npy '(1, 5, 6, 1)' 30; run nn_run cnn.rppg in.npy out.npy
  gives out.npy cnn; ok $? 'nn_run: what SciPy computes'
  head -c 128 out.npy | grep -q "'<f4'.*'fortran_order': False, 'shape': (1, 1, 1, 4), }"; ok $? 'nn_run: a NumPy header'
  run nn_run --repeat 100 cnn.rppg in.npy again.npy
  [ $rc -eq 0 ] && cmp -s out.npy again.npy && grep -q '^100 runs: least [0-9.]* us, median [0-9.]* us$' out
  ok $? 'nn_run --repeat: the same, and times'
  npy short.npy '(5, 6)' 30; run nn_run cnn.rppg short.npy out.npy; gives out.npy cnn; ok $? 'nn_run: axes of size 1 left out'
  npy big.npy '(5, 6)' 30 '>f4'; run nn_run cnn.rppg big.npy out.npy; gives out.npy cnn; ok $? 'nn_run: big-endian numbers'
  npy v2.npy '(5, 6)' 30 '<f4' False 2; run nn_run cnn.rppg v2.npy out.npy; gives out.npy cnn; ok $? 'nn_run: version 2 of the format'
  npy v3.npy '(5, 6)' 30 '<f4' False 3; run nn_run cnn.rppg v3.npy out.npy; gives out.npy cnn; ok $? 'nn_run: version 3 of the format'
  npy w.npy '(9, 2)' 18; run nn_run mixed.rppg w.npy out.npy; gives out.npy mixed; ok $? 'nn_run: f16 and s8 weights'
  npy frames.npy '(5, 3)' 5x3; run nn_run causal.rppg frames.npy out.npy; gives out.npy causal; ok $? 'nn_run: frame by frame'
  grep -q "'shape': (5, 1, 1, 1)" out.npy; ok $? 'nn_run: frames stacked'
  run nn_run --repeat 3 causal.rppg frames.npy out.npy; gives out.npy causal; ok $? 'nn_run: every repetition begins anew'
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
  for program in synth_face hr_video hr_trace nn_run; do
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
  run hr_video --face "$box" --record no/such/folder small.y4m; refused 1 'hr_video, --record cannot be written'
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

bad_models() {
  model cnn; model causal
  npy in.npy '(5, 6)' 30; head -c 5000 /dev/urandom > garbage; : > empty
  run nn_run; usage_error 'nn_run without files'
  run nn_run cnn.rppg in.npy; usage_error 'nn_run without an output'
  run nn_run cnn.rppg in.npy out.npy out.npy; usage_error 'nn_run with a file too many'
  run nn_run --no-such-option cnn.rppg in.npy out.npy; usage_error 'nn_run --no-such-option'
  for n in 0 -1 x 1x 99999999999; do run nn_run --repeat $n cnn.rppg in.npy out.npy; usage_error "nn_run --repeat $n"; done
  run nn_run cnn.rppg in.npy out.npy --repeat; usage_error 'nn_run --repeat without a number'
  head -c 2000 cnn.rppg > cut.rppg; { cat cnn.rppg; echo; } > longer.rppg
  { head -c 2000 cnn.rppg; printf x; tail -c +2002 cnn.rppg; } > changed.rppg
  for f in missing empty garbage cut.rppg longer.rppg changed.rppg in.npy .; do
    run nn_run $f in.npy out.npy; refused 1 "nn_run, model $f"
  done
  run nn_run changed.rppg in.npy out.npy; grep -q checksum err; ok $? 'nn_run: a changed byte is named'
  npy other.npy '(6, 5)' 30; npy more.npy '(2, 5, 6)' 60; npy none.npy '()' 1; npy zero.npy '(0, 5, 6)' 0
  npy double.npy '(5, 6)' 60 '<f8'; npy object.npy '(5, 6)' 30 '|O'; npy fortran.npy '(5, 6)' 30 '<f4' True
  npy v9.npy '(5, 6)' 30 '<f4' False 9; npy huge.npy '(4294967295, 4294967295, 8)' 30; npy minus.npy '(-5, -6)' 30
  npy open.npy '(5, 6' 30; npy many.npy "($(printf '1, %.0s' {1..12})5, 6)" 30
  head -c 150 in.npy > cut.npy; head -c 60 in.npy > head.npy; head -c 8 in.npy > magic.npy; { cat in.npy; echo; } > tail.npy
  { head -c 10 in.npy; head -c 118 garbage; tail -c +129 in.npy; } > noise.npy
  for f in missing empty garbage other.npy more.npy none.npy zero.npy double.npy object.npy fortran.npy v9.npy huge.npy \
    minus.npy open.npy cut.npy head.npy magic.npy tail.npy noise.npy cnn.rppg .; do
    run nn_run cnn.rppg $f out.npy; refused 1 "nn_run, input $f"
  done
  run nn_run cnn.rppg other.npy out.npy; grep -qF '[6][5], the model wants [1][5][6][1]' err; ok $? 'nn_run: both sizes are named'
  run nn_run cnn.rppg many.npy out.npy; said_model; ok $? 'nn_run: more axes than a model has'
  npy frames.npy '(5, 4)' 20; run nn_run causal.rppg frames.npy out.npy; refused 1 'nn_run, frames of another size'
  run nn_run cnn.rppg in.npy no/such/folder/x.npy; refused 1 'nn_run, an output that cannot be written'
  if [ -e /dev/full ]; then run nn_run cnn.rppg in.npy /dev/full; refused 1 'nn_run, no room for the output'
  else skip 'no /dev/full here'; fi
}
said_model() { [ $rc -eq 0 ] || { [ $rc -eq 1 ] && [ "$(wc -l < err)" -eq 1 ]; }; }

[ "$only" = bad ] || { good; good_models; }
[ "$only" = good ] || { bad; bad_models; }
tap_end

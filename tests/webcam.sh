#!/usr/bin/env bash
# Runs webcam as a user would, with files in the place of a camera; prints TAP. tests/webcam.sh
. "$(dirname "$0")/tap.sh"

# ---- helpers --------------------------------------------------------------------------------------

run() { "$bin/webcam" "$@" >out 2>err </dev/null; rc=$?; }
usage_error() { [ $rc -eq 2 ] && [ "$(wc -l < err)" -eq 1 ]; ok $? "$1: exit 2 and one line on standard error"; }

# clip SYNTH_FACE_OPTION...: clip.y4m, 160x120; $box is its face.
clip() {
  "$bin/synth_face" --quiet --size 160x120 "$@" clip.y4m || { echo "Bail out! synth_face failed"; exit 1; }
  box=$("$bin/synth_face" --box --size 160x120)
}

# raw FORMAT FILE: the frames of clip.y4m alone.
raw() { ffmpeg -v error -y -i clip.y4m -pix_fmt "$1" -f rawvideo "$2"; }

# ---- what must be measured -----------------------------------------------------------------------

good() {
  clip --bpm 72 --seconds 20
  run --json --face "$box" --file clip.y4m; measured 'Y4M' 72
  [ "$(grep -cv '^{"t":.*}$' out)" -eq 0 ] && [ "$(grep -c summary out)" -eq 1 ] && tail -n 1 out | grep -q summary
  ok $? 'JSON lines, the last one the summary'
  cp out y4m.out
  "$bin/webcam" --json --face "$box" --file - --format i420 --size 160x120 > out 2> err < <(plain); rc=$?
  has_summary && cmp -s out y4m.out; ok $? 'the same frames as raw I420 on standard input: the same output'
  run --face "$box" --file clip.y4m
  [ $rc -eq 0 ] && grep -q 'bpm .*good' out && ! grep -q "$(printf '\033')" out; ok $? 'without --json and terminal: a line a second'
  run --face "$box" --file clip.y4m --seconds 8 --json
  [ $rc -eq 0 ] && awk -v t="$(value t)" 'BEGIN { exit !(t >= 7 && t <= 8.1) }'; ok $? '--seconds 8 ends there'
  run --face "$box" --file clip.y4m --json --record rec; measured '--record' 72
  [ "$(wc -l < rec/trace.csv)" -eq 601 ] && [ "$(wc -l < rec/faces.csv)" -eq 601 ] && [ ! -e rec/about.json ]
  ok $? '... 600 frames; only of a camera there is about.json'
  run --face "$box" --file clip.y4m --record rec; refused 1 '--record into a recording'
  run --json --file clip.y4m; [ $rc -eq 0 ] && has_summary && grep -q 'no --face' err; ok $? 'without --face: the middle, and a line says so'
  clip --bpm 96 --seconds 20 --jitter 30 --drop 10
  run --json --face "$box" --file clip.y4m; measured 'Y4M with times, jitter 30 %, drop 10 %' 96
  clip --bpm 66 --seconds 20 --chroma mono
  run --json --face "$box" --file clip.y4m; measured 'grey' 66
  terminal
  interrupt
  clip --bpm 84 --seconds 20
  if have ffmpeg; then
    for format in yuyv422:yuyv uyvy422:uyvy nv12:nv12 gray:grey; do
      raw ${format%:*} "clip.${format#*:}"
      run --json --face "$box" --size 160x120 --fps 30 --file "clip.${format#*:}"; measured "raw ${format#*:}" 84
    done
  else skip 'raw frames need ffmpeg'; fi
  jpeg
  camera
}

# The frames of clip.y4m without their headers (4:2:0, 160x120).
plain() {
  local header=$(($(head -n 1 clip.y4m | wc -c))) frame=$((160 * 120 * 3 / 2)) at size line
  at=$header size=$(wc -c < clip.y4m)
  while [ $at -lt "$size" ]; do
    line=$(tail -c +$((at + 1)) clip.y4m | head -n 1 | wc -c)
    tail -c +$((at + line + 1)) clip.y4m | head -c $frame
    at=$((at + line + frame))
  done 2>/dev/null
}

# The live view: drawn over itself, and the cursor comes back.
terminal() {
  have script || { skip 'the live view needs script'; return; }
  script -qec "'$bin/webcam' --face $box --file clip.y4m" /dev/null > out 2>err </dev/null; rc=$?
  [ $rc -eq 0 ] && grep -q "$(printf '\033\\[4A')" out && grep -q "$(printf '\033\\[?25h')" out && grep -q ' confidence ' out
  ok $? 'on a terminal: the live view, and the cursor is back at its end'
}

# Ctrl-C while the source is silent: a summary of what was measured, exit 0.
interrupt() {
  mkfifo pipe
  "$bin/webcam" --json --face "$box" --file - --format y4m > out 2> err < pipe & local pid=$! waited=0
  { cat clip.y4m; exec sleep 20; } > pipe 2>/dev/null & local feeder=$!
  while [ "$(wc -l < out)" -lt 14 ] && [ $waited -lt 100 ]; do sleep 0.1; waited=$((waited + 1)); done
  kill -INT $pid; wait $pid; rc=$?
  kill $feeder 2>/dev/null; wait $feeder 2>/dev/null
  [ $rc -eq 0 ] && has_summary && near 66; ok $? "SIGINT: exit 0 with the summary, $(value hr_bpm) bpm"
}

# Concatenated JPEG, as MJPEG cameras send: whole, with a frame of garbage, without Huffman tables.
jpeg() {
  have ffmpeg && have python3 || { skip 'JPEG needs ffmpeg and python3'; return; }
  ffmpeg -v error -y -i clip.y4m -c:v mjpeg -q:v 2 -huffman default -f mjpeg clip.mjpeg
  run --json --face "$box" --file clip.mjpeg
  if grep -q 'stb_image' err; then skip 'JPEG needs libstb-dev'; return; fi
  measured 'MJPEG' 84
  cp out whole.out
  python3 - <<'PY'
import re
frames = [b'\xff\xd8\xff' + f for f in open('clip.mjpeg', 'rb').read().split(b'\xff\xd8\xff')[1:]]
save = lambda name, list: open(name, 'wb').write(b''.join(list))
def bare(f):
    at = f.index(b'\xff\xc4')
    return f[:at] + f[at + 2 + f[at + 2] * 256 + f[at + 3]:]
n = len(frames)
save('bare.mjpeg', [bare(f) for f in frames])
save('middle.mjpeg', frames[:n // 2] + [b'\0garbage\xff\xd9' * 500] + frames[n // 2 + 1:])
save('header.mjpeg', frames[:n // 2] + [b'\xff\xd8\xff' + b'junk' * 99 + b'\xff\xd9'] + frames[n // 2 + 1:])
save('open.mjpeg', frames[:n // 2] + [frames[n // 2][:400]] + frames[n // 2 + 1:])
save('cut.mjpeg', frames[:n * 3 // 4] + [frames[-1][:200]])
PY
  run --json --face "$box" --file bare.mjpeg
  has_summary && cmp -s out whole.out; ok $? 'MJPEG without Huffman tables, as webcams send it: the same output'
  for name in middle header open; do
    run --json --face "$box" --file $name.mjpeg; measured "MJPEG, one frame damaged ($name)" 84
    grep -q '^webcam: 1 damaged' err && tail -n 1 out | grep -q bad_frame; ok $? "... counted, and flagged ($name)"
  done
  run --json --face "$box" --file cut.mjpeg
  [ $rc -eq 1 ] && near 84 && grep -q 'cut off' err; ok $? 'MJPEG cut off: measured up to the cut, exit 1, and a line says so'
  run --json --face "$box" --size 64x64 --file clip.mjpeg; [ $rc -eq 1 ] && [ -s err ]; ok $? 'MJPEG of another size than --size'
}

# The V4L2 side, on a camera that fake_camera.c plays: unplugged at the end of its clip.
camera() {
  local cc=${CC:-cc} flags='-O1 -w -D_FORTIFY_SOURCE=0'
  { [ "$(uname)" = Linux ] && have ffmpeg && have "$cc"; } || { skip 'the played camera needs Linux, a compiler and ffmpeg'; return; }
  # shellcheck disable=SC2086
  "$cc" $flags -I"$root" "$root/examples/webcam.c" -o webcam -lm 2>err &&
    "$cc" $flags -shared -fPIC "$root/tests/fake_camera.c" -o fake.so -ldl 2>>err ||
    { skip 'the played camera cannot be built here'; return; }
  clip --bpm 72 --seconds 24
  raw yuyv422 clip.yuyv
  # play WHAT_GOES_WRONG ARG...
  play() {
    : > log
    FAKE_CLIP=clip.yuyv FAKE_LOG=log FAKE_DOES=$1 LD_PRELOAD=$PWD/fake.so \
      ./webcam --device /dev/fake0 --face "$box" --json "${@:2}" > out 2> err < /dev/null; rc=$?
  }
  play nothing --seconds 15 --record live; measured 'camera' 72
  grep -qx '{"camera": "/dev/fake0", "start": "20[-0-9]*T[:0-9]*Z"}' live/about.json &&
    [ "$(wc -l < live/trace.csv)" -gt 400 ]
  ok $? '... recorded, with its name and the time'
  [ "$(tr '\n' ' ' < log)" = 'on control exposure 1 control white 0 control white 1 control exposure 3 off ' ]
  ok $? '... exposure and white balance are held, and given back at the end'
  play nothing --seconds 15 --no-lock; [ "$(tr '\n' ' ' < log)" = 'on off ' ]; ok $? '... and left alone with --no-lock'
  play nothing --list; [ $rc -eq 0 ] && grep -q '^YUYV .*160 x 120 .*30.00 fps$' out && grep -q 'H264.*not read' out; ok $? '--list'
  play nothing; [ $rc -eq 1 ] && near 72 && grep -q 'unplugged after' err && grep -q off log; ok $? 'unplugged: what came is measured, exit 1'
  play errors --seconds 15; [ $rc -eq 0 ] && near 72 && grep -q '^webcam: 9 damaged' err; ok $? 'damaged frames are left out and counted'
  play gaps --seconds 15; [ $rc -eq 0 ] && near 72 && grep -q ' 12 lost' err; ok $? 'frames that the driver skipped are counted'
  play busy; refused 1 'a busy camera'
  play io; [ $rc -eq 1 ] && grep -q 'only errors' err && grep -q off log; ok $? 'a camera of errors alone'
  play silent; [ $rc -eq 1 ] && grep -q 'no frame' err; ok $? 'a silent camera'
}

# ---- what must be refused, or survived -----------------------------------------------------------

bad() {
  clip --seconds 12
  for option in --no-such-option '--face 1,2,3' '--face 1,2,0,5' '--size 640' '--size 0x480' '--fps 0' '--fps x' '--seconds -1' \
    '--method NONE' '--format rgb' '--file' '--window 99' '--list --file clip.y4m' 'clip.y4m' '--file clip.what' '--file -'; do
    # shellcheck disable=SC2086
    run $option; usage_error "webcam $option"
  done
  run --help; [ $rc -eq 0 ] && grep -q '^usage: webcam' out; ok $? '--help'
  run --device "$dir/none"; refused 1 'no such device'
  run --device /dev/null; refused 1 'a device that is no camera'
  run --device .; refused 1 'a folder as a device'
  run --list --device "$dir/none"; refused 1 '--list without a camera'
  if [ "$(id -u)" -ne 0 ]; then
    : > locked; chmod 0 locked
    run --device "$dir/locked"; refused 1 'no permission'
  else skip 'permissions do not hold for root'; fi

  : > empty.yuyv; head -c 5000 /dev/urandom > garbage.y4m; cp garbage.y4m garbage.mjpeg; : > empty.mjpeg; : > empty.y4m
  printf 'YUV4MPEG2 W160 H120 F30:1\n' > header.y4m
  printf 'YUV4MPEG2 W999999999 H999999999 F30:1\nFRAME\n' > huge.y4m
  printf 'YUV4MPEG2 W160 H120 F30:1 C444\nFRAME\n' > other.y4m
  { printf 'YUV4MPEG2 W160 H120 F30:1\nFRAME\n'; head -c 100 garbage.y4m; } > short.y4m
  for file in missing.yuyv empty.yuyv empty.y4m garbage.y4m header.y4m huge.y4m other.y4m short.y4m; do
    run --json --face 5,5,40,30 --file $file; refused 1 "--file $file"
  done
  for file in empty.mjpeg garbage.mjpeg; do # without JPEG built in this is bad usage
    run --json --face 5,5,40,30 --file $file; [ $rc -ge 1 ] && [ $rc -le 2 ] && [ "$(wc -l < err)" -eq 1 ]; ok $? "--file $file"
  done
  run --json --file . --format yuyv; refused 1 'a folder as a file'
  run --json --size 161x120 --file empty.yuyv; usage_error 'YUYV of odd width'
  head -c $(($(wc -c < clip.y4m) * 3 / 4 + 777)) clip.y4m > cut.y4m
  run --json --face "$box" --file cut.y4m
  [ $rc -eq 1 ] && has_summary && grep -q 'cut_off' out && [ "$(wc -l < err)" -eq 1 ] && grep -q 'cut off' err
  ok $? 'cut off in a frame: measured up to there, exit 1, and a line says so'
  { cat clip.y4m; echo rubbish; } > tail.y4m; run --json --face "$box" --file tail.y4m
  [ $rc -eq 1 ] && has_summary; ok $? 'rubbish behind the frames: measured, exit 1'
  for face in 5000,5000,40,40 -100,-100,20,20; do
    run --json --face=$face --file clip.y4m; usage_error "--face=$face"
    run --json --face $face --file clip.y4m; refused 1 "--face $face"
  done
  run --json --face 100,80,200,200 --file clip.y4m; [ $rc -le 1 ] && [ ! -s err ] && has_summary; ok $? 'a face partly outside'
  if [ -e /dev/full ]; then
    "$bin/webcam" --json --face "$box" --file clip.y4m > /dev/full 2> err; rc=$?
    [ $rc -eq 1 ] && [ -s err ]; ok $? 'standard output is full: exit 1'
  else skip 'no /dev/full here'; fi
}

[ "$only" = bad ] || good
[ "$only" = good ] || bad
tap_end

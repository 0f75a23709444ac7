#!/bin/sh
# Builds and runs the comparisons in bench/peers/ with the libraries that are installed, and says
# which ones are not. Debian: libfftw3-dev libkissfft-dev libopencv-dev
set -eu
cd "$(dirname "$0")/.."
mkdir -p build

# flags PACKAGE OTHERWISE: what the compiler needs for it; else says so and prints OTHERWISE.
flags() {
  if pkg-config --exists "$1" 2>/dev/null; then pkg-config --cflags --libs "$1"
  else echo "SKIPPED $1: not installed" >&2; echo "$2"; fi
}

echo "== FFT"
# shellcheck disable=SC2046,SC2086
${CC:-cc} ${CFLAGS:--O2} -I. bench/peers/fft.c -o build/peer_fft \
  $(flags fftw3f -DNO_FFTW) $(flags kissfft-float -DNO_KISSFFT) -lm
build/peer_fft

echo "== mean of a rectangle"
opencv=$(flags opencv4 '' | sed 's/-lopencv.*/-lopencv_core/')
if [ -n "$opencv" ]; then
  # shellcheck disable=SC2086
  ${CXX:-c++} ${CFLAGS:--O2} -I. bench/peers/opencv_mean.cpp -o build/peer_mean $opencv
  build/peer_mean
fi

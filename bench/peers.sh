#!/bin/sh
# Builds and runs the comparisons in bench/peers/ with the libraries that are installed, and says
# which ones are not. Debian: libfftw3-dev libkissfft-dev libopencv-dev libdnnl-dev; pip: numpy onnx
# onnxruntime ncnn, in the Python that PYTHON names.
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

echo "== networks: oneDNN, on the same instruction set"
if echo '#include <dnnl.hpp>' | ${CXX:-c++} -E -x c++ - >/dev/null 2>&1; then
  # shellcheck disable=SC2086
  ${CXX:-c++} ${CFLAGS:--O2} -I. bench/peers/nn_onednn.cpp -o build/peer_onednn -ldnnl -lm
  i=0
  for set in SSE41 AVX2 AVX512_CORE; do
    OMP_NUM_THREADS=1 ONEDNN_MAX_CPU_ISA=$set build/peer_onednn $i
    i=$((i + 1))
  done
else echo "SKIPPED oneDNN: not installed" >&2; fi

echo "== networks: onnxruntime, ncnn"
if ${PYTHON:-python3} -c 'import numpy' 2>/dev/null; then
  # shellcheck disable=SC2086
  ${CC:-cc} ${CFLAGS:--O2} -shared -fPIC -I. bench/peers/nn.c -o build/peer_nn.so -lm
  ${PYTHON:-python3} bench/peers/nn.py
else echo "SKIPPED onnxruntime, ncnn: ${PYTHON:-python3} has no numpy" >&2; fi

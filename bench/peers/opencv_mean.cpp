// Mean of a rectangle: rppg_roi_sums against cv::mean, same pixels, same process, one thread.
// g++ -O2 bench/peers/opencv_mean.cpp -I/usr/include/opencv4 -lopencv_core -o build/opencv_mean
// OpenCV has no mean of NV12: its time is that of the two planes, without any conversion.
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "../../rppg.h"
#include <opencv2/core.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

template <class F> static double least_ns(F run)
{
  using clock = std::chrono::steady_clock;
  double best = 1e30;
  for (int round = 0; round < 300; round++) {
    const auto begin = clock::now();
    for (int i = 0; i < 8; i++) run();
    best = std::min(best, std::chrono::duration<double, std::nano>(clock::now() - begin).count() / 8);
  }
  return best;
}

int main()
{
  const int w = 640, h = 480;
  const struct { const char *name; int format, bytes; } kinds[] = {
    { "RGB24", RPPG_RGB24, 3 }, { "BGRA", RPPG_BGRA, 4 }, { "GRAY8", RPPG_GRAY8, 1 }, { "NV12", RPPG_NV12, 1 } };
  const rppg_rect rects[] = { { 170, 90, 300, 300 }, { 290, 200, 64, 64 }, { 0, 0, w, h } };
  std::vector<uint8_t> px((size_t)w * h * 4);
  volatile double sink = 0;
  int wrong = 0;
  for (size_t i = 0; i < px.size(); i++) px[i] = (uint8_t)(i * 2654435761u >> 13);
  cv::setNumThreads(1);
  std::printf("%-6s %-8s %-8s %10s %12s %7s\n", "format", "rect", "isa", "rppg ns", "cv::mean ns", "ratio");
  for (const auto &kind : kinds) {
    for (const rppg_rect &r : rects) {
      rppg_frame f = {};
      f.format = kind.format; f.width = w; f.height = h;
      f.planes[0] = px.data(); f.strides[0] = w * kind.bytes;
      f.planes[1] = px.data() + w * h; f.strides[1] = w;
      const cv::Mat m(h, w, CV_8UC(kind.bytes), px.data()), uv(h / 2, w / 2, CV_8UC2, px.data() + w * h);
      const cv::Rect box(r.x, r.y, r.w, r.h), half(r.x / 2, r.y / 2, r.w / 2, r.h / 2);
      const bool nv12 = kind.format == RPPG_NV12;
      const rppg_isa best = rppg_isa_best();
      for (int isa = (int)best; isa >= 0; isa--) {
        rppg_sums s;
        rppg__isa_force((rppg_isa)isa);
        rppg_roi_sums(&f, &r, 1, &s);
        const cv::Scalar want = cv::mean(m(box)), want_uv = cv::mean(uv(half));
        const int swap = kind.format == RPPG_BGRA ? 2 : 0;
        for (int c = 0; c < (nv12 ? 1 : std::min(kind.bytes, 3)); c++)
          wrong += std::abs((double)s.sum[c ^ (c == 1 ? 0 : swap)] / s.count[0] - want[c]) > 1e-9;
        if (nv12) wrong += std::abs((double)s.sum[1] / s.count[1] - want_uv[0]) > 1e-9;
        const double us = least_ns([&] { rppg_roi_sums(&f, &r, 1, &s); sink = sink + (double)s.sum[0]; });
        const double cv = least_ns([&] {
          sink = sink + cv::mean(m(box))[0];
          if (nv12) sink = sink + cv::mean(uv(half))[0];
        });
        char size[16];
        std::snprintf(size, sizeof size, "%dx%d", r.w, r.h);
        std::printf("%-6s %-8s %-8s %10.0f %12.0f %7.1f\n", kind.name, size, rppg_isa_name((rppg_isa)isa), us, cv, cv / us);
      }
      rppg__isa_force(best);
    }
  }
  if (wrong) std::printf("%d means differ\n", wrong);
  return wrong != 0;
}

/* CL+F and DeepPhys next to oneDNN, one thread, the same weights and instruction set, in turn within each round.

   c++ -O2 -I. bench/peers/nn_onednn.cpp -ldnnl -o build/peer_onednn -lm        Debian: libdnnl-dev
   OMP_NUM_THREADS=1 ONEDNN_MAX_CPU_ISA=AVX2 build/peer_onednn 1 [ROUNDS]       1: ours with AVX2, 2: AVX-512

   oneDNN chooses layouts (format_tag::any), reorders weights before, fuses activations as post-ops; its
   primitives and memory are made before the clock starts. The attention of DeepPhys is left out of both. */
#define RPPG_IMPLEMENTATION
#define RPPG_TESTING
#include "rppg_nn.h"
#include <chrono>
#include <cmath>
#include <cstdio>
#include <unordered_map>
#include <vector>
#include "bench/nets.h"
#include <dnnl.hpp>

using namespace dnnl;
typedef memory::format_tag tag;

static engine cpu(engine::kind::cpu, 0);
static dnnl::stream work(cpu);

struct peer {
  std::vector<primitive> todo;
  std::vector<std::unordered_map<int, memory>> args;
  memory in[2], out;
  void add(const primitive &p, const std::unordered_map<int, memory> &a) { todo.push_back(p); args.push_back(a); }
  void run() { for (size_t i = 0; i < todo.size(); i++) todo[i].execute(work, args[i]); work.wait(); }
};

static memory reordered(memory m, const memory::desc &d)
{
  if (m.get_desc() == d) return m;
  memory to(d, cpu);
  reorder(m, to).execute(work, m, to);
  work.wait();
  return to;
}

static primitive_attr fused(int act)
{
  primitive_attr attr;
  post_ops ops;
  if (act == RPPG_NN_RELU) ops.append_eltwise(1.0f, algorithm::eltwise_relu, 0.0f, 0.0f);
  if (act == RPPG_NN_TANH) ops.append_eltwise(1.0f, algorithm::eltwise_tanh, 0.0f, 0.0f);
  attr.set_post_ops(ops);
  return attr;
}

/* Adds our layer l upon x. */
static memory layer(peer &p, const rppg_nn_layer *l, memory x)
{
  const rppg_nn_tensor *xi = l->in[0], *yo = l->out[0];
  const int ci = xi->d[3], co = yo->d[3], kh = l->p[1], kw = l->p[2];
  if (l->op == RPPG_NN_POOL) {
    memory::desc y({1, co, yo->d[1], yo->d[2]}, memory::data_type::f32, tag::any);
    pooling_v2_forward::primitive_desc pd(pooling_v2_forward::desc(prop_kind::forward_inference,
      algorithm::pooling_avg_exclude_padding, x.get_desc(), y, {2, 2}, {2, 2}, {0, 0}, {0, 0}, {0, 0}), cpu);
    memory to(pd.dst_desc(), cpu);
    p.add(pooling_v2_forward(pd), {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, to}});
    return to;
  }
  std::vector<float> w((size_t)co * ci * kh * kw);
  for (int o = 0; o < co; o++)
    for (int c = 0; c < ci; c++)
      for (int t = 0; t < kh * kw; t++)
        w[(size_t)(o * ci + c) * kh * kw + t] =
          ((float *)l->w[0]->data)[((size_t)(o / 16 * kh * kw + t) * ci + c) * 16 + o % 16];
  memory wm({{co, ci, kh, kw}, memory::data_type::f32, tag::oihw}, cpu, w.data());
  memory bm({{co}, memory::data_type::f32, tag::x}, cpu, l->w[1]->data);
  memory::desc any_w({co, ci, kh, kw}, memory::data_type::f32, tag::any);
  memory::desc any_y({1, co, yo->d[1], yo->d[2]}, memory::data_type::f32, tag::any);
  memory::desc any_x({1, ci, xi->d[1], xi->d[2]}, memory::data_type::f32, tag::any);
  convolution_forward::primitive_desc pd(convolution_forward::desc(prop_kind::forward_inference,
    algorithm::convolution_auto, any_x, any_w, bm.get_desc(), any_y, {1, 1}, {l->p[7], l->p[8]}, {l->p[7], l->p[8]}),
    fused(l->act), cpu);
  if (x.get_desc() != pd.src_desc()) { /* counted: it must happen at every run */
    memory to(pd.src_desc(), cpu);
    p.add(reorder(x, to), {{DNNL_ARG_FROM, x}, {DNNL_ARG_TO, to}});
    x = to;
  }
  memory to(pd.dst_desc(), cpu), ready = reordered(wm, pd.weights_desc());
  if (ready == wm) { /* w dies with this function */
    ready = memory(pd.weights_desc(), cpu);
    reorder(wm, ready).execute(work, wm, ready);
    work.wait();
  }
  p.add(convolution_forward(pd), {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, ready}, {DNNL_ARG_BIAS, bm}, {DNNL_ARG_DST, to}});
  return to;
}

/* A dense layer whose input is ours flattened: [H][W][C], so the peer gets it as channels of one pixel. */
static memory flat(peer &p, memory x, int h, int w, int c)
{
  memory plain({{1, c, h, w}, memory::data_type::f32, tag::nhwc}, cpu);
  if (x.get_desc() != plain.get_desc()) p.add(reorder(x, plain), {{DNNL_ARG_FROM, x}, {DNNL_ARG_TO, plain}});
  else plain = x;
  memory::desc pixel({1, h * w * c, 1, 1}, memory::data_type::f32, tag::nhwc);
  return memory(pixel, cpu, plain.get_data_handle());
}

static void build(peer &p, const net *n)
{
  memory x;
  const rppg_nn_tensor *last = NULL;
  for (int i = 0; i < n->layers; i++) {
    const rppg_nn_layer *l = &n->layer[i];
    const rppg_nn_tensor *t = l->in[0];
    for (int k = 0; k < 2; k++)
      if (t == n->in[k]) x = p.in[k] = memory({{1, t->d[3], t->d[1], t->d[2]}, memory::data_type::f32, tag::nhwc}, cpu, t->data);
    if (l->op == RPPG_NN_RESHAPE) {
      const rppg_nn_tensor *y = l->out[0];
      x = flat(p, x, t->d[1], t->d[2], t->d[3]);
      if (y->d[3] == 1) /* 134 channels of a pixel become a row of 134 */
        x = memory({{1, 1, 1, y->d[2]}, memory::data_type::f32, tag::nhwc}, cpu, x.get_data_handle());
    } else x = layer(p, l, x);
    last = l->out[0];
  }
  memory plain({{1, last->d[3], last->d[1], last->d[2]}, memory::data_type::f32, tag::nhwc}, cpu);
  if (x.get_desc() != plain.get_desc()) p.add(reorder(x, plain), {{DNNL_ARG_FROM, x}, {DNNL_ARG_TO, plain}});
  else plain = x;
  p.out = plain;
}

/* One branch of DeepPhys without attention, and the dense layers behind it. */
static net *branch()
{
  net *n = net_begin(RPPG_NN_F32);
  rppg_nn_tensor *d = n->in[0] = net_tensor(RPPG_NN_F32, 1, 36, 36, 3);
  for (int i = 0; i < 2; i++) {
    d = net_conv(n, d, i ? 64 : 32, 1, 3, 3, 1, RPPG_NN_TANH);
    d = net_conv(n, d, i ? 64 : 32, 1, 3, 3, 0, RPPG_NN_TANH);
    d = net_halve(n, d);
  }
  d = net_conv(n, net_shape(n, d, 1, 1, 3136), 128, 1, 1, 1, 0, RPPG_NN_TANH);
  net_conv(n, d, 1, 1, 1, 1, 0, RPPG_NN_LINEAR);
  return net_end(n);
}

static double now_us()
{
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int main(int argc, char **argv)
{
  const int isa = argc > 1 ? atoi(argv[1]) : 0, rounds = argc > 2 ? atoi(argv[2]) : 300;
  if (isa > (int)rppg_isa_best()) { printf("SKIPPED: this machine has no such instruction set\n"); return 0; }
  rppg__isa_force((rppg_isa)isa);
  for (int which = 0; which < 2; which++) {
    net *n = which ? branch() : net_clf(RPPG_NN_F32);
    peer p;
    build(p, n);
    double best[2] = {1e30, 1e30}, off = 0.0, top = 0.0;
    for (int r = 0; r < rounds; r++) {
      double t = now_us();
      net_run(n);
      best[0] = std::fmin(best[0], now_us() - t);
      t = now_us();
      p.run();
      best[1] = std::fmin(best[1], now_us() - t);
    }
    for (size_t i = 0; i < n->out->n; i++) {
      const float a = ((float *)n->out->data)[i], b = ((float *)p.out.get_data_handle())[i];
      off = std::fmax(off, std::fabs(a - b));
      top = std::fmax(top, std::fabs(b));
    }
    printf("%-28s rppg %s %8.1f us   oneDNN %8.1f us   ratio %.2f   difference %.1e\n",
           which ? "DeepPhys, one branch" : "CL+F", rppg_isa_name((rppg_isa)isa), best[0], best[1], best[1] / best[0], off / top);
  }
  return 0;
}

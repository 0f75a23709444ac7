"""A graph as a PyTorch module that rounds as 8 bits do, with gradients that pass the rounding as if it were not there
[Jacob2018; Bengio2013]: weights to s8 per output channel, activations to u7. Batch norms are in the convolutions already, as in
the blob, so that what is trained is what will be stored."""
import copy

from . import quantize, training
from .blob import BINARY, NORMS, PACKED, REDUCE, BlobError
from .pack import TASKS, need_torch

torch = need_torch()
F = torch.nn.functional
FUNCTIONS = {"linear": lambda x: x, "relu": torch.relu, "relu6": F.relu6, "elu": F.elu, "gelu": F.gelu,
             "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu, "tanh": torch.tanh, "sigmoid": torch.sigmoid,
             "softplus": F.softplus, "exp": torch.exp, "sqrt": torch.sqrt, "abs": torch.abs, "neg": torch.neg,
             "square": torch.square, "sin": torch.sin, "cos": torch.cos}
PAIRS = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "min": torch.minimum, "max": torch.maximum}
TRAINED = ("conv", "depthwise", "upconv")
OVER = {"sum": torch.sum, "mean": torch.mean, "max": torch.amax, "min": torch.amin}


def windowed(x, p, out, value=0.0):
    """x [N][T][H][W][C] as [N][C][T][H][W], padded before by p[6:9], and behind by as much as an output of these sizes needs."""
    pads = []
    for i in (2, 1, 0):
        behind = (out[i] - 1) * p[3 + i] + p[9 + i] * (p[i] - 1) + 1 - x.shape[1 + i] - p[6 + i]
        pads += [p[6 + i], behind]
    return F.pad(x.movedim(-1, 1), pads, value=value)


def conv(l, x, w, b):
    y = F.conv3d(windowed(x, l.p, l.out[0].shape), w, b, tuple(l.p[3:6]), 0, tuple(l.p[9:12]), l.p[12])
    return y.movedim(1, -1)


def depthwise(l, x, w, b):
    w = w.reshape(*l.p[:3], x.shape[-1]).movedim(-1, 0)[:, None]
    return F.conv3d(windowed(x, l.p, l.out[0].shape), w, b, tuple(l.p[3:6]), 0, tuple(l.p[9:12]), x.shape[-1]).movedim(1, -1)


def upconv(l, x, w, b):
    out, p = l.out[0].shape, l.p
    extra = [out[i] - ((x.shape[1 + i] - 1) * p[3 + i] - 2 * p[6 + i] + p[i]) for i in range(3)]
    return F.conv_transpose3d(x.movedim(-1, 1), w.transpose(0, 1), b, tuple(p[3:6]), tuple(p[6:9]), extra).movedim(1, -1)


def resize(l, x):
    kind = {"mode": "trilinear", "align_corners": False} if l.p[0] else {"mode": "nearest"}
    return F.interpolate(x.movedim(-1, 1), l.out[0].shape[:3], **kind).movedim(1, -1)


def diff(l, x):
    y = x[:, 1:] - x[:, :-1]
    y = y / (x[:, 1:] + x[:, :-1] + l.f[0]) if l.p[0] else y
    return F.pad(y, (0, 0) * 3 + (0, l.out[0].shape[0] - y.shape[1]))


def pool(l, x):
    if len(l.p) < 10 or not l.p[1]:  # adaptive
        f = F.adaptive_max_pool3d if l.p[0] else F.adaptive_avg_pool3d
        return f(x.movedim(-1, 1), l.out[0].shape[:3]).movedim(1, -1)
    k, stride, pad = (tuple(l.p[i:i + 3]) for i in (1, 4, 7))
    y = (F.max_pool3d(x.movedim(-1, 1), k, stride, pad) if l.p[0] else
         F.avg_pool3d(x.movedim(-1, 1), k, stride, pad, count_include_pad=bool(l.flags)))
    return y.movedim(1, -1)


def shift(l, x):
    depth, third = l.p[:2]
    x = x.reshape(-1, depth, *x.shape[2:])
    after, before, rest = x[..., :third], x[..., third:2 * third], x[..., 2 * third:]
    if l.flags:
        moved = [after.roll(-1, 1), before.roll(1, 1)]
    else:
        moved = [F.pad(after[:, 1:], (0, 0) * 3 + (0, 1)), F.pad(before[:, :-1], (0, 0) * 3 + (1, 0))]
    return torch.cat([*moved, rest], -1).reshape(-1, *l.out[0].shape)


def norm(l, x, weights):
    kind, groups = NORMS[l.p[0]], l.p[1]
    if kind == "rms" or len(l.ins) > 1:
        raise BlobError("gated norms cannot be tuned")
    w, b = weights
    if kind == "layer":
        return F.layer_norm(x, x.shape[-1:], w, b, l.f[0])
    return F.group_norm(x.movedim(-1, 1), groups, w, b, l.f[0]).movedim(1, -1)


def mask(l, x):
    total = x.sum((2, 3), keepdim=True)
    return x / total * (x.shape[2] * x.shape[3] * l.f[0])


def reduce(l, x):
    axes = [1 + i for i in range(4) if l.out[0].shape[i] != l.ins[0].shape[i]]
    return OVER[REDUCE[l.p[0]]](x, axes, keepdim=True) if axes else x


def slices(l, x):
    for i in range(4):
        start, step, n = l.p[i], l.p[4 + i], l.out[0].shape[i]
        x = x.movedim(1 + i, 0)[start:start + step * (n - 1) + 1:step].movedim(0, 1 + i)
    return x


def rounded(x, numbers):
    """u7 with this scale and zero point."""
    return torch.fake_quantize_per_tensor_affine(x, *numbers, 0, 127)


def rounded_weights(w):
    """s8 for each output channel: the step follows the weights."""
    step = torch.from_numpy(quantize.weight_steps(w.detach().cpu().numpy())).to(w.device)
    return torch.fake_quantize_per_channel_affine(w, step, torch.zeros_like(step, dtype=torch.int32), 0, -127, 127)


class Rounded(torch.nn.Module):
    """The module of a fused graph. ranges: of quantize.measure on that graph; None: nothing is rounded. Inputs are
    [N, *sizes] each; the outputs come in a list. The weights of convolutions and dense layers are trained."""

    def __init__(self, graph, ranges=None):
        super().__init__()
        self.graph, self.ranges = graph, ranges
        self.weights = torch.nn.ParameterDict()
        for i, l in enumerate(graph.layers):
            if any(t.kind == "state" for t in (*l.ins, *l.out)):
                raise BlobError("a model with a state cannot be tuned")
            for k, w in enumerate(l.weights):
                if w is not None:
                    value = torch.tensor(w.data if l.op in PACKED and k == 0 else w.data.reshape(w.shape)).float()
                    if k and l.op in TRAINED or l.op in ("affine", "norm"):
                        value = value.reshape(-1)
                    self.weights[f"{i}_{k}"] = torch.nn.Parameter(value, requires_grad=l.op in TRAINED)

    def layer(self, i, l, xs):
        w = [self.weights[f"{i}_{k}"] if f"{i}_{k}" in self.weights else None for k in range(2)]
        x, chosen = xs[0], self.ranges is not None and i in self.ranges.chosen
        if l.op == "conv":
            y = conv(l, x, rounded_weights(w[0]) if chosen else w[0], w[1])
            return y + xs[1] if len(xs) > 1 else y
        if l.op in ("depthwise", "upconv"):
            return (depthwise if l.op == "depthwise" else upconv)(l, x, *w)
        if l.op == "affine":
            return x * w[0] + w[1]
        if l.op == "binary":
            return PAIRS[BINARY[l.p[0]]](x, w[0] if l.weights else xs[1])
        simple = {"act": lambda: x, "pool": lambda: pool(l, x), "shift": lambda: shift(l, x), "norm": lambda: norm(l, x, w),
                  "mask": lambda: mask(l, x), "reduce": lambda: reduce(l, x), "slice": lambda: slices(l, x), "resize": lambda: resize(l, x), "diff": lambda: diff(l, x),
                  "softmax": lambda: torch.softmax(x * l.f[0], -1), "concat": lambda: torch.cat(xs, 1 + l.p[0]),
                  "permute": lambda: x.permute(0, *(1 + a for a in l.p[:4])),
                  "reshape": lambda: x.reshape(len(x), *l.out[0].shape)}
        if l.op not in simple:
            raise BlobError(f"a layer of kind '{l.op}' cannot be tuned")
        return simple[l.op]()

    def forward(self, *inputs):
        made = {t: x.reshape(len(x), *t.shape) for t, x in zip(self.graph.inputs, inputs)}
        numbers, small, before = {}, (), {}
        if self.ranges is not None:
            numbers, before, small = self.ranges.numbers, self.ranges.before, set(self.ranges.small)
            made = {t: rounded(x, numbers[t]) if t in small else x for t, x in made.items()}
        for i, l in enumerate(self.graph.layers):
            y, out = self.layer(i, l, [made[t] for t in l.ins]), l.out[0]
            if out in before:
                y = rounded(y, numbers[before[out]])
            y = FUNCTIONS[l.act](y)
            made[out] = rounded(y, numbers[out]) if out in small and out.kind != "output" else y
        return [made[t] for t in self.graph.outputs]

    def into(self, graph):
        """Writes the trained weights into a copy of the graph that this was made of."""
        for i, l in enumerate(graph.layers):
            for k, w in enumerate(l.weights):
                if w is not None and self.weights[f"{i}_{k}"].requires_grad:
                    w.data = self.weights[f"{i}_{k}"].detach().cpu().numpy().reshape(w.data.shape)


def distance(task):
    """Loss between outputs and those of the model as it was: of classes the divergence, else squares over the variance."""
    def classes(y, want):
        logs = [[torch.log_softmax(t.flatten(1), -1) for t in part] for part in (y, want)]
        return sum(F.kl_div(a, b, log_target=True, reduction="batchmean") for a, b in zip(*logs))

    def squares(y, want):
        return sum(((a - b) ** 2).mean() / b.var().clamp_min(1e-12) for a, b in zip(y, want))
    return classes if task == TASKS["classes"] else squares


def tune(graph, data, method, keep=(), *, epochs=5, steps=100, size=32, rates=(1e-5, 3e-4), folder, seed=1):
    """(graph, figures): the fused graph with weights that have learned to be rounded: its outputs follow those of the graph as it
    was, so that no labels are needed. data: tuples of inputs; the last tenth of them is for validation. Where that does not
    become better ("loss" against "before" in the figures), the weights stay."""
    graph = copy.deepcopy(graph)
    graph.fuse()
    ranges = quantize.measure(graph, data, method, keep)
    inputs = [torch.stack([torch.as_tensor(x[k]).float() for x in data]) for k in range(len(graph.inputs))]
    held = max(1, len(data) // 10)
    teacher = Rounded(copy.deepcopy(graph)).requires_grad_(False)
    with torch.no_grad():
        parts = [teacher(*(x[i:i + size] for x in inputs)) for i in range(0, len(data), size)]
    wanted = [torch.cat(part) for part in zip(*parts)]
    network, loss = Rounded(graph, ranges), distance(graph.spec.get("task"))

    def batch(rng, epoch, step):
        at = torch.from_numpy(rng.integers(len(data) - held, size=min(size, len(data) - held)))
        return [t[at] for t in (*inputs, *wanted)]

    def difference(model, *given):
        return loss(model(*given[:len(inputs)]), given[len(inputs):])

    def validate(model):
        where = next(model.parameters()).device
        return {"loss": difference(model, *(t[-held:].to(where) for t in (*inputs, *wanted))).item()}
    before = validate(network)["loss"]
    figures = training.fit(network, batch, difference, epochs=epochs, steps=steps, rates=rates, validate=validate, folder=folder,
                           seed=seed, settings={"method": method, "samples": len(data), "size": size})
    if figures["loss"] < before:
        network.into(graph)
    return graph, {"before": before, **figures}

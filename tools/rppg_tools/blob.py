"""Models for rppg_nn.h: a graph of layers, put in order, planned and written as a blob; and read back.

Shapes are (T, H, W, C) as in the header. Weights come in PyTorch's layouts, as NumPy arrays.

    g = Graph()
    x = g.input((1, 36, 36, 3))
    x = g.conv(x, w, b, pad=(0, 1, 1), act="tanh")
    g.output(g.reduce(x, "mean", axes=(1, 2)))
    g.write("model.rppg", weights="f16")
"""
import dataclasses
import pathlib
import struct
import zlib

import numpy as np

MAGIC = b"RPPGNN\x1a\n"
ABSENT = 0xFFFFFFFF
BLOCK = 16  # output channels that lie together in packed weights
OPS = {"conv": 1, "depthwise": 2, "upconv": 3, "affine": 4, "norm": 5, "pool": 6, "act": 7, "softmax": 8, "binary": 9,
       "reduce": 10, "concat": 11, "slice": 12, "permute": 13, "reshape": 14, "resize": 15, "shift": 16, "diff": 17,
       "standard": 18, "mask": 19, "matmul": 20, "attention": 21, "scan": 22, "codebook": 23, "step": 24, "causal": 25,
       "ema": 26, "nmf": 27, "fft": 28, "cumsum": 29, "quant": 32, "dequant": 33,
       "conv_s8": 34, "lookup": 35}
ACTS = ("linear", "relu", "relu6", "elu", "gelu", "gelu_tanh", "silu", "tanh", "sigmoid", "softplus", "exp", "sqrt",
        "abs", "neg", "square", "sin", "cos")
KINDS = ("weight", "activation", "state", "input", "output")
TYPES = {"f32": 0, "f16": 1, "s8": 2, "u7": 3}
BYTES = {"f32": 4, "f16": 2, "s8": 1, "u7": 1}
BINARY = ("add", "sub", "mul", "div", "min", "max")
REDUCE = ("sum", "mean", "max", "min")
# Inputs in whose place the output may lie, by op: bit i for input i.
SHARE = {"conv": 2, "affine": 1, "act": 1, "softmax": 1, "binary": 3, "reshape": 1, "norm": 1, "standard": 1, "mask": 1,
         "codebook": 1, "cumsum": 1, "conv_s8": 2, "lookup": 1}
ACTIVATED = {"conv", "depthwise", "upconv", "affine", "norm", "pool", "act", "binary", "reduce", "resize", "matmul",
             "causal", "ema"}  # ops that have an activation
NORMS = ("layer", "group", "rms")
PACKED = {"conv", "upconv"}  # ops whose weights lie in blocks
SPEC = ("task", "source", "frames", "hop", "fps", "layout", "channels", "w", "h", "norm", "bpm_first", "bpm_step", "margin")
SPEC_FLOATS = {"fps", "bpm_first", "bpm_step", "margin"}


class BlobError(Exception):
    """What is wrong with a graph or a blob, for people."""


def nothing(*shape):
    return dataclasses.field(default_factory=lambda: np.zeros(shape, np.float32))


@dataclasses.dataclass(eq=False)
class Adapter:
    """What one camera needs beside the weights: the header's chunk ADPT. Empty arrays: that part is not there."""
    mix: np.ndarray = nothing(0, 3, 3)   # of the colours, for all or for each region
    gain: np.ndarray = nothing(0)        # [channels]
    offset: np.ndarray = nothing(0)
    rise: np.ndarray = nothing(0, 0)     # u [hidden][taps] of the head for classes
    bias: np.ndarray = nothing(0)        # b [hidden]
    fall: np.ndarray = nothing(0, 0)     # v [hidden][taps]
    filter: np.ndarray = nothing(0)      # w [taps] of the head for a wave

    def arrays(self):
        return [np.asarray(getattr(self, field.name), np.float32) for field in dataclasses.fields(self)]

    @property
    def size(self):
        return sum(a.size for a in self.arrays())

    def pack(self):
        mix, gain, offset, rise, bias, fall, filter_ = self.arrays()
        taps = rise.shape[1] if rise.size else len(filter_)
        if (mix.shape[1:] != (3, 3) or gain.ndim != 1 or offset.shape != gain.shape or rise.ndim != 2 or bias.shape != rise.shape[:1]
                or fall.shape != rise.shape or filter_.ndim != 1 or (rise.size and filter_.size)):
            raise BlobError("an adapter whose parts do not fit together")
        return struct.pack("<4I", len(mix), len(gain), len(bias), taps) + b"".join(a.astype("<f4").tobytes() for a in self.arrays())

    @classmethod
    def unpack(cls, data):
        mixes, channels, hidden, taps = struct.unpack_from("<4I", data)
        shapes = [(mixes, 3, 3), (channels,), (channels,), (hidden, taps), (hidden,), (hidden, taps), (0 if hidden else taps,)]
        values, parts = np.frombuffer(data, "<f4", offset=16), []
        for shape in shapes:
            n = int(np.prod(shape))
            parts.append(values[:n].reshape(shape).astype(np.float32))
            values = values[n:]
        return cls(*parts)


@dataclasses.dataclass(eq=False)
class Tensor:
    shape: tuple
    kind: str = "activation"
    type: str = "f32"
    data: np.ndarray = None  # of a weight, packed
    begins: "Tensor" = None  # of a state
    offset: int = 0          # of an input or output: its number
    scale: float = 0.0
    zero: int = 0

    @property
    def size(self):
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bytes(self):
        return self.size * BYTES[self.type]


@dataclasses.dataclass(eq=False)
class Layer:
    op: str
    ins: list
    out: list
    weights: list = dataclasses.field(default_factory=list)
    p: list = dataclasses.field(default_factory=list)
    f: list = dataclasses.field(default_factory=list)
    act: str = "linear"
    flags: int = 0
    name: str = ""


def triple(v):
    return (v, v, v) if np.isscalar(v) else tuple(int(i) for i in v)


def windows(x, w, stride, pad, dilation, groups, out):
    """Weights with all kernel axes; kernel, stride, padding, dilation as parameters; the output's T, H, W."""
    w = w.reshape(w.shape[:2] + (1,) * (5 - w.ndim) + w.shape[2:])
    k, stride, pad, dilation = w.shape[2:], triple(stride), triple(pad), triple(dilation)
    out = tuple(out or ((x.shape[i] + 2 * pad[i] - dilation[i] * (k[i] - 1) - 1) // stride[i] + 1 for i in range(3)))
    if x.shape[3] != w.shape[1] * groups or w.shape[0] % groups:
        raise BlobError(f"convolution of {x.shape[3]} channels by weights of {w.shape} in {groups} groups")
    return w, (*k, *stride, *pad, *dilation), out


def up64(n):
    return -(-n // 64) * 64


class Graph:
    def __init__(self):
        self.layers, self.inputs, self.outputs, self.states = [], [], [], []
        self.spec, self.camera, self.note, self.classes, self.adapter = {}, "", "", None, None
        self.direct = False  # convolutions from here on never go Winograd's way: for networks that magnify rounding

    # ---- building ----

    def input(self, shape):
        self.inputs.append(Tensor(tuple(shape), "input", offset=len(self.inputs)))
        return self.inputs[-1]

    def output(self, x):
        """Marks x as an output; an input or what is an output already is copied."""
        if x.kind != "activation":
            x = self.reshape(x, x.shape)
        x.kind, x.offset = "output", len(self.outputs)
        self.outputs.append(x)
        return x

    def state(self, shape, begins=None):
        """A tensor that lives from run to run; read it, and write it with store()."""
        self.states.append(Tensor(tuple(shape), "state", begins=None if begins is None else self.weight(begins, shape)))
        return self.states[-1]

    def store(self, x, state):
        """Writes x into a state, at this point of the order of layers."""
        self.add("reshape", [x], state)

    @staticmethod
    def weight(array, shape=None):
        array = np.ascontiguousarray(array, np.float32)
        shape = tuple(shape) if shape else (1, 1, 1, array.size)
        return Tensor(shape, "weight", data=array.reshape(shape))

    def add(self, op, ins, shape_or_tensor, weights=(), p=(), f=(), act="linear", flags=0, state=None):
        """state: a second output, which the op reads and writes."""
        out = shape_or_tensor if isinstance(shape_or_tensor, Tensor) else Tensor(tuple(int(d) for d in shape_or_tensor))
        outs = [out] if state is None else [out, state]
        self.layers.append(Layer(op, list(ins), outs, list(weights), [int(v) for v in p], list(f), act, flags))
        return out

    def weight_or_none(self, array, shape=None):
        return None if array is None else self.weight(array, shape)

    def conv(self, x, w, b=None, stride=1, pad=0, dilation=1, groups=1, act="linear", out=None):
        """w [Co][Ci/groups][kt][kh][kw], or with fewer kernel axes: the missing ones come first. pad is before and
        after; out, the sizes (T, H, W) of the output, allows for less or more behind."""
        w, geometry, out = windows(x, np.asarray(w, np.float32), stride, pad, dilation, groups, out)
        bias = [] if b is None else [self.weight(b)]
        if groups == x.shape[3] == w.shape[0] and groups > 1:
            packed = np.moveaxis(w[:, 0], 0, -1)
            return self.add("depthwise", [x], out + (groups,), [self.weight(packed)] + bias,
                            geometry, act=act)
        weight = Tensor((1, 1, 1, 1), "weight", data=w)  # packed when written
        return self.add("conv", [x], out + (w.shape[0],), [weight] + bias, (*geometry, groups), act=act,
                        flags=int(self.direct))

    def dense(self, x, w, b=None, act="linear"):
        """w [Co][Ci], over the last axis."""
        return self.conv(x, np.asarray(w)[:, :, None], b, act=act)

    def flatten(self, x, w):
        """x as a vector, and w [Co][C*T*H*W], made for PyTorch's order of it, in this order."""
        t, h, v, c = x.shape
        w = np.asarray(w).reshape(-1, c, t, h, v).transpose(0, 2, 3, 4, 1).reshape(len(w), -1)
        return self.reshape(x, (1, 1, 1, x.size)), w

    def upconv(self, x, w, b=None, stride=1, pad=0, extra=0, act="linear"):
        """Transposed convolution: w [Ci][Co][kt][kh][kw], or with fewer kernel axes, as PyTorch; extra: its
        output_padding."""
        w = np.asarray(w, np.float32)
        w = w.reshape(w.shape[:2] + (1,) * (5 - w.ndim) + w.shape[2:]).swapaxes(0, 1)
        k, stride, pad, extra = w.shape[2:], triple(stride), triple(pad), triple(extra)
        if x.shape[3] != w.shape[1]:
            raise BlobError(f"transposed convolution of {x.shape[3]} channels by weights of {w.shape}")
        out = tuple((x.shape[i] - 1) * stride[i] - 2 * pad[i] + k[i] + extra[i] for i in range(3))
        weight = Tensor((1, 1, 1, 1), "weight", data=w)
        bias = [] if b is None else [self.weight(b)]
        return self.add("upconv", [x], out + (w.shape[0],), [weight] + bias, (*k, *stride, *pad, 1, 1, 1, 1), act=act)

    def norm(self, x, kind, weight=None, bias=None, eps=1e-5, groups=0, gate=None, gate_act="linear", gate_after=False,
             act="linear"):
        """kind: "layer" and "rms" over the channels, "group" over T, H, W and the channels of each group."""
        weights = [self.weight_or_none(weight), self.weight_or_none(bias)]
        return self.add("norm", [x] if gate is None else [x, gate], x.shape, weights,
                        (NORMS.index(kind), groups, ACTS.index(gate_act)), [eps], act, int(gate_after))

    def layer_norm(self, x, weight=None, bias=None, eps=1e-5, act="linear"):
        return self.norm(x, "layer", weight, bias, eps, act=act)

    def group_norm(self, x, groups, weight=None, bias=None, eps=1e-5, act="linear"):
        return self.norm(x, "group", weight, bias, eps, groups, act=act)

    def instance_norm(self, x, weight=None, bias=None, eps=1e-5, act="linear"):
        """Over T, H, W, as InstanceNorm3d; of one frame as InstanceNorm2d, of a signal as InstanceNorm1d."""
        return self.norm(x, "group", weight, bias, eps, x.shape[3], act=act)

    def rms_norm(self, x, weight=None, eps=1e-5, gate=None, gate_act="silu", gate_after=False, act="linear"):
        """x is multiplied by gate_act(gate), where there is one, before the norm or after it."""
        return self.norm(x, "rms", weight, None, eps, 0, gate, gate_act if gate is not None else "linear", gate_after, act)

    def affine(self, x, scale, shift, act="linear"):
        return self.add("affine", [x], x.shape, [self.weight(scale), self.weight(shift)], act=act)

    def batch_norm(self, x, weight, bias, mean, var, eps=1e-5, act="linear"):
        scale = np.asarray(weight, np.float64) / np.sqrt(np.asarray(var, np.float64) + eps)
        return self.affine(x, scale, np.asarray(bias, np.float64) - np.asarray(mean, np.float64) * scale, act)

    def act(self, x, name):
        return self.add("act", [x], x.shape, act=name)

    def softmax(self, x, scale=1.0):
        return self.add("softmax", [x], x.shape, f=[scale])

    def binary(self, op, x, y, act="linear"):
        """y: a tensor, or an array or number that becomes a weight; its sizes equal x's or are 1."""
        if not isinstance(y, Tensor):
            y = np.asarray(y, np.float32)
            y = self.weight(y, (1,) * (4 - y.ndim) + y.shape)
        one = y.kind == "weight"
        return self.add("binary", [x] if one else [x, y], x.shape, [y] if one else [], [BINARY.index(op)], act=act)

    def pool(self, x, kind, kernel, stride=None, pad=0, count_padding=True, act="linear"):
        k, pad = triple(kernel), triple(pad)
        stride = triple(kernel if stride is None else stride)
        out = tuple((x.shape[i] + 2 * pad[i] - k[i]) // stride[i] + 1 for i in range(3))
        return self.add("pool", [x], out + x.shape[3:], p=(kind == "max", *k, *stride, *pad), act=act,
                        flags=int(count_padding))

    def adaptive_pool(self, x, kind, out, act="linear"):
        return self.add("pool", [x], tuple(out) + x.shape[3:], p=[kind == "max"], act=act)

    def reduce(self, x, kind, axes, act="linear"):
        shape = tuple(1 if i in axes else d for i, d in enumerate(x.shape))
        return self.add("reduce", [x], shape, p=[REDUCE.index(kind)], act=act)

    def concat(self, xs, axis=3):
        while len(xs) > 4:
            xs = [self.concat(xs[:4], axis), *xs[4:]]
        shape = list(xs[0].shape)
        shape[axis] = sum(x.shape[axis] for x in xs)
        return self.add("concat", xs, shape, p=[axis])

    def slice(self, x, start, out, step=(1, 1, 1, 1)):
        return self.add("slice", [x], out, p=(*start, *step))

    def permute(self, x, axes):
        return self.add("permute", [x], [x.shape[a] for a in axes], p=axes)

    def reshape(self, x, shape):
        return self.add("reshape", [x], shape)

    def resize(self, x, out, linear=False, act="linear"):
        """To sizes (T, H, W): nearest, as PyTorch's "nearest", or linear, as its align_corners=False. Its "area" is
        adaptive_pool(x, "average", out)."""
        return self.add("resize", [x], tuple(out) + x.shape[3:], p=[linear], act=act)

    def upsample(self, x, factor, act="linear"):
        """Every sample factor times, along T, H, W."""
        return self.resize(x, [d * f for d, f in zip(x.shape, triple(factor))], act=act)

    def shift_time(self, x, depth, channels=None, wrap=False):
        """channels: how many come from the frame after, and how many from the one before; a third by default."""
        third = x.shape[3] // 3 if channels is None else channels
        return self.add("shift", [x], x.shape, p=(depth, third), flags=int(wrap))

    def diff(self, x, normalise=False, eps=1e-7, zeros_behind=False):
        shape = (x.shape[0] - (not zeros_behind),) + x.shape[1:]
        return self.add("diff", [x], shape, p=[normalise], f=[eps])

    def standardise(self, x, keep_mean=False):
        return self.add("standard", [x], x.shape, flags=int(keep_mean))

    def attention_mask(self, x, scale=0.5):
        return self.add("mask", [x], x.shape, f=[scale])

    def matmul(self, x, y, scale=1.0, transposed=False, act="linear"):
        """Over the last two axes: x y, or with transposed x y'."""
        return self.add("matmul", [x, y], x.shape[:3] + (y.shape[2 if transposed else 3],), f=[scale], act=act,
                        flags=int(transposed))

    def attention(self, q, k, v, heads=1, scale=1.0, scores=None, region=None, top=0):
        """scores: a tensor of regions of q times regions of k; region: its sizes (T, H, W); a region of q sees the top
        regions of k that score highest."""
        routed = scores is not None
        return self.add("attention", [q, k, v, scores] if routed else [q, k, v], q.shape[:3] + v.shape[3:],
                        p=(heads, top, *region) if routed else [heads], f=[scale])

    def scan(self, x, dt, b, c, a, d=None, states=None, channels=None, steps=None, first=(0, 0, 0, 0), imaginary=None,
             backward=False, sequences=1, state=None):
        """A state space layer. a [R][N] or [R][1]; d [channels], or a number for each row of a, or None. Of x, dt, b, c
        the channels from first on are read: channels of x, steps of dt, states of b and c; by default all. Two times
        the channels come out where a has an imaginary part. state, of state_of_scan(): the layer goes on from it."""
        a = np.asarray(a, np.float32)
        channels = x.shape[3] if channels is None else channels
        steps = dt.shape[3] if steps is None else steps
        states = (b.shape[3] if a.shape[1] == 1 else a.shape[1]) if states is None else states
        parts = 1 if imaginary is None else 2
        if d is not None:
            d = np.asarray(d, np.float32).reshape(-1)
            d = np.repeat(d, channels // len(d))
        weights = [self.weight(a, (1, 1, *a.shape)), self.weight_or_none(d)]
        if imaginary is not None:
            weights.append(self.weight(imaginary, (1, 1, *a.shape)))
        return self.add("scan" if state is None else "step", [x, dt, b, c], x.shape[:3] + (channels * parts,), weights,
                        (*first, sequences, states, steps), flags=int(backward), state=state)

    def scan_state(self, channels, states, imaginary=False):
        return self.state((1, 2 if imaginary else 1, channels, states))

    def causal(self, x, w, b=None, state=None, act="linear"):
        """Depthwise convolution along T over frames up to this one: w [C][taps], as PyTorch's [C][1][taps]."""
        w = np.asarray(w, np.float32).reshape(x.shape[3], -1)
        state = state or self.state((w.shape[1] - 1,) + x.shape[1:])
        return self.add("causal", [x], x.shape, [self.weight(w.T), self.weight_or_none(b)], [w.shape[1]], act=act, state=state)

    def ema(self, x, rate, eps, bound=0.0, dt=None, deviation_before=False, begins=(0.0, 0.0), act="linear"):
        """rate: how much of a new frame goes in, one number or one per channel, times dt where that is given. begins:
        mean and square before the first frame."""
        start = np.broadcast_to(np.reshape(begins, (2, 1, 1, 1)), (2,) + x.shape[1:])
        state = self.state((2,) + x.shape[1:], start if np.any(start) else None)
        return self.add("ema", [x] if dt is None else [x, dt], x.shape, [self.weight(np.broadcast_to(rate, x.shape[3:]))],
                        f=[eps, bound], act=act, flags=int(deviation_before), state=state)

    def codebook(self, x, codes, scale=1.0):
        return self.add("codebook", [x], x.shape, [self.weight(codes)], f=[scale])

    def nmf(self, x, steps=4, eps=1e-6):
        return self.add("nmf", [x], x.shape, p=[steps], f=[eps])

    def rfft(self, x, scale=1.0):
        """Over all positions, for each channel: [1][1][n / 2 + 1][2 C], real parts first."""
        n = x.shape[0] * x.shape[1] * x.shape[2]
        return self.add("fft", [x], (1, 1, n // 2 + 1, 2 * x.shape[3]), f=[scale])

    def irfft(self, x, out, scale=1.0):
        """Back, to sizes (T, H, W)."""
        return self.add("fft", [x], tuple(out) + (x.shape[3] // 2,), p=[1], f=[scale])

    def cumsum(self, x, axis):
        return self.add("cumsum", [x], x.shape, p=[axis])

    def combine_maps(self, still, moving, w_still, b_still, w_moving, b_moving, alpha, beta):
        """rFaceNet's feature combiner: alpha times a 1x1x1 convolution of still [1][H'][W'][C'], brought to the size of
        moving and repeated over time, plus beta times one of moving. The factors go into the weights."""
        still = self.conv(still, alpha * np.asarray(w_still), alpha * np.asarray(b_still))
        if still.shape[1:3] != moving.shape[1:3]:
            still = self.resize(still, (1, *moving.shape[1:3]))
        return self.binary("add", self.conv(moving, beta * np.asarray(w_moving), beta * np.asarray(b_moving)), still)

    # ---- 8 bits ----

    def add8(self, op, ins, shape, scale, zero, **more):
        """A layer whose output is u7, of that scale and zero point."""
        out = self.add(op, ins, shape, **more)
        out.type, out.scale, out.zero = "u7", float(np.float32(scale)), int(zero)
        return out

    def quant(self, x, scale, zero):
        return self.add8("quant", [x], x.shape, scale, zero)

    def dequant(self, x):
        return self.add("dequant", [x], x.shape)

    def lookup(self, x, f, scale, zero):
        """f, over NumPy arrays, of u7, as a table."""
        values = f((np.arange(128) - x.zero) * float(np.float32(x.scale)))
        table = np.clip(np.rint(values.astype(np.float32) / np.float32(scale) + np.float32(zero)), 0, 127)
        return self.add8("lookup", [x], x.shape, scale, zero, weights=[Tensor((1, 1, 1, 128), "weight", "s8", table)])

    def conv_s8(self, x, w, w_scale, b=None, stride=1, pad=0, dilation=1, groups=1, act="linear", out=None, residual=None,
                scale=None, zero=0):
        """Integers w [Co][Ci/groups][kt][kh][kw] from -127 to 127, times w_scale [Co]; x u7. scale, zero: of a u7 output;
        without them it is f32."""
        w, geometry, out = windows(x, np.asarray(w), stride, pad, dilation, groups, out)
        weights = [Tensor((1, 1, 1, 1), "weight", "s8", w), None if b is None else self.weight(b), self.weight(w_scale)]
        ins, shape, p = [x] + ([] if residual is None else [residual]), out + (w.shape[0],), (*geometry, groups)
        if scale is None:
            return self.add("conv_s8", ins, shape, weights, p, act=act)
        return self.add8("conv_s8", ins, shape, scale, zero, weights=weights, p=p, act=act)

    # ---- making it smaller ----

    def users(self, tensor):
        return [layer for layer in self.layers if tensor in layer.ins]

    def fuse(self):
        """What follows a convolution alone moves into it: batch norm, a sum, an activation. Exact up to rounding."""
        made = {layer.out[0]: layer for layer in self.layers}

        def alone(t):
            """The layer that makes t for one reader, without an activation of its own yet."""
            layer = made.get(t)
            free = layer and t.kind == "activation" and layer.act == "linear" and len(self.users(t)) == 1
            return layer if free else None

        for layer in list(self.layers):
            before = alone(layer.ins[0])
            if layer.op == "affine" and before and before.op in ("conv", "depthwise", "upconv") and len(before.ins) == 1:
                fold_affine(before, *(w.data.reshape(-1).astype(np.float64) for w in layer.weights))
            elif layer.op == "binary" and layer.p[0] == 0 and len(layer.ins) == 2 and layer.ins[0] is not layer.ins[1]:
                before = self._residual(layer, made, alone)
                if before is None:
                    continue
            elif not (layer.op == "act" and before and before.op in ACTIVATED):
                continue
            before.out[0], before.act = layer.out[0], layer.act
            made[layer.out[0]] = before
            self.layers.remove(layer)

    def _residual(self, layer, made, alone):
        """The convolution that a sum can move into, the other term as its residual; or None."""
        for i in (0, 1):
            conv, other = alone(layer.ins[i]), layer.ins[1 - i]
            if conv is None or conv.op != "conv" or len(conv.ins) != 1 or other.shape != layer.ins[i].shape or other.kind == "state":
                continue
            if other.kind == "input" or self.layers.index(made[other]) < self.layers.index(conv):
                conv.ins.append(other)
                return conv
        return None

    # ---- memory ----

    def plan(self):
        """Places activations. The arena's size, and the lower bound: the most that lives at one time."""
        born, last = {}, {}
        for i, layer in enumerate(self.layers):
            for t in layer.ins:
                last[t] = i
            for t in layer.out:
                if t.kind == "activation":
                    born.setdefault(t, i)
        for t in born:
            last.setdefault(t, born[t])
        root, members = {}, {}  # tensors that share one place, one after the other
        for i, layer in enumerate(self.layers):
            t = layer.out[0]
            root[t] = t
            if t.kind != "activation":
                continue
            for k, source in enumerate(layer.ins):
                if (SHARE.get(layer.op, 0) >> k & 1 and source.kind == "activation" and last[source] == i and source.bytes == t.bytes
                        and all(SHARE[layer.op] >> j & 1 for j, s in enumerate(layer.ins) if s is source)
                        and last[source] == max(last[m] for m in members[root[source]])):
                    root[t] = root[source]
                    break
            members.setdefault(root[t], []).append(t)
        groups = [(born[g[0]], max(last[m] for m in g), up64(g[0].bytes), g) for g in members.values()]
        bound = max((sum(size for a, b, size, _ in groups if a <= i <= b) for i in range(len(self.layers))), default=0)
        arena, places = pack_places(groups, bound)
        for at, (_, _, _, group) in places:
            for t in group:
                t.offset = at
        return arena, bound

    # ---- writing ----

    def pack(self, weights="f32"):
        """The blob, as bytes. weights: how those of convolutions are stored, f32, f16 or s8."""
        self.fuse()
        arena, _ = self.plan()
        tensors, numbers = [], {}

        def number(t):
            if t is None:
                return ABSENT
            if t not in numbers:
                if t.begins is not None:
                    number(t.begins)
                numbers[t] = len(tensors)
                tensors.append(t)
            return numbers[t]

        for t in (*self.inputs, *self.outputs, *self.states):
            number(t)
        records = b""
        for layer in self.layers:
            packed = (pack_conv(layer, weights) if layer.op in PACKED else
                      pack_conv_s8(layer) if layer.op == "conv_s8" else layer.weights)
            ids = [[number(t) for t in part] + [ABSENT] * (n - len(part)) for part, n in
                   ((layer.ins, 4), (layer.out, 2), (packed, 4))]
            records += struct.pack("<HHI10I16i4f", OPS[layer.op], ACTS.index(layer.act), layer.flags, *ids[0], *ids[1], *ids[2],
                                   *layer.p, *[0] * (16 - len(layer.p)), *layer.f, *[0.0] * (4 - len(layer.f)))
        data, state = b"", 0
        for t in tensors:
            if t.kind == "weight":
                data += bytes(up64(len(data)) - len(data))
                t.offset = len(data)
                data += t.data.astype({"f32": "<f4", "f16": "<f2", "s8": "i1"}[t.type]).tobytes()
            elif t.kind == "state":
                t.offset, state = state, state + up64(t.bytes)
        table = b"".join(struct.pack("<BBH7IfiII", KINDS.index(t.kind), TYPES[t.type], 0, *t.shape, t.offset, t.bytes,
                                     0 if t.begins is None else 1 + numbers[t.begins], t.scale, t.zero, 0, 0) for t in tensors)
        chunks = self.chunks()
        at = [64, 64 + len(table), 64 + len(table) + len(records)]
        weights_at = up64(at[2] + len(chunks))
        total = weights_at + len(data)

        def header(crc):
            return MAGIC + struct.pack("<HH13I", 1, 0, 64, total, crc, len(tensors), at[0], len(self.layers), at[1],
                                       len(chunks), at[2], len(data), weights_at, arena, state)

        body = table + records + chunks
        body += bytes(weights_at - 64 - len(body)) + data
        return header(zlib.crc32(header(0) + body)) + body

    def chunks(self):
        spec = struct.pack("<16I", *[0] * 16) if not self.spec else b"".join(
            struct.pack("<f" if k in SPEC_FLOATS else "<I", self.spec.get(k, 0)) for k in SPEC) + bytes(12)
        parts = [(b"SPEC", spec), (b"ADPT", self.adapter.pack() if self.adapter else b""), (b"CAMR", self.camera.encode()), (b"NOTE", self.note.encode()),
                 (b"BPMS", b"" if self.classes is None else np.asarray(self.classes, "<f4").tobytes()),
                 (b"NAME", b"".join(layer.name.encode() + b"\0" for layer in self.layers))]
        return b"".join(tag + struct.pack("<I", len(text)) + text + bytes(-len(text) % 4) for tag, text in parts if text)

    def write(self, path, weights="f32"):
        pathlib.Path(path).write_bytes(self.pack(weights))


def place(groups):
    """(first layer, last layer, size, ...) each at the lowest place that is free while it lives: [(place, group)]"""
    places = []
    for group in groups:
        begin, end, size = group[:3]
        at = 0
        for other, (a, b, s, *_) in sorted(places, key=lambda p: p[0]):
            if b < begin or end < a or other + s <= at:
                continue
            if at + size <= other:
                break
            at = other + s
        places.append((at, group))
    return places


def pack_places(groups, bound):
    """The smallest arena of some orders of placing: largest first, then each time what ended up on top comes first."""
    best, tries = None, min(100, 1 + 1_000_000 // (len(groups) ** 2 + 1))
    for key in (lambda g: -g[2], lambda g: -g[2] * (g[1] - g[0] + 1), lambda g: (g[0], -g[2])):
        order = sorted(groups, key=key)
        for _ in range(tries):
            places = place(order)
            top = max(((at + g[2], g) for at, g in places), key=lambda p: p[0], default=(0, None))
            if best is None or top[0] < best[0]:
                best = top[0], places
            if best[0] == bound or top[1] is order[0]:
                break
            order.remove(top[1])
            order.insert(0, top[1])
    return best


def fold_affine(layer, scale, shift):
    """Moves y * scale + shift per channel into the weights of the convolution that makes y."""
    w, bias = layer.weights[0], layer.weights[1].data.reshape(-1) if len(layer.weights) > 1 else 0.0
    if layer.op in PACKED:
        data = w.data * scale.reshape(-1, 1, 1, 1, 1)
    else:
        data = (w.data.reshape(-1, len(scale)) * scale).reshape(w.shape)
    layer.weights = [Tensor(w.shape, "weight", data=data.astype(np.float32)), Graph.weight(bias * scale + shift)]


def pack_conv(layer, kind):
    """A convolution's weight tensors as the header wants them."""
    w, groups = layer.weights[0].data, layer.p[12]  # [Co][Ci / groups][kt][kh][kw]
    co, ci = w.shape[:2]
    each, blocks = co // groups, -(-(co // groups) // BLOCK)
    scale = []
    if kind == "s8":
        step = np.abs(w).reshape(co, -1).max(axis=1) / 127
        step[step == 0] = 1
        w = np.clip(np.rint(w / step.reshape(-1, 1, 1, 1, 1)), -127, 127)
        scale = [Graph.weight(step)]
    full = np.zeros((groups, blocks * BLOCK, ci, *w.shape[2:]), w.dtype)
    full[:, :each] = w.reshape(groups, each, ci, *w.shape[2:])
    full = full.reshape(groups, blocks, BLOCK, ci, *w.shape[2:]).transpose(0, 1, 4, 5, 6, 3, 2)
    packed = Tensor((1, 1, 1, full.size), "weight", kind, full.reshape(1, 1, 1, -1))
    bias = layer.weights[1:2] or ([None] if scale else [])
    return [packed, *bias, *scale]


def pack_conv_s8(layer):
    """Weight tensors of 8 bits as the header wants them: [groups][blocks][runs][quads][16][4]."""
    w, groups = layer.weights[0].data, layer.p[12]
    co, ci, kt, kh, kw = w.shape
    each, blocks = co // groups, -(-(co // groups) // BLOCK)
    full = np.zeros((groups, blocks * BLOCK, ci, kt, kh, kw), np.int8)
    full[:, :each] = w.reshape(groups, each, ci, kt, kh, kw)
    runs, run = (kt * kh, kw * ci) if layer.p[11] == 1 else (kt * kh * kw, ci)
    full = full.transpose(0, 1, 3, 4, 5, 2).reshape(groups, blocks, BLOCK, runs, run)
    full = np.pad(full, [(0, 0)] * 4 + [(0, -run % 4)]).reshape(groups, blocks, BLOCK, runs, -1, 4).transpose(0, 1, 3, 4, 2, 5)
    return [Tensor((1, 1, 1, full.size), "weight", "s8", np.ascontiguousarray(full)), *layer.weights[1:]]


# ---- reading ----

def read(blob):
    """The graph of a blob: bytes, or a path. Weights of convolutions come back as floats in PyTorch's layout, those of
    8-bit ones as integers; what pack() fused and ordered stays so."""
    blob = blob if isinstance(blob, bytes) else pathlib.Path(blob).read_bytes()
    if blob[:8] != MAGIC or len(blob) < 64:
        raise BlobError("not a model of rppg")
    n_tensors, at, n_layers, layers_at, chunk_size, chunks_at, _, weights_at = struct.unpack_from("<8I", blob, 24)
    g, tensors, begins = Graph(), [], []
    for i in range(n_tensors):
        kind, kind_of_number, _, *shape, offset, size, begin, scale, zero = struct.unpack_from("<BBH7IfiII", blob, at + 48 * i)[:12]
        t = Tensor(tuple(shape), KINDS[kind], list(TYPES)[kind_of_number], None, None, offset, scale, zero)
        if t.kind == "weight":
            t.data = np.frombuffer(blob, {"f32": "<f4", "f16": "<f2", "s8": "i1"}[t.type], t.size, weights_at + offset)
            t.data = t.data.reshape(t.shape)
        tensors.append(t)
        begins.append(begin)
    for t, begin in zip(tensors, begins):
        t.begins = tensors[begin - 1] if begin else None
    g.inputs = sorted((t for t in tensors if t.kind == "input"), key=lambda t: t.offset)
    g.outputs = sorted((t for t in tensors if t.kind == "output"), key=lambda t: t.offset)
    g.states = [t for t in tensors if t.kind == "state"]
    ops = {number: name for name, number in OPS.items()}
    for i in range(n_layers):
        op, act, flags, *ids = struct.unpack_from("<HHI10I", blob, layers_at + 128 * i)
        p = struct.unpack_from("<16i4f", blob, layers_at + 128 * i + 48)
        ids = [None if k == ABSENT else tensors[k] for k in ids]
        ins, out, weights = ids[:4], ids[4:6], ids[6:]
        for part in (ins, out, weights):
            while part and part[-1] is None:
                part.pop()
        layer = Layer(ops[op], ins, out, weights, list(p[:16]), list(p[16:]), ACTS[act], flags)
        if layer.op in PACKED:
            unpack_conv(layer)
        elif layer.op == "conv_s8":
            unpack_conv_s8(layer)
        g.layers.append(layer)
    at, end = chunks_at, chunks_at + chunk_size
    while end - at >= 8:
        tag, size = blob[at:at + 4], struct.unpack_from("<I", blob, at + 4)[0]
        text, at = blob[at + 8:at + 8 + size], at + 8 + size + -size % 4
        if tag == b"SPEC":
            words = [struct.unpack_from("<f" if k in SPEC_FLOATS else "<I", text, 4 * i)[0] for i, k in enumerate(SPEC)]
            g.spec = dict(zip(SPEC, words)) if any(words) else {}
        elif tag == b"ADPT":
            g.adapter = Adapter.unpack(text)
        elif tag == b"CAMR":
            g.camera = text.decode()
        elif tag == b"NOTE":
            g.note = text.decode()
        elif tag == b"BPMS":
            g.classes = np.frombuffer(text, "<f4")
        elif tag == b"NAME":
            for layer, name in zip(g.layers, text.split(b"\0")):
                layer.name = name.decode()
    return g


def unpack_conv(layer):
    (kt, kh, kw), groups = layer.p[:3], layer.p[12]
    ci, co = layer.ins[0].shape[3] // groups, layer.out[0].shape[3]
    w = layer.weights[0].data.reshape(groups, -1, kt, kh, kw, ci, BLOCK).transpose(0, 1, 6, 5, 2, 3, 4)
    w = w.reshape(groups, -1, ci, kt, kh, kw)[:, :co // groups].reshape(co, ci, kt, kh, kw).astype(np.float32)
    if layer.weights[0].type == "s8":
        w = w * layer.weights[2].data.reshape(-1, 1, 1, 1, 1)
    layer.weights = [Tensor((1, 1, 1, 1), "weight", data=w), *(b for b in layer.weights[1:2] if b is not None)]


def unpack_conv_s8(layer):
    (kt, kh, kw), groups = layer.p[:3], layer.p[12]
    ci, co = layer.ins[0].shape[3] // groups, layer.out[0].shape[3]
    runs, run = (kt * kh, kw * ci) if layer.p[11] == 1 else (kt * kh * kw, ci)
    w = layer.weights[0].data.reshape(groups, -1, runs, -(-run // 4), BLOCK, 4).transpose(0, 1, 4, 2, 3, 5)
    w = w.reshape(groups, w.shape[1] * BLOCK, runs, -1)[:, :co // groups, :, :run]
    w = w.reshape(co, kt, kh, kw, ci).transpose(0, 4, 1, 2, 3)
    layer.weights = [Tensor((1, 1, 1, 1), "weight", "s8", w), *layer.weights[1:]]

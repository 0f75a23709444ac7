"""PyTorch modules as layers of a blob.Graph. Graph tensors are [T][H][W][C]: a clip [T][H][W][C], tokens [1][1][L][C],
a vector [1][1][1][C]."""
import numpy as np
from torch import nn

ACTS = {nn.ReLU: "relu", nn.ELU: "elu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid", nn.GELU: "gelu", nn.SiLU: "silu",
        nn.Softplus: "softplus"}
NOTHING = (nn.Dropout, nn.Dropout3d, nn.Identity)


def array(tensor):
    return None if tensor is None else tensor.detach().cpu().double().numpy()


def three(values, first=0):
    """Per T, H, W: PyTorch's one, two or three values are the last ones."""
    return (first,) * (3 - len(values)) + tuple(values)


def conv(g, x, layer, act="linear", weight=None, **options):
    return g.conv(x, array(layer.weight) if weight is None else weight, array(layer.bias), three(layer.stride, 1),
                  three(layer.padding), three(layer.dilation, 1), layer.groups, act, **options)


def dense(g, x, layer, act="linear"):
    return g.dense(x, array(layer.weight), array(layer.bias), act)


def batch_norm(g, x, layer):
    return g.batch_norm(x, array(layer.weight), array(layer.bias), array(layer.running_mean), array(layer.running_var),
                        layer.eps)


def normalised(g, x, axes, eps):
    """x minus its mean, over its deviation, over these axes."""
    x = g.binary("sub", x, g.reduce(x, "mean", axes))
    deviation = g.act(g.binary("add", g.reduce(g.act(x, "square"), "mean", axes), eps), "sqrt")
    return g.binary("div", x, deviation)


def layer_norm(g, x, layer):
    return g.affine(normalised(g, x, (3,), layer.eps), array(layer.weight), array(layer.bias))


def up_in_time(g, x, layer):
    """A transposed convolution along time alone: for stride s, s convolutions of the frames, interleaved. Output s * q + r
    reads frame q - d through tap (r + padding) + d * s."""
    taps, stride, (before, *crop) = layer.kernel_size[0], layer.stride[0], layer.padding
    w = array(layer.weight)[..., 0, 0]  # [Ci][Co][taps]
    if any(crop):
        x = g.slice(x, (0, *crop, 0), (x.shape[0], x.shape[1] - 2 * crop[0], x.shape[2] - 2 * crop[1], x.shape[3]))
    places = [(r, d, r + before + d * stride) for r in range(stride) for d in range(-taps, taps)]
    places = [p for p in places if 0 <= p[2] < taps]
    first, last = min(p[1] for p in places), max(p[1] for p in places)
    kernel = np.zeros((stride, w.shape[1], w.shape[0], last - first + 1))
    for r, d, tap in places:
        kernel[r, :, :, last - d] = w[:, :, tap].T
    frames = (x.shape[0] - 1) * stride - 2 * before + taps
    periods = -(-frames // stride)
    t, h, v, c = periods, x.shape[1], x.shape[2], w.shape[1]
    x = g.conv(x, kernel.reshape(stride * c, w.shape[0], -1, 1, 1), np.tile(array(layer.bias), stride),
               pad=(last, 0, 0), out=(t, h, v))
    x = g.permute(g.reshape(x, (t, h * v, stride, c)), (0, 2, 1, 3))
    x = g.reshape(x, (t * stride, h, v, c))
    return x if frames == t * stride else g.slice(x, (0, 0, 0, 0), (frames, h, v, c))


def double(g, x, axis=0):
    """Every frame, row or column twice (axis 0, 1 or 2)."""
    shape = list(x.shape)
    outer, inner = int(np.prod(shape[:axis + 1])), int(np.prod(shape[axis + 1:]))
    x = g.reshape(x, (1, outer, 1, inner))
    shape[axis] *= 2
    return g.reshape(g.concat([x, x], 2), shape)


def pad_time(g, x, n):
    """n frames of zeros at both ends."""
    empty = g.binary("mul", g.slice(x, (0, 0, 0, 0), (n, *x.shape[1:])), 0.0)
    return g.concat([empty, x, empty], 0)


def difference(g, x):
    """Next frame minus this one"""
    shape = (x.shape[0] - 1, *x.shape[1:])
    return g.binary("sub", g.slice(x, (1, 0, 0, 0), shape), g.slice(x, (0, 0, 0, 0), shape))


def attention_mask(g, gate):
    return g.binary("mul", g.binary("div", gate, g.reduce(gate, "mean", (1, 2))), 0.5)


def shift_time(g, x, depth, wrap=False):
    """blocks.shift_time: a convolution per channel with one tap that is not zero, along time within groups."""
    t, h, w, c = x.shape
    third = c // 3
    taps = np.zeros((c, 1, 1, 3, 1))
    taps[:third, :, :, 2] = taps[third:2 * third, :, :, 0] = taps[2 * third:, :, :, 1] = 1
    x = g.reshape(x, (t // depth, depth, h * w, c))
    if wrap:
        edge = (t // depth, 1, h * w, c)
        x = g.concat([g.slice(x, (0, depth - 1, 0, 0), edge), x, g.slice(x, (0, 0, 0, 0), edge)], 1)
    x = g.conv(x, taps, pad=(0, 0 if wrap else 1, 0), groups=c)
    return g.reshape(x, (t, h, w, c))


def rows(g, x):
    """Each frame's features in a row: [1][1][T][H * W * C]"""
    return g.reshape(x, (1, 1, x.shape[0], x.size // x.shape[0]))


def dense_of_maps(g, x, layer, act="linear"):
    """A dense layer on PyTorch's flattened [C, H, W] of each frame: its weights in the order that the maps have here."""
    t, h, w, c = x.shape
    weight = array(layer.weight).reshape(-1, c, h, w).transpose(0, 2, 3, 1).reshape(layer.out_features, -1)
    return g.dense(rows(g, x), weight, array(layer.bias), act)


def emit(g, x, module):
    """One module, or a sequence of them."""
    kind = type(module)
    if kind in ACTS:
        return g.act(x, ACTS[kind] if getattr(module, "approximate", "none") == "none" else "gelu_tanh")
    if isinstance(module, NOTHING):
        return x
    if isinstance(module, (nn.Sequential, nn.ModuleList)):
        for part in module:
            x = emit(g, x, part)
        return x
    if kind in (nn.Conv1d, nn.Conv2d, nn.Conv3d):
        return conv(g, x, module)
    if kind in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
        return batch_norm(g, x, module)
    if kind is nn.Linear:
        return dense(g, x, module)
    if kind is nn.LayerNorm:
        return layer_norm(g, x, module)
    if kind is nn.InstanceNorm3d:
        return normalised(g, x, (0, 1, 2), module.eps)
    if kind is nn.ConvTranspose3d:
        return up_in_time(g, x, module)
    if kind is nn.Upsample:
        return double(g, x)
    if kind in (nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool2d):
        size = [(k,) * (3 if kind is nn.MaxPool3d else 2) if isinstance(k, int) else k for k in (module.kernel_size, module.stride)]
        return g.pool(x, "avg" if kind is nn.AvgPool2d else "max", three(size[0], 1), three(size[1], 1))
    if kind is nn.AdaptiveMaxPool3d:
        return g.adaptive_pool(x, "max", module.output_size)
    return module.lower(g, x)

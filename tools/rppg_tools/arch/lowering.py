"""PyTorch modules as layers of a blob.Graph. Its tensors are [T][H][W][C]: a clip [T][H][W][C], tokens or a value per
frame [1][1][L][C], a vector [1][1][1][C]."""
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
    numbers = (array(t) for t in (layer.weight, layer.bias, layer.running_mean, layer.running_var))
    return g.batch_norm(x, *numbers, layer.eps)


def after_norm(layer, norm, weight=None):
    """Weights and bias of a layer [Co][Ci]... without padding that reads a batch norm's output, so that it may read the
    batch norm's input instead."""
    weight = array(layer.weight) if weight is None else weight
    scale = array(norm.weight) / (array(norm.running_var) + norm.eps) ** 0.5
    shift = array(norm.bias) - array(norm.running_mean) * scale
    scale, shift = (v.reshape(1, -1, *[1] * (weight.ndim - 2)) for v in (scale, shift))
    return weight * scale, array(layer.bias) + (weight * shift).reshape(len(weight), -1).sum(1)


def pad_time(g, x, n):
    """n frames of zeros at both ends."""
    empty = g.binary("mul", g.slice(x, (0, 0, 0, 0), (n, *x.shape[1:])), 0.0)
    return g.concat([empty, x, empty], 0)


def rows(g, x):
    """Each frame's features in a row: [1][1][T][H * W * C]"""
    return g.reshape(x, (1, 1, x.shape[0], x.size // x.shape[0]))


def dense_of_maps(g, x, layer, act="linear", norm=None):
    """A dense layer on PyTorch's flattened [C, H, W] of each frame, behind a batch norm if there is one: its weights in
    the order of the maps here."""
    t, h, w, c = x.shape
    weight, bias = array(layer.weight).reshape(-1, c, h, w), array(layer.bias)
    if norm:
        weight, bias = after_norm(layer, norm, weight)
    return g.dense(rows(g, x), weight.transpose(0, 2, 3, 1).reshape(len(weight), -1), bias, act)


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
        return g.layer_norm(x, array(module.weight), array(module.bias), module.eps)
    if kind is nn.InstanceNorm3d:
        return g.instance_norm(x, eps=module.eps)
    if kind is nn.ConvTranspose3d:
        return g.upconv(x, array(module.weight), array(module.bias), module.stride, module.padding)
    if kind is nn.Upsample:
        return g.upsample(x, [int(f) for f in module.scale_factor])
    if kind in (nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool2d):
        axes = 3 if kind is nn.MaxPool3d else 2
        kernel, stride = (three((k,) * axes if isinstance(k, int) else k, 1)
                          for k in (module.kernel_size, module.stride))
        return g.pool(x, "average" if kind is nn.AvgPool2d else "max", kernel, stride)
    if kind is nn.AdaptiveMaxPool3d:
        return g.adaptive_pool(x, "max", module.output_size)
    return module.lower(g, x)

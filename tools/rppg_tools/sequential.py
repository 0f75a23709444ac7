"""A user's own torch.nn.Sequential as a blob.Graph. Only layers that are listed here; anything else is refused by name.

Shapes are PyTorch's, without the batch: (C, L), (C, H, W), (C, T, H, W), (F) or tokens (L, F)."""
import numpy as np
import torch
from torch import nn

from .blob import Graph
from .core import ToolError

ACTS = {nn.ReLU: "relu", nn.ReLU6: "relu6", nn.ELU: "elu", nn.GELU: "gelu", nn.SiLU: "silu", nn.Tanh: "tanh",
        nn.Sigmoid: "sigmoid", nn.Softplus: "softplus"}
NOTHING = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
CONVS = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}
UPCONVS = {nn.ConvTranspose1d: 1, nn.ConvTranspose2d: 2, nn.ConvTranspose3d: 3}
POOLS = {nn.MaxPool1d: (1, "max"), nn.MaxPool2d: (2, "max"), nn.MaxPool3d: (3, "max"),
         nn.AvgPool1d: (1, "avg"), nn.AvgPool2d: (2, "avg"), nn.AvgPool3d: (3, "avg")}
ADAPTIVE = {nn.AdaptiveMaxPool1d: (1, "max"), nn.AdaptiveMaxPool2d: (2, "max"), nn.AdaptiveMaxPool3d: (3, "max"),
            nn.AdaptiveAvgPool1d: (1, "avg"), nn.AdaptiveAvgPool2d: (2, "avg"), nn.AdaptiveAvgPool3d: (3, "avg")}
BATCH_NORMS = {nn.BatchNorm1d: 1, nn.BatchNorm2d: 2, nn.BatchNorm3d: 3}
INSTANCE_NORMS = {nn.InstanceNorm1d: 1, nn.InstanceNorm2d: 2, nn.InstanceNorm3d: 3}
FIRST_OF_FEATURES = (nn.Linear, nn.LayerNorm)


def array(tensor):
    return None if tensor is None else tensor.detach().cpu().double().numpy()


def axes(value, n, first):
    """PyTorch's number, or n of them, for T, H, W; the missing ones come first."""
    value = (value,) * n if isinstance(value, int) else tuple(value)
    return (first,) * (3 - n) + value


class Lowering:
    """Layer by layer. spatial: axes behind the channels; 0 for a vector. tokens: (L, F), features last."""

    def __init__(self, shape, tokens):
        shape = tuple(shape)
        if not 1 <= len(shape) <= 4 or (tokens and len(shape) > 2):
            raise ToolError(f"an input of {len(shape)} axes: wanted C,L or C,H,W or C,T,H,W, or F, or L,F before Linear")
        self.graph, self.tokens, self.spatial = Graph(), tokens and len(shape) == 2, len(shape) - 1
        self.flattened = False  # still in maps, but PyTorch has a vector [C * T * H * W]
        sizes = shape[1:] + shape[:1]
        self.x = self.graph.input((1,) * (4 - len(shape)) + (shape if self.tokens else sizes))

    def refuse(self, why):
        raise ToolError(f"layer {self.at}, {self.text}: {why}")

    def need(self, spatial):
        if self.tokens or self.flattened or self.spatial != spatial:
            have = "tokens" if self.tokens else f"{0 if self.flattened else self.spatial} axes behind the channels"
            self.refuse(f"wants {spatial} axes behind the channels, here are {have}")

    def in_order(self):
        """A vector in PyTorch's order."""
        if self.flattened:
            self.x = self.graph.permute(self.x, (3, 0, 1, 2))
            self.x = self.graph.reshape(self.x, (1, 1, 1, self.x.size))
            self.flattened, self.spatial = False, 0

    def add(self, at, module):
        self.at, self.text, kind = at, str(module).splitlines()[0], type(module)
        g, x = self.graph, self.x
        if isinstance(module, NOTHING):
            return
        if kind in ACTS:
            if getattr(module, "alpha", 1.0) != 1.0 or getattr(module, "beta", 1.0) != 1.0:
                self.refuse("only with its parameter at 1")
            self.x = g.act(x, "gelu_tanh" if getattr(module, "approximate", "none") == "tanh" else ACTS[kind])
        elif kind is nn.Flatten:
            if (module.start_dim, module.end_dim) != (1, -1):
                self.refuse("only from axis 1 to the last")
            if self.tokens:
                self.x, self.tokens, self.spatial = g.reshape(x, (1, 1, 1, x.size)), False, 0
            else:
                self.flattened = self.flattened or self.spatial > 0
        elif kind is nn.Linear:
            self.linear(module)
        elif kind in CONVS:
            self.conv(module, CONVS[kind])
        elif kind in UPCONVS:
            n = UPCONVS[kind]
            self.need(n)
            if module.groups != 1 or set(module.dilation) != {1}:
                self.refuse("only in one group and without dilation")
            self.x = g.upconv(x, array(module.weight), array(module.bias), axes(module.stride, n, 1), axes(module.padding, n, 0),
                              axes(module.output_padding, n, 0))
        elif kind in POOLS:
            self.pool(module, *POOLS[kind])
        elif kind in ADAPTIVE:
            n, how = ADAPTIVE[kind]
            self.need(n)
            size = module.output_size if isinstance(module.output_size, (tuple, list)) else (module.output_size,) * n
            out = tuple(d if s is None else int(s) for s, d in zip(size, x.shape[3 - n:3]))
            self.x = g.adaptive_pool(x, how, x.shape[:3 - n] + out)
        elif kind in BATCH_NORMS or kind in INSTANCE_NORMS:
            self.per_channel(module, BATCH_NORMS.get(kind) or INSTANCE_NORMS[kind], kind in INSTANCE_NORMS)
        elif kind is nn.GroupNorm:
            self.in_order()
            if self.tokens:
                self.refuse("not for tokens")
            self.x = g.group_norm(self.x, module.num_groups, array(module.weight), array(module.bias), module.eps)
        elif kind is nn.LayerNorm:
            self.in_order()
            if self.spatial and not self.tokens or len(module.normalized_shape) != 1:
                self.refuse("only over the features of tokens or of a vector")
            self.x = g.layer_norm(self.x, array(module.weight), array(module.bias), module.eps)
        elif kind is nn.Softmax:
            self.in_order()
            last = -1 if self.tokens or not self.spatial else 1
            if module.dim not in (last, 1 if not self.spatial else last, 2 if self.tokens else last):
                self.refuse("only over features or channels")
            self.x = g.softmax(self.x)
        elif kind is nn.Upsample:
            self.upsample(module)
        else:
            self.refuse("not a layer that can be packed; there are " + ", ".join(sorted(
                k.__name__ for table in (ACTS, CONVS, UPCONVS, POOLS, ADAPTIVE, BATCH_NORMS, INSTANCE_NORMS) for k in table)) +
                ", Linear, Flatten, GroupNorm, LayerNorm, Softmax, Upsample, Dropout, Identity, Sequential")

    def linear(self, module):
        w, b, g = array(module.weight), array(module.bias), self.graph
        if self.flattened:
            if w.shape[1] != self.x.size:
                self.refuse(f"{w.shape[1]} features wanted, {self.x.size} there")
            self.x, w = g.flatten(self.x, w)
            self.flattened, self.spatial = False, 0
        elif self.spatial and not self.tokens:
            self.refuse("of maps: put Flatten before it")
        if w.shape[1] != self.x.shape[3]:
            self.refuse(f"{w.shape[1]} features wanted, {self.x.shape[3]} there")
        self.x = g.dense(self.x, w, b)

    def conv(self, module, n):
        self.need(n)
        if module.padding_mode != "zeros":
            self.refuse("only with zeros around")
        if module.in_channels != self.x.shape[3]:
            self.refuse(f"{module.in_channels} channels wanted, {self.x.shape[3]} there")
        stride, dilation, out = axes(module.stride, n, 1), axes(module.dilation, n, 1), None
        pad = module.padding
        if pad == "same":
            pad = tuple(d * (k - 1) // 2 for d, k in zip(dilation[3 - n:], module.kernel_size))
            out = self.x.shape[:3]
        pad = axes(0 if pad == "valid" else pad, n, 0)
        self.x = self.graph.conv(self.x, array(module.weight), array(module.bias), stride, pad, dilation, module.groups, out=out)

    def pool(self, module, n, how):
        self.need(n)
        if module.ceil_mode or getattr(module, "return_indices", False) or getattr(module, "divisor_override", None) or \
                getattr(module, "dilation", 1) not in (1, (1,) * n):
            self.refuse("only without ceil_mode, return_indices, divisor_override and dilation")
        stride = module.kernel_size if module.stride is None else module.stride
        self.x = self.graph.pool(self.x, how, axes(module.kernel_size, n, 1), axes(stride, n, 1), axes(module.padding, n, 0),
                                 getattr(module, "count_include_pad", True))

    def per_channel(self, module, n, instance):
        if not (n == 1 and not instance and (self.spatial == 0 or self.flattened)):
            self.need(n)
        self.in_order()
        if module.num_features != self.x.shape[3]:
            self.refuse(f"{module.num_features} channels wanted, {self.x.shape[3]} there")
        weight, bias = array(module.weight), array(module.bias)
        if instance and module.running_mean is None:
            self.x = self.graph.instance_norm(self.x, weight, bias, module.eps)
            return
        if module.running_mean is None:
            self.refuse("only with running statistics")
        ones = np.ones(module.num_features)
        self.x = self.graph.batch_norm(self.x, ones if weight is None else weight, 0 * ones if bias is None else bias,
                                       array(module.running_mean), array(module.running_var), module.eps)

    def upsample(self, module):
        modes = {"nearest": False, "linear": True, "bilinear": True, "trilinear": True}
        if self.tokens or self.flattened or not self.spatial or module.mode not in modes or module.align_corners:
            self.refuse("only of maps, nearest or linear, without align_corners")
        n, sizes = self.spatial, self.x.shape[3 - self.spatial:3]
        if module.size is not None:
            out = module.size if isinstance(module.size, (tuple, list)) else (module.size,) * n
        else:
            factor = module.scale_factor if isinstance(module.scale_factor, (tuple, list)) else (module.scale_factor,) * n
            if any(f != int(f) for f in factor):
                self.refuse("only by whole factors")
            out = [int(d * f) for d, f in zip(sizes, factor)]
        self.x = self.graph.resize(self.x, self.x.shape[:3 - n] + tuple(int(d) for d in out), modes[module.mode])


def leaves(module, name=""):
    """(name, layer) of nested sequences, in order."""
    if isinstance(module, nn.Sequential):
        for key, part in module.named_children():
            yield from leaves(part, f"{name}.{key}" if name else key)
    else:
        yield name or "0", module


def lower(module, shape):
    """The graph of a module in eval mode, for an input of PyTorch's shape without the batch."""
    layers = list(leaves(module))
    first = next((type(m) for _, m in layers if not isinstance(m, NOTHING) and type(m) not in ACTS), None)
    lowering = Lowering(shape, first in FIRST_OF_FEATURES)
    for name, layer in layers:
        count = len(lowering.graph.layers)
        lowering.add(name, layer)
        for made in lowering.graph.layers[count:]:
            made.name = name
    lowering.at, lowering.text = "end", "output"
    lowering.in_order()
    lowering.graph.output(lowering.x)
    return lowering.graph


def from_torch(x, tokens):
    """[1][C]... as [T][H][W][C]"""
    x = x[0] if tokens or x.dim() < 3 else x[0].movedim(0, -1)
    return x.reshape((1,) * (4 - x.dim()) + tuple(x.shape)).numpy()


def parity(module, shape, graph, model, seed=1):
    """Largest difference between PyTorch in double and a model of nn.Model, over the range of the output."""
    module = module.double().eval()
    given = torch.randn(1, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).float().double()
    with torch.no_grad():
        want = module(given)
    tokens = len(shape) == 2 and graph.inputs[0].shape[2:] == tuple(shape)
    got = model(from_torch(given.float(), tokens))
    want = from_torch(want, tokens and want.dim() == 3).reshape(got.shape)
    return float(np.abs(got - want).max() / max(np.ptp(want), np.abs(want).max(), 1e-12))

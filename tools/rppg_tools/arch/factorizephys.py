"""FactorizePhys (Joshi, Agaian and Cho 2024) with its attention by non-negative matrix factorisation.
Tensor names as in rPPG-Toolbox."""
import torch
from torch import nn
from torch.nn import functional as F

from .blocks import Named, conv_tanh_norm
from .lowering import emit, rows
from .spec import Spec

STEPS, EPS = 4, 1e-6


def block(c_in, c_out, stride=1, padding=(1, 0, 0)):
    return Named("conv_block_3d", conv_tanh_norm(c_in, c_out, 3, stride, padding, bias=False))


def rank_one(x):
    """The rank-one non-negative approximation of x [N, frames, features] >= 0 by multiplicative updates. Only
    the last update of the coefficients carries a gradient, as in the reference."""
    def new_coef():
        return coef * (base.mT @ x) / (coef * (base * base).sum(1, keepdim=True) + EPS)
    with torch.no_grad():
        base = torch.full_like(x[:, :, :1], x.shape[1] ** -0.5)
        coef = torch.ones_like(x[:, :1])  # the softmax over one component
        for _ in range(STEPS):
            coef = new_coef()
            base = base * (x @ coef.mT) / (base * (coef * coef).sum(2, keepdim=True) + EPS)
    return base @ new_coef()


class Attention(nn.Module):
    """What all features have in common over time, as a map: x [N, C, T, H, W] >= 0."""

    def __init__(self, channels):
        super().__init__()
        inner = channels // 2
        self.pre_conv_block = nn.Sequential(nn.Conv3d(channels, inner, 1), nn.ReLU())
        self.post_conv_block = nn.Sequential(Named("conv", nn.Conv3d(inner, inner, 1, bias=False)),
                                             nn.Conv3d(inner, channels, 1, bias=False))

    def forward(self, x):
        x = self.pre_conv_block(x)
        # the reference lays x out as [C, T, H, W] and reads that memory as [T, C * H * W]: kept, weights depend on it
        x = rank_one(x.reshape(len(x), x.shape[2], -1)).view(x.shape)
        conv, last = self.post_conv_block
        return last(F.relu(conv(x)))

    def lower(self, g, x):
        x = emit(g, x, self.pre_conv_block)
        t, h, w, c = x.shape
        flat = g.nmf(g.reshape(g.permute(x, (3, 0, 1, 2)), (1, 1, t, h * w * c)), STEPS, EPS)
        x = g.permute(g.reshape(flat, (c, t, h, w)), (1, 2, 3, 0))
        conv, last = self.post_conv_block
        return emit(g, g.act(emit(g, x, conv), "relu"), last)


class Head(nn.Module):
    def __init__(self, fsam):
        super().__init__()
        self.conv_block = nn.Sequential(block(16, 16), block(16, 16), block(16, 16), nn.Dropout3d(0.1))
        self.fsam = Attention(16) if fsam else None
        self.fsam_norm = nn.InstanceNorm3d(16)
        self.final_layer = nn.Sequential(block(16, 12), block(12, 8),
                                         nn.Conv3d(8, 1, 3, padding=(1, 0, 0), bias=False))

    def forward(self, x):
        x = self.conv_block(x)
        if self.fsam:
            above = x - x.amin()
            mask = self.fsam(above)
            x = x + self.fsam_norm((above + 1) * (mask - mask.amin() + 1))
        return self.final_layer(x)

    def lower(self, g, x):
        def raised(x, to):
            return g.binary("add", g.binary("sub", x, g.reduce(x, "min", (0, 1, 2, 3))), to)
        x = emit(g, x, self.conv_block)
        if self.fsam:
            mask = self.fsam.lower(g, raised(x, 0.0))
            x = g.binary("add", x, emit(g, g.binary("mul", raised(x, 1.0), raised(mask, 1.0)), self.fsam_norm))
        return emit(g, x, self.final_layer)


class FactorizePhys(nn.Module):
    """x [N, 3, frames + 1, 72, 72], raw. Out [N, frames], the pulse wave. fsam: with the attention, which training
    needs; the reference leaves it out when it runs (N must be 1 then: its minimum goes over the batch)."""
    optional = ("rppg_head.fsam.",)
    spec = Spec("wave", "none", 160, extra=1)

    def __init__(self, fsam=False):
        super().__init__()
        self.norm = nn.InstanceNorm3d(3)
        self.rppg_feature_extractor = Named("FeatureExtractor", nn.Sequential(
            block(3, 8, padding=1), block(8, 12, (1, 2, 2)), block(12, 12), nn.Dropout3d(0.1),
            block(12, 12), block(12, 16, (1, 2, 2)), block(16, 16), nn.Dropout3d(0.1)))
        self.rppg_head = Head(fsam)

    def forward(self, x):
        x = self.norm(x[:, :, 1:] - x[:, :, :-1])
        return self.rppg_head(self.rppg_feature_extractor(x)).flatten(1)

    def lower(self, g, x):
        """x [frames + 1][72][72][3]"""
        x = emit(g, emit(g, g.diff(x), self.norm), self.rppg_feature_extractor)
        return rows(g, self.rppg_head.lower(g, x))

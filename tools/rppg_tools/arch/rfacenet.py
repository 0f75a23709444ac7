"""rFaceNet (Zhu 2024, arXiv:2403.09034): a 3-D network for the pulse, told where in the frame the face's contour is
by a 2-D network that learns to tell people apart. No code is public; what the paper leaves open is chosen here:

- The pulse branch is PhysNet's, with which the paper shares its settings, and the combiner sits behind its
  third resolution (H / 8), the best of the three that the paper tried.
- The identity branch halves its map once more, so that it has to be brought up again, as the paper says (nearest).
- The doubling of the compressed frame by interpolation, used in one of the two experiments, is left out.
- alpha and beta of the combiner are learned and begin at 1. The identity classifier is for training only.
- The network without its compressor or its combiner is that of the paper's table 3: without the compressor there is
  no identity branch, and the combiner gets noise of the map's shape instead; when not training, its mean, zeros."""
import torch
from torch import nn
from torch.nn import functional as F

from .blocks import conv_bn
from .lowering import array, emit, rows
from .spec import Spec

WIDTHS = (16, 32, 64, 64)


def compress_time(x):
    """The temporal compressor unit: the mean frame, [N, C, T, H, W] -> [N, C, H, W]."""
    return x.mean(2)


class Combiner(nn.Module):
    """The cross-task feature combiner: alpha * conv(identity) + beta * conv(pulse), the first repeated over time."""

    def __init__(self, c_identity, channels):
        super().__init__()
        self.identity, self.pulse = nn.Conv3d(c_identity, channels, 1), nn.Conv3d(channels, channels, 1)
        self.alpha, self.beta = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))

    def forward(self, identity, pulse):
        identity = F.interpolate(identity, pulse.shape[-2:], mode="nearest").unsqueeze(2)
        return self.alpha * self.identity(identity) + self.beta * self.pulse(pulse)

    def lower(self, g, identity, pulse):
        """identity None: a map of zeros"""
        w_still, b_still, w_moving, b_moving = (array(t) for layer in (self.identity, self.pulse)
                                                for t in (layer.weight, layer.bias))
        alpha, beta = self.alpha.item(), self.beta.item()
        if identity is None:
            return g.conv(pulse, beta * w_moving, beta * b_moving + alpha * b_still)
        return g.combine_maps(identity, pulse, w_still, b_still, w_moving, b_moving, alpha, beta)


class RFaceNet(nn.Module):
    """x [N, 3, T, H, W], temporally normalised, T a multiple of 4. Out [N, T], the pulse wave; in training
    mode also the identities' scores [N, identities]. tcu, ctfc: whether it has its compressor and its combiner."""
    optional = ("classifier.",)
    spec = Spec("wave", "diff", 64, size=128, multiple=4)

    def __init__(self, identities=0, tcu=True, ctfc=True):
        super().__init__()
        ends = zip((3, *WIDTHS), WIDTHS)
        self.identity = nn.ModuleList([
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in ends]) if tcu else None
        self.classifier = nn.Linear(WIDTHS[-1], identities) if identities and tcu else None
        self.stage1 = conv_bn(3, 16, (1, 5, 5), padding=(0, 2, 2))
        self.stage2 = nn.Sequential(conv_bn(16, 32, 3, padding=1), conv_bn(32, 64, 3, padding=1))
        self.stage3 = nn.Sequential(conv_bn(64, 64, 3, padding=1), conv_bn(64, 64, 3, padding=1))
        self.combine = Combiner(WIDTHS[-1], 64) if ctfc else None
        self.stage4 = nn.Sequential(conv_bn(64, 64, 3, padding=1), conv_bn(64, 64, 3, padding=1))
        self.up = nn.ModuleList([nn.Sequential(
            nn.ConvTranspose3d(64, 64, (4, 1, 1), (2, 1, 1), (1, 0, 0)), nn.BatchNorm3d(64), nn.ELU())
            for _ in range(2)])
        self.last = nn.Conv3d(64, 1, 1)

    def contour(self, x):
        """The map of the identity branch [N, 64, H / 16, W / 16], or what stands in for it"""
        if self.identity is None:
            shape = x.shape[0], WIDTHS[-1], x.shape[3] // 16, x.shape[4] // 16
            return x.new_zeros(shape).normal_() if self.training else x.new_zeros(shape)
        x = compress_time(x)
        for conv in self.identity:
            x = F.max_pool2d(conv(x), 2)
        return x

    def people(self, x):
        """Scores of the identities [N, identities]"""
        return self.classifier(self.contour(x).mean((2, 3)))

    def forward(self, x):
        identity = self.contour(x)
        x = F.max_pool3d(self.stage1(x), (1, 2, 2))
        x = F.max_pool3d(self.stage2(x), 2)
        x = F.max_pool3d(self.stage3(x), 2)
        x = self.stage4(self.combine(identity, x) if self.combine else x)
        for up in self.up:
            x = up(x)
        pulse = self.last(x.mean((3, 4), keepdim=True)).flatten(1)
        if self.training and self.classifier:
            return pulse, self.classifier(identity.mean((2, 3)))
        return pulse

    def lower_contour(self, g, x):
        if self.identity is None:
            return None
        x = g.reduce(x, "mean", (0,))
        for part in self.identity:
            x = g.pool(emit(g, x, part), "max", (1, 2, 2))
        return x

    def lower(self, g, x):
        """x [T][H][W][3]"""
        frames = x
        x = g.pool(emit(g, x, self.stage1), "max", (1, 2, 2))
        x = g.pool(emit(g, x, self.stage2), "max", 2)
        x = g.pool(emit(g, x, self.stage3), "max", 2)
        if self.combine:
            x = self.combine.lower(g, self.lower_contour(g, frames), x)
        x = emit(g, x, self.stage4)
        x = emit(g, x, self.up)
        return rows(g, emit(g, g.reduce(x, "mean", (1, 2)), self.last))

"""RhythmMamba (Zou 2024, arXiv:2404.06483): a stem on frames and their differences, then 24 blocks of Mamba over
several lengths of time and of a feed-forward part in the frequency domain. Tensor names as in its repository.
LQ-rPPG, which begins with the same stem, has a twelfth of its parameters."""
import torch
from torch import nn
from torch.nn import functional as F

from .blocks import BiMamba, attention_mask
from .lowering import array, conv, emit, rows
from .lqrppg import FusionStem, conv_of_twice
from .spec import Spec

STATES, SEGMENTS = 48, 4


class MambaLayer(nn.Module):
    """Mamba from the beginning, from the first quarter's end, from the middle and from the last quarter's begin on:
    each frame gets the mean of those runs that have reached it. x [N, L, dim], L a multiple of 4."""

    def __init__(self, dim):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.mamba = BiMamba(dim, STATES, ends=("",))

    def counts(self, length):
        """How many runs reach a frame [L]"""
        return 1 + torch.arange(length) // (length // SEGMENTS)

    def forward(self, x):
        length = x.shape[1]
        x, gate = self.mamba.in_proj(self.norm(x)).chunk(2, -1)
        runs = 0
        for first in range(0, length, length // SEGMENTS):
            run = self.mamba.scan(x[:, first:], gate[:, first:], "")
            runs = runs + F.pad(run, (0, 0, first, 0))
        return self.mamba.out_proj(runs / self.counts(length).to(x)[:, None])

    def lower(self, g, x):
        """x [1][1][L][dim]"""
        length = x.shape[2]
        x, gate = self.mamba.lower_halves(g, emit(g, x, self.norm))
        sums, quarter = None, length // SEGMENTS
        for first in range(0, length, quarter):
            later = g.slice(x, (0, 0, first, 0), (1, 1, length - first, x.shape[3]))
            run = self.mamba.lower_scan(g, later, "")
            if sums is None:
                sums = run
            else:  # what came before stays, the rest is added
                before = g.slice(sums, (0, 0, 0, 0), (1, 1, first, x.shape[3]))
                since = g.slice(sums, (0, 0, first, 0), later.shape)
                sums = g.concat([before, g.binary("add", since, run)], 2)
        parts = [g.binary("mul", g.slice(sums, (0, 0, k * quarter, 0), (1, 1, quarter, x.shape[3])), 1 / (k + 1))
                 for k in range(SEGMENTS)]
        gated = g.binary("mul", g.concat(parts, 2), g.act(gate, "silu"))
        return emit(g, gated, self.mamba.out_proj)


class FrequencyFeedForward(nn.Module):
    """A complex factor and offset for each channel, the same at all frequencies, and a ReLU on both parts. The
    weights are matrices of which the reference implementation uses the diagonal only; so does this one."""

    def __init__(self, dim, ratio):
        super().__init__()
        wide = dim * ratio
        self.r, self.i = (nn.Parameter(0.02 * torch.randn(wide, wide)) for _ in range(2))
        self.rb, self.ib = (nn.Parameter(0.02 * torch.randn(wide)) for _ in range(2))
        self.fc1 = nn.Sequential(nn.Conv1d(dim, wide, 1, bias=False), nn.BatchNorm1d(wide), nn.ReLU())
        self.fc2 = nn.Sequential(nn.Conv1d(wide, dim, 1, bias=False), nn.BatchNorm1d(dim))

    def forward(self, x):
        """x [N, L, dim]"""
        z = torch.fft.fft(self.fc1(x.mT).mT, dim=1, norm="ortho")
        r, i = self.r.diagonal(), self.i.diagonal()
        z = torch.complex(F.relu(z.real * r - z.imag * i + self.rb), F.relu(z.imag * r + z.real * i + self.ib))
        return self.fc2(torch.fft.ifft(z, dim=1, norm="ortho").real.mT).mT

    def lower(self, g, x):
        """x [1][1][L][dim]. The ReLU takes the symmetry away that the spectrum of real values has; the real part of
        what comes back is that of the mean of each bin and its mirror's conjugate, which needs the half spectrum only."""
        z = g.rfft(emit(g, x, self.fc1), x.shape[2] ** -0.5)
        bins, wide = z.shape[2], z.shape[3] // 2
        real, imaginary = (g.slice(z, (0, 0, 0, k * wide), (1, 1, bins, wide)) for k in range(2))
        turned = g.concat([imaginary, real])
        r, i, rb, ib = (array(t) for t in (self.r.diagonal(), self.i.diagonal(), self.rb, self.ib))
        one, none = 0 * r + 1, 0 * r

        def joined(*parts):
            return torch.cat([torch.as_tensor(p) for p in parts]).numpy()
        bin_ = g.binary("add", g.affine(z, joined(r, r), joined(rb, ib)),
                        g.affine(turned, joined(-i, i), joined(none, none)), "relu")
        mirror = g.binary("add", g.affine(z, joined(r, -r), joined(rb, ib)),
                          g.affine(turned, joined(i, i), joined(none, none)), "relu")
        mean = g.binary("add", g.affine(bin_, joined(one, one) / 2, joined(none, none)),
                        g.affine(mirror, joined(one, -one) / 2, joined(none, none)))
        return emit(g, g.irfft(mean, x.shape[:3], x.shape[2] ** 0.5), self.fc2)


class Block(nn.Module):
    def __init__(self, dim, ratio):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn, self.mlp = MambaLayer(dim), FrequencyFeedForward(dim, ratio)

    def forward(self, x):
        x = x + self.norm1(self.attn(x))
        return x + self.mlp(self.norm2(x))

    def lower(self, g, x):
        x = g.binary("add", x, emit(g, self.attn.lower(g, x), self.norm1))
        return g.binary("add", x, self.mlp.lower(g, emit(g, x, self.norm2)))


class RhythmMamba(nn.Module):
    """x [N, 3, T, H, W], standardised, T a multiple of 8. Out [N, T], the pulse wave. The blocks see every second
    frame. Drop path, which only training uses, is left out."""
    spec = Spec("wave", "standard", 160, size=128, multiple=8)

    def __init__(self, depth=24, dim=96, ratio=2):
        super().__init__()
        self.Fusion_Stem = FusionStem(dim // 4)
        self.stem3 = nn.Sequential(nn.Conv3d(dim // 4, dim, (2, 5, 5), (2, 1, 1), (0, 2, 2)), nn.BatchNorm3d(dim))
        self.blocks = nn.ModuleList([Block(dim, ratio) for _ in range(depth)])
        self.ConvBlockLast = nn.Conv1d(dim, 1, 1)

    def forward(self, x):
        n, _, frames, _, _ = x.shape
        x = self.Fusion_Stem(x.transpose(1, 2)).unflatten(0, (n, frames)).transpose(1, 2)
        x = self.stem3(x)
        x = (x * attention_mask(torch.sigmoid(x))).mean((-2, -1)).mT
        for block in self.blocks:
            x = block(x)
        return self.ConvBlockLast(x.mT.repeat_interleave(2, 2)).flatten(1)

    def lower(self, g, x):
        """x [T][H][W][3]"""
        frames = x.shape[0]
        x = emit(g, conv_of_twice(g, self.Fusion_Stem.lower(g, x), self.stem3[0]), self.stem3[1:])
        x = rows(g, g.reduce(g.binary("mul", x, g.attention_mask(g.act(x, "sigmoid"))), "mean", (1, 2)))
        x = conv(g, emit(g, x, self.blocks), self.ConvBlockLast)
        return g.reshape(g.upsample(x, (1, 1, 2)), (1, 1, frames, 1))

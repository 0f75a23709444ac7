"""PhysMamba (Luo 2024): a slow and a fast stream of temporal difference convolutions and two-way Mamba layers.
Tensor names as in rPPG-Toolbox."""
import torch
from torch import nn
from torch.nn import functional as F

from .blocks import BiMamba, CentralDifference, conv_bn
from .lowering import emit, rows
from .spec import Spec

THETA, STATES = 0.5, 16


class MambaLayer(nn.Module):
    """Mamba over all pixels of all frames as one sequence, time slowest."""

    def __init__(self, dim):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.mamba = BiMamba(dim, STATES)

    def forward(self, x):
        tokens = x.flatten(2).mT
        return self.norm2(tokens + self.mamba(self.norm1(tokens))).mT.reshape(x.shape)

    def lower(self, g, x):
        shape, tokens = x.shape, g.reshape(x, (1, 1, x.size // x.shape[3], x.shape[3]))
        tokens = g.binary("add", tokens, self.mamba.lower(g, emit(g, tokens, self.norm1)))
        return g.reshape(emit(g, tokens, self.norm2), shape)


class ChannelAttention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc = nn.Sequential(nn.Conv3d(channels, channels // 2, 1, bias=False), nn.ReLU(),
                                nn.Conv3d(channels // 2, channels, 1, bias=False))

    def forward(self, x):
        mean, peak = (self.fc(pool(x, 1)) for pool in (F.adaptive_avg_pool3d, F.adaptive_max_pool3d))
        return x * torch.sigmoid(mean + peak)

    def lower(self, g, x):
        mean, peak = (emit(g, g.reduce(x, kind, (0, 1, 2)), self.fc) for kind in ("mean", "max"))
        return g.binary("mul", x, g.binary("add", mean, peak, "sigmoid"))


class Lateral(nn.Module):
    """The fast stream into the slow one, at half its rate"""

    def __init__(self):
        super().__init__()
        self.conv = conv_bn(32, 64, (3, 1, 1), (2, 1, 1), (1, 0, 0))

    def forward(self, slow, fast):
        return slow + self.conv(fast)

    def lower(self, g, slow, fast):
        return g.binary("add", slow, emit(g, fast, self.conv))


def block(channels):
    return nn.Sequential(CentralDifference(channels, channels, THETA), nn.BatchNorm3d(channels), nn.ReLU(),
                         MambaLayer(channels), ChannelAttention(channels))


def double_time(c_in, c_out):
    return nn.Sequential(nn.Upsample(scale_factor=(2, 1, 1)), *conv_bn(c_in, c_out, (3, 1, 1), 1, (1, 0, 0), nn.ELU))


class PhysMamba(nn.Module):
    """x [N, 3, T, H, W], difference-normalised, T a multiple of 4. Out [N, T], the (differenced) pulse wave."""
    spec = Spec("slope", "diff", 128, size=128, multiple=4)

    def __init__(self):
        super().__init__()
        self.ConvBlock1 = conv_bn(3, 16, (1, 5, 5), padding=(0, 2, 2))
        self.ConvBlock2, self.ConvBlock3 = conv_bn(16, 32, 3, padding=1), conv_bn(32, 64, 3, padding=1)
        self.ConvBlock4 = conv_bn(64, 64, (4, 1, 1), (4, 1, 1))
        self.ConvBlock5 = conv_bn(64, 32, (2, 1, 1), (2, 1, 1))
        self.ConvBlock6 = conv_bn(32, 32, (3, 1, 1), 1, (1, 0, 0), nn.ELU)
        for k in range(1, 7):
            self.add_module(f"Block{k}", block(64 if k <= 3 else 32))
        self.fuse_1, self.fuse_2 = Lateral(), Lateral()
        self.upsample1, self.upsample2 = double_time(64, 64), double_time(96, 48)
        self.ConvBlockLast = nn.Conv3d(48, 1, 1)
        self.pool, self.drop1, self.drop2 = nn.MaxPool3d((1, 2, 2)), nn.Dropout(0.25), nn.Dropout(0.5)

    def forward(self, x):
        x = self.pool(self.ConvBlock3(self.ConvBlock2(self.pool(self.ConvBlock1(x)))))
        slow, fast = self.ConvBlock4(x), self.ConvBlock5(x)
        for slow_block, fast_block, fuse, drop in ((self.Block1, self.Block4, self.fuse_1, self.drop1),
                                                   (self.Block2, self.Block5, self.fuse_2, self.drop2)):
            slow, fast = drop(self.pool(slow_block(slow))), drop(self.pool(fast_block(fast)))
            slow = fuse(slow, fast)
        slow = self.drop2(self.upsample1(self.Block3(slow)))
        fast = self.drop2(self.ConvBlock6(self.Block6(fast)))
        x = self.upsample2(torch.cat([fast, slow], 1))
        return self.ConvBlockLast(x.mean((3, 4), keepdim=True)).flatten(1)

    def lower(self, g, x):
        """x [T][H][W][3]"""
        g.direct = True
        for part in (self.ConvBlock1, self.pool, self.ConvBlock2, self.ConvBlock3, self.pool):
            x = emit(g, x, part)
        slow, fast = emit(g, x, self.ConvBlock4), emit(g, x, self.ConvBlock5)
        for slow_block, fast_block, fuse in ((self.Block1, self.Block4, self.fuse_1),
                                             (self.Block2, self.Block5, self.fuse_2)):
            slow = emit(g, emit(g, slow, slow_block), self.pool)
            fast = emit(g, emit(g, fast, fast_block), self.pool)
            slow = fuse.lower(g, slow, fast)
        slow = emit(g, emit(g, slow, self.Block3), self.upsample1)
        fast = emit(g, emit(g, fast, self.Block6), self.ConvBlock6)
        x = emit(g, g.concat([fast, slow]), self.upsample2)
        return rows(g, emit(g, g.reduce(x, "mean", (1, 2)), self.ConvBlockLast))

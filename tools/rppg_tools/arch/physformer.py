"""PhysFormer (Yu 2022): a video transformer whose queries and keys come from temporal central differences.
Tensor names as in rPPG-Toolbox."""
from torch import nn
from torch.nn import functional as F

from .blocks import CentralDifference, conv_bn
from .lowering import emit, rows
from .spec import Spec

DIM, FF_DIM, HEADS, LAYERS, THETA, SHARPNESS = 96, 144, 4, 12, 0.7, 2.0


def conv_act(c_in, c_out, kernel=1, groups=1, act=True):
    layers = [nn.Conv3d(c_in, c_out, kernel, padding=kernel // 2, groups=groups, bias=False), nn.BatchNorm3d(c_out)]
    return nn.Sequential(*layers, nn.ELU()) if act else nn.Sequential(*layers)


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        for name in ("proj_q", "proj_k"):
            self.add_module(name, nn.Sequential(CentralDifference(DIM, DIM, THETA), nn.BatchNorm3d(DIM)))
        self.proj_v = nn.Sequential(nn.Conv3d(DIM, DIM, 1, bias=False))

    def forward(self, x, drop):
        """x [N, DIM, T, H, W] -> [N, T * H * W, DIM]"""
        q, k, v = (p(x).flatten(2).unflatten(1, (HEADS, -1)).mT for p in (self.proj_q, self.proj_k, self.proj_v))
        scores = drop(F.softmax(q @ k.mT / SHARPNESS, -1))
        return (scores @ v).transpose(1, 2).flatten(2)

    def lower(self, g, x):
        return g.attention(*(emit(g, x, p) for p in (self.proj_q, self.proj_k, self.proj_v)), HEADS, 1 / SHARPNESS)


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = conv_act(DIM, FF_DIM)
        self.STConv = conv_act(FF_DIM, FF_DIM, 3, groups=FF_DIM)
        self.fc2 = conv_act(FF_DIM, DIM, act=False)

    def forward(self, x):
        return self.fc2(self.STConv(self.fc1(x)))

    def lower(self, g, x):
        return emit(g, emit(g, emit(g, x, self.fc1), self.STConv), self.fc2)


class Block(nn.Module):
    """x [N, T * 16, DIM]: tokens of T times 4 by 4 patches"""

    def __init__(self):
        super().__init__()
        self.attn, self.pwff = SelfAttention(), FeedForward()
        self.proj = nn.Linear(DIM, DIM)
        self.norm1, self.norm2 = nn.LayerNorm(DIM, eps=1e-6), nn.LayerNorm(DIM, eps=1e-6)
        self.drop = nn.Dropout(0.1)

    @staticmethod
    def grid(x):
        return x.mT.unflatten(2, (-1, 4, 4))

    def forward(self, x):
        x = x + self.drop(self.proj(self.attn(self.grid(self.norm1(x)), self.drop)))
        return x + self.drop(self.pwff(self.grid(self.norm2(x))).flatten(2).mT)

    def lower(self, g, x):
        """x [T][4][4][DIM], as all tokens are here"""
        x = g.binary("add", x, emit(g, self.attn.lower(g, emit(g, x, self.norm1)), self.proj))
        return g.binary("add", x, self.pwff.lower(g, emit(g, x, self.norm2)))


class Blocks(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block() for _ in range(LAYERS // 3)])

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x

    def lower(self, g, x):
        return emit(g, x, self.blocks)


def stem(c_in, c_out, kernel, padding):
    return nn.Sequential(*conv_bn(c_in, c_out, kernel, padding=padding), nn.MaxPool3d((1, 2, 2)))


def double_time(c_in, c_out):
    return nn.Sequential(nn.Upsample(scale_factor=(2, 1, 1)), *conv_bn(c_in, c_out, (3, 1, 1), 1, (1, 0, 0), nn.ELU))


class PhysFormer(nn.Module):
    """x [N, 3, T, 128, 128], difference-normalised, T a multiple of 4. Out [N, T], the (differenced) pulse wave."""
    spec = Spec("slope", "diff", 160, size=128, multiple=4)

    def __init__(self):
        super().__init__()
        self.Stem0 = stem(3, DIM // 4, (1, 5, 5), (0, 2, 2))
        self.Stem1 = stem(DIM // 4, DIM // 2, 3, 1)
        self.Stem2 = stem(DIM // 2, DIM, 3, 1)
        self.patch_embedding = nn.Conv3d(DIM, DIM, 4, stride=4)
        self.transformer1, self.transformer2, self.transformer3 = Blocks(), Blocks(), Blocks()
        self.upsample, self.upsample2 = double_time(DIM, DIM), double_time(DIM, DIM // 2)
        self.ConvBlockLast = nn.Conv1d(DIM // 2, 1, 1)

    def forward(self, x):
        x = self.patch_embedding(self.Stem2(self.Stem1(self.Stem0(x)))).flatten(2).mT
        x = self.transformer3(self.transformer2(self.transformer1(x)))
        x = self.upsample2(self.upsample(Block.grid(x)))
        return self.ConvBlockLast(x.mean((3, 4))).flatten(1)

    def lower(self, g, x):
        """x [T][128][128][3]"""
        for part in (self.Stem0, self.Stem1, self.Stem2, self.patch_embedding, self.transformer1, self.transformer2,
                     self.transformer3, self.upsample, self.upsample2):
            x = emit(g, x, part)
        return emit(g, rows(g, g.reduce(x, "mean", (1, 2))), self.ConvBlockLast)

"""Convolutional attention networks on frame differences: DeepPhys (Chen and McDuff 2018), TS-CAN and MTTS-CAN
(Liu 2020), EfficientPhys (Liu 2023). Tensor names as in rPPG-Toolbox."""
import torch
from torch import nn

from . import lowering
from .blocks import attention_mask, shift_time
from .spec import Spec


def flat_size(size):
    """Features behind two times (3x3 padded, 3x3 unpadded, halved) on a square frame."""
    return 64 * (((size - 2) // 2 - 2) // 2) ** 2


def add_convs(model, branch):
    for k, (a, b, padding) in enumerate(((3, 32, 1), (32, 32, 0), (32, 64, 1), (64, 64, 0)), 1):
        model.add_module(f"{branch}_conv{k}", nn.Conv2d(a, b, 3, padding=padding))


def lower_branch(g, x, model, branch, k):
    return lowering.conv(g, x, getattr(model, f"{branch}_conv{k}"), "tanh")


def lower_mask(g, x, gate):
    return g.attention_mask(lowering.conv(g, x, gate, "sigmoid"))


def lower_head(g, x, model, end=""):
    """[1][1][T][1], a value per frame"""
    hidden = lowering.dense_of_maps(g, x, getattr(model, "final_dense_1" + end), "tanh")
    return lowering.dense(g, hidden, getattr(model, "final_dense_2" + end))


def add_head(model, size, end=""):
    model.add_module("final_dense_1" + end, nn.Linear(flat_size(size), 128))
    model.add_module("final_dense_2" + end, nn.Linear(128, 1))


class DeepPhys(nn.Module):
    """x [N, 6, size, size]: frame difference divided by the frames' sum, then the standardised frame. Out
    [N, 1], the pulse's derivative. In the subclasses N is a multiple of `depth` frames."""
    depth = 0   # frames per temporal shift; 0: none
    ends = ("",)  # name endings of the heads
    spec = Spec("slope", "diff standard", 180, channels=6)

    def __init__(self, size=36):
        super().__init__()
        self.size = size
        add_convs(self, "motion")
        add_convs(self, "apperance")  # so spelt in the checkpoints
        self.apperance_att_conv1 = nn.Conv2d(32, 1, 1)
        self.apperance_att_conv2 = nn.Conv2d(64, 1, 1)
        self.pool, self.drop, self.drop_dense = nn.AvgPool2d(2), nn.Dropout(0.25), nn.Dropout(0.5)
        for end in self.ends:
            add_head(self, size, end)

    def shift(self, x):
        return shift_time(x, self.depth) if self.depth else x

    def forward(self, x):
        motion, still = x[:, :3], x[:, 3:]
        for first, second, gate in (
                (1, 2, self.apperance_att_conv1), (3, 4, self.apperance_att_conv2)):
            for k in (first, second):
                motion = torch.tanh(getattr(self, f"motion_conv{k}")(self.shift(motion)))
                still = torch.tanh(getattr(self, f"apperance_conv{k}")(still))
            motion = self.drop(self.pool(motion * attention_mask(torch.sigmoid(gate(still)))))
            still = self.drop(self.pool(still))
        flat, out = motion.flatten(1), []
        for end in self.ends:
            hidden = self.drop_dense(torch.tanh(getattr(self, "final_dense_1" + end)(flat)))
            out.append(getattr(self, "final_dense_2" + end)(hidden))
        return out[0] if len(out) == 1 else tuple(out)

    def lower(self, g, x):
        """x [T][size][size][6]"""
        part = (*x.shape[:3], 3)
        motion, still = g.slice(x, (0, 0, 0, 0), part), g.slice(x, (0, 0, 0, 3), part)
        for first, second, gate in (
                (1, 2, self.apperance_att_conv1), (3, 4, self.apperance_att_conv2)):
            for k in (first, second):
                motion = g.shift_time(motion, self.depth) if self.depth else motion
                motion = lower_branch(g, motion, self, "motion", k)
                still = lower_branch(g, still, self, "apperance", k)
            motion = lowering.emit(g, g.binary("mul", motion, lower_mask(g, still, gate)), self.pool)
            still = lowering.emit(g, still, self.pool) if second == 2 else still
        out = tuple(lower_head(g, motion, self, end) for end in self.ends)
        return out[0] if len(out) == 1 else out


class TSCAN(DeepPhys):
    def __init__(self, size=36, depth=10):
        super().__init__(size)
        self.depth = depth


class MTTSCAN(TSCAN):
    """Two heads: the derivatives of the pulse and of the breathing wave."""
    ends = ("_y", "_r")


class EfficientPhys(nn.Module):
    """x [depth * n + 1, 3, size, size], standardised: one clip with one frame more than it gives values. The
    attention is taken from the motion branch itself. Out [depth * n, 1], the pulse's derivative."""
    spec = Spec("slope", "standard", 180, extra=1)

    def __init__(self, size=36, depth=10):
        super().__init__()
        self.size, self.depth = size, depth
        add_convs(self, "motion")
        self.apperance_att_conv1 = nn.Conv2d(32, 1, 1)
        self.apperance_att_conv2 = nn.Conv2d(64, 1, 1)
        self.pool, self.drop, self.drop_dense = nn.AvgPool2d(2), nn.Dropout(0.25), nn.Dropout(0.5)
        add_head(self, size)
        self.batch_norm = nn.BatchNorm2d(3)

    def forward(self, x):
        x = self.batch_norm(x[1:] - x[:-1])
        for first, second, gate in (
                (1, 2, self.apperance_att_conv1), (3, 4, self.apperance_att_conv2)):
            for k in (first, second):
                x = torch.tanh(getattr(self, f"motion_conv{k}")(shift_time(x, self.depth)))
            x = self.drop(self.pool(x * attention_mask(torch.sigmoid(gate(x)))))
        hidden = self.drop_dense(torch.tanh(self.final_dense_1(x.flatten(1))))
        return self.final_dense_2(hidden)

    def lower(self, g, x):
        """x [T + 1][size][size][3]"""
        x = lowering.batch_norm(g, g.diff(x), self.batch_norm)
        for first, second, gate in (
                (1, 2, self.apperance_att_conv1), (3, 4, self.apperance_att_conv2)):
            for k in (first, second):
                x = lower_branch(g, g.shift_time(x, self.depth), self, "motion", k)
            x = lowering.emit(g, g.binary("mul", x, lower_mask(g, x, gate)), self.pool)
        return lower_head(g, x, self)

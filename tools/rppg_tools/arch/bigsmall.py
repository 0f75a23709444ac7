"""BigSmall (Narayanswamy 2024): a detailed look at one frame in three, a coarse look at each; facial action units,
pulse and breathing from the sum. Tensor names as in rPPG-Toolbox."""
import torch
from torch import nn
from torch.nn import functional as F

from . import lowering
from .blocks import shift_time
from .spec import Spec

BIG_SIZE, SMALL_SIZE, DEPTH, UNITS = 144, 9, 3, 12
BIG = [(3, 32), (32, 32), (32, 32), (32, 64), (64, 64), (64, 64)]
BIG_POOLS = {2: 2, 4: 2, 6: 4}  # average pooling behind a convolution
SMALL = [(3, 32), (32, 32), (32, 32), (32, 64)]
TASKS = ("au", "bvp", "resp")


class BigSmall(nn.Module):
    """big [N, 3, 144, 144], standardised, of which every third frame is read; small [N, 3, 9, 9], difference-
    normalised; N a multiple of 3. Out: action units [N, 12] (before their sigmoid), pulse [N, 1], breathing [N, 1]."""
    spec = Spec("wave", "none", 180, size=0, source="raw", multiple=DEPTH)

    def __init__(self):
        super().__init__()
        for branch, convs in (("big", BIG), ("small", SMALL)):
            for k, (a, b) in enumerate(convs, 1):
                self.add_module(f"{branch}_conv{k}", nn.Conv2d(a, b, 3, padding=1))
        for task in TASKS:
            self.add_module(f"{task}_fc1", nn.Linear(64 * SMALL_SIZE ** 2, 128))
            self.add_module(f"{task}_fc2", nn.Linear(128, UNITS if task == "au" else 1))
        self.drops = nn.ModuleList([nn.Dropout(p) for p in (0.25, 0.5, 0.5)])

    def forward(self, big, small):
        x = big[::DEPTH]
        drops = iter(self.drops)
        for k in range(1, len(BIG) + 1):
            x = F.relu(getattr(self, f"big_conv{k}")(x))
            if k in BIG_POOLS:
                x = next(drops)(F.avg_pool2d(x, BIG_POOLS[k]))
        for k in range(1, len(SMALL) + 1):
            small = F.relu(getattr(self, f"small_conv{k}")(shift_time(small, DEPTH, wrap=True)))
        flat = (torch.repeat_interleave(x, DEPTH, 0) + small).flatten(1)
        return tuple(getattr(self, f"{task}_fc2")(F.relu(getattr(self, f"{task}_fc1")(flat))) for task in TASKS)

    @staticmethod
    def input_shapes(frames):
        return [(frames, BIG_SIZE, BIG_SIZE, 3), (frames, SMALL_SIZE, SMALL_SIZE, 3)]

    def lower(self, g, big, small):
        """big [T][144][144][3], small [T][9][9][3]"""
        frames = small.shape[0] // DEPTH
        x = g.slice(big, (0, 0, 0, 0), (frames, *big.shape[1:]), (DEPTH, 1, 1, 1))
        for k in range(1, len(BIG) + 1):
            x = lowering.conv(g, x, getattr(self, f"big_conv{k}"), "relu")
            if k in BIG_POOLS:
                x = g.pool(x, "average", (1, BIG_POOLS[k], BIG_POOLS[k]))
        for k in range(1, len(SMALL) + 1):
            small = g.shift_time(small, DEPTH, wrap=True)
            small = lowering.conv(g, small, getattr(self, f"small_conv{k}"), "relu")
        grouped = g.reshape(small, (frames, DEPTH, small.size // small.shape[0] // 64, 64))
        x = g.binary("add", grouped, g.reshape(x, (frames, 1, *grouped.shape[2:])))
        x = g.reshape(x, small.shape)
        return tuple(lowering.dense(g, lowering.dense_of_maps(g, x, getattr(self, f"{task}_fc1"), "relu"),
                                    getattr(self, f"{task}_fc2")) for task in TASKS)

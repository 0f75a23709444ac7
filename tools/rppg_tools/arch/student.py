"""A small 2-D network to be taught by a large 3-D one, of the size that KDPhys (2025, arXiv:2601.00714) states: at
most 0.23 million parameters. No code is public, so the structure is ours: convolutions on single frames, time shift
between them as in TS-CAN, attention masks as in EfficientPhys, and a pooled head in place of TS-CAN's dense layer,
which alone has 0.4 million."""
import torch
from torch import nn

from . import lowering
from .blocks import attention_mask, shift_time
from .spec import Spec

STAGES = [(3, 24), (24, 48), (48, 96)]  # channels in and out; every stage but the last halves the frame


class Student(nn.Module):
    """x [N, 3, size, size], difference-normalised, N a multiple of depth. Out [N, 1], the pulse's derivative.
    `features` gives the masked maps behind each stage, [N, C, H, W], to be compared with a teacher's."""
    spec = Spec("slope", "diff", 180, size=36)

    def __init__(self, depth=10, size=36):
        super().__init__()
        self.depth, self.size = depth, size
        self.convs = nn.ModuleList([nn.ModuleList([
            nn.Sequential(nn.Conv2d(p, q, 3, padding=1), nn.BatchNorm2d(q), nn.ReLU())
            for p, q in ((a, b), (b, b))]) for a, b in STAGES])
        self.gates = nn.ModuleList([nn.Conv2d(b, 1, 1) for _, b in STAGES])
        self.drop = nn.Dropout(0.25)
        self.hidden, self.last = nn.Linear(STAGES[-1][1], 96), nn.Linear(96, 1)

    def features(self, x):
        maps = []
        for stage, gate in zip(self.convs, self.gates):
            if maps:
                x = nn.functional.avg_pool2d(x, 2)
            for conv in stage:
                x = conv(shift_time(x, self.depth))
            x = x * attention_mask(torch.sigmoid(gate(x)))
            maps.append(x)
        return maps

    def forward(self, x):
        x = self.drop(self.features(x)[-1].mean((2, 3)))
        return self.last(torch.tanh(self.hidden(x)))

    def lower(self, g, x):
        """x [T][size][size][3]"""
        for k, (stage, gate) in enumerate(zip(self.convs, self.gates)):
            x = g.pool(x, "average", (1, 2, 2)) if k else x
            for conv in stage:
                x = lowering.emit(g, g.shift_time(x, self.depth), conv)
            x = g.binary("mul", x, g.attention_mask(lowering.conv(g, x, gate, "sigmoid")))
        x = lowering.rows(g, g.reduce(x, "mean", (1, 2)))
        return lowering.dense(g, lowering.dense(g, x, self.hidden, "tanh"), self.last)

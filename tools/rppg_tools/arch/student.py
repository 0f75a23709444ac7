"""A small 2-D network to be taught by a large 3-D one, of the size that KDPhys (2025, arXiv:2601.00714) states: at
most 0.23 million parameters. No code is public, so the structure is ours: convolutions on single frames at half
their size, time shift between them as in TS-CAN but over the whole clip, attention masks as in EfficientPhys, and
a head over time on the pooled features (29 frames, 1.9 s at 15 fps) in place of TS-CAN's dense layer, which alone has
0.4 million. Channels are multiples of 16: with 24, 48 and 96 a run took 4 times as long in C as with 16, 32 and 64."""
import torch
from torch import nn

from . import lowering
from .blocks import attention_mask, shift_time
from .spec import Spec

STAGES = [(3, 16), (16, 32), (32, 64)]  # channels in and out; every stage halves the frame
TAPS, HIDDEN = 15, 32                   # of the head


class Student(nn.Module):
    """x [N, 3, T, size, size], difference-normalised. Out [N, T], the pulse wave. `features` gives the masked maps
    behind each stage, [N, C, T, H, W], to be compared with a teacher's."""
    spec = Spec("wave", "diff", 128, size=36, fps=15, hop=16)

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.ModuleList([
            nn.Sequential(nn.Conv2d(p, q, 3, stride, 1), nn.BatchNorm2d(q), nn.ReLU())
            for p, q, stride in ((a, b, 2 if k == 0 else 1), (b, b, 1))]) for k, (a, b) in enumerate(STAGES)])
        self.gates = nn.ModuleList([nn.Conv2d(b, 1, 1) for _, b in STAGES])
        self.drop = nn.Dropout(0.25)
        self.hidden = nn.Conv1d(STAGES[-1][1], HIDDEN, TAPS, padding=TAPS // 2)
        self.last = nn.Conv1d(HIDDEN, 1, TAPS, padding=TAPS // 2)

    def features(self, x):
        clips, frames, maps = x.shape[0], x.shape[2], []
        x = x.movedim(2, 1).flatten(0, 1)
        for stage, gate in zip(self.convs, self.gates):
            if maps:
                x = nn.functional.avg_pool2d(x, 2)
            for conv in stage:
                x = conv(shift_time(x, frames))
            x = x * attention_mask(torch.sigmoid(gate(x)))
            maps.append(x.unflatten(0, (clips, frames)).movedim(1, 2))
        return maps

    def head(self, maps):
        """The wave from the last maps."""
        x = torch.tanh(self.hidden(self.drop(maps.mean((3, 4)))))
        return self.last(x).flatten(1)

    def forward(self, x):
        return self.head(self.features(x)[-1])

    def lower(self, g, x):
        """x [T][size][size][3]"""
        for k, (stage, gate) in enumerate(zip(self.convs, self.gates)):
            x = g.pool(x, "average", (1, 2, 2)) if k else x
            for conv in stage:
                x = lowering.emit(g, g.shift_time(x, x.shape[0]), conv)
            x = g.binary("mul", x, g.attention_mask(lowering.conv(g, x, gate, "sigmoid")))
        x = lowering.rows(g, g.reduce(x, "mean", (1, 2)))
        return lowering.conv(g, lowering.conv(g, x, self.hidden, "tanh"), self.last)

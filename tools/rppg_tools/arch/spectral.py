"""A network of our own on the input of Kopeliovich 2019, smaller than CL+F and a fraction of its work.

What CL+F must learn, it is given: the 18 signals are channels of 1-D convolutions over time; each mixture of them is brought
to unit variance, because what is left when motion cancels is small; a rate is looked for as the length of a sine and
cosine pair, whatever the phase, at each class and at twice its rate; and neighbouring classes are compared by 1-D convolutions, as
CL+F's filters do. All of it is learnt; the pairs begin as windowed sines."""
import dataclasses
import math

import torch
from torch import nn

from . import lowering
from .colour import CLASSES, ColourNet, class_bpm

WIDTH, INNER, SOURCES, FILTERS = 32, 16, 8, 16
FRAMES, FPS = ColourNet.spec.frames, ColourNet.spec.fps
DILATIONS = (1, 2, 4, 1)
EPS = 1e-5  # under the root: keeps its slope finite


def sines():
    """[4 CLASSES][FRAMES]: cosines at each class, at twice its rate, then the sines, under Hann's window."""
    t = (torch.arange(FRAMES, dtype=torch.float64) - (FRAMES - 1) / 2) / FPS
    hz = class_bpm(torch.arange(CLASSES, dtype=torch.float64)) / 60
    angle = 2 * math.pi * torch.cat([hz, 2 * hz])[:, None] * t
    window = torch.hann_window(FRAMES + 2, periodic=False, dtype=torch.float64)[1:-1]
    return (torch.cat([angle.cos(), angle.sin()]) * window / window.sum()).float()


class Block(nn.Module):
    """Over time into fewer channels, back into all of them, added to what came in."""

    def __init__(self, dilation):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(WIDTH, INNER, 9, padding=4 * dilation, dilation=dilation), nn.ReLU(), nn.BatchNorm1d(INNER),
            nn.Conv1d(INNER, WIDTH, 1))

    def forward(self, x):
        return x + self.layers(x)

    def lower(self, g, x):
        return g.binary("add", lowering.emit(g, x, self.layers), x)


class Spectral(nn.Module):
    """x [N, 1, 18, 64]; out [N, CLASSES], scores whose softmax is a distribution over the rates."""
    spec = ColourNet.spec

    def __init__(self, channels=18):
        super().__init__()
        self.spec = dataclasses.replace(self.spec, channels=channels)
        self.mix = nn.Conv1d(self.spec.channels, WIDTH, 9, padding=4)
        self.blocks = nn.Sequential(*(Block(d) for d in DILATIONS))
        self.sources = nn.Conv1d(WIDTH, SOURCES, 1)
        self.pairs = nn.Linear(FRAMES, 4 * CLASSES, bias=False)
        with torch.no_grad():
            self.pairs.weight.copy_(sines())
        self.filters = nn.Sequential(
            nn.Conv1d(2 * SOURCES, FILTERS, 9, padding=4), nn.ReLU(), nn.BatchNorm1d(FILTERS), nn.Dropout(0.1),
            nn.Conv1d(FILTERS, FILTERS, 9, padding=4), nn.ReLU(), nn.BatchNorm1d(FILTERS),
            nn.Conv1d(FILTERS, 1, 9, padding=4))

    def forward(self, x):
        x = nn.functional.instance_norm(self.mix(x.squeeze(1)))
        x = nn.functional.instance_norm(self.sources(self.blocks(x)))
        pair = self.pairs(x).square()
        length = (pair[..., :2 * CLASSES] + pair[..., 2 * CLASSES:] + EPS).sqrt()
        both = torch.cat([length[..., :CLASSES], length[..., CLASSES:]], 1)
        return self.filters(nn.functional.instance_norm(both)).squeeze(1)

    def input_shapes(self, samples):
        return [(1, self.spec.channels, samples, 1)]

    def lower(self, g, x):
        """x [1][18][64][1]"""
        x = g.instance_norm(lowering.emit(g, g.permute(x, (0, 3, 2, 1)), self.mix))
        x = g.instance_norm(lowering.emit(g, lowering.emit(g, x, self.blocks), self.sources))
        pair = g.act(lowering.dense(g, g.permute(x, (0, 1, 3, 2)), self.pairs), "square")
        halves = [g.slice(pair, (0, 0, 0, k * 2 * CLASSES), (1, 1, SOURCES, 2 * CLASSES)) for k in range(2)]
        length = g.act(g.binary("add", g.binary("add", *halves), EPS), "sqrt")
        both = [g.permute(g.slice(length, (0, 0, 0, k * CLASSES), (1, 1, SOURCES, CLASSES)), (0, 1, 3, 2)) for k in range(2)]
        x = lowering.emit(g, g.instance_norm(g.concat(both)), self.filters)
        return g.reshape(x, (1, 1, 1, x.size))

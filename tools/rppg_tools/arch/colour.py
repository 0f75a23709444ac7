"""Networks on colour signals: SE, CE, CL and CL+F of Kopeliovich, Mironenko and Petrushan 2019.

Input: 18 signals (six regions times R, G, B) of 64 samples at 15 Hz, scaled to [-1, 1]: [N, 1, 18, 64].
Five unpadded convolutions, two fully connected layers, and in CL+F three unpadded 1-D convolutions; each is
followed by ReLU and then batch norm, the order that the paper found better. SE gives a rate, the others
a pseudo-spectrum over 128 classes, 40 to 125 bpm. CE and CL differ in their loss only. No checkpoint with known
tensor names is public, so the names are ours."""
import dataclasses

from torch import nn

from .lowering import after_norm, array, batch_norm, dense_of_maps
from .spec import Spec

CLASSES, LOWEST_BPM, HIGHEST_BPM = 128, 40.0, 125.0
LAYERS, LONG = 5, 11  # convolutions, and their length in time


def kernels(channels):
    """Sizes of the convolutions that leave one row of so many signals: of 18, as the paper has them, 5, 5, 5, 5 and 2."""
    most, left, out = -(-(channels - 1) // LAYERS), channels - 1, []
    for _ in range(LAYERS):
        out.append((1 + min(most, left), LONG))
        left -= out[-1][0] - 1
    return out


def class_bpm(index):
    """The rate at the middle of a class."""
    return LOWEST_BPM + (index + 0.5) * (HIGHEST_BPM - LOWEST_BPM) / CLASSES


def lower_convs(g, x, stages):
    """Convolutions with ReLU and batch norm; the last batch norm is left to do, and is given back."""
    norm = None
    for conv, _, following in stages:
        weight, bias = after_norm(conv, norm) if norm else (array(conv.weight), array(conv.bias))
        x, norm = g.conv(x, weight, bias, act="relu"), following
    return x, norm


class ColourNet(nn.Module):
    """outputs: 1 for a rate, CLASSES for a pseudo-spectrum; filters: with the three 1-D convolutions; channels: signals,
    6 of a camera with one channel. A rate is no vector that half of could be dropped."""
    spec = Spec("classes", "range", 64, hop=10, size=0, channels=18, fps=15.0, source="signals",
                bpm=(class_bpm(0), class_bpm(1) - class_bpm(0)))

    def __init__(self, outputs=CLASSES, filters=False, channels=18):
        super().__init__()
        self.spec = dataclasses.replace(self.spec, channels=channels)
        self.convs, c_in = nn.ModuleList(), 1
        for kernel in kernels(channels):
            self.convs.append(nn.Sequential(nn.Conv2d(c_in, 16, kernel), nn.ReLU(), nn.BatchNorm2d(16)))
            c_in = 16
        spread = outputs + 6 if filters else outputs  # each unpadded 1-D convolution takes two samples off
        self.dense = nn.ModuleList([
            nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.BatchNorm1d(b), nn.Dropout(0.5 if b > 1 else 0.0))
            for a, b in ((16 * 14, 60), (60, spread))])
        self.filters = nn.ModuleList([
            nn.Sequential(nn.Conv1d(a, b, 3), nn.ReLU(), nn.BatchNorm1d(b))
            for a, b in ((1, 16), (16, 16), (16, 1))] if filters else [])

    def forward(self, x):
        for conv in self.convs:
            x = conv(x)
        x = x.flatten(1)
        for dense in self.dense:
            x = dense(x)
        if self.filters:
            x = x.unsqueeze(1)
            for conv in self.filters:
                x = conv(x)
            x = x.squeeze(1)
        return x

    def input_shapes(self, samples):
        return [(1, self.spec.channels, samples, 1)]

    def lower(self, g, x):
        """x [1][18][64][1]. Nothing is padded, so each batch norm moves into the layer that reads it, where one can."""
        x, norm = lower_convs(g, x, self.convs)
        (first, _, hidden, _), (second, _, last, _) = self.dense
        x = dense_of_maps(g, x, first, "relu", norm)
        x = batch_norm(g, g.dense(x, *after_norm(second, hidden), "relu"), last)
        if self.filters:
            x, norm = lower_convs(g, g.reshape(x, (1, 1, x.size, 1)), self.filters)
            x = batch_norm(g, x, norm)
        return g.reshape(x, (1, 1, 1, x.size))


class SE(ColourNet):
    spec = dataclasses.replace(ColourNet.spec, task="rate", bpm=(0.0, 0.0))

    def __init__(self, channels=18):
        super().__init__(outputs=1, channels=channels)


class CE(ColourNet):
    pass


class CL(ColourNet):
    pass


class CLF(ColourNet):
    def __init__(self, channels=18):
        super().__init__(filters=True, channels=channels)

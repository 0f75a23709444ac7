"""LQ-rPPG, the coarse-to-fine estimator with label-quantised supervision (2026), C2F model.
Tensor names as in its repository; the stem is RhythmMamba's (Zou 2024)."""
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

from ..core import ToolError
from .blocks import BiMamba, attention_mask
from .checkpoint import tensors_of
from .lowering import array, conv, emit, rows
from .spec import Spec

STAGES = 4
CODES = (2, 4, 8, 16)  # levels that the label quantiser of each stage has


def stem(c_in, c_out, stride):
    return nn.Sequential(nn.Conv2d(c_in, c_out, 7, stride, 3), nn.BatchNorm2d(c_out), nn.ReLU(), nn.MaxPool2d(2))


def quantisers(folder, count=STAGES):
    """The files of a folder that are named as the reference names its label quantisers, of 1 to `count` bits."""
    found = [sorted(pathlib.Path(folder).glob(f"*_{k}th_LQ_*.pth")) for k in range(1, count + 1)]
    if any(len(files) != 1 for files in found):
        raise ToolError(f"{folder}: wanted one file *_1th_LQ_*.pth, one *_2th_LQ_*.pth, up to {count}; there are "
                        f"{', '.join(str(len(files)) for files in found)}")
    return [files[0] for files in found]


def drawn(token, codes):
    """Values [...] softly drawn towards levels [codes]: the mean of these, by a softmax of minus the distance"""
    return (F.softmax(-(token.unsqueeze(-1) - codes).abs(), -1) * codes).sum(-1)


def conv_of_twice(g, x, layer):
    return conv(g, x, layer, weight=0.5 * array(layer.weight))


class FusionStem(nn.Module):
    """Frames [N, T, 3, H, W] and their four nearest differences, mixed half and half at two depths: [N * T, dim,
    H / 8, W / 8]. At a clip's ends the first or the last frame stands in for those outside."""

    def __init__(self, dim):
        super().__init__()
        self.stem11, self.stem12 = stem(3, dim // 2, 2), stem(12, dim // 2, 2)
        self.stem21, self.stem22 = stem(dim // 2, dim, 1), stem(dim // 2, dim, 1)

    def forward(self, x):
        wide = torch.cat([x[:, :1], x[:, :1], x, x[:, -1:], x[:, -1:]], 1)
        step = wide[:, 1:] - wide[:, :-1]
        frames = x.shape[1]
        steps = torch.cat([step[:, k:k + frames] for k in range(4)], 2)
        motion = self.stem12(steps.flatten(0, 1))
        mixed = 0.5 * self.stem11(x.flatten(0, 1)) + 0.5 * motion
        return 0.5 * self.stem21(mixed) + 0.5 * self.stem22(motion)

    def lower(self, g, x):
        """x [T][H][W][3]. Gives twice what forward gives: the halves sit in the next layers' weights."""
        frames, frame = x.shape[0], (1, *x.shape[1:])
        first, last = g.slice(x, (0, 0, 0, 0), frame), g.slice(x, (frames - 1, 0, 0, 0), frame)
        step = g.diff(g.concat([first, first, x, g.concat([last, last], 0)], 0))
        steps = g.concat([g.slice(step, (k, 0, 0, 0), x.shape) for k in range(4)])
        motion = emit(g, steps, self.stem12)
        mixed = conv_of_twice(g, g.binary("add", emit(g, x, self.stem11), motion), self.stem21[0])
        return g.binary("add", emit(g, mixed, self.stem21[1:]), emit(g, motion, self.stem22))


class MambaBlock(nn.Module):
    def __init__(self, dim, states):
        super().__init__()
        self.x_norm = nn.LayerNorm(dim)
        self.mamba = BiMamba(dim, states)

    def forward(self, x):
        return x + self.mamba(self.x_norm(x))

    def lower(self, g, x):
        return g.binary("add", x, self.mamba.lower(g, emit(g, x, self.x_norm)))


class Predictor(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.time_feature_extractor = nn.Sequential(
            nn.Conv1d(dim, dim, 3, padding=1), nn.GELU(), nn.Conv1d(dim, dim, 3, padding=1), nn.GELU(),
            nn.Conv1d(dim, dim, 3, padding=1))
        self.last_conv = nn.Conv1d(dim, 1, 3, padding=1)

    def forward(self, x):
        return self.last_conv(self.time_feature_extractor(x))


class LQRPPG(nn.Module):
    """x [N, 3, T, H, W], standardised, T <= frames. Out [N, T], the pulse wave; in training mode also what the stages
    read out, drawn to their levels [N, STAGES, T].

    Each stage's features are read out as one value per frame, which is drawn softly towards the levels of that
    stage's label quantiser (`codebook_k`) and added back to the features. codebooks: a folder with the label quantisers'
    files; True where they come later, by load_codebooks; False: the value itself goes back."""
    states = 48
    optional = ("codebook_",)
    spec = Spec("wave", "standard", 160, size=128)

    def __init__(self, frames=160, dim=64, codebooks=True):
        super().__init__()
        self.Fusion_Stem = FusionStem(dim // 4)
        self.stem3 = nn.Sequential(nn.Conv3d(dim // 4, dim, (3, 5, 5), padding=(1, 2, 2)), nn.BatchNorm3d(dim))
        for k in range(1, STAGES + 1):
            self.add_module(f"mamba_{k}", nn.Sequential(MambaBlock(dim, self.states)))
            self.add_module(f"mamba{k}_token_head", nn.Conv1d(dim, 1, 1))
            self.add_module(f"mamba{k}_scalar_projection", nn.Conv1d(1, dim, 1))
            if codebooks:
                self.register_buffer(f"codebook_{k}", torch.full((CODES[k - 1],), torch.nan))
        self.codebooks = bool(codebooks)
        self.position_embedding = nn.Parameter(torch.zeros(1, frames, dim))
        self.rppg_predictor = Predictor(dim)
        if not isinstance(codebooks, bool):
            self.load_codebooks(quantisers(codebooks))

    def load_codebooks(self, sources):
        """sources: the label quantisers' .pth files (or dicts) of the stages 1 to 4, in this order. A fifth one is
        for training only."""
        for k, source in zip(range(1, STAGES + 1), sources, strict=True):
            codes, book = tensors_of(source).get("quantizer.embeddings.weight"), getattr(self, f"codebook_{k}")
            if codes is None or codes.numel() != len(book):
                raise ToolError(f"stage {k} wants a label quantiser of {len(book)} levels, this file has "
                                f"{'none' if codes is None else codes.numel()}")
            book.copy_(codes.flatten())
        return self

    def lacks_codebooks(self):
        return self.codebooks and not torch.isfinite(self.codebook_1).all()

    def load_beside(self, folder):
        """What the network's own file does not hold lies beside it: the label quantisers."""
        if self.lacks_codebooks():
            self.load_codebooks(quantisers(folder))

    def forward(self, x):
        n, _, frames, _, _ = x.shape
        x = self.Fusion_Stem(x.transpose(1, 2)).unflatten(0, (n, frames)).transpose(1, 2)
        x = self.stem3(x)
        x = (x * attention_mask(torch.sigmoid(x))).mean((-2, -1))
        x = x.transpose(1, 2) + self.position_embedding[:, :frames]
        added, drafts = 0, []
        for k in range(1, STAGES + 1):
            x = getattr(self, f"mamba_{k}")(x)
            token = getattr(self, f"mamba{k}_token_head")(x.transpose(1, 2))
            if self.codebooks:
                token = drawn(token, getattr(self, f"codebook_{k}"))
            drafts.append(token)
            added = added + getattr(self, f"mamba{k}_scalar_projection")(token).transpose(1, 2)
            x = x + added
        wave = self.rppg_predictor(x.transpose(1, 2)).flatten(1)
        return (wave, torch.cat(drafts, 1)) if self.training else wave

    def lower(self, g, x):
        """x [T][H][W][3]"""
        if self.lacks_codebooks():
            raise ToolError("LQ-rPPG has no codebooks yet: build it with codebooks=FOLDER of its label quantisers' files")
        frames = x.shape[0]
        x = emit(g, conv_of_twice(g, self.Fusion_Stem.lower(g, x), self.stem3[0]), self.stem3[1:])
        x = rows(g, g.reduce(g.binary("mul", x, g.attention_mask(g.act(x, "sigmoid"))), "mean", (1, 2)))
        x, added = g.binary("add", x, array(self.position_embedding)[:, :frames]), None
        for k in range(1, STAGES + 1):
            x = emit(g, x, getattr(self, f"mamba_{k}"))
            token = emit(g, x, getattr(self, f"mamba{k}_token_head"))
            if self.codebooks:
                token = g.codebook(token, array(getattr(self, f"codebook_{k}")))
            back = emit(g, token, getattr(self, f"mamba{k}_scalar_projection"))
            added = g.binary("add", added, back) if added else back
            x = g.binary("add", x, added)
        x = emit(g, x, self.rppg_predictor.time_feature_extractor)
        return g.reshape(emit(g, x, self.rppg_predictor.last_conv), (1, 1, frames, 1))

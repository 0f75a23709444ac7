"""Losses between pulse waves [N][T], and rates of them."""
import math

import numpy as np
import torch
from torch.nn import functional as F

NEAR_BPM = 3.0  # deviation of the rate's place in a spectrum, of LQ-rPPG's and PhysFormer's losses


def standard(wave):
    """Each wave with mean 0 and deviation 1; one that stands still becomes zeros."""
    wave = wave - wave.mean(-1, keepdim=True)
    return wave / (wave.square().mean(-1, keepdim=True).sqrt() + 1e-6)


def unlike(wave, target):
    """1 - Pearson's correlation, the mean over the batch."""
    wave, target = wave - wave.mean(-1, keepdim=True), target - target.mean(-1, keepdim=True)
    return (1 - F.cosine_similarity(wave, target, -1, 1e-8)).mean()


def rates(band, step=1.0):
    """The rates in bpm from band[0] to band[1]."""
    return torch.arange(band[0], band[1] + step / 2, step)


def shares(wave, fps, bpm):
    """Of the power of each wave at these rates [K], under a Hann window, the share of each: [N][K], sums 1."""
    n = wave.shape[-1]
    angle = 2 * math.pi / 60 / fps * torch.arange(n).to(wave) * bpm.to(wave)[:, None]
    window = torch.hann_window(n, periodic=False, device=wave.device, dtype=wave.dtype)
    x = (wave - wave.mean(-1, keepdim=True)) * window
    power = (x @ angle.cos().T).square() + (x @ angle.sin().T).square()
    return power / (power.sum(-1, keepdim=True) + 1e-12)


def off_rate(wave, target, fps, band):
    """The cross entropy between a wave's shares of power and a Gaussian at the rate of its target, the mean over the
    batch."""
    bpm = rates(band).to(wave)
    rate = bpm[shares(target, fps, bpm).argmax(-1)]
    near = torch.exp(-0.5 * ((bpm - rate[:, None]) / NEAR_BPM) ** 2)
    near = near / near.sum(-1, keepdim=True)
    return -(near * (shares(wave, fps, bpm) + 1e-9).log()).sum(-1).mean()


def mean_rate(wave, fps, band, sharpness=40.0):
    """A rate in bpm that has a slope: the mean of the rates, by a softmax of their shares of power over the largest."""
    bpm = rates(band).to(wave)
    share = shares(wave, fps, bpm)
    share = share / (share.amax(-1, keepdim=True) + 1e-12)
    return (F.softmax(sharpness * share, -1) * bpm).sum(-1)


def rate_of(wave, fps, band):
    """The rate in bpm of the highest peak, of NumPy waves [N][T]: Hann window, bins of at most 0.2 bpm."""
    wave = np.asarray(wave, float)
    n = 1 << math.ceil(math.log2(60 * fps / 0.2))
    power = np.abs(np.fft.rfft((wave - wave.mean(-1, keepdims=True)) * np.hanning(wave.shape[-1]), n)) ** 2
    bpm = np.arange(power.shape[-1]) * 60 * fps / n
    inside = (bpm >= band[0]) & (bpm <= band[1])
    return bpm[inside][power[..., inside].argmax(-1)]

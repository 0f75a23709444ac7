"""Losses and figures for networks that give a rate, or a pseudo-spectrum over rates [Kopeliovich2019, eq. 1 to 6].

Outputs are [N][1], a rate in bpm, or [N][CLASSES] of arch.colour's classes; references [N] are rates in bpm."""
import numpy as np
import torch
from torch.nn import functional as F

from .arch.colour import CLASSES, HIGHEST_BPM, LOWEST_BPM, class_bpm

STEP_BPM = (HIGHEST_BPM - LOWEST_BPM) / CLASSES
WINDOW_BPM = 13.0              # k of both Gaussians
WEIGHTS_BPM = WINDOW_BPM / 3   # deviation of the one that smooths class weights, eq. 2
LABEL_BPM = WINDOW_BPM / 6     # and of the one that smooths labels, eq. 4
ALPHA = 25.0                   # of eq. 5
COVERED_BPM, COVERED_LABELS = 3.0, 4


def label_of(bpm):
    """The class of each rate, an array or tensor; rates beyond the first and last class belong to these."""
    return ((bpm - LOWEST_BPM) / STEP_BPM).clip(0, CLASSES - 1).astype(int) if isinstance(bpm, np.ndarray) else \
        ((bpm - LOWEST_BPM) / STEP_BPM).clamp(0, CLASSES - 1).long()


def gaussian(deviation_bpm):
    """The kernel of a window of WINDOW_BPM, sampled at the classes; its sum is 1."""
    radius = int(WINDOW_BPM / 2 / STEP_BPM)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) * STEP_BPM / deviation_bpm) ** 2)
    return kernel / kernel.sum()


def class_weights(bpm):
    """Eq. 2: inverse counts of the classes in a data set of these rates, smoothed; they sum to 1. A class without a sample
    has no inverse: it counts as 0 and has its neighbours' weight."""
    counts = np.bincount(label_of(np.asarray(bpm, float)), minlength=CLASSES)
    weights = np.convolve(np.divide(1.0, counts, out=np.zeros(CLASSES), where=counts > 0), gaussian(WEIGHTS_BPM), "same")
    return torch.tensor(weights / weights.sum(), dtype=torch.float32)


def smoothed_labels():
    """Eq. 4 for every class: [CLASSES][CLASSES], rows that sum to 1."""
    rows = np.stack([np.convolve(row, gaussian(LABEL_BPM), "same") for row in np.eye(CLASSES)])
    return torch.tensor(rows / rows.sum(1, keepdims=True), dtype=torch.float32)


SMOOTHED = smoothed_labels()


def squared_error(out, bpm):
    """Eq. 1."""
    return ((out.squeeze(1) - bpm) ** 2).mean()


def cross_entropy(out, bpm, weights):
    """Eq. 3. The paper does not say how a batch is averaged: here by the weights, as PyTorch does, so that they decide what
    counts for how much and not how large the loss is. (Their sum is 1: a plain mean would make the first term of eq. 5 1/128 of
    the size it has here.)"""
    return F.cross_entropy(out, label_of(bpm), weights.to(out.device))


def combined(out, bpm, weights):
    """Eq. 5: the cross entropy and ALPHA times the mean squared distance from the smoothed label."""
    return cross_entropy(out, bpm, weights) + ALPHA * F.mse_loss(out, SMOOTHED.to(out.device)[label_of(bpm)])


def soft_entropy(out, bpm, weights):
    """Not of the paper: the cross entropy against the smoothed label, weighted as above. Its softmax is a distribution."""
    label = label_of(bpm)
    weight = weights.to(out.device)[label]
    return (weight * F.cross_entropy(out, SMOOTHED.to(out.device)[label], reduction="none")).sum() / weight.sum()


def rate_of(out):
    """Rates in bpm of an array of outputs: the number itself, or the middle of the highest class."""
    return out[:, 0].astype(float) if out.shape[1] == 1 else class_bpm(out.argmax(1))


def errors(out, bpm):
    """|rate - reference|, and whether each is covered: closer than 3 bpm, of classes at most 4 labels away (2.7 bpm)."""
    error = np.abs(rate_of(out) - bpm)
    if out.shape[1] == 1:
        return error, error < COVERED_BPM
    return error, np.abs(out.argmax(1) - label_of(np.asarray(bpm, float))) <= COVERED_LABELS


def figures(out, bpm):
    """{"mae": bpm, "coverage": %}"""
    error, covered = errors(out, bpm)
    return {"mae": float(error.mean()), "coverage": 100 * float(covered.mean())}


def sharpness(out, bpm, bounds=(1e-2, 1e4)):
    """What to multiply pseudo-spectra by, so that their softmax is a probability [Guo2017, temperature scaling]: the
    factor of least negative log likelihood of the smoothed labels, by golden section in its logarithm. The highest class stays
    the highest."""
    out, target = torch.as_tensor(out).double(), SMOOTHED[label_of(torch.as_tensor(bpm))].double()
    low, high = np.log(bounds)
    ratio = (5 ** 0.5 - 1) / 2

    def cost(log_factor):
        return float(F.cross_entropy(out * float(np.exp(log_factor)), target))
    for _ in range(60):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if cost(a) < cost(b) else (a, high)
    return float(np.exp((low + high) / 2))

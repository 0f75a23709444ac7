"""DILATE, a loss between waves that tells their shape from their place in time (Le Guen and Thome 2019,
arXiv:1909.09020):

    alpha * DTW_gamma + (1 - alpha) * <A, Omega>

DTW_gamma is soft-DTW (Cuturi and Blondel 2017, arXiv:1703.01541) of the squared differences, A its gradient: how much
each pair of moments is aligned; Omega the squared lag of a pair, in lengths of the wave. The second term's gradient is
a product with soft-DTW's Hessian (Mensch and Blondel 2018, arXiv:1802.03676).

Cells of one anti-diagonal do not depend on each other: every recursion here goes over diagonals and does a whole one,
of all pairs of a batch, at once. Cell (i, j) lies in row i + j at place i; rows are [N][n]."""
import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

FAR = 1e10  # cost of what lies outside; no infinity, whose differences are no numbers


def skew(cells, outside=0.0):
    """[N][n][m] -> [n + m - 1][N][n]"""
    n, m = cells.shape[1:]
    i = torch.arange(n, device=cells.device)
    j = torch.arange(n + m - 1, device=cells.device)[:, None] - i
    rows = cells[:, i.expand_as(j), j.clamp(0, m - 1)].movedim(1, 0)
    return torch.where(((j >= 0) & (j < m))[:, None], rows, outside)


def unskew(rows, m):
    """[n + m - 1][N][n] -> [N][n][m]"""
    i = torch.arange(rows.shape[2], device=rows.device)[:, None]
    return rows[i + torch.arange(m, device=rows.device), :, i].permute(2, 0, 1)


def before(last, second):
    """[3][N][n]: the cells above, left and across, from the two rows before, which have one place more in front."""
    return torch.stack([last[:, :-1], last[:, 1:], second[:, :-1]])


def soft_dtw(rows, gamma):
    """r[i, j] = cost[i, j] + min_gamma of the three cells before. The last cell's r [N], and by which shares each cell
    took from those before it, a list of [3][N][n]."""
    last = F.pad(torch.full_like(rows[0], FAR), (1, 0), value=FAR)
    second, shares = F.pad(torch.full_like(rows[0], FAR), (1, 0)), []
    for row in rows:
        given = before(last, second)
        least = given.amin(0)
        weights = torch.exp((least - given) / gamma)
        total = weights.sum(0)
        shares.append(weights / total)
        last, second = F.pad(row + least - gamma * total.log(), (1, 0), value=FAR), last
    return last[:, -1], shares


def tangent(rows, shares, gamma):
    """How the shares change when the costs move by rows."""
    last = second = F.pad(torch.zeros_like(rows[0]), (1, 0))
    slopes = []
    for row, share in zip(rows, shares):
        given = before(last, second)
        mean = (share * given).sum(0)
        slopes.append(share * (mean - given) / gamma)
        last, second = F.pad(row + mean, (1, 0)), last
    return slopes


def backwards(shares, last, besides=None):
    """From the last cell, which has `last`, to the first: what a cell has goes to the three before it by its shares,
    and besides[k] [3][N][n] too. [rows][N][n]"""
    row = torch.zeros_like(shares[-1][0])
    row[:, -1] = last
    rows, near, far = [], None, None
    for k in reversed(range(len(shares))):
        if near is not None:
            row = F.pad(near[0][:, 1:], (0, 1)) + near[1]
        if far is not None:
            row = row + F.pad(far[2][:, 1:], (0, 1))
        rows.append(row)
        near, far = shares[k] * row + (besides[k] if besides else 0), near
    return torch.stack(rows[::-1])


class Alignment(torch.autograd.Function):
    """cost [N][n][m] -> soft-DTW [N] and its gradient, the soft alignment [N][n][m]."""

    @staticmethod
    def forward(ctx, cost, gamma):
        value, shares = soft_dtw(skew(cost, FAR), gamma)
        path = backwards(shares, last=1.0)
        ctx.gamma = gamma
        ctx.save_for_backward(path, *shares)
        return value, unskew(path, cost.shape[2])

    @staticmethod
    @once_differentiable
    def backward(ctx, by_value, by_path):
        path, *shares = ctx.saved_tensors
        slopes = tangent(skew(by_path), shares, ctx.gamma)
        moved = backwards(shares, 0.0, [slope * row for slope, row in zip(slopes, path)])
        return by_value[:, None, None] * unskew(path, by_path.shape[2]) + unskew(moved, by_path.shape[2]), None


def terms(wave, truth, gamma):
    """Shape and time, [N] each, of waves [N][n]."""
    n = wave.shape[1]
    at = torch.arange(n, dtype=wave.dtype, device=wave.device)
    value, path = Alignment.apply((wave[:, :, None] - truth[:, None, :]) ** 2, gamma)
    return value, (path * ((at[:, None] - at) / n) ** 2).sum((1, 2))


def dilate(wave, truth, alpha=0.5, gamma=0.01):
    """The loss of waves [N][n] against truths [N][n], a mean over the batch. gamma towards 0: DTW itself."""
    shape, time = terms(wave, truth, gamma)
    return (alpha * shape + (1 - alpha) * time).mean()

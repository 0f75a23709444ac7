"""DILATE against dynamic programs that follow the papers' recursions cell by cell, and numeric gradients."""
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rppg_tools import dilate  # noqa: E402

torch.set_num_threads(1)


def pairs(n, m, count=3, seed=1):
    random = np.random.default_rng(seed)
    return random.standard_normal((count, n)), random.standard_normal((count, m))


def costs(x, y):
    return (x[:, :, None] - y[:, None, :]) ** 2


def cell_by_cell(cost, softmin):
    """r[i, j] = cost[i, j] + softmin(r[i - 1, j], r[i, j - 1], r[i - 1, j - 1])   [Cuturi2017, eq. 3 and alg. 1]"""
    n, m = cost.shape
    r = np.full((n + 1, m + 1), np.inf)
    r[0, 0] = 0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            r[i, j] = cost[i - 1, j - 1] + softmin(np.array([r[i - 1, j], r[i, j - 1], r[i - 1, j - 1]]))
    return r[n, m]


def soft(gamma):
    return lambda a: -gamma * np.logaddexp.reduce(-a / gamma)


def align(cost, gamma):
    return dilate.Alignment.apply(torch.from_numpy(cost), gamma)


@pytest.mark.parametrize("gamma", [0.01, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("n, m", [(1, 1), (1, 5), (6, 1), (7, 7), (9, 5), (4, 12)])
def test_value_is_that_of_the_recursion(n, m, gamma):
    cost = costs(*pairs(n, m))
    want = [cell_by_cell(c, soft(gamma)) for c in cost]
    np.testing.assert_allclose(align(cost, gamma)[0].numpy(), want, rtol=1e-10, atol=1e-10)


def test_gamma_one_of_two_steps_by_hand():
    """Costs [[0, 1], [1, 0]]: the three paths cost 1, 1 and 0."""
    value, path = align(np.array([[[0.0, 1.0], [1.0, 0.0]]]), 1.0)
    assert value.item() == pytest.approx(-np.log(1 + 2 * np.exp(-1)))
    aside = np.exp(-1) / (1 + 2 * np.exp(-1))
    np.testing.assert_allclose(path[0].numpy(), [[1, aside], [aside, 1]], rtol=1e-12)


def test_small_gamma_is_dtw():
    cost = costs(*pairs(20, 23))
    value, path = align(cost, 1e-4)
    np.testing.assert_allclose(value.numpy(), [cell_by_cell(c, np.min) for c in cost], atol=1e-3)
    path = path.numpy()  # one path, each of its cells whole
    assert np.minimum(np.abs(path), np.abs(path - 1)).max() < 1e-3
    np.testing.assert_allclose((path * cost).sum((1, 2)), value.numpy(), atol=1e-3)


def test_path_is_the_gradient():
    cost, gamma, step = costs(*pairs(6, 8, 1)), 0.3, 1e-6
    path = align(cost, gamma)[1].numpy()[0]
    for i, j in np.ndindex(6, 8):
        moved = [cost[0].copy() for _ in range(2)]
        moved[0][i, j] += step
        moved[1][i, j] -= step
        up, down = (cell_by_cell(c, soft(gamma)) for c in moved)
        assert path[i, j] == pytest.approx((up - down) / (2 * step), abs=1e-7)


@pytest.mark.parametrize("gamma", [0.05, 1.0])
@pytest.mark.parametrize("n, m", [(1, 1), (5, 5), (4, 7)])
def test_gradients_of_value_and_path(n, m, gamma):
    cost = torch.from_numpy(costs(*pairs(n, m, 2))).requires_grad_()
    assert torch.autograd.gradcheck(lambda c: dilate.Alignment.apply(c, gamma), cost)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_gradient_of_the_loss(alpha):
    wave, truth = (torch.from_numpy(x).requires_grad_() for x in pairs(9, 9))
    assert torch.autograd.gradcheck(lambda a, b: dilate.dilate(a, b, alpha, 0.1), (wave, truth))


def test_terms_tell_shape_from_time():
    t = torch.arange(64, dtype=torch.float64)
    hump = torch.exp(-((t - 32) / 6) ** 2)[None]
    late, low = torch.roll(hump, 5, 1), hump * 0.5
    shape, time = dilate.terms(torch.cat([hump, late, low]), hump.expand(3, -1), 1e-3)
    assert abs(shape[1] - shape[0]) < 0.05 < shape[2], "warping undoes a shift, not a change of height"
    assert time[1] > 2 * time[2] and time[1] > 4 * time[0], "flat parts have many good paths"
    # the hump's cells lie off the diagonal by 5: for about as many cells as it is wide
    assert 10 * 25 / 64 ** 2 < time[1] < 64 * 25 / 64 ** 2


def test_float32_at_the_length_of_training():
    wave, truth = (torch.from_numpy(x).float().requires_grad_() for x in pairs(160, 160, 2))
    loss = dilate.dilate(wave, truth, 0.5, 0.01)
    loss.backward()
    cost = costs(*(x.detach().double().numpy() for x in (wave, truth)))
    want = np.mean([0.5 * cell_by_cell(c, soft(0.01)) for c in cost])
    assert want < loss.item() < want + 0.5 * 160 and torch.isfinite(wave.grad).all()
    shape, _ = dilate.terms(wave, truth, 0.01)
    assert 0.5 * shape.mean().item() == pytest.approx(want, rel=1e-4)

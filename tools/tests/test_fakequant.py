import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from test_quantize import network, samples

from rppg_tools import arch, blob, core, fakequant, nn, quantize
from rppg_tools.arch import seeded

NETWORKS = {"CL+F": {}, "student": {"frames": 10}, "EfficientPhys": {"frames": 10}, "iBVPNet": {}, "rFaceNet": {"frames": 8}}


def graph_of(name):
    torch.manual_seed(3)
    net = arch.build(name, **({"frames": 16} if name == "iBVPNet" else {}))
    with torch.no_grad():
        g = arch.graph(seeded.fill(net), **NETWORKS[name])
    return g


def in_torch(graph, data, ranges=None):
    with torch.no_grad():
        return [y.numpy() for y in fakequant.Rounded(graph, ranges)(*(torch.from_numpy(np.stack(x)) for x in zip(*data)))]


def in_c(packed, data):
    model = nn.Model(packed)
    runs = [model(*x) for x in data]
    runs = [y if isinstance(y, list) else [y] for y in runs]
    return [np.stack(y) for y in zip(*runs)]


def random_inputs(graph, n, seed=4):
    rng = np.random.default_rng(seed)
    return [tuple((rng.standard_normal(t.shape) * 0.3).astype(np.float32) for t in graph.inputs) for _ in range(n)]


@pytest.mark.parametrize("name", NETWORKS)
def test_unrounded_module_says_what_c_says(name):
    """Of a graph, and of what is read back from its blob."""
    graph = graph_of(name)
    packed, data = graph.pack(), random_inputs(graph, 1)
    want = in_c(packed, data)
    for g in (graph, blob.read(packed)):
        for a, b in zip(want, in_torch(g, data)):
            assert np.ptp(a) > 0 and np.abs(a - b).max() < 1e-4 * np.ptp(a)


@pytest.mark.parametrize("method", quantize.METHODS)
def test_rounded_module_says_what_the_8_bit_layers_say(method):
    graph = network()
    graph.fuse()
    data = samples(6)
    ranges = quantize.measure(graph, data, method)
    rounded, plain = in_torch(graph, data, ranges), in_torch(graph, data)
    small, _ = quantize.quantize(graph, data, method)
    for a, b, c in zip(in_c(small.pack(), data), rounded, plain):
        assert np.mean((a - b) ** 2) < 0.05 * np.mean((a - c) ** 2), "as far from C as from what is not rounded"


def test_gradients_pass_the_rounding_where_nothing_is_cut_off():
    x = torch.tensor([-1.0, 0.2, 0.5, 9.0], requires_grad=True)
    fakequant.rounded(x, (0.1, 20)).sum().backward()
    assert x.grad.tolist() == [1, 1, 1, 1]
    x.grad = None
    fakequant.rounded(x, (0.01, 20)).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 0]


def coarse():
    """A network whose 8 bits are few: an input that is always 0 has the largest weight of each channel."""
    rng = np.random.default_rng(8)
    g = blob.Graph()
    x = g.input((1, 6, 6, 4))
    for _ in range(3):
        w = rng.standard_normal((8, x.shape[3], 3, 3)) * 0.2
        w[:, -1] = 5
        x = g.conv(x, w, rng.standard_normal(8) * np.r_[np.ones(7), 0] - np.r_[np.zeros(7), 1e4], pad=(0, 1, 1), act="relu")
    g.output(g.reduce(x, "mean", axes=(1, 2)))
    return g


def test_tuning_brings_the_8_bit_layers_nearer(tmp_path):
    def drawn(n):
        return [(rng.standard_normal((1, 6, 6, 4)).astype(np.float32) * np.array([1, 1, 1, 0], np.float32),) for _ in range(n)]
    graph, rng = coarse(), np.random.default_rng(9)
    data, fresh = drawn(200), drawn(50)
    tuned, figures = fakequant.tune(graph, data, "mse", epochs=3, steps=40, rates=(1e-4, 1e-2), folder=tmp_path)
    assert figures["loss"] < 0.8 * figures["before"]
    want = in_c(copy.deepcopy(graph).pack(), fresh)[0]
    before, after = (np.mean((want - in_c(quantize.quantize(g, data, "mse")[0].pack(), fresh)[0]) ** 2) for g in (graph, tuned))
    assert after < 0.9 * before
    again, _ = fakequant.tune(graph, data, "mse", epochs=1, steps=1, rates=(10.0, 10.0), folder=tmp_path / "worse")
    assert np.array_equal(again.layers[0].weights[0].data, graph.layers[0].weights[0].data), "weights that lose are not kept"


def test_what_has_no_form_in_torch_is_said():
    g = blob.Graph()
    x = g.input((8, 1, 1, 4))
    g.output(g.cumsum(g.conv(x, np.ones((4, 4, 3)), pad=(0, 0, 1)), 0))
    with pytest.raises(blob.BlobError, match="cumsum"):
        fakequant.Rounded(g)(torch.zeros(1, 8, 1, 1, 4))

import copy

import numpy as np
import pytest

from rppg_tools import blob, nn, quantize

rng = np.random.default_rng(20261121)


def weights(*shape):
    return rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))


def network():
    """Every op that has a form of 8 bits, and some that have not."""
    g = blob.Graph()
    x = g.input((2, 12, 12, 3))
    a = g.conv(x, weights(16, 3, 3, 3), rng.standard_normal(16) * 0.1, pad=(0, 1, 1), act="tanh")
    b = g.conv(a, weights(16, 8, 3, 3), pad=(0, 1, 1), groups=2)
    c = g.act(g.binary("add", a, b), "relu")
    d = g.pool(c, "max", (1, 2, 2))
    e = g.conv(d, weights(16, 16, 3, 3), pad=(0, 2, 2), dilation=(1, 2, 2), act="elu")
    f = g.pool(g.concat([d, e]), "avg", (1, 2, 2))
    v, w = g.flatten(f, weights(10, f.size))
    g.output(g.softmax(g.dense(v, w)))
    g.output(g.reduce(f, "mean", axes=(0,)))
    return g


def samples(n):
    return [(rng.standard_normal((2, 12, 12, 3)).astype(np.float32),) for _ in range(n)]


@pytest.mark.parametrize("kind", ["f32", "f16", "s8"])
def test_read_is_the_inverse_of_write(kind):
    packed = network().pack(kind)
    again = blob.read(packed)
    x = samples(1)[0]
    for a, b in zip(nn.Model(packed)(*x), nn.Model(again.pack())(*x)):
        assert np.abs(a - b).max() < 1e-5
    if kind == "f32":
        assert again.pack() == packed


@pytest.mark.parametrize("method", quantize.METHODS)
def test_quantised_network(method):
    graph = network()
    small, report = quantize.quantize(graph, samples(8), method)
    packed = small.pack()
    assert blob.read(packed).pack() == packed
    ops = [layer.op for layer in small.layers]
    assert ops.count("conv_s8") == 4 and ops.count("quant") == 1 and "conv" not in ops and ops.count("lookup") == 2
    assert min(row[3] for row in report) > 20
    x = samples(1)[0]
    whole = nn.Model(graph.pack())(*x)
    runs = [nn.Model(packed, isa)(*x) for isa in (0, 1, 2)]
    for k, y in enumerate(whole):
        assert 10 * np.log10(np.mean(y ** 2) / np.mean((y - runs[0][k]) ** 2)) > 18
    for run in runs:  # the last layers of each output are f32: not exact, but the numbers behind them are
        assert np.array_equal(run[1], runs[0][1])


def test_an_activation_without_a_form_of_8_bits():
    """Its convolution is of 8 bits all the same, and what reads it."""
    g = blob.Graph()
    x = g.conv(g.input((1, 1, 20, 4)), weights(16, 4, 3), pad=(0, 0, 1), act="square")
    g.output(g.conv(x, weights(6, 16, 3), pad=(0, 0, 1), act="abs"))
    g.output(g.slice(x, (0, 0, 0, 0), (1, 1, 5, 16)))
    data = [(rng.standard_normal((1, 1, 20, 4)).astype(np.float32),) for _ in range(6)]
    for graph in (g, blob.read(copy.deepcopy(g).pack())):
        small, _ = quantize.quantize(graph, data, "mse")
        ops = [layer.op for layer in small.layers]
        assert ops.count("conv_s8") == 2 and ops.count("act") == 2 and "conv" not in ops
        for x in data:
            for a, b in zip(nn.Model(copy.deepcopy(g).pack())(*x), nn.Model(small.pack())(*x)):
                assert 10 * np.log10(np.mean(a ** 2) / np.mean((a - b) ** 2)) > 18


def test_layers_kept_as_they_are():
    small, _ = quantize.quantize(network(), samples(2), "max", keep=[0])
    ops = [layer.op for layer in small.layers]
    assert ops.count("conv") == 1 and ops.count("conv_s8") == 3

import struct

import numpy as np
import pytest

from rppg_tools import blob, core, nn

torch = pytest.importorskip("torch")

from rppg_tools import adapt, arch, data  # noqa: E402


def network(channels=18):
    torch.manual_seed(3)
    return arch.graph(arch.build("spectral", channels=channels).eval())


def spectrum():
    """A network whose weights are formulas: the power of the whole face's green at 43 rates."""
    g, bpm, t = blob.Graph(), 40 + 2 * np.arange(43), np.arange(64) / 15
    phase, window = 2 * np.pi * t * bpm[:, None] / 60, np.hanning(66)[1:-1]
    x = g.input((1, 18, 64, 1))
    green = g.reshape(g.slice(x, (0, 16, 0, 0), (1, 1, 64, 1)), (1, 1, 1, 64))
    mean = g.binary("sub", green, g.reduce(green, "mean", (3,)))
    both = g.act(g.dense(mean, np.concatenate([np.cos(phase), np.sin(phase)]) * window), "square")
    g.output(g.dense(both, np.concatenate([np.eye(43), np.eye(43)], axis=1) * 0.05))
    g.spec = dict(task=1, source=1, frames=64, hop=10, fps=15.0, channels=18, norm=2, bpm_first=40.0, bpm_step=2.0)
    return g


def recording(seconds=40.0, bpm=72.0, seed=1, mix=np.eye(3)):
    """Six regions, a pulse, and in all colours alike an artefact that another camera would mix otherwise."""
    rng, t = np.random.default_rng(seed), np.arange(int(seconds * 15)) / 15
    pulse, sway = np.sin(2 * np.pi * bpm / 60 * t), np.sin(2 * np.pi * 0.23 * t) + 0.3 * np.sin(2 * np.pi * 2.3 * t)
    rgb = np.array([150.0, 110, 90]) * (1 + 0.006 * pulse[:, None] * [0.33, 0.77, 0.53] + 0.004 * sway[:, None])
    rgb = np.repeat(rgb[:, None], 6, axis=1) + rng.normal(0, 0.05, (len(t), 6, 3))
    return data.Recording("drawn", "one", "train", t, rgb @ mix.T, lambda start, end: bpm)


def test_adapter_comes_back():
    g = network()
    g.adapter = blob.Adapter(np.eye(3)[None], np.ones(18), np.zeros(18), np.ones((4, 9)), np.zeros(4), np.zeros((4, 9)))
    back = blob.read(g.pack()).adapter
    assert back.size == g.adapter.size == 9 + 36 + 76
    for a, b in zip(back.arrays(), g.adapter.arrays()):
        assert np.array_equal(a, b)
    with pytest.raises(blob.BlobError):
        blob.Adapter(gain=np.ones(3), offset=np.ones(2)).pack()


def test_only_the_chunk_changes():
    packed = network().pack()
    small, large = blob.Adapter(np.eye(3)[None]), blob.Adapter(np.stack([np.eye(3)] * 6), np.ones(18), np.zeros(18))
    once = adapt.repacked(packed, small)
    assert nn.Model(once).n_layers == nn.Model(packed).n_layers
    assert blob.read(once).adapter.size == 9
    assert adapt.repacked(adapt.repacked(packed, large), small) == once
    assert adapt.repacked(once, None) == packed
    x = np.random.default_rng(1).normal(size=(1, 18, 64, 1)).astype(np.float32)
    assert np.array_equal(nn.Model(once)(x), nn.Model(packed)(x))


@pytest.mark.parametrize("parts", [("mix",), ("mixes", "gain"), ("head",)])
def test_the_loss_falls(parts):
    out, figures = adapt.fit(spectrum().pack(), [recording()], parts, epochs=2, steps=12, batch=32, rate=3e-2)
    assert figures["loss"] < figures["before"]
    adapter = blob.read(out).adapter
    sizes = {"mix": len(adapter.mix), "mixes": len(adapter.mix) // 6, "gain": len(adapter.gain) // 18, "head": len(adapter.bias) // 4}
    assert {name for name, size in sizes.items() if size == 1} == set(parts)


def test_torch_and_session_agree():
    """What is trained is what a session applies: matrices, gains and head, of one run."""
    g, r, rng = network(), recording(12.0), np.random.default_rng(5)
    g.adapter = blob.Adapter(*(v.astype(np.float32) for v in (
        np.eye(3) + rng.normal(0, 0.1, (6, 3, 3)), 1 + rng.normal(0, 0.1, 18), rng.normal(0, 0.1, 18), rng.normal(0, 0.3, (4, 9)),
        rng.normal(0, 0.3, 4), rng.normal(0, 0.3, (4, 9)))))
    packed = g.pack()
    module = adapt.adapted(blob.read(packed), ("mixes", "gain", "head"), 1)
    with torch.no_grad():
        for name, value in zip(("mix", "gain", "offset", "rise", "bias", "fall"), g.adapter.arrays()):
            getattr(module, name).copy_(torch.from_numpy(value))
        levels = adapt.material(r, packed).levels
        last = (len(levels) - 64) // 10 * 10  # where the newest run begins
        share = torch.softmax(module(torch.from_numpy(levels[None, last:last + 64].transpose(0, 2, 1).copy())), -1)[0].numpy()
    rates = g.spec["bpm_first"] + g.spec["bpm_step"] * np.arange(128)
    near = np.array([share[np.abs(rates - b) <= 5].sum() for b in rates])
    window = (64 + 10) / 15 - 1 / 30
    with core.Session("pos", 6, window_s=window, model=packed) as session:
        session.push(r.rgb, np.round(r.t_s * 1e6).astype(np.int64))
        row = dict(zip(core.RESULTS, session.estimate()))
    best = near.argmax()
    inside = np.abs(rates - rates[best]) <= 5
    assert row["model_share"] == pytest.approx(near[best], abs=2e-3)
    assert row["model_bpm"] == pytest.approx((rates * share)[inside].sum() / share[inside].sum(), abs=0.1)


def test_labels_of_its_own():
    sure = adapt.sure_rates(recording(30.0))
    assert sure(14.0, 18.0) == pytest.approx(72.0, abs=1.0)
    noise = recording(30.0)
    noise.rgb = 100 + np.random.default_rng(2).normal(0, 1, noise.rgb.shape)
    assert np.isnan(adapt.sure_rates(noise)(14.0, 18.0))


def test_one_channel():
    """A camera with one channel: six signals, by the tools and by the session."""
    r = recording()
    r.rgb = np.repeat(r.rgb[:, :, 1:2], 3, axis=2)
    r.methods = ("green",)
    packed = network(6).pack()
    out, _ = adapt.fit(packed, [r], ("gain", "head"), epochs=2, steps=3, batch=16, rate=3e-2)
    assert blob.read(out).adapter is None or len(blob.read(out).adapter.mix) == 0
    assert len(adapt.fragment_errors(out, [r])) > 20


def test_refusals(tmp_path):
    with pytest.raises(core.ToolError, match="too short"):
        adapt.material(recording(5.0), network().pack())
    silent = recording()
    silent.reference = lambda start, end: np.nan
    with pytest.raises(core.ToolError, match="labels"):
        adapt.fit(network().pack(), [silent], epochs=1, steps=1)
    g = network()
    g.spec["task"] = 0
    with pytest.raises(core.ToolError, match="classifiers"):
        adapt.fit(g.pack(), [recording()], epochs=1, steps=1)
    assert struct.unpack_from("<I", blob.Adapter(np.eye(3)[None]).pack())[0] == 1

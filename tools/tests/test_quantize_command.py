import numpy as np
import pytest

from rppg_tools import blob, core, inputs, quantize
from rppg_tools.__main__ import main
from rppg_tools.pack import NORMS, SOURCES, TASKS

CLASSES = np.arange(60.0, 76.0)


@pytest.fixture
def model(tmp_path):
    """Names the class whose signal is largest: 16 signals of one sample, and a hidden layer."""
    rng, g = np.random.default_rng(3), blob.Graph()
    there = np.linalg.qr(rng.standard_normal((32, 16)))[0]
    x = g.dense(g.reshape(g.input((1, 16, 1, 1)), (1, 1, 1, 16)), np.concatenate([there, -there]), act="relu")
    g.output(g.dense(x, np.concatenate([there, -there]).T))
    g.spec, g.classes, g.note = {"task": TASKS["classes"], "fps": 15.0, "frames": 1, "hop": 1}, CLASSES, "kept"
    g.write(tmp_path / "model.rppg")
    at = rng.integers(16, size=200)
    x = rng.random((200, 16, 1)) * 0.2
    x[np.arange(200), at, 0] += 1
    np.savez(tmp_path / "data.npz", x=x.astype(np.float32), bpm=CLASSES[at])
    return tmp_path


def rows(printed):
    lines = [line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    return [dict(zip(lines[0], line)) for line in lines[1:]]


@pytest.mark.parametrize("options", [["--calibrate", m] for m in quantize.METHODS] + [["--type", "f16"]])
def test_command(model, capsys, options):
    out = model / "out.rppg"
    assert main(["quantize", str(model / "model.rppg"), str(out), "--data", str(model / "data.npz"), *options]) == 0
    whole, small = rows(capsys.readouterr().out)
    assert whole["stored as"] == "f32" and float(whole["MAE, bpm"]) == 0 and float(small["MAE, bpm"]) < 0.2
    assert int(small["bytes"]) == out.stat().st_size < int(whole["bytes"])
    assert float(small["output to error, dB"]) > (60 if "f16" in options else 20)
    again = blob.read(out)
    assert again.note == "kept" and np.array_equal(again.classes, CLASSES) and again.spec["task"] == TASKS["classes"]
    assert ("conv_s8" in [l.op for l in again.layers]) == ("f16" not in options)


def test_what_is_read_back_is_as_good_as_the_graph(model):
    """Quantised from a packed model, or from the graph: the same blob."""
    graph, data = blob.read(model / "model.rppg"), inputs.from_file([(1, 16, 1, 1)], model / "data.npz", (0, 1), 50)
    packed = graph.pack()
    assert packed == (model / "model.rppg").read_bytes()
    assert quantize.quantize(graph, data.x)[0].pack() == quantize.quantize(blob.read(packed), data.x)[0].pack()


def test_table_of_every_way(model, capsys):
    readme = model / "README.md"
    readme.write_text("<!-- rppg_tools quantize: begin -->\n<!-- rppg_tools quantize: end -->\n")
    assert main(["quantize", str(model / "model.rppg"), "--data", str(model / "data.npz"), "--compare", "--readme", str(readme)]) == 0
    printed = capsys.readouterr().out
    assert [row["stored as"] for row in rows(printed)] == ["f32", "f16", "s8, max", "s8, percentile", "s8, mse"]
    assert printed in readme.read_text()


def test_fine_tuning(model, capsys):
    pytest.importorskip("torch")
    command = ["quantize", str(model / "model.rppg"), str(model / "out.rppg"), "--data", str(model / "data.npz"), "--tune", "2", "--steps", "5"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert [row["stored as"] for row in rows(printed)] == ["f32", "s8, mse", "s8, mse, fine-tuned"] and "fine-tuning: loss" in printed
    first = (model / "out.rppg").read_bytes()
    assert main(command) == 0 and (model / "out.rppg").read_bytes() == first, "the seed decides"


def test_refusals(model, tmp_path, capsys):
    given, out = str(model / "model.rppg"), str(model / "out.rppg")
    assert main(["quantize", given, out, "--data", str(model / "data.npz")]) == 0
    (model / "broken.rppg").write_bytes(b"no")
    np.savez(model / "other.npz", x=np.zeros((5, 3)))
    np.savez(model / "names.npz", y=np.zeros((5, 3)))
    for arguments, words in (([out, given], "8 bits already"), ([str(model / "broken.rppg"), out], "broken.rppg"),
                             ([str(model / "none.rppg"), out], "none.rppg"), ([str(model / "data.npz"), out], "--arch"),
                             ([given, out, "--data", "nowhere"], "nowhere"), ([given, out, "--data", str(model / "other.npz")], "other.npz"),
                             ([given, out, "--data", str(model / "names.npz")], "names.npz"), ([given, out, "--samples", "0"], "samples"),
                             ([given, out], "FILE.npz")):
        assert main(["quantize", *arguments]) == 1
        assert words in capsys.readouterr().err


def test_rates_of_outputs():
    def graph(task, **spec):
        g = blob.Graph()
        g.spec = {"task": TASKS[task], "fps": 20.0, "bpm_first": 40.0, "bpm_step": 0.5, **spec}
        return g
    assert inputs.rate_of(graph("classes"), np.eye(128)[30]) == 55
    assert inputs.rate_of(graph("rate"), [61.5]) == 61.5
    t = np.arange(240) / 20.0
    wave = np.sin(2 * np.pi * 1.2 * t)
    assert inputs.rate_of(graph("wave"), wave) == pytest.approx(72, abs=0.5)
    assert inputs.rate_of(graph("slope"), np.gradient(wave)) == pytest.approx(72, abs=0.5)
    with pytest.raises(blob.BlobError):
        inputs.rate_of(graph("none"), wave)


def fragment_graph():
    g = blob.Graph()
    g.output(g.dense(g.reshape(g.input((1, 18, 64, 1)), (1, 1, 1, 18 * 64)), np.zeros((128, 18 * 64))))
    g.spec = {"task": TASKS["classes"], "source": SOURCES["signals"], "norm": NORMS["range"], "frames": 64, "hop": 10, "fps": 15.0,
              "channels": 18, "bpm_first": 40.0, "bpm_step": 0.5}
    return g


def test_simulated_inputs():
    spec = fragment_graph().spec
    train, test = (inputs.simulated(spec, split, 12) for split in ("train", "test"))
    again = inputs.simulated(spec, "train", 12)
    assert len(train.x) == len(train.bpm) == 12 and train.x[0][0].shape == (18, 64)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(train.x, again.x)) and not np.array_equal(train.x[0][0], test.x[0][0])
    assert np.allclose([abs(x).max() for (x,) in train.x], 1)
    with pytest.raises(core.ToolError, match="npz"):
        inputs.simulated({**spec, "norm": NORMS["none"]}, "train", 2)


def test_recorded_inputs(sets, own):
    """Rows over [-1, 1], as a session makes them, that beat at the rate that is said to be theirs."""
    g = fragment_graph()
    packed = g.pack()
    given = inputs.recorded(g.spec, packed, "test", 1000, own)
    assert len(given.x) > 50 and set(np.round(given.bpm)) == {72, 90}
    for (x,), bpm in zip(given.x, given.bpm):
        assert x.shape == (18, 64) and (x.min(axis=1) == -1).all() and (x.max(axis=1) == 1).all()
        power = np.abs(np.fft.rfft((x[1] - x[1].mean()) * np.hanning(64), 1024))
        assert abs(np.argmax(power) * 15 / 1024 * 60 - bpm) < 3
    assert len(inputs.recorded(g.spec, packed, "train", 7, sets).x) == 7


def test_an_adapter_stays():
    g, mix = fragment_graph(), np.array([[[1.0, 0.1, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.9]]], np.float32)
    g.layers[-1].weights[0].data[:] = np.random.default_rng(4).standard_normal(g.layers[-1].weights[0].data.shape)
    g.adapter = blob.Adapter(mix=mix)
    data = [(np.random.default_rng(k).uniform(-1, 1, (18, 64)).astype(np.float32),) for k in range(2)]
    assert np.array_equal(blob.read(quantize.quantize(g, data)[0].pack()).adapter.mix, mix)

"""Kopeliovich 2019: losses against SciPy and PyTorch, gradients against differences, and a job from data to blob."""
import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rppg_tools import __main__, cards, nn, rate_losses as rl, tables, train  # noqa: E402
from rppg_tools.arch.colour import class_bpm  # noqa: E402
from rppg_tools.blob import read  # noqa: E402
from rppg_tools.core import ToolError  # noqa: E402

torch.set_num_threads(1)
STEP = 85 / 128


@pytest.fixture
def rates():
    return np.random.default_rng(3).normal(75, 12, 500).clip(40, 125)


def outputs(n=4, seed=1):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, 128)))


BPM = torch.tensor([40.0, 60.2, 88.8, 125.0], dtype=torch.float64)


def test_labels_are_segments_of_equal_size():
    for values in (np.array([40.0, 40.66, 40.67, 124.9, 125.0, 30.0, 200.0]),):
        want = [0, 0, 1, 127, 127, 0, 127]
        assert rl.label_of(values).tolist() == want == rl.label_of(torch.from_numpy(values)).tolist()
    assert rl.label_of(class_bpm(np.arange(128))).tolist() == list(range(128))


def test_class_weights_are_smoothed_inverse_counts(rates):
    """SciPy's Gaussian over a window of 13 bpm, cut at the ends of the range."""
    ndimage = pytest.importorskip("scipy.ndimage")
    counts = np.histogram(rates, 128, (40, 125))[0]
    inverse = np.array([1 / c if c else 0.0 for c in counts])
    want = ndimage.gaussian_filter1d(inverse, 13 / 3 / STEP, mode="constant", radius=int(6.5 / STEP))
    got = rl.class_weights(rates)
    np.testing.assert_allclose(got, want / want.sum(), rtol=1e-5, atol=1e-9)
    assert got.sum() == pytest.approx(1) and (got >= 0).all()


def test_labels_are_smoothed():
    ndimage = pytest.importorskip("scipy.ndimage")
    for label in (0, 5, 64, 127):
        want = ndimage.gaussian_filter1d(np.eye(128)[label], 13 / 6 / STEP, mode="constant", radius=int(6.5 / STEP))
        np.testing.assert_allclose(rl.SMOOTHED[label], want / want.sum(), rtol=1e-5, atol=1e-9)


def test_losses_equal_their_formulas():
    out, weights = outputs(), torch.from_numpy(np.random.default_rng(2).random(128))
    x, w, label = out.numpy(), weights.numpy(), [0, 30, 73, 127]
    each = [w[y] * (-x[k, y] + np.log(np.exp(x[k]).sum())) for k, y in enumerate(label)]  # eq. 3
    mean = sum(each) / sum(w[y] for y in label)
    assert rl.cross_entropy(out, BPM, weights).item() == pytest.approx(mean)
    smooth = rl.SMOOTHED.double().numpy()[label]
    assert rl.combined(out, BPM, weights).item() == pytest.approx(mean + 25 * ((x - smooth) ** 2).mean(1).mean())  # eq. 5
    soft = [w[y] * (smooth[k] * (np.log(np.exp(x[k]).sum()) - x[k])).sum() for k, y in enumerate(label)]
    assert rl.soft_entropy(out, BPM, weights).item() == pytest.approx(sum(soft) / sum(w[y] for y in label))
    assert rl.squared_error(torch.tensor([[50.0], [90.0]]), torch.tensor([53.0, 89.0])).item() == 5.0  # eq. 1


@pytest.mark.parametrize("loss", ["cross_entropy", "combined", "soft_entropy"])
def test_gradients(loss):
    weights = torch.from_numpy(np.random.default_rng(2).random(128))
    rl_smoothed = rl.SMOOTHED
    rl.SMOOTHED = rl_smoothed.double()
    try:
        assert torch.autograd.gradcheck(lambda x: getattr(rl, loss)(x, BPM, weights), outputs().requires_grad_())
    finally:
        rl.SMOOTHED = rl_smoothed


def test_coverage_counts_labels_or_bpm():
    out = np.eye(128)[[10, 14, 15]]
    error, covered = rl.errors(out, np.full(3, class_bpm(10)))
    np.testing.assert_allclose(error, [0, 4 * STEP, 5 * STEP], atol=1e-9)
    assert covered.tolist() == [True, True, False]
    error, covered = rl.errors(np.array([[72.9], [73.1]]), np.array([70.0, 70.0]))
    assert covered.tolist() == [True, False]
    assert rl.figures(np.array([[72.0], [74.0]]), np.array([70.0, 70.0])) == {"mae": 3.0, "coverage": 50.0}


def test_sharpness_makes_a_softmax_a_probability():
    """Labels drawn from the softmax of 3 times the scores: 3 is found again (but for the labels' own smoothing)."""
    rng = np.random.default_rng(4)
    centre = rng.uniform(20, 108, 4000)
    scores = -((np.arange(128) - centre[:, None]) / 10) ** 2
    p = np.exp(3 * scores)
    label = np.array([rng.choice(128, p=row / row.sum()) for row in p])
    spread = (100 / 6 + 13 / 6 / STEP * 13 / 6 / STEP) / (100 / 6)  # variances of both Gaussians add
    assert rl.sharpness(scores, class_bpm(label)) == pytest.approx(3 / spread, rel=0.06)


# ---- training ----------------------------------------------------------------------------------------------

def drawn(n, rng):
    """Signals with a plain pulse, where there is no scene."""
    bpm = rng.uniform(45, 120, n)
    t = np.arange(64) / 15
    wave = np.sin(2 * np.pi * (bpm[:, None, None] / 60 * t + rng.random((n, 1, 1))))
    x = 0.8 * wave + 0.2 * rng.standard_normal((n, 18, 64))
    return train.Set(x[:, None].astype(np.float32), bpm.astype(np.float32), np.zeros(n, int), np.zeros(n, bool))


def test_noise_has_another_amplitude_each_step():
    job = train.Job("CL+F", (), batch=16, pool=16)
    still = train.Set(np.zeros((16, 1, 18, 64), np.float32), np.full(16, 70.0), None, None)
    batches = train.Batches(job, lambda n, rng: still)
    tops = [float(batches(np.random.default_rng(k), 0, k)[0].abs().max()) for k in range(50)]
    assert 5e-3 * 0.95 < min(tops) < 8e-3 and 4.5e-2 < max(tops) < 5e-2
    x, _ = batches(np.random.default_rng(1), 0, 1)
    uniform = np.sort((x / x.abs().max()).numpy().ravel())
    assert np.abs(uniform - np.linspace(-1, 1, len(uniform))).max() < 0.02


@pytest.mark.parametrize("name", train.LOSSES)
def test_every_network_learns_a_plain_pulse(name):
    """The smoke: a few steps lower the loss of the very same batch."""
    job = train.Job(name, (), batch=32, pool=32)
    rng = np.random.default_rng(1)
    same = drawn(32, rng)
    model, loss = train.network(job, same.bpm).train(), train.loss_of(job, same.bpm)
    adam = torch.optim.Adam(model.parameters(), lr=3e-3)
    batches = train.Batches(job, lambda n, rng: same)
    values = []
    for step in range(12):
        torch.manual_seed(step)
        value = loss(model, *batches(np.random.default_rng(step), 0, step))
        adam.zero_grad()
        value.backward()
        adam.step()
        values.append(value.item())
    assert np.mean(values[-3:]) < 0.95 * np.mean(values[:3])


def tiny(out, *more):
    return ["train", str(out), "--epochs", "1", "--steps", "2", "--batch", "8", "--pool", "16", "--test", "60",
            "--folder", str(out.parent / "job"), *more]


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(train, "VALIDATION", 64)


@pytest.mark.parametrize("name", ["SE", "spectral"])
def test_from_data_to_blob(name, tmp_path, capsys, few):
    out = tmp_path / "m" / "a.rppg"
    assert __main__.main(tiny(out, "--arch", name, "--card")) == 0
    text = capsys.readouterr().out
    assert "Full" in text and "C and PyTorch differ" in text
    spec = read(out).spec
    assert (spec["frames"], spec["channels"], spec["fps"]) == (64, 18, 15.0)
    card = cards.read(tmp_path / "m")["a"]
    assert card["arch"] == name and "--epochs 1 --steps 2" in card["command"] and card["n"]["test"] == 60
    # again: the same blob, from what is there
    before = out.read_bytes()
    assert __main__.main(tiny(out, "--arch", name)) == 0 and out.read_bytes() == before
    # the ONNX file says the same as the C code
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(out.parent / "job" / "model.onnx"))
    x = drawn(3, np.random.default_rng(2)).x
    want, = session.run(None, {"input0": x})
    got = train.by_c(before, x)
    np.testing.assert_allclose(got, want, atol=1e-4 * np.ptp(want) if name != "SE" else 1e-2)


def test_a_job_may_begin_where_another_ended(tmp_path):
    rates = np.array([60.0, 80.0])
    before = train.network(train.Job("SE", ()), rates)
    torch.save(before.state_dict(), tmp_path / "best.pt")
    after = train.network(train.Job("CL+F", (), seed=2, start=str(tmp_path)), rates)
    assert torch.equal(after.convs[2][0].weight, before.convs[2][0].weight)
    assert torch.equal(after.dense[0][0].weight, before.dense[0][0].weight)
    assert after.dense[1][0].weight.shape == (134, 60)
    with pytest.raises(ToolError, match="no tensor of it fits"):
        train.network(train.Job("spectral", (), start=str(tmp_path)), rates)
    with pytest.raises(ToolError, match="not the weights"):
        train.network(train.Job("CL", (), start=str(tmp_path / "no")), rates)


def test_sharpening_is_in_the_blob(few):
    model = train.network(train.Job("CL+F", ()), np.array([70.0])).eval()
    x = drawn(2, np.random.default_rng(2)).x
    before = train.by_torch(model, x)
    train.sharpen(model, 7.0)
    np.testing.assert_allclose(train.by_torch(model, x), 7 * before, rtol=1e-4, atol=1e-5)


def test_a_blob_that_differs_is_refused():
    job = train.Job("SE", ())
    model = train.network(job, np.array([60.0, 80.0])).eval()
    from rppg_tools import arch
    blob = arch.graph(model).pack()
    test = drawn(4, np.random.default_rng(2))
    assert train.tested(train.Trained(model, blob, {}), test)[1] < 1e-4
    with torch.no_grad():
        model.dense[0][0].bias.add_(0.5)
    with pytest.raises(ToolError, match="C and PyTorch differ"):
        train.tested(train.Trained(model, blob, {}), test)


@pytest.mark.parametrize("wrong, words", [
    (["--arch", "DeepPhys"], "no network 'DeepPhys' to train"), (["--cameras", "moon"], "no camera 'moon'"),
    (["--rates", "1,0.5"], "the lower first"), (["--steps", "0"], "--steps: at least 1"),
    (["--data", "/no/such"], "no such folder")])
def test_wrong_words_are_told(wrong, words, tmp_path, capsys):
    assert __main__.main([*tiny(tmp_path / "a.rppg"), *wrong]) == 1
    assert words in capsys.readouterr().err


# ---- tables --------------------------------------------------------------------------------------------------

def test_subsets_are_by_scenario_and_camera():
    test = train.Set(None, None, np.array([0, 1, 1]), np.array([True, False, True]))
    masks = {k: m.tolist() for k, m in train.subsets(test, ("a", "b")).items()}
    assert masks == {"Stationary": [False, True, False], "Mixed Motion": [True, False, True], "a": [True, False, False],
                     "b": [False, True, True], "Full": [True] * 3}


def test_tables_from_a_folder(tmp_path, capsys, few, monkeypatch):
    pytest.importorskip("matplotlib")
    lengths = ["--epochs", "1", "--steps", "1", "--batch", "8", "--pool", "16", "--test", "90", "--cameras", "webcam,phone"]
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- rppg_tools tables: begin -->\nold\n<!-- rppg_tools tables: end -->\nb\n")
    assert __main__.main(["tables", str(tmp_path / "jobs"), *lengths]) == 1
    assert "--train makes them" in capsys.readouterr().err
    monkeypatch.setattr(train, "LOSSES", {"SE": "squared_error", "spectral": "soft_entropy"})
    assert __main__.main(["tables", str(tmp_path / "jobs"), "--train", "--shift", "spectral", *lengths, "--readme", str(readme),
                          "--plot", str(tmp_path)]) == 0
    text = readme.read_text()
    assert text.startswith("a\n") and text.endswith("b\n") and "old" not in text
    assert "| spectral | 63,897 | 8 | simulated |" in text and "| webcam | spectral |" in text
    assert "*11.6, 10.8*" in text and "*4.9, 13.3, 17.2, 11.6*" in text
    assert (tmp_path / "kopeliovich.svg").stat().st_size > 1000
    job = tables.read_job(tmp_path / "jobs" / "spectral-phone")
    assert job.cameras == ("phone",)
    (found, blob), *_ = [f for f in tables.finished(tmp_path / "jobs") if f[0] == job]
    assert nn.Model(blob).outputs == [(1, 1, 1, 128)]


def test_fragments_of_the_start_count(tmp_path):
    (tmp_path / "job.json").write_text('{"arch": "SE", "cameras": ["webcam"], "epochs": 2, "steps": 3, "batch": 4}')
    job = train.Job("CL", ("webcam",), epochs=1, steps=10, batch=10, start=str(tmp_path))
    assert tables.seen(job) == 124


def test_range_test_finds_the_rate(tmp_path):
    plots = pytest.importorskip("rppg_tools.plots")
    rates = np.geomspace(1e-7, 10, 160)
    losses = (np.log10(rates) + 2) ** 2
    assert plots.range_test(rates, losses, "CL+F", tmp_path / "a.svg") == pytest.approx(1e-2, rel=0.2)
    assert (tmp_path / "a.svg").exists()


def test_commands_are_on_the_card():
    job = dataclasses.replace(train.Job("CL", ("webcam",), "/x/y"), epochs=3, rates=(1e-4, 1e-2), bf16=True)
    assert train.command_of(job, "models/a.rppg") == ("python -m rppg_tools train models/a.rppg --arch CL --cameras webcam "
                                                      "--data DATA --epochs 3 --rates 0.0001,0.01 --bf16")

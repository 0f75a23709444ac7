"""The distil command, small: what goes in, what is compared, and that a run teaches something."""
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rppg_tools import __main__, arch, cards, core, distill, nn, training  # noqa: E402
from rppg_tools.arch.seeded import fill, noise  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return distill.Clips(tmp_path_factory.mktemp("clips"), None, "train", 12, 32, 1)


def test_clips_are_kept_and_gone_on_with(clips, tmp_path):
    whole = distill.Clips(tmp_path, None, "train", 4, 16, 2)
    x, bpm = whole.x.copy(), whole.bpm.copy()
    assert (bpm >= 40).all() and (bpm <= 125).all() and len(set(bpm)) == 4
    whole.bpm[2] = 0  # as if it had been cut off there
    whole.x[2] = 0
    whole.x[3] = 7    # and this one is there and not made anew
    again = distill.Clips(tmp_path, None, "train", 4, 16, 2)
    np.testing.assert_array_equal(again.x[:3], x[:3])
    assert (again.x[3] == 7).all() and (again.bpm == bpm).all()
    other = distill.Clips(tmp_path, None, "test", 4, 16, 2)
    assert not np.isin(other.bpm, bpm).any()


def test_fed_as_the_session_does():
    """By its definition: differences over sums, then divided by their deviation, their mean left where it is."""
    video = np.random.default_rng(1).uniform(50, 200, (5, 3, 3, 3)).astype(np.float32)
    x = np.array([(video[k + 1].astype(float) - video[k]) / (video[k + 1].astype(float) + video[k]) for k in range(4)])
    np.testing.assert_allclose(distill.fed(video), x / np.sqrt(np.mean((x - x.mean()) ** 2)), rtol=1e-5)


@pytest.mark.parametrize("bpm", [45.0, 60.0, 88.0, 120.0])
def test_rate_of_a_wave(bpm):
    t = np.arange(distill.SPAN) / distill.FPS
    wave = np.sin(2 * np.pi * bpm / 60 * t) + 0.3 * np.sin(4 * np.pi * bpm / 60 * t + 1)
    assert abs(distill.rate_of_wave(wave) - bpm) < 1
    assert abs(distill.rate_of_wave(-1e-3 * wave + 5) - bpm) < 1, "neither sign nor size counts"


def test_figures_of_the_truth_itself(clips):
    class Long:
        wave = np.stack([np.sin(2 * np.pi * b / 60 * np.arange(distill.SPAN) / distill.FPS) for b in (50, 100)])
        bpm = np.array([50.0, 100.0])
    right, wrong = distill.figures(Long.wave, Long), distill.figures(Long.wave[::-1], Long)
    assert right["mae"] < 1 and right["within_5"] == 100 and right["r"] == pytest.approx(1)
    assert wrong["mae"] > 40 and wrong["within_5"] == 0 and wrong["r"] < 0.2


def test_networks_fit_and_the_student_is_small():
    teacher, student = distill.networks(32, 1)
    x = noise(2, 3, 16, 36, 36)
    taught, maps = teacher.features(x), student.features(x)
    assert arch.parameters(student) <= 230_000 and arch.parameters(student) < arch.parameters(teacher)
    for s, t in zip(maps, taught):
        assert s.shape[3:] == t.shape[3:] and s.shape[2] % t.shape[2] == 0
    torch.testing.assert_close(teacher.eval().head(teacher.features(x)[-1]), teacher(x))
    torch.testing.assert_close(student.eval().head(student.features(x)[-1]), student(x))
    assert student(x).shape == teacher(x).shape == (2, 16)


def test_attentions():
    """Nothing between maps that are alike up to their size; space sees where, time sees when."""
    maps = noise(2, 4, 8, 6, 6).abs() + 0.1
    assert (distill.places(maps) - distill.places(3 * maps)).abs().max() < 1e-6
    assert (distill.places(maps) - distill.places(maps.roll(2, 4))).abs().max() > 0.1
    torch.testing.assert_close(distill.places(maps).pow(2).sum(2), torch.ones(2, 8))
    z = noise(2, 4, 8)
    torch.testing.assert_close(distill.moments(z), distill.moments(5 * z + 2), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(distill.moments(z).exp().sum(2), torch.ones(2, 8))
    assert (distill.moments(z) - distill.moments(z.roll(1, 2))).abs().max() > 0.1


def test_lesson_teaches_the_student_alone(clips):
    teacher, student = (fill(network) for network in distill.networks(16, 1))
    teacher.requires_grad_(False)
    model = distill.pupil(student, teacher).train()
    x, truth = clips.tensors(np.arange(4))
    loss = distill.lesson(teacher)(model, x, truth)
    loss.backward()
    assert torch.isfinite(loss) and loss > distill.wave_loss(model(x), truth) - 1
    silent = [n for n, p in model.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert not silent and all(p.grad is None for p in teacher.parameters())


def test_smoke_the_loss_falls(clips, tmp_path):
    _, student = distill.networks(16, 1)
    training.fit(student, clips.batch, distill.plain, epochs=5, steps=8, rates=(1e-4, 3e-3),
                 validate=lambda m: {"nothing": 0.0}, folder=tmp_path, seed=1, clip=1.0)
    losses = np.loadtxt(tmp_path / "log.csv", delimiter=",", skiprows=1)[:, 2]
    assert losses[-1] < 0.8 * losses[0]


def test_command_end_to_end(tmp_path, capsys):
    """One step: table, blob, card and ONNX files; a second call goes on from the first's files and says the same."""
    onnxruntime = pytest.importorskip("onnxruntime")
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- rppg_tools distill: begin -->\n<!-- rppg_tools distill: end -->\nb\n")
    command = ["distill", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "models"), "--clips", "8",
               "--held", "1", "--tests", "2", "--frames", "16", "--epochs", "1", "--steps", "1", "--width", "16",
               "--readme", str(readme)]
    assert __main__.main(command) == 0
    said = capsys.readouterr().out
    assert "| student, distilled | 103,876 |" in readme.read_text() and "n = 2 clips" in readme.read_text()
    card = cards.read(tmp_path / "models")["student"]
    assert card["n"] == {"train": 8, "validation": 1, "test": 2} and "--steps 1" in card["command"]
    blob = (tmp_path / "models" / "student.rppg").read_bytes()
    x = noise(2, 3, distill.RUN, 36, 36)
    want = [nn.Model(blob)(clip.permute(1, 2, 3, 0).numpy()).ravel() for clip in x]
    session = onnxruntime.InferenceSession(str(tmp_path / "work" / "student.onnx"))
    got = session.run(None, {"input0": x.numpy()})[0]
    np.testing.assert_allclose(got, want, atol=1e-4 * np.ptp(want))
    for name in ("teacher", "alone"):
        assert (tmp_path / "work" / f"{name}.onnx").exists()
    assert __main__.main(command) == 0
    again = capsys.readouterr().out
    figures = [[line.split("|")[5:] for line in text.splitlines() if line.startswith("| ")] for text in (said, again)]
    assert figures[0] == figures[1]


@pytest.mark.parametrize("option, text", [(["--frames", "18"], "multiple of 4"), (["--width", "6"], "multiple of 4"),
                                          (["--tests", "0"], "at least 1")])
def test_bad_options(option, text, tmp_path, capsys):
    assert __main__.main(["distill", "--work", str(tmp_path), *option]) == 1
    assert text in capsys.readouterr().err


def test_another_training_is_not_gone_on_with(tmp_path):
    clips = distill.Clips(tmp_path, None, "train", 4, 16, 1)
    _, student = distill.networks(16, 1)
    one = dict(epochs=1, steps=1, rates=(1e-4, 1e-3), validate=lambda m: {"nothing": 0.0}, folder=tmp_path / "a",
               seed=1)
    training.fit(student, clips.batch, distill.plain, **one, settings={"width": 16})
    with pytest.raises(core.ToolError, match="width"):
        training.fit(student, clips.batch, distill.plain, **one, settings={"width": 32})


def test_runs_are_joined_as_in_a_session():
    """A model that gives each frame's place in the clip: joined, every frame has its own."""
    class Clip:
        x = np.tile(np.arange(distill.SPAN, dtype=np.float32)[:, None], (1, 2))[None]

    def model(x):
        return np.round(x[:, 0] * (len(x) - 1) / np.ptp(x))

    assert np.array_equal(distill.in_c(model, Clip)[0], np.arange(distill.SPAN))

"""LQ-rPPG's labels and training, rFaceNet's training: parts against hand-made numbers, SciPy, the published files."""
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rppg_tools import __main__, arch, clips, lq, nn, rface, scene, training, wave_losses  # noqa: E402
from rppg_tools.arch.labels import LabelQuantiser, Quantiser  # noqa: E402
from rppg_tools.arch.lqrppg import drawn  # noqa: E402
from rppg_tools.arch.seeded import fill, noise  # noqa: E402
from rppg_tools.core import ToolError  # noqa: E402
from test_arch import GOLDEN, data  # noqa: E402
from test_lower import in_c, run, to_graph  # noqa: E402

torch.set_num_threads(1)
FPS, BAND = 30.0, (30.0, 252.0)


def quantiser(*levels):
    q = Quantiser(len(levels))
    q.embeddings.weight.copy_(torch.tensor(levels)[:, None])
    return q


def sines(*bpm, frames=256, fps=FPS):
    t = torch.arange(frames) / fps
    return torch.stack([torch.sin(2 * math.pi * b / 60 * t + b) for b in bpm])


# ---- the codebook -----------------------------------------------------------------------------------------------

def test_values_go_to_the_nearest_level():
    levels, code, commitment = quantiser(-1.0, 0.25, 2.0).eval()(torch.tensor([[-3.0, -0.5, 0.0, 1.0, 1.2, 9.0]]))
    assert code.tolist() == [[0, 0, 1, 1, 2, 2]]
    torch.testing.assert_close(levels, torch.tensor([[-1.0, -1.0, 0.25, 0.25, 2.0, 2.0]]))
    assert commitment.item() == pytest.approx(0.5 * (4 + 0.25 + 0.0625 + 0.5625 + 0.64 + 49) / 6)


def test_slopes_go_straight_through():
    x = torch.tensor([[-3.0, 0.5, 1.5]], requires_grad=True)
    q = quantiser(-1.0, 1.0).eval()
    (q(x)[0] * torch.tensor([1.0, -2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [[1.0, -2.0, 3.0]]
    x.grad = None
    q(x)[2].backward()
    torch.testing.assert_close(x.grad, 0.5 * 2 / 3 * torch.tensor([[-2.0, -0.5, 0.5]]))
    assert not list(q.parameters()), "levels follow by means, not by slopes"


def test_levels_follow_their_values_by_exponential_means():
    q = quantiser(-1.0, 1.0).train()
    q.ema_w.copy_(torch.tensor([[-1.0], [1.0]]))
    q(torch.tensor([[-2.0, 3.0, 4.0]]))
    sizes = np.array([0.99 + 0.01, 0.99 + 0.02])
    sizes = (sizes + 1e-5) / (sizes.sum() + 2e-5) * sizes.sum()
    sums = np.array([-0.99 - 0.02, 0.99 + 0.07])
    np.testing.assert_allclose(q.embeddings.weight.flatten().numpy(), sums / sizes, rtol=1e-6)
    before = q.embeddings.weight.clone()
    q.eval()(torch.tensor([[-2.0, 3.0, 4.0]]))
    assert torch.equal(before, q.embeddings.weight), "nothing follows in evaluation"


def test_levels_become_the_means_of_clusters():
    vq = pytest.importorskip("scipy.cluster.vq")
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(m, 0.1, 50) for m in (-2.0, -0.5, 0.4, 1.6)]).astype(np.float32)
    q = Quantiser(4).train()
    for _ in range(1500):
        q(torch.from_numpy(values)[None])
    theirs, _ = vq.kmeans(values, np.array([-2.0, -0.5, 0.4, 1.6], np.float32))
    np.testing.assert_allclose(np.sort(q.embeddings.weight.flatten().numpy()), np.sort(theirs), atol=1e-3)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5])
def test_published_quantisers_answer_as_their_own_code(bits):
    model = lq.load_labels(data("lq-rppg"), [bits])[0]
    assert model.quantizer.embeddings.weight.shape == (2 ** bits, 1)
    want = np.array(GOLDEN["LQ-rPPG labels trained"]).reshape(5, 160)[bits - 1]
    with torch.no_grad():
        levels, _, _ = model(noise(1, 160, seed=bits))
    np.testing.assert_allclose(levels[0].numpy(), want, atol=1e-6)


def test_more_bits_lose_less_of_a_pulse():
    """The published ones, on waves of the simulation."""
    labels = lq.load_labels(data("lq-rppg"))
    wave = lq.waves(np.random.default_rng(1), scene.Sources(None, "validation"), 64, 160, FPS)
    errors = [lq.label_figures(model, wave, FPS)["rmse"] for model in labels]
    assert errors == sorted(errors, reverse=True) and errors[0] > 0.5 and errors[4] < 0.3


# ---- losses -----------------------------------------------------------------------------------------------------

def test_unlike_is_one_minus_pearson():
    a, b = noise(3, 50, seed=1), noise(3, 50, seed=2)
    want = np.mean([1 - np.corrcoef(x, y)[0, 1] for x, y in zip(a.numpy(), b.numpy())])
    assert wave_losses.unlike(a, b).item() == pytest.approx(want, abs=1e-6)
    assert wave_losses.unlike(a, 3 * a + 7).item() == pytest.approx(0, abs=1e-6)


def test_shares_are_those_of_a_periodogram():
    signal = pytest.importorskip("scipy.signal")
    wave = noise(2, 240, seed=3).double()
    bpm = torch.arange(5, 30) * 60 * FPS / 240
    # SciPy takes the mean off before the window, as we do
    _, power = signal.periodogram(wave.numpy(), FPS, np.hanning(240), detrend="constant")
    want = power[:, 5:30] / power[:, 5:30].sum(1, keepdims=True)
    np.testing.assert_allclose(wave_losses.shares(wave, FPS, bpm.double()).numpy(), want, rtol=1e-6)


def test_rates_of_sines():
    bpm = (47.0, 72.0, 118.0)
    np.testing.assert_allclose(wave_losses.rate_of(sines(*bpm).numpy(), FPS, BAND), bpm, atol=0.5)
    np.testing.assert_allclose(wave_losses.mean_rate(sines(*bpm), FPS, BAND).numpy(), bpm, atol=1.5)


def test_off_rate_is_least_at_the_rate():
    target = sines(80.0)
    losses = [wave_losses.off_rate(sines(b), target, FPS, BAND).item() for b in (60.0, 75.0, 80.0, 85.0, 120.0)]
    assert min(losses) == losses[2] and losses[0] > losses[1] and losses[4] > losses[3]
    bpm = wave_losses.rates(BAND)
    share = wave_losses.shares(sines(75.0), FPS, bpm)[0].double().numpy()
    top = bpm[wave_losses.shares(target, FPS, bpm)[0].argmax()].item()
    near = np.exp(-0.5 * ((bpm.numpy() - top) / 3) ** 2)
    assert losses[1] == pytest.approx(-(near / near.sum() * np.log(share + 1e-9)).sum(), rel=1e-4)


@pytest.mark.parametrize("loss", [
    wave_losses.unlike, lambda a, b: wave_losses.off_rate(a, b, FPS, BAND),
    lambda a, b: wave_losses.mean_rate(a, FPS, BAND).sum(), lambda a, b: (wave_losses.standard(a) * b).sum()])
def test_slopes_are_numeric_slopes(loss):
    wave = (sines(75.0, frames=40) + 0.3 * noise(1, 40)).double().requires_grad_()
    target = sines(90.0, frames=40).double()
    assert torch.autograd.gradcheck(lambda w: loss(w, target), wave, eps=1e-6, atol=1e-4)


def test_likelihood_is_equation_4():
    sigma = torch.tensor([0.5, 2.0, 1.5])
    got = rface.likelihood(sigma.log(), torch.tensor(3.0), torch.tensor(4.0), torch.tensor(0.7)).item()
    want = 3 / (2 * 0.25) + math.log(0.5) + 4 / (2 * 4) + math.log(2) + 0.7 / 2.25 + math.log(1.5)
    assert got == pytest.approx(want, rel=1e-6)
    assert rface.likelihood(sigma.log(), torch.tensor(3.0), torch.tensor(4.0), None).item() == \
        pytest.approx(want - 0.7 / 2.25 - math.log(1.5), rel=1e-6)


def test_uncertainties_find_the_losses_size():
    """Least where sigma^2 is the squared error, and for the identities twice their entropy."""
    log_sigma = torch.zeros(3, requires_grad=True)
    adam = torch.optim.Adam([log_sigma], 0.05)
    for _ in range(400):
        adam.zero_grad()
        rface.likelihood(log_sigma, torch.tensor(0.3), torch.tensor(2.0), torch.tensor(1.1)).backward()
        adam.step()
    np.testing.assert_allclose((2 * log_sigma).exp().detach().numpy(), [0.3, 2.0, 2.2], rtol=1e-3)


# ---- clips ------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def pool():
    return clips.render(scene.Sources(None, "train"), 6, 40, 32, 15.0, [1], people=3)


def test_people_keep_their_heads(monkeypatch):
    heads, draw = [], scene.draw_head
    monkeypatch.setattr(scene, "draw_head", lambda *given: heads.append(draw(*given)) or heads[-1])
    sources = scene.Sources(None, "train")
    for k, who in enumerate((7, 7, 8, None)):
        scene.patches(np.random.default_rng(k), sources, scene.CAMERAS["webcam"], 4, 24, who=who)
    assert all(np.array_equal(a, b) for a, b in zip(heads[0], heads[1]))
    assert not any(np.array_equal(heads[0].skin, other.skin) for other in heads[2:])


def test_clips_are_those_of_their_seed(pool):
    again = clips.render(scene.Sources(None, "train"), 2, 40, 32, 15.0, [1], people=3)
    assert np.array_equal(again.video, pool.video[:2]) and pool.person.tolist() == [0, 1, 2, 0, 1, 2]
    assert not np.array_equal(pool.video[0], pool.video[3])


def test_batches_cut_waves_with_their_frames(pool):
    levels = (np.arange(40) * 256).astype(np.uint16)[:, None, None, None]
    marked = pool._replace(video=np.broadcast_to(levels, (6, 40, 32, 32, 3)),
                           wave=np.broadcast_to(np.arange(40, dtype=np.float32), (6, 40)))
    video, wave = clips.cut(marked, [4, 1], [0, 9], 8)
    assert np.array_equal(video[:, :, 5, 5, 1], wave) and wave[1, 0] == 9
    x, wave, people = clips.batch_of(pool, 16, "diff", 4)(np.random.default_rng(2), 0, 0)
    assert x.shape == (4, 3, 16, 32, 32) and wave.shape == (4, 16) and people.shape == (4,)
    again, _, _ = clips.batch_of(pool, 16, "diff", 4)(np.random.default_rng(2), 0, 0)
    assert torch.equal(x, again)


def test_normalised_as_the_header_says():
    video = np.array([10, 20, 40, 30], np.float32).reshape(1, 2, 1, 2, 1)
    np.testing.assert_allclose(clips.normalised(video, "standard").ravel(), np.array([-15, -5, 15, 5]) / math.sqrt(125),
                               rtol=1e-6)
    diff = np.array([30 / 50, 10 / 50])
    np.testing.assert_allclose(clips.normalised(video, "diff").ravel(), diff / diff.std(), rtol=1e-5)
    assert not clips.normalised(np.full((1, 3, 2, 2, 3), 7.0, np.float32), "diff").any()


# ---- networks ---------------------------------------------------------------------------------------------------

def lqrppg(frames):
    model = fill(arch.build("LQ-rPPG", frames=frames))
    return model.load_codebooks([{"quantizer.embeddings.weight": torch.linspace(-1.5, 1.5, 2 ** k)[:, None]}
                                 for k in range(1, 5)])


def test_drawn_by_hand():
    """Of levels -1 and 1 at 0.5: shares 1 / (1 + e) and e / (1 + e)."""
    assert drawn(torch.tensor(0.5), torch.tensor([-1.0, 1.0])).item() == pytest.approx((math.e - 1) / (math.e + 1))


def test_stages_are_shown_in_training_only():
    model = lqrppg(16)
    x = noise(2, 3, 16, 32, 32)
    assert model(x).shape == (2, 16)
    wave, drafts = model.train()(x)
    assert wave.shape == (2, 16) and drafts.shape == (2, 4, 16) and drafts.abs().max() <= 1.5


@pytest.mark.parametrize("name", rface.VARIANTS)
def test_parts_of_rfacenet_in_c(name):
    tcu, ctfc = rface.VARIANTS[name]
    model, x = fill(arch.build("rFaceNet", tcu=tcu, ctfc=ctfc)), noise(1, 3, 8, 32, 32)
    want = run(model.double(), [x.double()])
    got = in_c(model, [to_graph(x)])(to_graph(x)).ravel()
    assert np.abs(got - want).max() < 1e-4 * np.ptp(want)


def test_parts_of_rfacenet_are_left_out():
    def model(name, **options):
        tcu, ctfc = rface.VARIANTS[name]
        return fill(arch.build("rFaceNet", tcu=tcu, ctfc=ctfc, **options))
    x = noise(1, 3, 8, 32, 32)
    noisy = model("no TCU").train()
    assert not torch.equal(noisy(x), noisy(x)), "noise in place of the identities' map"
    assert torch.equal(noisy.eval()(x), noisy(x))
    alone = model("no CTFC", identities=3).train()
    wave, scores = alone(x)
    wave.sum().backward(retain_graph=True)
    assert all(p.grad is None for p in alone.identity.parameters()), "two branches that do not meet"
    scores.sum().backward()
    assert all(p.grad is not None for p in alone.identity.parameters())
    counts = {name: arch.parameters(model(name)) for name in rface.VARIANTS}
    for part in ("no CTFC", "no TCU"):
        assert counts["full"] > counts[part] > counts["neither"]


# ---- training ---------------------------------------------------------------------------------------------------

def losses(model, loss, batch, steps, rate):
    adam, out = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], rate), []
    for _ in range(steps):
        adam.zero_grad()
        value = loss(model.train(), *batch)
        value.backward()
        adam.step()
        out.append(value.item())
    return out


def fixed_batch(pool, norm):
    return clips.batch_of(pool, 24, norm, 2)(np.random.default_rng(1), 0, 0)


def test_label_training_lowers_the_error():
    torch.manual_seed(1)
    wave = lq.waves(np.random.default_rng(1), scene.Sources(None, "train"), 16, 96, 15.0)
    model = LabelQuantiser(3, 96)
    first = lq.label_figures(model, wave, 15.0)["rmse"]
    losses(model, lq.label_loss, (wave,), 40, 1e-2)
    assert lq.label_figures(model, wave, 15.0)["rmse"] < 0.7 * first


def test_lq_training_lowers_the_loss(pool):
    torch.manual_seed(1)
    labels = [LabelQuantiser(k, 24).eval() for k in range(1, 6)]
    model = arch.build("LQ-rPPG", frames=24)
    model.load_codebooks([label.state_dict() for label in labels[:4]])
    out = losses(model, lq.coarse_to_fine(labels, 15.0), fixed_batch(pool, "standard"), 12, 2e-3)
    assert min(out[-3:]) < 0.9 * out[0]
    for k, label in enumerate(labels[:4], 1):
        assert torch.equal(getattr(model, f"codebook_{k}"), label.quantizer.embeddings.weight.flatten())


def test_rfacenet_training_lowers_the_loss(pool):
    torch.manual_seed(1)
    model = rface.with_losses(arch.build("rFaceNet", identities=3))
    out = losses(model, rface.loss_of(15.0), fixed_batch(pool, "diff"), 10, 3e-3)
    assert min(out[-3:]) < 0.8 * out[0] and model.log_sigma.abs().min() > 0


# ---- commands ---------------------------------------------------------------------------------------------------

SMALL = ("--epochs", "1", "--steps", "1", "--frames", "32", "--fps", "10")


def test_commands_from_labels_to_a_model(tmp_path, capsys):
    labels, out = tmp_path / "labels", tmp_path / "lq"
    assert __main__.main(["quantise-labels", str(labels), *SMALL]) == 0
    assert "| own | 5 | 32, " in capsys.readouterr().out
    again = ["lq", str(out), "--labels", str(labels), *SMALL, "--size", "16", "--clips", "4", "--batch", "2"]
    assert __main__.main(again) == 0
    said = capsys.readouterr().out
    assert "| LQ-rPPG | " in said and "| POS | - | - | - | - |" in said and "n = 4 simulated clips" in said
    model = nn.Model((out / "lq.rppg").read_bytes())
    x = noise(32, 16, 16, 3).numpy()
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(out / "lq.onnx"))
    theirs = session.run(None, {"input0": np.moveaxis(x, -1, 0)[None]})[0].ravel()
    np.testing.assert_allclose(model(x).ravel(), theirs, atol=1e-4 * np.ptp(theirs))
    assert __main__.main(again) == 0, "a finished one is only read"
    assert capsys.readouterr().out == said
    assert __main__.main([*again, "--clips", "8"]) == 1
    assert "clips differ" in capsys.readouterr().err


def test_command_for_rfacenet(tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- rppg_tools rfacenet: begin -->\n<!-- rppg_tools rfacenet: end -->\nb\n")
    command = ["rfacenet", str(tmp_path / "out"), *SMALL, "--size", "16", "--clips", "4", "--batch", "2", "--people",
               "2", "--ablation", "--readme", str(readme)]
    assert __main__.main(command) == 0
    text = readme.read_text()
    assert all(f"| rFaceNet, {name} | " in text for name in rface.VARIANTS)
    assert "| POS | - | - | - | - | - |" in text and text.endswith("-->\nb\n")
    assert {p.stem for p in (tmp_path / "out").glob("*.rppg")} == {"full", "no-tcu", "no-ctfc", "neither"}


def test_size_table_counts_as_the_paper(capsys):
    assert __main__.main(["lq-size", "--frames", "8", "--size", "32", "--rounds", "1"]) == 0
    said = capsys.readouterr().out
    assert "| LQ-rPPG | 405,453 | 345,037 | " in said and "| RhythmMamba | 4,922,125 | 2,917,645 | " in said
    assert "| change | -92 % | -88 % | " in said


@pytest.mark.parametrize("command, message", [
    (["quantise-labels", "x", "--bits", "1,6"], "--bits 1,6: of 1,2,3,4,5"),
    (["quantise-labels", "x", "--rates", "1"], "--rates 1: wanted two numbers"),
    (["lq", "x", "--labels", "."], r"wanted one file *_1th_LQ_*.pth"),
    (["rfacenet", "x", "--frames", "30"], "a multiple of 4 frames, not 30"),
    (["rfacenet", "x", "--data", "nothing/here"], "nothing/here: no finger-oximetry")])
def test_what_users_get_wrong(command, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RPPG_HEADERS", str(training.pathlib.Path(__file__).resolve().parents[2]))
    assert __main__.main(command) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "x" / "last.pt").exists()

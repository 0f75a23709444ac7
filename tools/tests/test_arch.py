"""Networks against their published parameter counts, their reference implementations and real checkpoints."""
import json
import os
import pathlib

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cases import CASES  # noqa: E402
from rppg_tools import arch  # noqa: E402
from rppg_tools.core import ToolError  # noqa: E402
from rppg_tools.arch.colour import class_bpm  # noqa: E402
from rppg_tools.arch.seeded import fill, noise  # noqa: E402

torch.set_num_threads(1)  # small layers: threads cost more than they bring
HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = json.loads((HERE / "golden" / "arch.json").read_text())
CODE_SEED = 5  # as in golden/make_arch.py


def seeded(name):
    case = CASES[name]
    model = fill(arch.build(case.network, **case.options))
    if name == "LQ-rPPG":
        model.load_codebooks([{"quantizer.embeddings.weight": noise(2 ** k, 1, seed=CODE_SEED + k)}
                              for k in range(1, 5)])
    return model


def run(model, inputs):
    with torch.no_grad():
        out = model(*inputs)
    return np.concatenate([part.flatten().numpy() for part in (out if isinstance(out, tuple) else (out,))])


@pytest.mark.parametrize("name", CASES)
def test_parameter_counts(name):
    case = CASES[name]
    options = case.options if case.counted is None else case.counted
    assert arch.parameters(arch.build(case.network, **options)) == case.parameters


@pytest.mark.parametrize("name", [n for n in GOLDEN if not n.endswith("trained")])
def test_equals_the_reference(name):
    want = np.array(GOLDEN[name])
    got = run(seeded(name), CASES[name].inputs())
    assert got.shape == want.shape
    assert np.ptp(want) > 0.01, "a network that answers the same to everything shows nothing"
    np.testing.assert_allclose(got, want, atol=2e-5 * np.ptp(want), rtol=0)


# ---- real checkpoints, where the folder $RPPG_DATA has them ----------------------------------------------------

def data(name):
    folder = pathlib.Path(os.environ.get("RPPG_DATA", HERE.parents[2] / "shared" / "data")) / "models" / name
    if not folder.is_dir():
        pytest.skip(f"no {folder}: set RPPG_DATA")
    return folder


def lqrppg_trained():
    folder = data("lq-rppg")
    return arch.load(arch.build("LQ-rPPG", codebooks=folder), folder / "PURE_UBFC_LQC2F_rPPG_Epoch10.pth")


def test_lqrppg_trained():
    model = lqrppg_trained()
    want = np.array(GOLDEN["LQ-rPPG trained"])
    np.testing.assert_allclose(run(model, CASES["LQ-rPPG trained"].inputs()), want, atol=1e-5 * np.ptp(want), rtol=0)


def onnx_state(state):
    """The tensors of our state in the layout of the ONNX file's"""
    return [t.numpy() if t.dim() == 3 else (t.movedim(1, -1) if k < 2 and len(part) == 4 else t).unsqueeze(1).numpy()
            for part in state for k, t in enumerate(part)]


def onnx_frames(path, frames, dt=None):
    """What the published ME-rPPG makes of frames [n][36][36][3], each fed with the state that the frame before left, in
    float32 as the runtime has it: values [n], and the last state. dt: seconds before each frame; 1/30."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options)
    names, state = [i.name for i in session.get_inputs()], onnx_state(arch.build("ME-rPPG").start())
    values = []
    for k, frame in enumerate(frames):
        step = np.array(1 / 30 if dt is None else dt[k], np.float32)
        value, *state = session.run(None, dict(zip(names, [frame[None, None], *state, step])))
        values.append(value.item())
    return np.array(values), state


def test_merppg_equals_its_onnx_file():
    path = data("me-rppg") / "model.onnx"
    model = arch.build("ME-rPPG").load_onnx(str(path))
    state, got = model.start(), []
    frames = np.random.default_rng(3).random((100, 36, 36, 3)) * 0.2 + 0.4
    frames += 0.05 * np.sin(np.arange(100) / 5)[:, None, None, None]
    frames, dt = frames.astype(np.float32), np.repeat([1 / 30, 1 / 20], 50)
    want, theirs = onnx_frames(path, frames, dt)
    for frame, step in zip(frames, dt):
        with torch.no_grad():
            value, state = model.step(torch.from_numpy(frame).movedim(-1, 0)[None], state, step)
        got.append(value.item())
    # The running variance begins near zero and magnifies rounding: both runs are up to 2.5e-3 off our own in double at
    # the start, and 1e-4 after 20 frames.
    error = np.abs(np.subtract(got, want)) / np.ptp(want)
    assert error.max() < 1e-3 and error[20:].max() < 1e-4
    for ours, other in zip(onnx_state(state), theirs):
        np.testing.assert_allclose(ours, other, atol=1e-3 * np.abs(other).max(), rtol=0)


# ---- checkpoint files -----------------------------------------------------------------------------------------

def test_checkpoint_goes_around(tmp_path):
    model = seeded("PhysNet")
    torch.save({"model": {"module." + k: v for k, v in model.state_dict().items()}}, tmp_path / "a.pth")
    again = arch.load(arch.build("PhysNet"), tmp_path / "a.pth")
    for name, tensor in model.state_dict().items():
        assert name.endswith("num_batches_tracked") or torch.equal(tensor, again.state_dict()[name])


def test_checkpoint_misfits_are_named(tmp_path):
    tensors = seeded("PhysNet").state_dict()
    tensors["ConvBlock10.weight"] = torch.zeros(2, 64, 1, 1, 1)
    tensors["extra.weight"] = tensors.pop("ConvBlock9.0.bias")
    torch.save(tensors, tmp_path / "a.pth")
    with pytest.raises(ToolError, match="66 of 68") as caught:
        arch.load(arch.build("PhysNet"), tmp_path / "a.pth")
    for text in ("missing: ConvBlock9.0.bias", "unknown: extra.weight",
                 "ConvBlock10.weight is [2, 64, 1, 1, 1], wanted [1, 64"):
        assert text in str(caught.value)
    (tmp_path / "b.pth").write_bytes(b"no checkpoint")
    with pytest.raises(ToolError, match="not a checkpoint"):
        arch.load(arch.build("PhysNet"), tmp_path / "b.pth")
    with pytest.raises(ToolError, match="no such file"):
        arch.load(arch.build("PhysNet"), tmp_path / "c.pth")


def test_training_only_parts_may_be_left_out():
    full, plain = seeded("FactorizePhys FSAM"), arch.build("FactorizePhys")
    arch.load(plain, full.state_dict())
    assert torch.equal(plain.rppg_head.final_layer[2].weight, full.rppg_head.final_layer[2].weight)


# ---- training ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["CL+F", "spectral", "TS-CAN", "EfficientPhys", "PhysNet", "FactorizePhys FSAM", "PhysMamba",
                                  "LQ-rPPG", "RhythmMamba", "student", "rFaceNet"])
def test_every_parameter_learns(name):
    case = CASES[name]
    torch.manual_seed(1)
    options = {"identities": 3} if name == "rFaceNet" else case.options
    model = fill(arch.build(case.network, **options)).train()
    out = model(*case.inputs())
    loss = sum((part - part.mean()).pow(2).sum() + part.sum() for part in (out if isinstance(out, tuple) else (out,)))
    loss.backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert not silent
    # vectors may stay: what a batch norm behind them takes away again has no slope
    still = [n for n, p in model.named_parameters() if p.dim() > 1 and not p.grad.abs().max() > 0]
    assert not still


def test_rfacenet_branches():
    model = arch.build("rFaceNet", identities=3).train()
    pulse, identity = model(noise(2, 3, 8, 32, 32))
    assert pulse.shape == (2, 8) and identity.shape == (2, 3)
    model.eval()
    with torch.no_grad():
        x = noise(1, 3, 8, 32, 32)
        steady = model(x)
        model.combine.alpha.zero_()
        assert not torch.allclose(steady, model(x)), "the identity branch tells the pulse branch something"
    assert model(x).shape == (1, 8), "no identities where nothing is learnt"


def test_spectral_is_smaller_than_clf_and_hears_a_rate_at_once():
    """Its pairs begin as sines: a plain one through them is loudest at its own class."""
    model = arch.build("spectral")
    assert arch.parameters(model) < 72_017
    t = torch.arange(64) / 15
    for bpm in (50.0, 77.0, 120.0):
        pair = model.pairs(torch.sin(2 * np.pi * bpm / 60 * t + 1)).square().detach()
        length = (pair[:256] + pair[256:])[:128]
        assert abs(class_bpm(int(length.argmax())) - bpm) < 2


def test_student_is_small_and_shows_its_features():
    model = arch.build("student")
    assert arch.parameters(model) <= 230_000
    maps = model.features(noise(2, 3, 4, 36, 36))
    assert [tuple(m.shape) for m in maps] == [(2, 16, 4, 18, 18), (2, 32, 4, 9, 9), (2, 64, 4, 4, 4)]

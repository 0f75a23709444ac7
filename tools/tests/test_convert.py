"""convert from the checkpoint's file to a blob that examples/nn_run.c runs on NumPy files, as a user would. Oracles: PyTorch
in double, the ONNX runtime."""
import os
import subprocess

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rppg_tools import arch, core  # noqa: E402
from rppg_tools.__main__ import main  # noqa: E402
from rppg_tools.arch.seeded import fill, noise  # noqa: E402
from test_arch import data, onnx_frames  # noqa: E402


@pytest.fixture(scope="module")
def nn_run(tmp_path_factory):
    """The program, by the C compiler that the tools use."""
    program = tmp_path_factory.mktemp("nn_run") / "nn_run"
    folder = core.header_folder()
    subprocess.run([*os.environ.get("CC", "cc").split(), "-O2", f"-I{folder}", str(folder / "examples" / "nn_run.c"), "-o", str(program), "-lm"],
                   check=True)

    def run(blob, given):
        inputs, out = program.with_name("in.npy"), program.with_name("out.npy")
        np.save(inputs, np.ascontiguousarray(given, np.float32))
        done = subprocess.run([program, blob, inputs, out], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return np.load(out).ravel()
    return run


def convert(*args):
    return main(["convert", *map(str, args)])


def off(got, want):
    """The largest difference, as a share of the range."""
    assert got.shape == want.shape
    return np.abs(got - want).max() / np.ptp(want)


def test_lqrppg_checkpoint(nn_run, tmp_path):
    """The published files, a clip of 160 frames: the label quantisers are found beside the network."""
    folder, blob = data("lq-rppg"), tmp_path / "lq.rppg"
    checkpoint = folder / "PURE_UBFC_LQC2F_rPPG_Epoch10.pth"
    assert convert("--arch", "lq-rppg", checkpoint, blob) == 0
    network = arch.load(arch.build("LQ-rPPG", codebooks=folder), checkpoint).double()
    clip = noise(160, 128, 128, 3).numpy()
    with torch.no_grad():
        want = network(torch.from_numpy(clip).double().movedim(-1, 0)[None]).numpy().ravel()
    assert off(nn_run(blob, clip), want) < 1e-4


def test_merppg_onnx_file(nn_run, tmp_path):
    """The published file over 100 frames with its state. The running variance begins near zero and magnifies rounding, the
    ONNX runtime's as well: the first 20 frames have a wider bound."""
    path, blob = data("me-rppg") / "model.onnx", tmp_path / "me.rppg"
    assert convert("--arch", "me-rppg", path, blob) == 0
    frames = (noise(100, 36, 36, 3).numpy() * 0.05 + 0.5).astype(np.float32)
    got, (want, _) = nn_run(blob, frames), onnx_frames(path, frames)
    error = np.abs(got - want) / np.ptp(want)
    assert error.max() < 2e-3 and error[20:].max() < 1e-4, (error.max(), error[20:].max())


def saved(network, path, **changed):
    torch.save({**network.state_dict(), **changed}, path)
    return path


@pytest.mark.parametrize("name", ["CL+F", "DeepPhys"])
def test_random_weights(name, nn_run, tmp_path, capsys):
    network, blob = fill(arch.build(name)).eval(), tmp_path / "out.rppg"
    frames = [] if name == "CL+F" else ["--frames", "2"]
    assert convert("--arch", name, *frames, saved(network, tmp_path / "in.pth"), blob) == 0
    assert "largest difference from PyTorch" in capsys.readouterr().out
    shape = arch.graph(network, *map(int, frames[1:])).inputs[0].shape
    given = noise(*shape).numpy()
    with torch.no_grad():
        want = network.double()(torch.from_numpy(given).double().movedim(-1, 1)).numpy().ravel()
    assert off(nn_run(blob, given), want) < 1e-4


def test_what_does_not_fit_is_named(tmp_path, capsys):
    """Nothing is written then."""
    network, blob = fill(arch.build("SE")), tmp_path / "out.rppg"
    names = [name for name in network.state_dict() if not name.endswith("num_batches_tracked")]
    first, last = names[0], names[-1]

    def refused(path, *words):
        assert convert("--arch", "SE", path, blob) == 1 and not blob.exists()
        text = capsys.readouterr().err
        assert text.startswith("rppg_tools: ") and text.count("\n") == 1 and all(word in text for word in words), text
    path = tmp_path / "in.pth"
    refused(saved(network, path, **{first: torch.zeros(7)}), "of another shape", f"{first} is [7]")
    refused(saved(network, path, stranger=torch.zeros(1)), "unknown: stranger")
    torch.save({"wrong." + name: t for name, t in network.state_dict().items()}, path)
    refused(path, "missing", first, f"unknown: wrong.{first}")
    torch.save({name: t for name, t in network.state_dict().items() if name != last}, path)
    refused(path, f"missing: {last}")
    path.write_bytes(b"no checkpoint")
    refused(path, str(path))
    assert convert("--arch", "no-such", path, blob) == 1 and "there are SE" in capsys.readouterr().err
    torch.save(arch.build("LQ-rPPG").state_dict(), path)
    assert convert("--arch", "LQ-rPPG", path, blob) == 1 and "_1th_LQ_" in capsys.readouterr().err

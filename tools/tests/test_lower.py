"""The networks in C against PyTorch in double: the same seeded weights, the same seeded input."""
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cases import CASES  # noqa: E402
from rppg_tools import arch, nn  # noqa: E402
from rppg_tools.blob import Graph  # noqa: E402
from rppg_tools.core import ToolError  # noqa: E402
from rppg_tools.arch.seeded import noise  # noqa: E402
from test_arch import GOLDEN, data, lqrppg_trained, onnx_frames, run, seeded  # noqa: E402


STREAMS = [n for n in CASES if n.startswith(("ME-", "FacePhys"))]


def to_graph(x):
    """[N, C, T, H, W] of one clip, or [T, C, H, W] of frames, to [T][H][W][C]"""
    x = x[0] if x.dim() == 5 else x.movedim(0, 1)
    return x.movedim(0, -1).numpy()


def in_c(model, inputs, **options):
    graph = Graph()
    out = model.lower(graph, *(graph.input(x.shape) for x in inputs), **options)
    for x in out if isinstance(out, tuple) else (out,):
        graph.output(x)
    return nn.Model(graph.pack())


@pytest.mark.parametrize("name", [n for n in CASES if n not in STREAMS and not n.endswith("trained")])
def test_c_equals_torch(name):
    model, given = seeded(name), CASES[name].inputs()
    if name in ("SE", "CE", "CL", "CL+F", "spectral"):
        given = [x[:1] for x in given]
    want = run(model.double(), [x.double() for x in given])
    inputs = [to_graph(x) for x in given]
    out = in_c(model, inputs)(*inputs)
    got = np.concatenate([x.ravel() for x in (out if isinstance(out, list) else [out])])
    assert got.shape == want.shape
    scale = np.ptp(want) if len(want) > 1 else abs(want[0])
    error = np.abs(got - want).max() / scale
    assert error < 1e-4, f"{error:.2g} of the range"


@pytest.mark.parametrize("name", STREAMS)
def test_streaming_c_equals_torch(name):
    """Frame by frame. The running variance begins near zero and magnifies rounding, in float32 in PyTorch as well: the
    first 20 frames have a wider bound."""
    model = seeded(name).double()
    frames = noise(40, 3, 36, 36).double() * 0.1 + 0.5
    want = run(model, [frames[None]])
    streaming = in_c(model, [np.zeros((1, 36, 36, 3))])
    got = np.array([streaming(x.movedim(0, -1).numpy()).item() for x in frames])
    error = np.abs(got - want) / np.ptp(want)
    assert error.max() < 2e-3 and error[20:].max() < 1e-4, (error.max(), error[20:].max())
    streaming.reset()
    assert np.array_equal(got[:5], [streaming(x.movedim(0, -1).numpy()).item() for x in frames[:5]])


def test_lqrppg_trained_in_c():
    """The published weights and codebooks, against the reference implementation's own answer."""
    model, want = lqrppg_trained(), np.array(GOLDEN["LQ-rPPG trained"])
    inputs = [to_graph(x) for x in CASES["LQ-rPPG trained"].inputs()]
    assert np.abs(in_c(model, inputs)(*inputs).ravel() - want).max() < 1e-4 * np.ptp(want)


def test_lqrppg_wants_its_codebooks(tmp_path):
    with pytest.raises(ToolError, match="no codebooks yet"):
        arch.graph(arch.build("LQ-rPPG"), frames=24, size=32)
    with pytest.raises(ToolError, match="there are 0, 0, 0, 0"):
        arch.build("LQ-rPPG", codebooks=tmp_path)
    with pytest.raises(ToolError, match="stage 1 wants a label quantiser of 2 levels"):
        arch.build("LQ-rPPG").load_codebooks([{"quantizer.embeddings.weight": torch.zeros(4, 1)}] * 4)


def test_merppg_in_c_equals_its_onnx_file():
    """The published weights, frame by frame, by the ONNX runtime and by C; the first 20 frames as above."""
    path = data("me-rppg") / "model.onnx"
    streaming = nn.Model(arch.graph(arch.build("ME-rPPG").load_onnx(str(path))).pack())
    frames = (noise(100, 36, 36, 3).numpy() * 0.05 + 0.5).astype(np.float32)
    want, _ = onnx_frames(path, frames)
    error = np.abs([streaming(frame).item() for frame in frames] - want) / np.ptp(want)
    assert error.max() < 2e-3 and error[20:].max() < 1e-4, (error.max(), error[20:].max())


# ---- arch.graph: the network with its specification ------------------------------------------------------------

def test_graph_of_a_classifier():
    graph = arch.graph(seeded("CL+F"))
    assert [x.shape for x in graph.inputs] == [(1, 18, 64, 1)] and [x.shape for x in graph.outputs] == [(1, 1, 1, 128)]
    assert graph.spec["bpm_first"] + 127 * graph.spec["bpm_step"] == pytest.approx(125 - 85 / 256)
    assert (graph.spec["frames"], graph.spec["hop"], graph.spec["fps"]) == (64, 10, 15)


def test_graph_sizes_and_frames():
    assert [x.shape for x in arch.graph(arch.build("student"), frames=20).inputs] == [(20, 36, 36, 3)]
    graph = arch.graph(arch.build("FactorizePhys"), frames=8)
    assert [x.shape for x in graph.inputs] == [(9, 72, 72, 3)] and (graph.spec["frames"], graph.spec["hop"]) == (9, 8)
    assert [x.shape for x in arch.graph(arch.build("ME-rPPG"), fps=15).inputs] == [(1, 36, 36, 3)]
    for name, options in (("TS-CAN", {"frames": 15}), ("PhysNet", {"frames": 6}), ("TS-CAN", {"size": 72})):
        with pytest.raises(ToolError, match="multiple|was built with"):
            arch.graph(arch.build(name), **options)

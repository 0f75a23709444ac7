"""pack, inspect and convert as a user would call them. Oracle of the numbers: PyTorch in double."""
import re
import struct

import numpy as np
import pytest

from rppg_tools import convert, inspect, nn
from rppg_tools.__main__ import main
from rppg_tools.blob import Graph
from rppg_tools.core import ToolError


@pytest.fixture
def small(tmp_path):
    g = Graph()
    x = g.conv(g.input((1, 4, 5, 2)), np.ones((3, 2, 3, 3)), np.ones(3), pad=(0, 1, 1), act="relu")
    g.output(g.reduce(x, "mean", (1, 2)))
    g.spec, g.camera, g.classes = {"task": 1, "fps": 30.0}, "a camera", [50.0, 60.0, 70.0]
    g.layers[0].name = "first"
    g.write(tmp_path / "small.rppg")
    return tmp_path / "small.rppg"


def test_inspect(small, capsys):
    assert main(["inspect", str(small)]) == 0
    text = capsys.readouterr().out
    assert f"checksum {struct.unpack('<I', small.read_bytes()[20:24])[0]:08x}" in text
    assert re.search(r"0 +conv +first +1x4x5x2 +1x4x5x3 +291 +f32 +1080\n", text)  # 2 * 9 * 16 + 3; 20 * 3 * 18
    assert re.search(r"1 +reduce +1x4x5x3 +1x1x1x3 ", text)
    assert "arena 256 (at least 256)" in text and "task        classes" in text and "fps         30" in text
    assert "3: 50, 60, 70" in text and "a camera" in text
    assert f"memory: {int(nn.Model(small.read_bytes()).mem_size)} bytes" in text


def test_inspect_says_what_is_wrong(small, capsys):
    data = bytearray(small.read_bytes())
    data[70] ^= 1
    small.write_bytes(data)
    assert main(["inspect", str(small)]) == 1
    assert "checksum" in capsys.readouterr().err
    assert main(["inspect", str(small.with_name("none"))]) == 1
    assert "none" in capsys.readouterr().err


def test_lower_bound_counts_what_lives_together(small):
    assert inspect.lower_bound(inspect.decode(small.read_bytes())) == 256  # 60 floats, up to a multiple of 64


def test_pack_as_c(small, capsys, tmp_path):
    out = tmp_path / "small.h"
    assert main(["pack", str(small), str(out), "--c", "my_model"]) == 0
    body = re.search(r"my_model\[(\d+)\] = \{(.*?)\}", out.read_text(), re.S)
    assert bytes(map(int, body[2].split(","))) == small.read_bytes() and int(body[1]) == small.stat().st_size
    assert main(["pack", str(small), str(out), "--c", "1 x"]) == 1
    assert main(["pack", str(small), str(out)]) == 1
    capsys.readouterr()


def test_options_of_an_architecture():
    assert convert.options_of(["a=1", "b=0.5", "c=true", "d=x"]) == {"a": 1, "b": 0.5, "c": True, "d": "x"}
    with pytest.raises(ToolError):
        convert.options_of(["a"])


# ---- with PyTorch ----

def nets(t):
    """Name, input, layers."""
    yield "image", (3, 12, 10), [t.Conv2d(3, 8, 3, padding=1), t.BatchNorm2d(8), t.ReLU(), t.MaxPool2d(2), t.Dropout(), t.Flatten(),
                                 t.Tanh(), t.Linear(240, 5)]
    yield "signal", (4, 33), [t.Conv1d(4, 6, 5, stride=2, padding=2), t.ELU(), t.AvgPool1d(3, 2, 1), t.Conv1d(6, 6, 4, padding="same", groups=6),
                              t.BatchNorm1d(6), t.Flatten()]
    yield "clip", (2, 4, 6, 6), [t.Conv3d(2, 4, 3, padding=1), t.InstanceNorm3d(4), t.SiLU(), t.ConvTranspose3d(4, 3, (1, 4, 4), (1, 2, 2), (0, 1, 1)),
                                 t.AvgPool3d(2), t.AdaptiveAvgPool3d((2, 1, 1)), t.Softmax(1)]
    yield "tokens", (7, 6), [t.Linear(6, 8), t.LayerNorm(8), t.GELU(), t.Sequential(t.Linear(8, 3), t.Softmax(-1))]
    yield "vector", (9,), [t.Linear(9, 4), t.BatchNorm1d(4), t.Sigmoid()]
    yield "sizes", (4, 6, 8), [t.GroupNorm(2, 4), t.Upsample(scale_factor=2), t.Upsample(size=(5, 7), mode="bilinear"), t.AdaptiveMaxPool2d((2, 3))]


@pytest.mark.parametrize("which", range(6))
def test_pack_equals_torch(which, tmp_path, capsys):
    torch = pytest.importorskip("torch")
    torch.manual_seed(which)
    name, shape, layers = list(nets(torch.nn))[which]
    net = torch.nn.Sequential(*layers)
    for layer in net.modules():  # statistics that are not 0 and 1
        if getattr(layer, "running_mean", None) is not None:
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    torch.save(net, tmp_path / "net.pt")
    size, out = ",".join(map(str, shape)), tmp_path / f"{name}.rppg"
    assert main(["pack", str(tmp_path / "net.pt"), str(out), "--input", size, "--task", "wave", "--fps", "25", "--note", "n"]) == 0
    error = float(re.search(r"PyTorch: (\S+) of", capsys.readouterr().out)[1])
    assert error < 1e-5
    x = torch.randn(1, *shape, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        want = net.double().eval()(x.double())[0]
    tokens = name == "tokens"
    given = x[0].numpy() if tokens or len(shape) == 1 else np.moveaxis(x[0].numpy(), 0, -1)
    want = want.numpy() if tokens or want.dim() == 1 else np.moveaxis(want.numpy(), 0, -1)
    got = nn.Model(out.read_bytes())(given)
    assert np.abs(got.ravel() - want.ravel()).max() < 1e-5 * max(1.0, np.ptp(want))
    assert main(["inspect", str(out)]) == 0
    assert "task        wave" in capsys.readouterr().out


@pytest.mark.parametrize("layer,shape,word", [("LSTM(4, 4)", "3,4", "LSTM"), ("Linear(5, 2)", "4", "5 features"),
                                              ("Conv2d(3, 4, 3)", "3,8", "axes"), ("Conv2d(2, 4, 3)", "3,8,8", "2 channels")])
def test_pack_refuses_by_name(layer, shape, word, tmp_path, capsys):
    pytest.importorskip("torch")
    (tmp_path / "net.py").write_text(f"from torch import nn\nnet = nn.Sequential(nn.{layer})\n")
    assert main(["pack", f"{tmp_path / 'net.py'}:net", str(tmp_path / "x.rppg"), "--input", shape]) == 1
    error = capsys.readouterr().err
    assert word in error and "layer 0" in error and not (tmp_path / "x.rppg").exists()


def test_a_pickle_that_runs_code_is_refused(tmp_path, capsys):
    import pickle
    pytest.importorskip("torch")

    class Evil:
        def __reduce__(self):
            return print, ("run",)

    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Evil()))
    assert main(["pack", str(tmp_path / "evil.pt"), str(tmp_path / "x.rppg"), "--input", "3"]) == 1
    said = capsys.readouterr()
    assert "not a saved module" in said.err and "run" not in said.out

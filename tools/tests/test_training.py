import copy
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
import trained
from rppg_tools import core, nn, training

JOB = pathlib.Path(trained.__file__)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(folder, *arguments, processes=1):
    """The exit status of the job in processes of its own."""
    folder.mkdir(exist_ok=True)
    head = [sys.executable] if processes == 1 else [sys.executable, "-m", "torch.distributed.run", "--standalone",
                                                    "--nproc-per-node", str(processes)]
    tools = str(pathlib.Path(core.HERE).parent)
    done = subprocess.run([*head, str(JOB), str(folder), *map(str, arguments)], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "PYTHONPATH": tools, "OMP_NUM_THREADS": "1"})
    if done.returncode and not arguments:
        print(done.stderr)
    return done.returncode


def ended(folder, rank=0):
    return torch.load(folder / f"end{rank}.pt", weights_only=True)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_rates_go_up_and_down_in_lines():
    rates = [training.rate_at(k, 11, 1.0, 3.0) for k in range(11)]
    one_cycle = torch.optim.lr_scheduler.OneCycleLR(torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0), 3.0, total_steps=11,
                                                    pct_start=5.5 / 11, anneal_strategy="linear", div_factor=3.0, final_div_factor=1.0,
                                                    cycle_momentum=False)
    assert rates[0] == rates[-1] == 1.0 and max(rates) == rates[5] == 3.0
    assert np.allclose(np.diff(rates), np.sign(np.arange(10) - 4.5) * -0.4)
    assert one_cycle.get_last_lr()[0] == pytest.approx(rates[0])


def test_training_lowers_the_loss_and_keeps_the_best_epoch(tmp_path):
    before = trained.validate(trained.Network().eval())["mse"]
    model, figures = trained.fit(tmp_path)
    assert figures["mse"] < 0.5 * before
    assert trained.validate(model)["mse"] == figures["mse"] and not model.training
    log = (tmp_path / "log.csv").read_text().splitlines()
    assert log[0] == "epoch,rate,loss,mse" and len(log) == 1 + trained.EPOCHS
    assert min(float(row.split(",")[3]) for row in log[1:]) == figures["mse"]
    assert same(torch.load(tmp_path / "best.pt", weights_only=True), model.state_dict())


def test_weights_of_a_step_are_those_of_adam(tmp_path):
    """Against PyTorch's own loop."""
    model, _ = trained.fit(tmp_path, epochs=1, steps=1, rates=(2e-3, 2e-3))
    other = trained.Network().train()
    adam = torch.optim.Adam(other.parameters(), lr=2e-3)
    trained.loss(other, *trained.batch(training.draw(7, 0, 0), 0, 0)).backward()
    adam.step()
    assert same(model.state_dict(), other.state_dict())


def test_seed_decides(tmp_path):
    a, b, c = (trained.fit(tmp_path / str(k), seed=seed)[0].state_dict() for k, seed in enumerate((7, 7, 8)))
    assert same(a, b) and not same(a, c)


def test_killed_and_resumed_is_unbroken_bit_for_bit(tmp_path):
    assert run(tmp_path / "whole") == 0
    assert run(tmp_path / "cut", 2) == 9
    assert not (tmp_path / "cut" / "end0.pt").exists()
    assert len((tmp_path / "cut" / "log.csv").read_text().splitlines()) == 3
    assert run(tmp_path / "cut") == 0
    assert same(ended(tmp_path / "whole")["model"], ended(tmp_path / "cut")["model"])
    assert (tmp_path / "whole" / "log.csv").read_bytes() == (tmp_path / "cut" / "log.csv").read_bytes()
    whole, cut = (torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("whole", "cut"))
    assert same(whole["model"], cut["model"])
    for k, state in whole["adam"]["state"].items():
        assert same(state, cut["adam"]["state"][k])


def test_a_finished_job_is_only_read(tmp_path):
    model, figures = trained.fit(tmp_path)

    def never(rng, epoch, step):
        raise AssertionError("trained again")
    again, same_figures = trained.fit(tmp_path, never)
    assert same(model.state_dict(), again.state_dict()) and same_figures == figures


@pytest.mark.parametrize("change", [{"seed": 8}, {"steps": 6}, {"rates": (1e-3, 1e-2)}, {"settings": {"data": "other"}}])
def test_another_job_in_the_folder_is_refused(tmp_path, change):
    trained.fit(tmp_path, epochs=1)
    with pytest.raises(core.ToolError, match=next(iter(change)) if "settings" not in change else "data"):
        trained.fit(tmp_path, **{"epochs": 1, **change})


def test_a_broken_last_is_said_and_kept(tmp_path):
    (tmp_path / "last.pt").write_bytes(b"nothing")
    with pytest.raises(core.ToolError, match="last.pt"):
        trained.fit(tmp_path)
    assert (tmp_path / "last.pt").read_bytes() == b"nothing"


def test_a_loss_that_runs_away_is_said(tmp_path):
    def bad(rng, epoch, step):
        x, y = trained.batch(rng, epoch, step)
        return x, y * float("nan")
    with pytest.raises(core.ToolError, match="rate"):
        trained.fit(tmp_path, bad)
    assert not (tmp_path / "last.pt").exists()


def mean_gradient_step():
    """What one step of two processes must give: PyTorch's loop over both batches, gradients averaged by hand."""
    models, gradients = [], []
    for rank in range(2):
        model = trained.Network().train()
        rng = np.random.default_rng([7, rank, 0, 0])
        torch.manual_seed(int(rng.integers(1 << 62)))
        trained.loss(model, *trained.batch(rng, 0, 0)).backward()
        models.append(model)
        gradients.append([p.grad.clone() for p in model.parameters()])
    for p, a, b in zip(models[0].parameters(), *gradients):
        p.grad = (a + b) / 2
    torch.optim.Adam(models[0].parameters(), lr=trained.LOW).step()
    return models[0]


def test_two_processes(tmp_path):
    """Under torchrun: gradients are averaged, both end with the same weights, the first alone writes, resuming works."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run(whole, processes=2) == 0
    assert same(ended(whole, 0)["model"], ended(whole, 1)["model"]) and ended(whole, 0)["figures"] == ended(whole, 1)["figures"]
    assert sorted(p.name for p in whole.iterdir()) == ["best.pt", "end0.pt", "end1.pt", "last.pt", "log.csv"]
    assert ended(whole)["figures"]["mse"] < 0.5 * trained.validate(trained.Network().eval())["mse"]
    alone, _ = trained.fit(tmp_path / "alone")
    assert not same(alone.state_dict(), ended(whole)["model"])
    assert run(cut, 2, processes=2) != 0
    assert run(cut, processes=2) == 0
    assert same(ended(whole)["model"], ended(cut, 1)["model"])
    with pytest.raises(core.ToolError, match="processes"):
        trained.fit(cut)


def test_gradients_of_two_processes_are_averaged(tmp_path):
    assert run(tmp_path, "step", processes=2) == 0
    want, got = mean_gradient_step().state_dict(), [ended(tmp_path, rank)["model"] for rank in range(2)]
    assert same(*got)
    for name, value in want.items():
        assert torch.allclose(value, got[0][name], rtol=0, atol=1e-6), name


def test_smoke(tmp_path, capsys, monkeypatch):
    """A minute of the command itself, on simulated recordings: the loss falls, the blob is what C and onnxruntime run."""
    from rppg_tools import train
    from rppg_tools.__main__ import main
    monkeypatch.setattr(train, "VALIDATION", 128)
    out, folder = tmp_path / "small.rppg", tmp_path / "job"
    command = ["train", str(out), "--arch", "spectral", "--epochs", "3", "--steps", "10", "--batch", "64", "--pool", "640", "--rates",
               "1e-4,5e-3", "--test", "64", "--folder", str(folder)]
    assert main(command) == 0
    rows = [row.split(",") for row in (folder / "log.csv").read_text().splitlines()[1:]]
    assert len(rows) == 3 and float(rows[2][2]) < 0.95 * float(rows[0][2])
    assert nn.Model(out.read_bytes()).inputs == [(1, 18, 64, 1)] and (folder / "model.onnx").stat().st_size > 1000
    assert "MAE" in capsys.readouterr().out


def test_range_test_finds_where_the_loss_falls_and_where_it_runs_away(tmp_path):
    model = trained.Network()
    before = copy.deepcopy(model.state_dict())
    rates, losses = training.range_test(model, trained.batch, trained.loss, 1e-5, 1e3, 120)
    assert same(before, model.state_dict())
    assert len(rates) == len(losses) < 120
    assert losses[-1] > 4 * losses.min() and losses.min() < 0.5 * losses[0]
    assert 1e-3 < rates[losses.argmin()] < 10


NETWORKS = {"SE": (4, 1, 18, 64), "CL+F": (2, 1, 18, 64), "spectral": (2, 1, 18, 64), "student": (1, 3, 8, 36, 36), "PhysNet": (1, 3, 32, 72, 72),
            "rFaceNet": (1, 3, 16, 72, 72), "LQ-rPPG": (1, 3, 32, 72, 72)}


@pytest.mark.parametrize("name", NETWORKS)
def test_onnx_says_what_torch_says(tmp_path, name):
    onnxruntime = pytest.importorskip("onnxruntime")
    from rppg_tools import arch
    from rppg_tools.arch import seeded
    torch.manual_seed(5)
    network = arch.build(name)
    if hasattr(network, "load_codebooks"):
        network.load_codebooks([{"quantizer.embeddings.weight": torch.randn(2 ** k, 1)} for k in range(1, 5)])
    with torch.no_grad():
        network = seeded.fill(network).eval()
    x = torch.randn(NETWORKS[name]) * 0.3 + 0.5
    training.export_onnx(network, (x,), tmp_path / "net.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    for x in (x, torch.cat([x, 1 - x])):  # the batch is free
        with torch.no_grad():
            want = network(x)
        want = want[0] if isinstance(want, (tuple, list)) else want
        got = session.run(None, {"input0": x.numpy()})[0]
        assert got.shape == tuple(want.shape) and np.ptp(want.numpy()) > 0
        assert np.abs(got - want.numpy()).max() < 1e-4 * np.ptp(want.numpy())

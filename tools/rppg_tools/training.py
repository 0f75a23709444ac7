"""One loop for every training: Adam under a 1cycle, best epoch by validation, resumed where it was cut off.

    fit(model, batch, loss, epochs=20, steps=100, rates=(5.8e-5, 5.8e-3), validate=validate, folder="build/clf", seed=1)

On one thread of a CPU a job that was killed and started again ends with the bits of one that was not: every step draws
from its own seed, and what an epoch leaves is written in one piece. A GPU is used if one is there. Under torchrun, on one
machine or several, each process draws batches of its own and gradients are averaged; the first alone writes:

    torchrun --nproc-per-node 2 -m rppg_tools train ...
"""
import copy
import csv
import io
import os
import pathlib
import sys
import time
import warnings

import numpy as np

from .core import ToolError
from .pack import need_torch

OPSET = 18  # of ONNX: the newest that all of its usual readers know


# ---- processes and devices ---------------------------------------------------------------------------

def rank():
    """Number of this process under torchrun; 0 elsewhere. What is not training (files, prints) is for 0 alone."""
    return int(os.environ.get("RANK", 0))


def processes():
    return int(os.environ.get("WORLD_SIZE", 1))


def device():
    """A GPU of this process's own, or the CPU."""
    torch = need_torch()
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if torch.cuda.is_available() else torch.device("cpu")


def join():
    """Meets the other processes of torchrun; for nothing where there is one."""
    torch = need_torch()
    if device().type == "cuda":
        torch.cuda.set_device(device())
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    if processes() > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if device().type == "cuda" else "gloo")


def shared(value):
    """The first process's value, in every process."""
    torch = need_torch()
    if processes() == 1:
        return value
    box = [value]
    torch.distributed.broadcast_object_list(box, src=0, device=torch.device("cpu"))
    return box[0]


# ---- one step after the other ------------------------------------------------------------------------

def rate_at(step, steps, low, high):
    """1cycle [Smith2018]: in a line from low up to high, and down again."""
    return low + (high - low) * (1 - abs(2 * step / max(steps - 1, 1) - 1))


def draw(seed, epoch, step):
    """The generator of this step and process; PyTorch's own (dropout) begins from it, too."""
    rng = np.random.default_rng([seed, rank(), epoch, step])
    need_torch().manual_seed(int(rng.integers(1 << 62)))
    return rng


def on(where, tensors):
    return [t.to(where, non_blocking=True) for t in (tensors if isinstance(tensors, (tuple, list)) else (tensors,))]


def objective(model, loss):
    """A module that gives the loss of a batch, so that DistributedDataParallel sees whatever the loss asks of the model."""
    torch = need_torch()

    class Objective(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, *batch):
            return loss(self.model, *batch)

    if processes() == 1:
        return Objective()
    return torch.nn.parallel.DistributedDataParallel(Objective(), device_ids=[device()] if device().type == "cuda" else None)


class Bar:
    """Progress on stderr, where that is a terminal: share done, loss, time left."""
    WIDTH, PAUSE_S = 30, 0.2

    def __init__(self, begin, total):
        self.on = rank() == 0 and sys.stderr.isatty()
        self.begin, self.total, self.start, self.shown = begin, total, time.monotonic(), 0.0

    def show(self, done, text):
        """text: called where a line is due, for what stands behind the bar."""
        now = time.monotonic()
        if not self.on or (now - self.shown < self.PAUSE_S and done < self.total):
            return
        self.shown = now
        left = int((now - self.start) / max(done - self.begin, 1) * (self.total - done))
        full = self.WIDTH * done // self.total
        print(f"\r[{'#' * full}{'.' * (self.WIDTH - full)}] {text()}  {left // 60}:{left % 60:02} left\x1b[K",
              end="" if done < self.total else "\n", file=sys.stderr, flush=True)


# ---- what is kept ------------------------------------------------------------------------------------

def store(path, write):
    """write(path) to another name first: the file is whole or as it was."""
    part = path.with_name(path.name + ".part")
    write(part)
    os.replace(part, path)


def log_text(log):
    """Rows of figures as CSV, without times: a job run again gives the same text."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(log[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(log)
    return out.getvalue()


def on_cpu(value):
    """A copy of nested dicts and lists with their tensors on the CPU."""
    if isinstance(value, dict):
        return {k: on_cpu(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [on_cpu(v) for v in value]
    return value.detach().cpu().clone() if hasattr(value, "detach") else value


def resumed(path, settings):
    """What an earlier run left, or None. It must have been a run of the same job."""
    torch = need_torch()
    if not path.exists():
        return None
    try:
        last = torch.load(path, map_location="cpu", weights_only=True)
        other = [k for k in {**settings, **last["settings"]} if settings.get(k) != last["settings"].get(k)]
    except Exception as error:
        raise ToolError(f"{path}: not a training that can be gone on with: {error}") from error
    if other:
        raise ToolError(f"{path} is of another training ({', '.join(other)} differ): go on with the same settings, or remove "
                        "the folder")
    return last


def fit(model, batch, loss, *, epochs, steps, rates, validate, folder, seed, weight_decay=0, clip=0, settings=None):
    """Trains model in place; on return it holds the weights of its best epoch, on the CPU, in evaluation mode.

    batch       (rng, epoch, step) -> tensors. All randomness comes from rng, a NumPy generator seeded by (seed, process,
                epoch, step). A job of n processes sees n batches a step.
    loss        (model, *batch) -> scalar tensor, a mean over the batch
    validate    (model) -> {name: number}, the first of which is made small; once an epoch, in the first process alone,
                without gradients
    epochs, steps    of all, and in each epoch
    rates       (low, high) of the 1cycle
    folder      last.pt, best.pt and log.csv go there; a last.pt that is there is gone on with
    clip        largest norm of the gradient; 0: any
    settings    dict of plain values that make this job another one, besides those here: its data, batch size ...

    Returns the best epoch's figures, and behind them "epoch" (from 1) and "minutes", of all runs together."""
    torch = need_torch()
    join()
    where, folder = device(), pathlib.Path(folder)
    settings = {"epochs": epochs, "steps": steps, "rates": [float(r) for r in rates], "seed": seed, "weight_decay": weight_decay,
                "clip": clip, "processes": processes(), **(settings or {}),
                "parameters": [[name, list(p.shape)] for name, p in model.named_parameters()]}
    failure, last = None, None
    if rank() == 0:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            last = resumed(folder / "last.pt", settings)
        except (ToolError, OSError) as error:
            failure = str(error)
    failure, last = shared((failure, last))
    if failure:
        raise ToolError(failure)

    model.to(where)
    trained = [p for p in model.parameters() if p.requires_grad]
    adam = torch.optim.Adam(trained, lr=rates[0], weight_decay=weight_decay)
    state = last or {"settings": settings, "epoch": 0, "seconds": 0.0, "log": [], "best": None}
    if last:
        model.load_state_dict(last["model"])
        adam.load_state_dict(last["adam"])
    target = objective(model, loss)
    bar, begin = Bar(state["epoch"] * steps, epochs * steps), time.monotonic() - state["seconds"]
    for epoch in range(state["epoch"], epochs):
        model.train()
        total = torch.zeros((), device=where)
        for step in range(steps):
            at = epoch * steps + step
            for group in adam.param_groups:
                group["lr"] = rate_at(at, epochs * steps, *rates)
            values = on(where, batch(draw(seed, epoch, step), epoch, step))
            adam.zero_grad(set_to_none=True)
            value = target(*values)
            value.backward()
            if clip:
                torch.nn.utils.clip_grad_norm_(trained, clip)
            adam.step()
            total += value.detach()
            bar.show(at + 1, lambda: f"epoch {epoch + 1}/{epochs}  loss {total.item() / (step + 1):.4g}")
        mean = total.item() / steps
        if not np.isfinite(mean):
            raise ToolError(f"the loss became {mean} in epoch {epoch + 1}: try a lower highest rate than {rates[1]:g}")
        if rank() == 0:
            draw(seed, epoch, steps)
            model.eval()
            with torch.no_grad():
                figures = {name: float(number) for name, number in validate(model).items()}
            state["log"].append({"epoch": epoch + 1, "rate": adam.param_groups[0]["lr"], "loss": mean, **figures})
            first = next(iter(figures.values()))
            if state["best"] is None or first < next(iter(state["best"].values())):
                state["best"] = {**figures, "epoch": epoch + 1}
                best = on_cpu(model.state_dict())
                store(folder / "best.pt", lambda path: torch.save(best, path))
            state |= {"epoch": epoch + 1, "seconds": time.monotonic() - begin}
            kept = {**state, "model": on_cpu(model.state_dict()), "adam": on_cpu(adam.state_dict())}
            store(folder / "last.pt", lambda path: torch.save(kept, path))
            store(folder / "log.csv", lambda path: path.write_text(log_text(state["log"]), encoding="utf-8"))

    best = torch.load(folder / "best.pt", map_location="cpu", weights_only=True) if rank() == 0 else None
    best, figures, seconds = shared((best, state["best"], state["seconds"]))
    model.to("cpu").load_state_dict(best)
    model.eval()
    return {**figures, "minutes": seconds / 60}


def range_test(model, batch, loss, low=1e-6, high=1.0, steps=100, seed=0):
    """Learning-rate range test [Smith2017]: one step of Adam at each rate from low to high, evenly in their logarithms,
    on a copy of the model. (rates, losses), cut where the loss is four times its least, or no number."""
    torch = need_torch()
    where = device()
    model = copy.deepcopy(model).to(where).train()
    adam = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=low)
    rates, losses = np.geomspace(low, high, steps), []
    for step, rate in enumerate(rates):
        adam.param_groups[0]["lr"] = float(rate)
        value = loss(model, *on(where, batch(draw(seed, 0, step), 0, step)))
        losses.append(value.item())
        if not losses[-1] <= 4 * min(losses):
            break
        adam.zero_grad(set_to_none=True)
        value.backward()
        adam.step()
    return rates[:len(losses)], np.array(losses)


# ---- for other tools ---------------------------------------------------------------------------------

def export_onnx(model, example_inputs, path, batch=True):
    """The model as ONNX, in evaluation mode, inputs "input0", "input1" ..., outputs "output0" ...; batch: the first axis of
    inputs and outputs is free."""
    torch = need_torch()
    import onnx
    path, model = pathlib.Path(path), copy.deepcopy(model).cpu().eval()
    example_inputs = tuple(t.cpu() for t in example_inputs)
    with torch.no_grad():
        out = model(*example_inputs)
    out = out if isinstance(out, (tuple, list)) else (out,)
    names = [[f"{what}{i}" for i in range(len(part))] for what, part in (("input", example_inputs), ("output", out))]
    free = {name: {0: "batch"} for name in sum(names, [])} if batch else None

    def write(part):
        # The older exporter: the newer one needs onnxscript besides, and gives the same layers.
        torch.onnx.export(model, example_inputs, str(part), input_names=names[0], output_names=names[1], dynamic_axes=free,
                          opset_version=OPSET, dynamo=False)
        onnx.checker.check_model(str(part), full_check=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", "ONNX export mode.*instance_norm")  # it has no running moments to use instead
        store(path, write)

"""What a model is shown, for calibrating and judging it: simulated, recorded, or from a file; and the rate that it names."""
import pathlib
from typing import NamedTuple

import numpy as np

from . import core, data, scene
from .blob import BlobError
from .pack import NORMS, SOURCES, TASKS

SEED = 20261105


class Inputs(NamedTuple):
    x: list   # tuples of arrays, one for each input of the model
    bpm: np.ndarray  # [n], or None where nobody knows


def simulated(spec, split, n, folder=None, cameras=scene.COLOUR, seed=SEED):
    """Of rppg_tools/scene.py: fragments for models of colour signals, rendered faces for those of patches. folder: of the
    recordings whose pulses and nuisance are used."""
    sources, rng = scene.Sources(folder, split), np.random.default_rng([seed, data.SPLITS.index(split)])
    cameras = [scene.CAMERAS[name] for name in cameras]
    if spec["source"] == SOURCES["signals"] and spec["norm"] == NORMS["range"]:
        x, bpm, _, _ = scene.fragments(rng, sources, cameras, n, spec["frames"], fps=spec["fps"])
        x = x[:, 0] if spec["channels"] == x.shape[2] else x[:, 0, 1::3]
        return Inputs([(row,) for row in x], bpm)
    if spec["source"] == SOURCES["patches"] and spec["norm"] == NORMS["diff"] and spec["w"] == spec["h"]:
        from .distill import fed
        x, bpm = [], []
        for k in range(n):
            video, _, rate = scene.patches(rng, sources, cameras[k % len(cameras)], spec["frames"] + 1, spec["w"], spec["fps"])
            x.append((fed(video),))
            bpm.append(rate)
        return Inputs(x, np.array(bpm))
    raise core.ToolError("nothing is simulated for models of this input: give a FILE.npz")


def recorded(spec, packed, split, n, folder):
    """What a session shows a model of colour signals, over the recordings of a folder; n of them, evenly spread."""
    from .evaluate import Model
    if spec["norm"] != NORMS["range"]:
        raise core.ToolError("only inputs of norm 'range' are taken from recordings: give a FILE.npz")
    model, x, bpm, seconds = Model(packed), [], [], spec["frames"] / spec["fps"]
    for r in data.recordings(folder):
        if r.split != split and r.data_set in data.SETS:
            continue
        t_us, rgb, done = np.round((r.t_s - r.t_s[0]) * 1e6).astype(np.int64), model.view(r.rgb), 0
        with core.Session("pos", model.regions, spec["fps"], max(4.0, seconds)) as session:
            for end in np.arange(seconds, t_us[-1] * 1e-6, spec["hop"] / spec["fps"]):
                upto = int(np.searchsorted(t_us, (end + 0.5 / spec["fps"]) * 1e6))  # times in files are rounded
                session.push(rgb[done:upto], t_us[done:upto])
                done, shown = upto, session.fragment(spec["frames"])
                if shown is not None:
                    x.append((shown,))
                    bpm.append(r.reference(end - seconds, end) if r.reference else np.nan)
    if not x:
        raise core.ToolError(f"{folder}: no recording of split {split} is long enough for the model")
    at = np.linspace(0, len(x) - 1, min(n, len(x))).astype(int)
    bpm = np.array(bpm, float)[at]
    return Inputs([x[k] for k in at], bpm if np.isfinite(bpm).any() else None)


def from_file(shapes, path, part, n):
    """x [n][...], or x0, x1 ... of several inputs, and bpm [n] if it is there; part: (begin, end) as shares of the file."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = ["x"] if "x" in arrays.files else [f"x{k}" for k in range(len(shapes))]
            given = [np.asarray(arrays[name], np.float32) for name in names]
            bpm = np.asarray(arrays["bpm"], float) if "bpm" in arrays.files else None
    except (OSError, ValueError, KeyError) as error:
        raise core.ToolError(f"{path}: {error}") from error
    for x, shape in zip(given, shapes):
        if len(x) < 2 or len(x) != len(given[0]) or x[0].size != np.prod(shape):
            raise core.ToolError(f"{path}: {x.shape} is not at least two inputs of {tuple(int(d) for d in shape)}")
    if bpm is not None and bpm.shape != (len(given[0]),):
        raise core.ToolError(f"{path}: bpm of {bpm.shape} for {len(given[0])} inputs")
    begin, end = (round(p * len(given[0])) for p in part)
    at = np.arange(begin, end)[np.linspace(0, end - begin - 1, min(n, end - begin)).astype(int)]
    return Inputs([tuple(x[k] for x in given) for k in at], None if bpm is None else bpm[at])


def read(source, graph, packed, split, n, folder=None, cameras=scene.COLOUR):
    """source: "simulated", FILE.npz (its first four fifths for "train", the last for "test") or a folder of recordings."""
    path = pathlib.Path(source)
    if source != "simulated" and not path.exists():
        raise core.ToolError(f"{source}: neither 'simulated' nor a file or folder that is there")
    if path.is_file():
        return from_file([t.shape for t in graph.inputs], path, (0.8, 1.0) if split == "test" else (0.0, 0.8), n)
    if not graph.spec:
        raise core.ToolError("the model does not say what it is fed: give a FILE.npz")
    if source == "simulated":
        return simulated(graph.spec, split, n, folder, cameras)
    return recorded(graph.spec, packed, split, n, path)


def rate_of(graph, y):
    """bpm that an output names: the middle of its highest class, a number, or what a session reads from a wave."""
    task, spec = graph.spec.get("task"), graph.spec
    y = np.ravel(y).astype(np.float64)
    if task == TASKS["classes"]:
        return float(graph.classes[y.argmax()] if graph.classes is not None else spec["bpm_first"] + spec["bpm_step"] * y.argmax())
    if task == TASKS["rate"]:
        return float(y[0])
    if task not in (TASKS["wave"], TASKS["slope"]):
        raise BlobError("a model that does not say what comes out names no rate")
    wave = np.cumsum(y) if task == TASKS["slope"] else y
    grey = 128 - (wave - wave.mean()) / (wave.std() + 1e-12)
    with core.Session("green", rate_hz=spec["fps"], window_s=max(4.0, len(y) / spec["fps"])) as session:
        session.push(np.repeat(grey[:, None, None], 3, axis=2), np.round(np.arange(len(y)) / spec["fps"] * 1e6))
        row = session.estimate()
    return np.nan if row is None else float(row[core.RESULTS.index("raw_bpm")])

"""Simulated face clips for networks that see video: rendered once, then cut and mirrored at random."""
import pathlib
from typing import NamedTuple

import numpy as np

from . import core, evaluate, scene, training

LEVEL = 256               # of the stored 16 bits a level of 255: a pulse is a fraction of one
BAND = (30.0, 252.0)      # bpm in which a wave's rate is sought: 0.5 to 4.2 Hz [Zhu2024, eq. 3]


class Clips(NamedTuple):
    video: np.ndarray   # uint16 [n][T][size][size][3], levels times LEVEL
    wave: np.ndarray    # float32 [n][T]
    bpm: np.ndarray     # [n] mean over the clip
    person: np.ndarray  # [n] which of the people, from 0
    fps: float


def render(sources, n, frames, size, fps, seed, people=None):
    """n clips by the RGB cameras, of any of the sources' subjects, or of the first so many in turn. Each has a seed of
    its own."""
    cameras = [scene.CAMERAS[name] for name in scene.COLOUR]
    out = Clips(np.empty((n, frames, size, size, 3), np.uint16), np.empty((n, frames), np.float32), np.empty(n),
                np.empty(n, int), fps)
    bar = training.Bar(0, n)
    for k in range(n):
        rng = np.random.default_rng([*seed, k])
        out.person[k] = k % people if people else rng.integers(len(sources.subjects))
        camera, motion = cameras[rng.integers(len(cameras))], scene.SCENARIOS[int(rng.random() < scene.MIXED)]
        video, out.wave[k], out.bpm[k] = scene.patches(rng, sources, camera, frames, size, fps, motion, out.person[k])
        out.video[k] = np.round(video * LEVEL).clip(0, 65535)
        bar.show(k + 1, lambda: "clips")
    return out


def cut(clips, which, first, frames, mirrored=None):
    """Of the clips `which` the frames from `first` [len(which)] on: levels [n][frames][size][size][3], waves."""
    at = np.asarray(first)[:, None] + np.arange(frames)
    video = clips.video[np.asarray(which)[:, None], at].astype(np.float32) / LEVEL
    if mirrored is not None:
        video[mirrored] = video[mirrored][:, :, :, ::-1]
    return video, clips.wave[np.asarray(which)[:, None], at]


def normalised(video, norm):
    """Levels [n][T][H][W][3] as rppg.h's session gives them to a model: RPPG_NN_NORM_STANDARD, or RPPG_NN_NORM_DIFF
    with a frame less."""
    axes = (1, 2, 3, 4)
    if norm == "diff":
        now, later = video[:, :-1], video[:, 1:]
        x = (later - now) / (later + now + np.float32(1e-7))
    else:
        x = video - video.mean(axes, keepdims=True)
    deviation = x.std(axes, keepdims=True)
    return np.divide(x, deviation, out=np.zeros_like(x), where=deviation > 0)


def batch_of(clips, frames, norm, size):
    """A batch for training.fit: `size` random cuts of random clips, half of them mirrored: (video
    [size][3][frames][H][W], waves of mean 0 and deviation 1, people)."""
    import torch

    from .wave_losses import standard
    given = frames + (norm == "diff")

    def batch(rng, epoch, step):
        which = rng.integers(len(clips.video), size=size)
        first = rng.integers(clips.video.shape[1] - given + 1, size=size)
        video, wave = cut(clips, which, first, given, rng.random(size) < 0.5)
        x = torch.from_numpy(normalised(video, norm)).movedim(-1, 1)
        return x, standard(torch.from_numpy(wave[:, :frames])), torch.from_numpy(clips.person[which])
    return batch


def inputs(clips, norm):
    """Each whole clip as the network's input, [T][H][W][3]"""
    for k in range(len(clips.video)):
        video, _ = cut(clips, [k], [0], clips.video.shape[1])
        yield normalised(video, norm)[0]


def figures(rates, clips):
    """{"mae", "rmse": bpm, "r", "within_3": %}"""
    error = np.abs(rates - clips.bpm)
    r = np.corrcoef(rates, clips.bpm)[0, 1] if np.ptp(rates) > 0 else 0.0
    return {"mae": error.mean(), "rmse": np.sqrt((error ** 2).mean()), "r": r, "within_3": 100 * (error <= 3).mean()}


def by_torch(model, clips, norm):
    """For training.fit: figures of a network in PyTorch, in evaluation mode; the first, "unlike", 1 - r of the waves,
    is less of a game of chance on a few clips than the error of their rates."""
    import torch

    from .wave_losses import rate_of, unlike
    where = next(model.parameters()).device
    with torch.no_grad():
        waves = torch.cat([model(torch.from_numpy(x).movedim(-1, 0)[None].to(where)).cpu()
                           for x in inputs(clips, norm)])
    far = unlike(waves, torch.from_numpy(clips.wave[:, :waves.shape[1]])).item()
    return {"unlike": far, **figures(rate_of(waves.numpy(), clips.fps, BAND), clips)}


def by_c(run, clips, norm):
    """Figures of a model run by the C code: run, an nn.Model."""
    from .wave_losses import rate_of
    return figures(rate_of([run(x).ravel() for x in inputs(clips, norm)], clips.fps, BAND), clips)


def by_pos(clips):
    """Figures of rppg.h's POS on the mean colour of the face box, the middle of the patch; one window, the clip. None
    where that is shorter than a session takes."""
    size, frames = clips.video.shape[2], clips.video.shape[1]
    edge, t_s, rates = round(size * (1 - 1 / scene.MARGIN) / 2), np.arange(frames) / clips.fps, []
    for video in clips.video:
        rgb = video[:, edge:size - edge, edge:size - edge].mean((1, 2), dtype=float) / LEVEL
        try:
            rows = list(core.windows(t_s, rgb[:, None], "pos", (frames - 1.5) / clips.fps, 1.0))
        except core.ToolError:
            rows = []
        if not rows:
            return None
        rates.append(rows[0][2][core.RESULTS.index("raw_bpm")])
    return figures(np.array(rates), clips)


def add_options(p, epochs, steps, frames, size, fps, batch, clips):
    """What trainings on clips have in common."""
    p.add_argument("out", type=pathlib.Path, help="folder of the training; one that was cut off goes on there")
    p.add_argument("--data", type=pathlib.Path,
                   help="folder of recordings for real beats and nuisance; drawn ones without it")
    for name, value, what in (("epochs", epochs, ""), ("steps", steps, "of an epoch"),
                              ("batch", batch, "clips of a step"), ("frames", frames, "of a clip"),
                              ("size", size, "pixels of a patch"),
                              ("clips", clips, "for training; an eighth of them for validation, half for testing"),
                              ("seed", 1, "")):
        p.add_argument("--" + name, type=int, default=value, help=f"{what} ({value})".strip())
    p.add_argument("--fps", type=float, default=fps, help=f"frames per second ({fps:g})")
    p.add_argument("--rates", default="1e-4,1e-3", help="lowest and highest learning rate (1e-4,1e-3)")


def pools(args, norm, people=None):
    """{split: Clips}: training clips of twice the frames, to be cut, the others of the frames that a run takes."""
    given, made = args.frames + (norm == "diff"), {}
    for number, (split, n, frames) in enumerate((("train", args.clips, 2 * args.frames),
                                                 ("validation", max(args.clips // 8, 4), given),
                                                 ("test", max(args.clips // 2, 4), given))):
        made[split] = render(scene.Sources(args.data, split), n, frames, args.size, args.fps, [args.seed, number],
                             people if split == "train" else None)
    return made


def add_readme(p, run):
    p.add_argument("--readme", type=pathlib.Path, help="put the table into this file, between its marks")
    p.set_defaults(run=run)


def rate_pair(text):
    try:
        low, high = (float(word) for word in text.split(","))
    except ValueError:
        raise core.ToolError(f"--rates {text}: wanted two numbers, LOW,HIGH") from None
    return low, high


def train(model, loss, args, made, norm, folder, settings, **more):
    """training.fit on the clips of pools(); settings: what makes this job another one than its options do."""
    own = {name: getattr(args, name) for name in ("frames", "size", "fps", "batch", "clips")}
    return training.fit(
        model, batch_of(made["train"], args.frames, norm, args.batch), loss, epochs=args.epochs, steps=args.steps,
        rates=rate_pair(args.rates), validate=lambda model: by_torch(model, made["validation"], norm), folder=folder,
        seed=args.seed, clip=1.0, settings={"data": str(args.data), **own, **settings}, **more)


def exported(model, args, name, test):
    """Writes OUT/NAME.rppg and NAME.onnx; figures of the first, run in C, on the test clips."""
    import torch

    from . import arch, nn
    model.eval()
    graph = arch.graph(model, args.frames, args.size, args.fps)
    graph.write(args.out / f"{name}.rppg")
    example = torch.zeros(1, 3, args.frames, args.size, args.size)
    training.export_onnx(model, (example,), args.out / f"{name}.onnx", batch=False)
    return by_c(nn.Model(graph.pack()), test, model.spec.norm)


def table(rows, test, more=None):
    """Lines of a table of figures on the test clips; more: {figure: title} of further columns."""
    more = more or {}
    yield "| | MAE, bpm | RMSE | r | within 3 bpm, % |" + "".join(f" {title} |" for title in more.values())
    yield "|---" * (5 + len(more)) + "|"
    digits = {"mae": 1, "rmse": 1, "r": 2, "within_3": 0} | {key: 0 for key in more}
    for name, f in rows.items():
        cells = [f"{f[key]:.{d}f}" if f and key in f else "-" for key, d in digits.items()]
        yield f"| {name} | {' | '.join(cells)} |"
    n, frames, size = test.video.shape[:3]
    yield ""
    yield (f"n = {n} simulated clips of the test split's subjects, {frames} frames of {size}x{size} at {test.fps:g} "
           "fps, by the C code.")


def said(lines, readme, command):
    """Prints a table, and puts it between a command's markers."""
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if readme:
        evaluate.into_readme(readme, text, command)
    return 0

"""distill: a small 2-D student that learns from a 3-D teacher, after KDPhys (2025, arXiv:2601.00714).

What the abstract says: attention-based distillation of a 3-D CNN's global temporal representations into a 2-D CNN
of 0.23 million parameters through 3-D-to-2-D feature distillation, and DILATE as the loss of the wave. No code is
public. Ours:

- Teacher: PhysNet (arch/physnet.py), half as wide as published, so that two cores train it. Student:
  arch/student.py.
- Both learn the wave of each clip by DILATE (dilate.py) over the clip's length, waves at mean 0 and deviation 1, so
  that no amplitude is asked for, and by 1 - Pearson's r: DILATE alone bears with a wave that lags now and then, and
  in as many steps (120) came to r = 0.61 on 45 validation clips where both came to 0.74.
- The student's maps behind each of its three stages are compared with the teacher's of that resolution, the
  student's averaged over time to the teacher's moments, in two attentions:
    space  per moment, the mean square over channels, of norm 1 [Zagoruyko2017, eq. 2]: squared distance
    time   softmax(z z' / sqrt(C)) of the maps' means over space z [T][C], each channel at mean 0 and deviation 1
           over time: which moments of a clip are alike; divergence from the teacher's. A learned layer brings the
           student's channels to the teacher's, and is thrown away after training.
- The same student from the same seed, clips and steps, without those two terms, shows what they bring.

Clips are rendered (scene.py) once, from recordings and virtual subjects of each split, and kept under the work
folder."""
import pathlib
import time

import numpy as np

from . import cards, core, evaluate, nn, scene, training
from .data import SPLITS
from .pack import need_torch

FPS, SIZE = 15.0, 36
SPAN = 160            # frames of a clip to judge by: 10.7 s
RUN, HOP = 128, 16    # frames of a run of the blob, and from run to run: a session's window of 10 s holds one
ALPHA, GAMMA = 0.5, 0.1
SPACE, TIME = 0.1, 0.1  # weights of the attentions: their gradients are then about half of the loss's own
BATCH, LOW = 8, 0.05  # clips of a step; the rate that the cycle begins from, of its highest


# ---- clips ------------------------------------------------------------------------------------------

def fed(video):
    """[T + 1][H][W][3] -> [T][H][W][3] as the session feeds "diff" models (rppg__model_clip in rppg.h)."""
    now, after = video[:-1].astype(np.float64), video[1:].astype(np.float64)
    x = (after - now) / (after + now + 1e-7)
    return (x / x.std()).astype(np.float32)


def face(video):
    """Mean colours [T][3] of the face box, the patch being scene.MARGIN times as large."""
    edge = round(video.shape[1] * (1 - 1 / scene.MARGIN) / 2)
    return video[:, edge:-edge, edge:-edge].mean((1, 2))


class Clips:
    """n rendered clips of a split, kept in folder; a run that was cut goes on where it was.

    x [n][frames][SIZE][SIZE][3] fed, wave [n][frames], colours [n][frames + 1][3], bpm [n]"""

    def __init__(self, folder, source, split, n, frames, seed):
        folder = pathlib.Path(folder) / f"{split}-{n}x{frames}-seed{seed}{'' if source else '-drawn'}"
        folder.mkdir(parents=True, exist_ok=True)
        for name, shape, kind in (("x", (frames, SIZE, SIZE, 3), np.float16), ("wave", (frames,), np.float32),
                                  ("colours", (frames + 1, 3), np.float32), ("bpm", (), np.float64)):
            path = folder / f"{name}.npy"
            if path.exists():
                array = np.lib.format.open_memmap(path, "r+")
            else:  # bpm comes last: zero is what is not there yet
                array = np.lib.format.open_memmap(path, "w+", kind, (n, *shape))
            setattr(self, name, array)
        self.frames, sources = frames, None
        lacking = np.flatnonzero(self.bpm == 0)
        bar = training.Bar(n - len(lacking), n)
        for k in lacking:
            sources = sources or scene.Sources(source, split)
            rng = np.random.default_rng([seed, SPLITS.index(split), k])
            camera = scene.CAMERAS[scene.COLOUR[k % len(scene.COLOUR)]]
            motion = scene.SCENARIOS[int(rng.random() < scene.MIXED)]
            video, wave, bpm = scene.patches(rng, sources, camera, frames + 1, SIZE, FPS, motion)
            self.x[k], self.wave[k], self.colours[k] = fed(video), wave[1:], face(video)
            self.bpm[k] = bpm
            bar.show(k + 1, lambda: f"{split} clips")

    def __len__(self):
        return len(self.bpm)

    def tensors(self, picked, mirrored=False):
        """x [N, 3, frames, SIZE, SIZE], wave [N, frames] at mean 0 and deviation 1"""
        torch = need_torch()
        x = torch.from_numpy(self.x[picked].astype(np.float32)).permute(0, 4, 1, 2, 3)
        if np.any(mirrored):
            x = torch.where(torch.from_numpy(mirrored)[:, None, None, None, None], x.flip(4), x)
        from .wave_losses import standard
        return x, standard(torch.from_numpy(self.wave[picked]))

    def batch(self, rng, epoch, step):
        picked = rng.integers(len(self), size=BATCH)
        return self.tensors(picked, rng.random(BATCH) < 0.5)


# ---- what is learnt ---------------------------------------------------------------------------------

def wave_loss(wave, truth):
    """Of waves [N][n] against truths of mean 0 and deviation 1."""
    from .dilate import dilate
    from .wave_losses import standard
    wave = standard(wave)
    return 1 - (wave * truth).mean() + dilate(wave, truth, ALPHA, GAMMA) / truth.shape[1]


def places(maps):
    """Where a map's energy is, [N, T, H * W] of norm 1 at each moment."""
    return need_torch().nn.functional.normalize(maps.pow(2).mean(1).flatten(2), dim=2)


def moments(z):
    """Logarithm of the attention of each moment to the others, [N, T, T], of features z [N, C, T]."""
    from .wave_losses import standard
    z = standard(z)
    return (z.transpose(1, 2) @ z / z.shape[1] ** 0.5).log_softmax(2)


def pupil(student, teacher):
    """The student and, while it learns, its layers towards the teacher's channels."""
    torch = need_torch()

    class Pupil(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.student = student
            with torch.no_grad():
                x = torch.zeros(1, 3, 8, SIZE, SIZE)
                widths = [(s.shape[1], t.shape[1]) for s, t in zip(student.features(x), teacher.features(x))]
            self.towards = torch.nn.ModuleList([torch.nn.Conv1d(a, b, 1) for a, b in widths])

        def forward(self, x):
            return self.student(x)

        def attentions(self, maps, taught):
            """Distances in space and in time, sums over the stages."""
            space = time = 0
            for layer, s, t in zip(self.towards, maps, taught):
                s = torch.nn.functional.avg_pool3d(s, (s.shape[2] // t.shape[2], 1, 1))
                space = space + (places(s) - places(t)).pow(2).sum(2).mean()
                time = time + torch.nn.functional.kl_div(moments(layer(s.mean((3, 4)))), moments(t.mean((3, 4))),
                                                         reduction="none", log_target=True).sum(2).mean()
            return space, time

    return Pupil()


def lesson(teacher):
    """The loss of a pupil: DILATE, and the teacher's attentions."""
    def loss(model, x, truth):
        with need_torch().no_grad():
            taught = teacher.features(x)
        maps = model.student.features(x)
        space, time = model.attentions(maps, taught)
        return wave_loss(model.student.head(maps[-1]), truth) + SPACE * space + TIME * time
    return loss


# ---- figures ----------------------------------------------------------------------------------------

def rate_of(colours, method="green"):
    """bpm of colours [T][3], read by a session of rppg.h over the newest 10 s; nan where it gives none."""
    with core.Session(method, rate_hz=FPS, bpm=scene.BPM) as session:
        session.push(colours[:, None], np.round(np.arange(len(colours)) / FPS * 1e6))
        row = session.estimate()
    return np.nan if row is None else row[core.RESULTS.index("raw_bpm")]


def rate_of_wave(wave):
    """The same of one wave, as the green of a grey face."""
    wave = np.asarray(wave, np.float64) - np.mean(wave)
    return rate_of(np.repeat(128 - wave[:, None] / (wave.std() + 1e-12), 3, 1))


def errors(waves, clips):
    """Of the rates, bpm; a wave without a rate counts as the whole band."""
    error = np.abs([rate_of_wave(w) for w in waves] - clips.bpm)
    return np.where(np.isnan(error), np.ptp(scene.BPM), error)


def interval(one, other, seed=0):
    """95 % of one's MAE over the other's, less one, in %: bootstrap over the clips that both were judged on."""
    picked = np.random.default_rng(seed).integers(len(one), size=(2000, len(one)))
    return np.percentile(100 * (one[picked].mean(1) / other[picked].mean(1) - 1), (2.5, 97.5))


def figures(waves, clips):
    """1 - Pearson's r of the waves, its mean over clips; MAE of the rate, share within 5 bpm, r. The first chooses the
    epoch: of 90 clips the MAE is that of a few which fail."""
    error = errors(waves, clips)
    r = [np.corrcoef(w, truth)[0, 1] if np.ptp(w) > 0 else 0.0 for w, truth in zip(waves, clips.wave)]
    return {"unlike": 1 - np.mean(r), "mae": error.mean(), "within_5": 100 * (error <= 5).mean(), "r": np.mean(r)}


def in_torch(model, clips):
    where = next(model.parameters()).device
    return [model(clips.tensors([k])[0].to(where))[0].cpu().numpy() for k in range(len(clips))]


def in_c(model, clips):
    """As a session does: the whole of the first run, of those behind it the newest frames."""
    def run(x):
        x = x.astype(np.float32)
        return model(x / x.std()).ravel()
    return [np.concatenate([run(x[:RUN])] + [run(x[end - RUN:end])[-HOP:] for end in range(RUN + HOP, SPAN + 1, HOP)])
            for x in clips.x]


def least_times(models, clips, rounds=60):
    """Microseconds of a run of each, by turns; the least, of the processor's time: others may use it, too."""
    least = np.full(len(models), np.inf)
    for k in range(rounds):
        for i, model in enumerate(models):
            start = time.process_time()
            model(clips.x[k % len(clips), :RUN])
            least[i] = min(least[i], time.process_time() - start)
    return 1e6 * least


# ---- the command ------------------------------------------------------------------------------------

def networks(width, seed):
    """Teacher and student, as they begin."""
    torch = need_torch()
    from . import arch
    torch.manual_seed(seed)
    teacher = arch.build("PhysNet", width=width)
    torch.manual_seed(seed)
    return teacher, arch.build("student")


def plain(model, x, truth):
    return wave_loss(model(x), truth)


def fit(args, name, model, loss, clips, held, **more):
    """Trains in the work folder's NAME; figures of the validation."""
    if training.rank() == 0:
        print(f"{name}:", flush=True)
    settings = {"clips": len(clips), "frames": clips.frames, "real": bool(args.data), "loss": [ALPHA, GAMMA], **more}
    done = training.fit(model, clips.batch, loss, epochs=args.epochs, steps=args.steps,
                        rates=(LOW * args.rate, args.rate), validate=lambda m: figures(in_torch(m, held), held),
                        folder=args.work / name, seed=args.seed, clip=1.0, settings=settings)
    if training.rank() == 0:
        print("  " + ", ".join(f"{k} {v:.3g}" for k, v in done.items()), flush=True)
    return done


def train(args, clips, held):
    """{"teacher": (network, figures of the validation), "student": ..., "alone": ...}"""
    teacher, alone = networks(args.width, args.seed)
    out = {"teacher": (teacher, fit(args, "teacher", teacher, plain, clips, held, width=args.width))}
    model = pupil(networks(args.width, args.seed)[1], teacher)
    teacher.to(training.device()).requires_grad_(False)
    done = fit(args, "student", model, lesson(teacher), clips, held, weights=[SPACE, TIME], width=args.width)
    out["student"] = model.student, done
    teacher.cpu()
    out["alone"] = alone, fit(args, "alone", alone, plain, clips, held)
    return out


TITLES = {"teacher": "teacher: PhysNet, {} channels wide", "student": "student, distilled",
          "alone": "the same student, alone"}


def judge(trained, clips, width):
    """Graphs and rows of figures, of the C code, on the test clips."""
    from . import arch
    graphs = {name: arch.graph(network, frames=RUN, size=SIZE, fps=FPS, task="wave")
              for name, (network, _) in trained.items()}
    models = {name: nn.Model(g.pack()) for name, g in graphs.items()}
    times = least_times(list(models.values()), clips)
    waves = {name: in_c(model, clips) for name, model in models.items()}
    rows = [{"name": TITLES[name].format(width), "parameters": arch.parameters(trained[name][0]),
             "macs": model.macs, "us": us, "errors": errors(waves[name], clips), **figures(waves[name], clips)}
            for (name, model), us in zip(models.items(), times)]
    error = np.abs([rate_of(c, "pos") for c in clips.colours] - clips.bpm)
    rows.append({"name": "POS of the face box, no network", "mae": np.nanmean(error),
                 "within_5": 100 * np.mean(error <= 5)})
    return graphs, dict(zip((*trained, "pos"), rows))


COLUMNS = (("parameters", 1, ",d"), ("macs", 1e-6, ".0f"), ("us", 1e-3, ".1f"), ("mae", 1, ".2f"),
           ("within_5", 1, ".1f"), ("r", 1, ".3f"))


def table(rows):
    lines = ["| | parameters | M multiply-adds | ms a run in C | MAE, bpm | within 5 bpm, % | r of the wave |",
             "|---|---|---|---|---|---|---|"]
    for row in rows:
        cells = [f"{row[key] * scale:{form}}" if key in row else "-" for key, scale, form in COLUMNS]
        lines.append(f"| {row['name']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def verdict(rows, n):
    teacher, student, alone = rows["teacher"], rows["student"], rows["alone"]
    def more(other):
        low, high = interval(student["errors"], other["errors"])
        return f"{100 * (student['mae'] / other['mae'] - 1):+.1f} % (95 % interval {low:+.0f} to {high:+.0f})"
    return (f"n = {n} clips of {SPAN / FPS:.1f} s, test split. Student against teacher: MAE {more(teacher)}, "
            f"{teacher['us'] / student['us']:.2f} times faster in C; against itself without a teacher: MAE "
            f"{more(alone)}.\n")


def add_command(commands):
    p = commands.add_parser("distill", help="a 3-D teacher and a 2-D student on rendered face clips",
                            description=__doc__.split("\n\n")[0] + """ Trains the teacher, the student with it and the
        student without it, and judges all three by the C code on the test clips. A run that was cut goes on where it
        was.""")
    p.add_argument("data", type=pathlib.Path, nargs="?",
                   help="folder of recordings, as for evaluate; without it beats and jitter are drawn")
    p.add_argument("--work", type=pathlib.Path, default=pathlib.Path("build/distill"),
                   help="clips, checkpoints and ONNX files (build/distill)")
    p.add_argument("--out", type=pathlib.Path, default=pathlib.Path("models"),
                   help="student.rppg and its card (models)")
    p.add_argument("--clips", type=int, default=1500, help="to train on (1500), and")
    p.add_argument("--held", type=int, default=90, help="to choose the epoch by (90), and")
    p.add_argument("--tests", type=int, default=300, help="to test on (300)")
    p.add_argument("--frames", type=int, default=64, help="of a clip to train on, a multiple of 4 (64)")
    p.add_argument("--epochs", type=int, default=6)
    p.add_argument("--steps", type=int, default=80, help=f"of {BATCH} clips, in each epoch (80)")
    p.add_argument("--rate", type=float, default=3e-3, help="highest learning rate (3e-3)")
    p.add_argument("--width", type=int, default=32, help="channels of the teacher (32; published: 64)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--readme", type=pathlib.Path, help="put the table into this file, between its marks")
    p.set_defaults(run=run)


def command_of(args):
    return "python -m rppg_tools distill " + " ".join(
        (["DATA"] if args.data else [])
        + [f"--{name} {getattr(args, name)}" for name in
           ("clips", "held", "tests", "frames", "epochs", "steps", "rate", "width", "seed")])


def run(args):
    torch = need_torch()
    if args.frames % 4 or args.frames < 16 or min(args.clips, args.held, args.tests, args.epochs, args.steps) < 1:
        raise core.ToolError("--frames must be a multiple of 4, at least 16; counts at least 1")
    if args.width < 4 or args.width % 4:
        raise core.ToolError("--width must be a multiple of 4")
    training.join()

    def rendered():
        return [Clips(args.work, args.data, split, n, frames, args.seed) for split, n, frames in (
            ("train", args.clips, args.frames), ("validation", args.held, SPAN), ("test", args.tests, SPAN))]
    if training.rank() == 0:
        rendered()
    training.shared(None)  # the others wait for the clips
    clips, held, tests = rendered()
    trained = train(args, clips, held)
    if training.rank():
        return 0
    graphs, rows = judge(trained, tests, args.width)
    text = table(rows.values()) + "\n" + verdict(rows, len(tests))
    print(text, end="")
    args.out.mkdir(parents=True, exist_ok=True)
    graph = graphs["student"]
    graph.note = "KDPhys-class student, distilled from PhysNet on rendered faces"
    graph.write(args.out / "student.rppg")
    x = torch.zeros(1, 3, RUN, SIZE, SIZE)
    for name, (network, _) in trained.items():
        training.export_onnx(network, (x,), args.work / f"{name}.onnx")
    save_card(args, trained, rows, len(tests))
    if args.readme:
        evaluate.into_readme(args.readme, text, "distill")
    return 0


def save_card(args, trained, rows, n_tests):
    names = {"mae": "MAE, bpm", "within_5": "within 5 bpm, %", "r": "r of the wave", "us": "microseconds a run in C"}
    real = "beats and rate dynamics of finger recordings, jitter of nuisance-faces"
    cards.write(
        args.out / "cards" / "student.json", arch="student",
        summary="Face patches (36x36, 15 fps, 128 frames) to the pulse wave: a 2-D network distilled from a 3-D one.",
        data=f"face clips rendered by rppg_tools/scene.py: {real if args.data else 'beats and jitter drawn'}; "
        f"cameras {', '.join(scene.COLOUR)}; {100 * scene.MIXED:.0f} % with head motion",
        split="recordings as in rppg_tools/data.py, virtual subjects of each split of their own",
        n={"train": args.clips, "validation": args.held, "test": n_tests}, seed=args.seed, command=command_of(args),
        metrics={f"{who}: {what} (test)": float(rows[who][key])
                 for who in ("student", "teacher", "alone") for key, what in names.items()}
        | {"POS: MAE, bpm (test)": float(rows["pos"]["mae"])},
        minutes=round(sum(done["minutes"] for _, done in trained.values()), 1), machine=cards.machine(),
        limits=["Trained and judged on rendered faces alone: how it does on real faces is not known.",
                "Rates from 40 to 125 bpm; 15 frames a second.", "Not a medical device."])

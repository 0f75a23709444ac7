"""train: a network on colour signals, from recordings or simulated ones to a blob, as Kopeliovich 2019 trains."""
import collections
import dataclasses
import functools
import json
import pathlib
import warnings

import numpy as np

from . import cards, core, evaluate, nn, scene
from .pack import need_torch, numbers

LOSSES = {"SE": "squared_error", "CE": "cross_entropy", "CL": "combined", "CL+F": "combined", "spectral": "soft_entropy"}
NOISE = (5e-3, 5e-2)         # bounds of the amplitude that a step's uniform noise has
RATES = (5.8e-5, 5.8e-3)     # of the 1cycle
VALIDATION, TEST = 2048, 4096  # fragments
REGIONS = 6
SEEDS = {"weights": 1, "validation": 2, "test": 3}  # of sets that are drawn once, so that every job has the same
PARITY = 1e-4                # largest difference of C and PyTorch, as a share of the outputs' range

Set = collections.namedtuple("Set", "x bpm camera mixed")


@dataclasses.dataclass(frozen=True)
class Job:
    """Everything that decides what comes out."""
    arch: str
    cameras: tuple
    data: str = ""           # folder of recordings; none: drawn pulses and nuisance
    epochs: int = 40
    steps: int = 50
    batch: int = 1024
    pool: int = 16384        # fragments drawn anew for each epoch, the steps of which choose among them
    rates: tuple = RATES
    seed: int = 1
    bf16: bool = False       # forward and backward passes in bfloat16
    start: str = ""          # folder of a job whose weights this one begins with, where names and sizes are the same


# ---- data --------------------------------------------------------------------------------------------------

@functools.cache
def sources(folder, split):
    return scene.Sources(folder or None, split)


def signals(job):
    """Six of cameras with one channel, else all colours; both kinds together have no model."""
    grey = {scene.CAMERAS[name].grey for name in job.cameras}
    if len(grey) > 1:
        raise core.ToolError(f"--cameras {','.join(job.cameras)}: cameras with one channel need a model of their own")
    return REGIONS if grey == {True} else 3 * REGIONS


def fragments(job, split, n, rng, cameras=None):
    names = cameras or job.cameras
    x, *rest = scene.fragments(rng, sources(job.data, split), [scene.CAMERAS[name] for name in names], n)
    return Set(x[:, :, 1::3] if signals(job) == REGIONS else x, *rest)


def fixed_set(job, split, n, cameras=None):
    """The same fragments for every job with this data folder."""
    return fragments(job, split, n, np.random.default_rng(SEEDS[split]), cameras)


class Batches:
    """(rng, epoch, step) -> signals with noise [batch][1][18][64], bpm [batch], for training.fit."""

    def __init__(self, job, draw=None):
        self.job, self.draw, self.epoch = job, draw or (lambda n, rng: fragments(job, "train", n, rng)), None

    def __call__(self, rng, epoch, step):
        torch = need_torch()
        if self.epoch != epoch:  # an epoch begins with its first step, also after an interruption
            self.pool, self.epoch = self.draw(self.job.pool, rng), epoch
        at = rng.choice(len(self.pool.bpm), self.job.batch, replace=len(self.pool.bpm) < self.job.batch)
        x = self.pool.x[at]
        amplitude = np.float32(rng.uniform(*NOISE))
        x = x + amplitude * (2 * rng.random(x.shape, np.float32) - 1)
        return torch.from_numpy(x), torch.from_numpy(self.pool.bpm[at].astype(np.float32))


# ---- networks ----------------------------------------------------------------------------------------------

def network(job, bpm):
    """With the weights of the job's seed. bpm: rates of a training set. The last batch norm of a network whose outputs are
    compared with numbers begins near these - mean and deviation of the rates, height of a smoothed label -
    for 1cycle needs thousands of steps to bring it there."""
    torch = need_torch()
    from . import arch, rate_losses
    if job.arch not in LOSSES:
        raise core.ToolError(f"no network '{job.arch}' to train: one of {', '.join(LOSSES)}")
    torch.manual_seed(job.seed)
    model = arch.build(job.arch, channels=signals(job))
    with torch.no_grad():
        if model.spec.task == "rate":
            last_norm(model).weight.fill_(float(bpm.std()))
            last_norm(model).bias.fill_(float(bpm.mean()))
        elif LOSSES[job.arch] == "combined":
            last_norm(model).weight.fill_(float(rate_losses.SMOOTHED.max()))
    if job.start:
        begin(model, pathlib.Path(job.start) / "best.pt")
    return model


def begin(model, path):
    """Copies tensors of another job's network into those of the same name and size."""
    torch = need_torch()
    try:
        given = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise core.ToolError(f"{path}: not the weights of a job: {error}") from error
    mine = model.state_dict()
    fitting = {name: t for name, t in given.items() if name in mine and mine[name].shape == t.shape and t.dim()}
    if not fitting:
        raise core.ToolError(f"{path}: no tensor of it fits")
    model.load_state_dict(mine | fitting)


def last_norm(model):
    return (model.filters or model.dense)[-1][2]


def loss_of(job, bpm):
    """(model, x, bpm) -> loss; bpm: rates of a training set, for the weights of the classes."""
    torch = need_torch()
    from . import rate_losses
    loss, weights = getattr(rate_losses, LOSSES[job.arch]), (rate_losses.class_weights(bpm),)
    if job.arch == "SE":
        weights = ()

    def value(model, x, target):
        with torch.autocast(x.device.type, torch.bfloat16, enabled=job.bf16):
            out = model(x)
        return loss(out.float(), target, *weights)
    return value


def by_torch(model, x, batch=512):
    torch = need_torch()
    where = next(model.parameters()).device
    with torch.no_grad():
        return np.concatenate([model(torch.from_numpy(x[k:k + batch]).to(where)).cpu().numpy()
                               for k in range(0, len(x), batch)])


def by_c(blob, x):
    """The outputs of the C code; each fragment [1][18][64] is its input [1][18][64][1] as it lies."""
    model = nn.Model(blob)
    return np.stack([model(fragment).ravel() for fragment in x])


def sharpen(model, factor):
    """Multiplies a pseudo-spectrum by a factor, inside the network's last layer."""
    torch = need_torch()
    last = [m for m in model.modules() if isinstance(getattr(m, "weight", None), torch.nn.Parameter)][-1]
    with torch.no_grad():
        last.weight.mul_(factor)
        last.bias.mul_(factor)


# ---- from a job to a blob ------------------------------------------------------------------------------------

Trained = collections.namedtuple("Trained", "model blob figures")


def train(job, folder, validation=None):
    """Trains, or goes on with it, or takes what is finished in the folder: model.rppg, model.onnx lie there, too. Classes of
    the blob are sharpened on validation, so that a session may take their softmax for a probability."""
    torch = need_torch()
    from . import arch, rate_losses, training
    torch.set_num_threads(1)  # small layers: threads cost more than they bring
    folder = pathlib.Path(folder)
    validation = validation or fixed_set(job, "validation", VALIDATION)
    first = fragments(job, "train", 8192, np.random.default_rng(SEEDS["weights"])).bpm
    model = network(job, first)
    best = training.fit(
        model, Batches(job), loss_of(job, first), epochs=job.epochs, steps=job.steps, rates=job.rates, folder=folder,
        seed=job.seed, validate=lambda m: rate_losses.figures(by_torch(m, validation.x), validation.bpm),
        settings={k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(job).items()})
    if model.spec.task == "classes":
        sharpen(model, rate_losses.sharpness(by_torch(model, validation.x), validation.bpm))
    graph = arch.graph(model)
    graph.note = f"{job.arch}, trained on {', '.join(job.cameras)} by rppg_tools train"
    blob = graph.pack()
    trained = Trained(model, blob, best)
    if training.rank() == 0:
        tested(trained, Set(*(v[:256] for v in validation)))
        (folder / "model.rppg").write_bytes(blob)
        with warnings.catch_warnings():  # an instance norm without statistics is always in "training mode"
            warnings.simplefilter("ignore")
            training.export_onnx(model, (torch.from_numpy(validation.x[:2]),), folder / "model.onnx")
        (folder / "job.json").write_text(json.dumps(dataclasses.asdict(job), indent=2) + "\n", encoding="utf-8")
    return trained


def tested(trained, test):
    """The outputs of the C code on a set, compared with PyTorch's: (outputs, largest difference)."""
    out, want = by_c(trained.blob, test.x), by_torch(trained.model, test.x)
    difference = float(np.abs(out - want).max() / np.ptp(want))
    if not difference < PARITY:
        raise core.ToolError(f"C and PyTorch differ by {difference:.2g} of the range, more than {PARITY}")
    return out, difference


def subsets(test, cameras):
    """Those of the paper's table 2: {name: mask}. Its three cameras are ours in their order."""
    return {"Stationary": ~test.mixed, "Mixed Motion": test.mixed,
            **{name: test.camera == k for k, name in enumerate(cameras)}, "Full": np.ones(len(test.mixed), bool)}


def figures_by_subset(out, test, cameras):
    """{subset: {"n", "mae", "coverage"}}, of subsets that are not empty."""
    from . import rate_losses
    return {name: {"n": int(mask.sum()), **rate_losses.figures(out[mask], test.bpm[mask])}
            for name, mask in subsets(test, cameras).items() if mask.any()}


# ---- the command -------------------------------------------------------------------------------------------

def add_data(p):
    p.add_argument("--data", default="", metavar="FOLDER", help="recordings whose pulses and nuisance are used (see the top of "
                   "rppg_tools/scene.py); without it both are drawn")
    p.add_argument("--cameras", default=",".join(scene.COLOUR), help="profiles of rppg_tools/scene.py, comma between")


def add_length(p, epochs=Job.epochs):
    p.add_argument("--epochs", type=int, default=epochs, help=f"{epochs}")
    p.add_argument("--steps", type=int, default=Job.steps, help=f"of an epoch ({Job.steps})")
    p.add_argument("--batch", type=int, default=Job.batch, help=f"fragments of a step ({Job.batch})")
    p.add_argument("--pool", type=int, default=Job.pool, help=f"fragments drawn anew for each epoch ({Job.pool})")
    p.add_argument("--rates", default=",".join(f"{r:g}" for r in RATES), metavar="LOW,HIGH",
                   help=f"of the 1cycle ({RATES[0]:g},{RATES[1]:g})")
    p.add_argument("--seed", type=int, default=Job.seed)
    p.add_argument("--start", default="", metavar="FOLDER", help="of a finished job: begin with its weights, where they fit")
    p.add_argument("--bf16", action="store_true", help="compute in bfloat16: half the time where the CPU has it; its rounding "
                   "is less than the least noise that training adds")


def add_command(commands):
    p = commands.add_parser("train", help="a network on colour signals, from data to blob", description=__doc__ + """
        Fragments of 64 frames from simulated recordings; Adam under a 1cycle, noise drawn anew each step, the best epoch by
        validation MAE. A job that was cut off is gone on with by the same command. Runs under torchrun, too.""")
    p.add_argument("out", type=pathlib.Path, help="MODEL.rppg")
    p.add_argument("--arch", default="CL+F", help=f"{', '.join(LOSSES)} (CL+F)")
    add_data(p)
    add_length(p)
    p.add_argument("--folder", type=pathlib.Path, help="of the job (build/train/MODEL); best.pt, log.csv, model.onnx go there")
    p.add_argument("--test", type=int, default=TEST, help=f"fragments of the test split ({TEST})")
    p.add_argument("--card", action="store_true", help="write the model's card beside it, cards/MODEL.json")
    p.add_argument("--range-test", type=pathlib.Path, metavar="SVG", help="only draw loss against learning rate, and say the "
                   "rates for --rates")
    p.set_defaults(run=run)


def job_of(args, arch):
    rates = numbers(args.rates, float)
    if len(rates) != 2 or not 0 < rates[0] <= rates[1]:
        raise core.ToolError(f"--rates {args.rates}: wanted two, the lower first")
    for name in ("epochs", "steps", "batch", "pool"):
        if getattr(args, name) < 1:
            raise core.ToolError(f"--{name}: at least 1")
    if args.data and not pathlib.Path(args.data).is_dir():
        raise core.ToolError(f"--data {args.data}: no such folder")
    cameras = tuple(evaluate.words(args.cameras, list(scene.CAMERAS), "camera"))
    return Job(arch, cameras, args.data, args.epochs, args.steps, args.batch, args.pool, tuple(rates), args.seed, args.bf16,
               args.start)


def range_test(job, path):
    """Figure 5 of the paper: the highest rate is where the smoothed loss is least, the lowest a hundredth of it."""
    from . import plots, training
    first = fragments(job, "train", job.pool, np.random.default_rng(SEEDS["weights"])).bpm
    rates, losses = training.range_test(network(job, first), Batches(job), loss_of(job, first), 1e-7, 10.0)
    high = plots.range_test(rates, losses, job.arch, path)
    print(f"{path}: --rates {high / 100:.2g},{high:.2g}")


def command_of(job, out):
    """The command that makes this again, with the data folder by its name in the documents."""
    words = [f"python -m rppg_tools train {out} --arch {job.arch}"]
    for field in dataclasses.fields(Job)[1:]:
        value, usual = getattr(job, field.name), field.default
        if field.name == "data":
            value = "DATA" if value else ""
        if value != usual:
            text = ",".join(f"{v:g}" if isinstance(v, float) else str(v) for v in value) if isinstance(value, tuple) else value
            words.append(f"--{field.name}" if value is True else f"--{field.name} {text}")
    return " ".join(words)


def card_of(job, trained, by_subset, out, test_n):
    kind = "trained" if job.data else "trained without recordings"
    return dict(
        summary=f"Heart rate from 18 colour signals of six facial regions over 4.3 s, {kind} on simulated recordings.",
        arch=job.arch, command=command_of(job, out), seed=job.seed, minutes=round(trained.figures["minutes"], 1),
        machine=f"{cards.machine()}, one thread",
        data=f"Simulated recordings of the cameras {', '.join(job.cameras)} (rppg_tools/scene.py)" + (
            ": pulse shapes and rates of finger-oximetry and finger-welltory, nuisance of nuisance-faces" if job.data else
            ": pulses and nuisance drawn"),
        split="by the subject of the pulse and the clip of the nuisance, as rppg_tools/data.py says; weights from train, epoch and "
              "sharpness from validation, figures from test",
        n={"train": job.epochs * job.pool, "validation": VALIDATION, "test": test_n},
        metrics={f"{what}, {subset}, test (n = {f['n']})": round(f[key], 2) for subset, f in by_subset.items()
                 for key, what in (("mae", "MAE bpm"), ("coverage", "% within 4 classes"))},
        limits=["Trained and tested on simulated cameras; on real faces only shown, not validated.",
                "Rates of 40 to 125 bpm; the nearest of them is given for others.", "Not a medical device."])


def run(args):
    from . import training
    job = job_of(args, args.arch)
    if args.range_test:
        range_test(job, args.range_test)
        return 0
    trained = train(job, args.folder or pathlib.Path("build") / "train" / args.out.stem)
    if training.rank():
        return 0
    test = fixed_set(job, "test", args.test)
    out, difference = tested(trained, test)
    by_subset = figures_by_subset(out, test, job.cameras)
    for name, f in by_subset.items():
        print(f"{name:<14} n {f['n']:>5}   MAE {f['mae']:5.2f} bpm   covered {f['coverage']:4.1f} %")
    print(f"epoch {trained.figures['epoch']} of {job.epochs}, validation MAE {trained.figures['mae']:.2f} bpm; "
          f"C and PyTorch differ by at most {difference:.1g} of the range")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(trained.blob)
    if args.card:
        cards.write(args.out.parent / "cards" / f"{args.out.stem}.json", **card_of(job, trained, by_subset, args.out, args.test))
    return 0

"""adapt: fits a model of colour signals to one camera, from a few minutes of it, by some hundred numbers.

The network stays as it is. Before it, matrices turn the camera's colours into those that the network was trained with, and
gains weigh the signals; behind it a small 1-D head straightens the pseudo-spectrum. They are trained through the network
itself, which is read from the .rppg file, and are stored in it as the chunk ADPT: sessions apply them, nothing else changes.

Labels are the recordings' references, or with --self the rates of windows of which the FFT is sure. Each step takes pieces of
the recordings at drawn speeds, so that few rates are enough to learn from.
"""
import dataclasses
import pathlib
import struct
import tempfile
import zlib

import numpy as np

from . import blob as blobs
from . import core, data, evaluate, scene
from .pack import NORMS, SOURCES, TASKS, need_torch

PARTS = ("mix", "mixes", "gain", "head")   # one matrix for all regions, or one for each; gains and offsets; head
USUAL = ("mixes", "head")                  # what helped most on validation: README
HIDDEN, TAPS = 4, 9                        # of the head: 76 numbers
SPEED = (0.8, 1.25)                        # of the pieces
LABEL_BPM = 13 / 6                         # deviation of the label's bell, as in rate_losses
PULL = 0.005                               # weight of the squared distance from doing nothing
SURE = 0.8                                 # confidence of a window that --self learns from


@dataclasses.dataclass
class Material:
    """A recording on the model's grid: levels [cells][channels], and the rate about each cell, nan where unknown."""
    levels: np.ndarray
    bpm: np.ndarray


# ---- from recordings to pieces -----------------------------------------------------------------------------

def sure_rates(recording, step_s=1.0, window_s=10.0):
    """(start, end) -> rate of the FFT's window that ends nearest to that, where it is sure; as a reference."""
    windows = [(end, dict(zip(core.RESULTS, row))) for _, end, row in
               core.windows(recording.t_s, recording.rgb, recording.methods[0], window_s, step_s)]
    sure = np.array([(end - window_s / 2, f["hr_bpm"]) for end, f in windows if f["confidence"] >= SURE]).reshape(-1, 2)

    def reference(start, end):
        off = np.abs(sure[:, 0] - (start + end) / 2)
        return float(sure[off.argmin(), 1]) if len(sure) and off.min() <= step_s else np.nan
    return reference


def material(recording, packed, by_itself=False):
    spec = blobs.read(packed).spec
    rgb = evaluate.Model(packed).view(recording.rgb)
    x = (rgb[:, :, 1] if evaluate.one_channel(spec) else rgb).reshape(len(rgb), -1)
    cells, half = int((recording.t_s[-1] - recording.t_s[0]) * spec["fps"] + 1e-6), spec["frames"] / spec["fps"] / 2
    if cells < 2 * spec["frames"]:
        raise core.ToolError(f"{recording.name}: {recording.t_s[-1]:.0f} s are too short to learn from")
    reference = sure_rates(recording) if by_itself else recording.reference
    if reference is None:
        raise core.ToolError(f"{recording.name}: no reference; --self learns from the FFT's sure windows")
    at = np.arange(cells) / spec["fps"]
    return Material(scene.gridded(recording.t_s, x, cells, spec["fps"]).astype(np.float32),
                    np.array([reference(t - half, t + half) for t in at], float))


def pieces(materials, spec, n, rng):
    """(levels [n][channels][frames], bpm [n]) from anywhere in the recordings, at drawn speeds."""
    frames, x, bpm = spec["frames"], [], []
    low, high = spec["bpm_first"], spec["bpm_first"] + spec["bpm_step"] * (spec["classes"] - 1)
    for _ in range(100 * n):
        m = materials[rng.integers(len(materials))]
        speed = rng.uniform(*SPEED)
        at = rng.uniform(0, len(m.levels) - 1 - (frames - 1) * speed) + speed * np.arange(frames)
        rate = m.bpm[int(at[frames // 2])] * speed
        if not low <= rate <= high:
            continue
        k, into = at.astype(int), (at % 1)[:, None].astype(np.float32)
        x.append(((1 - into) * m.levels[k] + into * m.levels[np.minimum(k + 1, len(m.levels) - 1)]).T)
        bpm.append(rate)
        if len(x) == n:
            return np.stack(x), np.array(bpm, np.float32)
    raise core.ToolError("too few labels to learn from: the pulse is hardly ever known, or outside of the model's rates")


# ---- what is trained ---------------------------------------------------------------------------------------

def adapted(graph, parts, seed):
    """A module: levels [N][channels][frames] to scores [N][classes], with an adapter before and behind the graph's network."""
    torch = need_torch()
    from . import fakequant
    F, spec, channels = torch.nn.functional, graph.spec, graph.spec["channels"]
    torch.manual_seed(seed)

    class Adapted(torch.nn.Module):
        def __init__(self):
            super().__init__()
            matrices = 0 if evaluate.one_channel(spec) else channels // 3 if "mixes" in parts else int("mix" in parts)
            gains, hidden = channels if "gain" in parts else 0, HIDDEN if "head" in parts else 0
            start = (torch.eye(3).repeat(matrices, 1, 1), torch.ones(gains), torch.zeros(gains),
                     0.3 * torch.randn(hidden, TAPS), torch.zeros(hidden), torch.zeros(hidden, TAPS))
            for name, value in zip(("mix", "gain", "offset", "rise", "bias", "fall"), start):
                setattr(self, name, torch.nn.Parameter(value, requires_grad=value.numel() > 0))
            self.start = [v.clone() for v in start]
            self.network = fakequant.Rounded(graph).requires_grad_(False)

        def forward(self, x):
            if len(self.mix):
                regions = x.reshape(len(x), -1, 3, x.shape[-1])
                x = torch.einsum("rij,nrjt->nrit", self.mix.expand(regions.shape[1], 3, 3), regions).reshape(x.shape)
            low, high = x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)
            x = 2 * (x - low) / (high - low).clamp_min(1e-6) - 1
            if len(self.gain):
                x = self.gain[:, None] * x + self.offset[:, None]
            y = self.network(x[..., None])[0].flatten(1)
            if len(self.bias):
                z = (y - y.mean(-1, keepdim=True))[:, None]
                r = F.relu(F.conv1d(z, self.rise[:, None], self.bias, padding=TAPS // 2))
                y = y + F.conv1d(r, self.fall[None], padding=TAPS // 2)[:, 0]
            return y

        def pull(self):
            values = (self.mix, self.gain, self.offset, self.rise, self.bias, self.fall)
            return sum(((v - s.to(v.device)) ** 2).sum() for v, s in zip(values, self.start))

        def adapter(self):
            return blobs.Adapter(*(v.detach().cpu().numpy() for v in (self.mix, self.gain, self.offset, self.rise, self.bias, self.fall)))
    return Adapted()


def fit(packed, recordings, parts=USUAL, by_itself=False, epochs=5, steps=40, batch=64, rate=3e-2, seed=1, folder=None):
    """(blob with the adapter, figures) from recordings of one camera. Two minutes are too little to hold some back: the length of
    the training was chosen on other subjects; what validates are pieces of the same recordings, so that an epoch that
    went astray is not taken."""
    torch = need_torch()
    from . import training
    graph = blobs.read(packed)
    spec = graph.spec
    if spec.get("task") != TASKS["classes"] or spec["source"] != SOURCES["signals"] or spec["norm"] != NORMS["range"]:
        raise core.ToolError("adapt takes classifiers of colour signals of norm 'range'")
    spec["classes"] = graph.outputs[0].size
    bpm = torch.tensor(np.asarray(graph.classes) if graph.classes is not None else
                       spec["bpm_first"] + spec["bpm_step"] * np.arange(spec["classes"])).float()
    materials = [material(r, packed, by_itself) for r in recordings]
    torch.set_num_threads(1)
    model = adapted(graph, parts, seed)
    some = [torch.from_numpy(v) for v in pieces(materials, spec, 256, np.random.default_rng([seed, 1]))]

    def entropy(m, x, rates):
        bell = torch.exp(-0.5 * ((bpm.to(x.device) - rates[:, None]) / LABEL_BPM) ** 2)
        return torch.nn.functional.cross_entropy(m(x), bell / bell.sum(1, keepdim=True))

    def validate(m):
        where = next(m.parameters()).device
        with torch.no_grad():
            return {"loss": float(entropy(m, *(v.to(where) for v in some)))}

    before = validate(model.eval())
    with tempfile.TemporaryDirectory() as scratch:
        figures = training.fit(
            model, lambda rng, epoch, step: [torch.from_numpy(v) for v in pieces(materials, spec, batch, rng)],
            lambda m, x, rates: entropy(m, x, rates) + PULL * m.pull(), epochs=epochs, steps=steps, rates=(rate / 100, rate),
            validate=validate, folder=folder or scratch, seed=seed, settings={"parts": list(parts), "batch": batch})
    if figures["loss"] < before["loss"]:
        graph.adapter = model.adapter()
    return repacked(packed, graph.adapter), {"before": before["loss"], **figures}


def repacked(packed, adapter):
    """The blob with another chunk ADPT, everything else byte by byte as it was."""
    words = list(struct.unpack_from("<8I", packed, 24))
    size, at, weight_size, weights_at = words[4:8]
    chunks, k = b"", at
    while at + size - k >= 8:
        n = struct.unpack_from("<I", packed, k + 4)[0]
        if packed[k:k + 4] != b"ADPT":
            chunks += packed[k:k + 8 + n] + bytes(-n % 4)
        k += 8 + n + -n % 4
    if adapter is not None:
        text = adapter.pack()
        chunks += b"ADPT" + struct.pack("<I", len(text)) + text
    # the parts in their order of place; chunks and weights come last in what pack() writes
    if not at < weights_at or at + size > weights_at:
        raise core.ToolError("the model's parts lie in an order that pack does not write")
    head = packed[:at]
    new_weights = blobs.up64(at + len(chunks))
    body = bytearray(head + chunks + bytes(new_weights - at - len(chunks)) + packed[weights_at:weights_at + weight_size])
    struct.pack_into("<I", body, 16, len(body))
    struct.pack_into("<2I", body, 40, len(chunks), at)
    struct.pack_into("<2I", body, 48, weight_size, new_weights)
    struct.pack_into("<I", body, 20, 0)
    struct.pack_into("<I", body, 20, zlib.crc32(bytes(body)))
    return bytes(body)


# ---- what it brought, by the C code ------------------------------------------------------------------------

def session_errors(packed, recordings, window_s, adapt=False, after_s=0.0):
    """(|model's rate - reference| of the windows that end after after_s, one each hop of the model; steps learnt), by sessions
    with a window of so many seconds: the rate is that of all the model's runs in it, before the FFT has a say."""
    spec, errors, learnt = blobs.read(packed).spec, [], 0
    at, hop = core.RESULTS.index("model_bpm"), spec["hop"] / spec["fps"]
    model = evaluate.Model(packed)
    for r in recordings:
        rgb, t_us, done = model.view(r.rgb), np.round((r.t_s - r.t_s[0]) * 1e6).astype(np.int64), 0
        with core.Session(r.methods[0], model.regions, window_s=window_s, model=packed, adapt=adapt) as session:
            for end in np.arange(window_s + 0.1, t_us[-1] * 1e-6, hop):
                upto = int(np.searchsorted(t_us, round(end * 1e6), side="right"))
                session.push(rgb[done:upto], t_us[done:upto])
                done, row = upto, session.estimate()
                wanted = r.reference(end - window_s, end)
                if row is not None and end > after_s and wanted > 0 and row[at] > 0:
                    errors.append(abs(row[at] - wanted))
            learnt += session.learnt()
    return np.array(errors), learnt


def fragment_errors(packed, recordings):
    """Of single runs: a window that holds exactly one, wherever between two of them it ends."""
    spec = blobs.read(packed).spec
    return session_errors(packed, recordings, (spec["frames"] + spec["hop"]) / spec["fps"] - 1 / 30)[0]


def simulated(camera, split, count, seconds, folder=None, seed=20261121):
    """Recordings of one of scene.py's cameras: each of another subject of the split."""
    return list(evaluate.simulated([camera], [split], count, folder, seconds, seed))


PERSONAL_S, JUDGED_S, WINDOW_S = 120.0, 60.0, 10.0  # learning on the device, then judged; windows of the FFT's default


def personal(packed, recordings, learns):
    """(errors, steps) of the model's rate in 10 s windows of the last minute of each recording, with a session that learns, or
    one that does not."""
    return session_errors(packed, recordings, WINDOW_S, learns, PERSONAL_S + WINDOW_S)


def row(name, errors):
    return f"| {name} | {len(errors)} | {errors.mean():.2f} | {100 * (errors < 3).mean():.1f} |\n"


def readme_text(models, test, persons):
    """The tables of the README, and a line on how much of the loss came back. models: {name: blob}."""
    errors = {name: fragment_errors(packed, test) for name, packed in models.items()}
    text = "| model, fragments of 4.3 s | n | MAE bpm | within 3 bpm, % |\n|---|---|---|---|\n"
    text += "".join(row(name, e) for name, e in errors.items())
    if len(errors) == 3:
        without, adapted_, beside = (e.mean() for e in errors.values())
        text += f"\nOf the loss of {without - beside:.2f} bpm the adapter brings back {100 * (without - adapted_) / (without - beside):.0f} %.\n"
    if persons:
        text += "\n| learning in the session, windows of 10 s | n | MAE bpm | within 3 bpm, % |\n|---|---|---|---|\n"
        for name, packed in list(models.items())[:2]:
            for learns in (False, True):
                e, steps = personal(packed, persons, learns)
                text += row(f"{name}; " + (f"after {PERSONAL_S:.0f} s of learning, {steps / len(persons):.0f} steps" if learns else "not learning"), e)
    return text + "\n"


# ---- the command -------------------------------------------------------------------------------------------

def add_command(commands):
    p = commands.add_parser("adapt", help="a model to one camera, by some hundred numbers from a few minutes of it", description=__doc__)
    p.add_argument("model", type=pathlib.Path, help="MODEL.rppg: a classifier of colour signals, f32 or f16")
    p.add_argument("data", help="folder of recordings of that camera (see: check --help), whose splits train and validation are "
                   "learnt from and test is judged by; or simulated:CAMERA of rppg_tools/scene.py")
    p.add_argument("out", type=pathlib.Path, help="OUT.rppg")
    p.add_argument("--self", dest="by_itself", action="store_true", help="labels are the FFT's sure windows, no reference is read")
    p.add_argument("--parts", default=",".join(USUAL),
                   help=f"of {', '.join(PARTS)} ({','.join(USUAL)}); mixes: a matrix for each region")
    p.add_argument("--seconds", type=float, default=120.0, help="of all recordings together to learn from (120)")
    p.add_argument("--pulses", default=None, metavar="FOLDER", help="simulated: recordings whose pulses and nuisance are used")
    p.add_argument("--epochs", type=int, default=5)
    p.add_argument("--steps", type=int, default=40, help="of an epoch (40)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--test", type=int, default=40, help="simulated: recordings of 60 s to judge by (40)")
    p.add_argument("--beside", type=pathlib.Path, metavar="ALL.rppg", help="a model that was trained with this camera: how much of "
                   "the distance to it the adapter makes up for")
    p.add_argument("--personal", type=int, default=0, metavar="N", help="simulated: N recordings of 190 s, in whose sessions the adapter learns")
    p.add_argument("--readme", type=pathlib.Path, help="write the tables between its markers")
    p.set_defaults(run=run)


def cut_to(recordings, seconds):
    """The first of them, together so long."""
    out = []
    for r in recordings:
        if seconds < 10.0:
            break
        keep = r.t_s - r.t_s[0] <= seconds
        out.append(dataclasses.replace(r, t_s=r.t_s[keep], rgb=r.rgb[keep]))
        seconds -= out[-1].t_s[-1] - out[-1].t_s[0]
    return out


def run(args):
    try:
        packed = args.model.read_bytes()
    except OSError as error:
        raise core.ToolError(f"{args.model}: {error.strerror}") from error
    parts = evaluate.words(args.parts, list(PARTS), "part")
    if args.data.startswith("simulated:"):
        camera = evaluate.words(args.data.partition(":")[2], list(scene.CAMERAS), "camera")[0]
        learn = simulated(camera, "train", max(1, round(args.seconds / 15)), 15.0, args.pulses, args.seed)  # more people tell more
        test = simulated(camera, "test", args.test, 60.0, args.pulses)
    elif args.personal:
        raise core.ToolError("--personal is for simulated cameras")
    else:
        found = list(data.recordings(args.data))
        learn, test = [r for r in found if r.split != "test"], [r for r in found if r.split == "test"]
        if not learn:
            raise core.ToolError(f"{args.data}: no recording of split train or validation (about.json: \"split\")")
    learn = cut_to(learn, args.seconds)
    try:
        out, trained = fit(packed, learn, parts, args.by_itself, args.epochs, args.steps, seed=args.seed)
    except blobs.BlobError as error:
        raise core.ToolError(f"{args.model}: {error}") from error
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(out)
    adapter = blobs.read(out).adapter
    print(f"{args.out}: {0 if adapter is None else adapter.size} numbers from {sum(r.t_s[-1] - r.t_s[0] for r in learn):.0f} s; "
          f"loss {trained['before']:.3f} -> {trained['loss']:.3f}")
    if test:
        models = {f"{args.model.stem}, without adapter": packed, f"with {0 if adapter is None else adapter.size} numbers of adapter": out}
        if args.beside:
            models[f"{args.beside.stem}, trained with this camera, too"] = args.beside.read_bytes()
        persons = simulated(camera, "test", args.personal, PERSONAL_S + JUDGED_S + WINDOW_S, args.pulses, args.seed + 1) if args.personal else []
        text = readme_text(models, test, persons)
        print(text, end="")
        if args.readme:
            evaluate.into_readme(args.readme, text, "adapt")
    return 0

"""LQ-rPPG (2026): pulse waves as labels of 1 to 5 bits, a network that is led by them from coarse to fine, and its
size beside RhythmMamba's.

Its repository holds the networks, their weights and the evaluation, but neither training loop. What is chosen here: a
label quantiser is trained to give the wave back in its levels (mean squared error and the commitment loss); stage k of
the network is compared with the label of k bits, its output with that of 5, all five alike, by the loss that the
repository names for this: 0.2 (1 - correlation) plus a cross entropy over rates."""
import pathlib
import time

import numpy as np

from . import clips, convert, core, nn, scene, training

WAVES = 512           # for validation
RATE_BAND = (30.0, 180.0)


# ---- labels ------------------------------------------------------------------------------------------

def waves(rng, sources, n, frames, fps):
    """Pulse waves of n subjects, each with mean 0 and deviation 1: a tensor [n][frames]"""
    import torch

    from .wave_losses import standard
    subject = sources.subjects[rng.integers(len(sources.subjects), size=n)]
    wave = scene.pulses(rng, sources, subject, np.arange(frames) / fps)[0].T
    return standard(torch.from_numpy(np.ascontiguousarray(wave, np.float32)))


def label_loss(model, wave):
    from torch.nn import functional as F
    levels, _, commitment = model(wave)
    return F.mse_loss(levels, wave) + commitment


def label_figures(model, wave, fps):
    """{"rmse": in deviations of the wave, "r", "levels": how many are in use, "bpm": mean distance of the rates}"""
    import torch

    from .wave_losses import rate_of, unlike
    with torch.no_grad():
        levels, code, _ = model(wave)
    rates = [rate_of(w.cpu().numpy(), fps, RATE_BAND) for w in (levels, wave)]
    return {"rmse": float((levels - wave).square().mean().sqrt()), "r": 1 - float(unlike(levels, wave)),
            "levels": len(code.unique()), "bpm": float(np.abs(rates[0] - rates[1]).mean())}


def load_labels(folder, bits=None):
    """The label quantisers of a folder, of 1 to 5 bits or of the given ones only, in evaluation mode."""
    from . import arch
    from .arch.checkpoint import tensors_of
    from .arch.labels import BITS, LabelQuantiser
    from .arch.lqrppg import quantisers
    out = []
    for k, path in enumerate(quantisers(folder, len(BITS)), 1):
        if not bits or k in bits:
            tensors = tensors_of(path)
            place = tensors.get("encoder.position_embedding")
            out.append(arch.load(LabelQuantiser(k, 160 if place is None else place.shape[1]), tensors))
    return out


def train_labels(args, bits):
    import torch

    from .arch.labels import LabelQuantiser
    rates = clips.rate_pair(args.rates)
    sources = {split: scene.Sources(args.data, split) for split in ("train", "validation")}
    held = waves(np.random.default_rng([args.seed, 1]), sources["validation"], WAVES, args.frames, args.fps)
    table = {}
    for k in bits:
        torch.manual_seed(args.seed)
        model = LabelQuantiser(k, args.frames)
        table[k] = training.fit(
            model, lambda rng, *_: waves(rng, sources["train"], args.batch, args.frames, args.fps), label_loss,
            epochs=args.epochs, steps=args.steps, rates=rates, folder=args.out / f"{k}-bit", seed=args.seed,
            validate=lambda model: label_figures(model, held.to(training.device()), args.fps),
            settings={"bits": k} | {name: str(getattr(args, name)) for name in ("data", "frames", "fps", "batch")})
        if training.rank() == 0:
            training.store(args.out / f"own_{k}th_LQ_best.pth", lambda path: torch.save(model.state_dict(), path))
    return table


def label_table(rows, n, fps):
    """rows: {name: {bits: figures}}"""
    yield "| quantisers | bits | levels, in use | error | r | rate off, bpm |"
    yield "|---|---|---|---|---|---|"
    for name, figures in rows.items():
        for k, f in figures.items():
            yield f"| {name} | {k} | {2 ** k}, {f['levels']:.0f} | {f['rmse']:.3f} | {f['r']:.3f} | {f['bpm']:.2f} |"
    yield ""
    yield (f"n = {n} waves of the validation split's subjects, {fps:g} fps; error: root mean square, in deviations of "
           "the wave.")


def run_labels(args):
    from .arch.labels import BITS
    try:
        bits = [int(b) for b in args.bits.split(",")]
    except ValueError:
        bits = []
    if not bits or not set(bits) <= set(BITS):
        raise core.ToolError(f"--bits {args.bits}: of {','.join(map(str, BITS))}, comma between")
    rows = {"own": train_labels(args, bits)}
    if training.rank():
        return 0
    if args.beside:
        sources = scene.Sources(args.data, "validation")
        held = waves(np.random.default_rng([args.seed, 1]), sources, WAVES, args.frames, args.fps)
        rows[args.beside.name] = {k: label_figures(model, held, args.fps)
                                  for k, model in zip(bits, load_labels(args.beside, bits))}
    return clips.said(label_table(rows, WAVES, args.fps), args.readme, "quantise-labels")


# ---- the network -------------------------------------------------------------------------------------

def draft_loss(draft, label, fps):
    from .wave_losses import off_rate, unlike
    return 0.2 * unlike(draft, label) + off_rate(draft, label, fps, RATE_BAND)


def coarse_to_fine(labels, fps):
    """loss(model, x, wave, people): of the stages against the labels of as many bits, of the output against the last.
    What is compared of each is what its quantiser's levels draw it to."""
    import torch

    from .arch.lqrppg import drawn

    def loss(model, x, wave, people):
        with torch.no_grad():
            targets = [label.to(wave.device)(wave)[0] for label in labels]
        out, drafts = model(x)
        drafts = [*drafts.unbind(1), drawn(out, labels[-1].quantizer.embeddings.weight.flatten())]
        return sum(draft_loss(draft, target, fps) for draft, target in zip(drafts, targets, strict=True))
    return loss


def run_train(args):
    import torch

    from . import arch
    labels = load_labels(args.labels)
    torch.manual_seed(args.seed)
    model = arch.build("LQ-rPPG", frames=args.frames, codebooks=args.labels)
    arch.graph(model, args.frames, args.size, args.fps)  # says now what it would say in the end
    pools = clips.pools(args, model.spec.norm)
    clips.train(model, coarse_to_fine(labels, args.fps), args, pools, model.spec.norm, args.out,
                {"labels": str(args.labels)})
    if training.rank():
        return 0
    rows = {"LQ-rPPG": clips.exported(model, args, "lq", pools["test"]), "POS": clips.by_pos(pools["test"])}
    return clips.said(clips.table(rows, pools["test"]), args.readme, "lq")


# ---- its size ----------------------------------------------------------------------------------------

def counted(network):
    """Parameters of the modules that hold no others: what the package thop counts, with which its repository does."""
    return sum(p.numel() for m in network.modules() if not list(m.children()) for p in m.parameters(recurse=False))


def seconds(models, rounds):
    """Least processor time of a run of each model on noise, taken in turn."""
    random = np.random.default_rng(1)
    given = [[random.standard_normal(shape).astype(np.float32) for shape in model.inputs] for model in models]
    least = [np.inf] * len(models)
    for _ in range(rounds):
        for k, model in enumerate(models):
            start = time.process_time()
            model(*given[k])
            least[k] = min(least[k], time.process_time() - start)
    return least


def size_table(frames, size, rounds):
    from . import parity
    arch = convert.architectures()
    networks = [parity.random_network(arch, name, {}) for name in ("LQ-rPPG", "RhythmMamba")]
    models = [nn.Model(arch.graph(network, frames, size).pack()) for network in networks]
    rows = [[arch.parameters(n), counted(n), m.macs / 1e6 / frames, 1 / s]
            for n, m, s in zip(networks, models, seconds(models, rounds))]
    yield "| | parameters | counted as the paper's | M multiply-adds a frame | clips/s in C |"
    yield "|---|---|---|---|---|"
    for name, (parameters, leaf, macs, speed) in zip(("LQ-rPPG", "RhythmMamba"), rows):
        yield f"| {name} | {parameters:,} | {leaf:,} | {macs:.1f} | {speed:.2f} |"
    yield "| change | " + " | ".join(f"{100 * (a / b - 1):+.0f} %" for a, b in zip(*rows)) + " |"
    yield "| the paper's | | -88 % | -29 % | +191 %, on a GPU |"
    yield ""
    yield (f"Clips of {frames} frames of {size}x{size}, f32, one thread, seconds of processor time, the least of {rounds} "
           "runs in turn.")


def run_size(args):
    return clips.said(size_table(args.frames, args.size, args.rounds), args.readme, "lq-size")


# ---- commands ----------------------------------------------------------------------------------------

def add_numbers(p, **values):
    for name, value in values.items():
        p.add_argument("--" + name, type=type(value), default=value, help=f"({value:g})")


def add_command(commands):
    p = commands.add_parser("quantise-labels", help="trains LQ-rPPG's label quantisers", description=__doc__)
    p.add_argument("out", type=pathlib.Path, help="folder of the trainings, and of own_Kth_LQ_best.pth")
    p.add_argument("--data", type=pathlib.Path, help="folder of recordings for real beats; drawn ones without it")
    p.add_argument("--bits", default="1,2,3,4,5", help="of which to train (1,2,3,4,5)")
    p.add_argument("--beside", type=pathlib.Path, metavar="FOLDER", help="judge the five quantisers there, too")
    add_numbers(p, epochs=10, steps=50, batch=16, frames=160, fps=30.0, seed=1)
    p.add_argument("--rates", default="1e-4,1e-2", help="lowest and highest learning rate (1e-4,1e-2)")
    clips.add_readme(p, run_labels)

    p = commands.add_parser("lq", help="trains LQ-rPPG from coarse to fine", description=__doc__)
    p.add_argument("--labels", type=pathlib.Path, required=True,
                   help="folder of five label quantisers, of quantise-labels or the published ones")
    clips.add_options(p, epochs=8, steps=30, frames=96, size=32, fps=15.0, batch=4, clips=96)
    clips.add_readme(p, run_train)

    p = commands.add_parser("lq-size", help="LQ-rPPG's size and speed beside RhythmMamba's", description=__doc__)
    add_numbers(p, frames=160, size=128, rounds=5)
    clips.add_readme(p, run_size)

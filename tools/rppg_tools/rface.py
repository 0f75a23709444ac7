"""rFaceNet (Zhu 2024): two tasks at once, the pulse wave and its rate, and who it is; and the network without its temporal compressor
(TCU) or its feature combiner (CTFC), as the paper's table 3.

The three losses are weighed by uncertainties that are learned [Kendall2018], equation 4 of the paper: the squared error of the wave and
of the rate over 2 sigma^2, the cross entropy of the identities over sigma^2, and log sigma of each. A rate of the output that has a slope
is the mean rate of its spectrum's peak; the paper, whose equation 3 names the highest bin, says nothing of the slope. Identities are the simulation's
subjects, each with one skin and one head."""
import pathlib

from . import clips, training
from .lq import said

VARIANTS = {"full": (True, True), "no TCU": (False, True), "no CTFC": (True, False), "neither": (False, False)}


def with_losses(network):
    """The network with the logarithms of its losses' deviations, to be trained together."""
    import torch

    class Uncertain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network
            self.log_sigma = torch.nn.Parameter(torch.zeros(3))

        def forward(self, x):
            return self.network(x)
    return Uncertain()


def likelihood(log_sigma, wave, rate, people):
    """Equation 4, of three losses; people None: without the third."""
    scale = (-2 * log_sigma).exp()
    total = 0.5 * scale[0] * wave + log_sigma[0] + 0.5 * scale[1] * rate + log_sigma[1]
    return total if people is None else total + scale[2] * people + log_sigma[2]


RATE_UNIT = 20.0  # bpm: rates are compared in these, so that all three losses begin at about 1 to 3


def loss_of(fps):
    from torch.nn import functional as F

    from .wave_losses import mean_rate, standard

    def loss(model, x, wave, people):
        out = model(x)
        out, scores = out if isinstance(out, tuple) else (out, None)
        rates = [mean_rate(w, fps, clips.BAND) / RATE_UNIT for w in (out, wave)]
        # a deviation's logarithm without a loss is left to itself, but has a slope, as training in several processes wants
        return 0 * model.log_sigma.sum() + likelihood(
            model.log_sigma, F.mse_loss(standard(out), wave), F.mse_loss(*rates), None if scores is None else F.cross_entropy(scores, people))
    return loss


def known(network, pool, norm):
    """% of the clips whose person the network names."""
    import numpy as np
    import torch
    with torch.no_grad():
        named = [int(network.people(torch.from_numpy(x).movedim(-1, 0)[None]).argmax()) for x in clips.inputs(pool, norm)]
    return 100 * float((np.array(named) == pool.person).mean())


def train(args, name, pools):
    import torch

    from . import arch
    tcu, ctfc = VARIANTS[name]
    torch.manual_seed(args.seed)
    model = with_losses(arch.build("rFaceNet", identities=args.people if tcu else 0, tcu=tcu, ctfc=ctfc))
    norm = model.network.spec.norm
    folder = args.out / name.replace(" ", "-").lower()
    training.fit(model, clips.batch_of(pools["train"], args.frames, norm, args.batch), loss_of(args.fps), epochs=args.epochs, steps=args.steps,
                 rates=clips.rate_pair(args.rates), folder=folder, seed=args.seed, weight_decay=5e-5, clip=1.0,
                 validate=lambda model: clips.by_torch(model, pools["validation"], norm),
                 settings={"variant": name, "data": str(args.data), "frames": args.frames, "size": args.size, "fps": args.fps,
                           "batch": args.batch, "clips": args.clips, "people": args.people})
    if training.rank():
        return None
    figures = clips.exported(model.network, args, name.replace(" ", "-").lower(), pools["test"])
    if tcu:
        figures["known"] = known(model.network, pools["again"], norm)
    return figures


def run(args):
    from . import arch, scene
    clips.rate_pair(args.rates)
    arch.graph(arch.build("rFaceNet"), args.frames, args.size, args.fps)  # says now what it would say in the end
    names = list(VARIANTS) if args.ablation else ["full"]
    pools = clips.pools(args, args.frames + 1, 2 * args.frames, args.people)
    pools["again"] = clips.render(scene.Sources(args.data, "train"), max(args.people, args.clips // 2), args.frames + 1, args.size, args.fps,
                                  [args.seed, 3], args.people)
    rows = {f"rFaceNet, {name}": train(args, name, pools) for name in names}
    if training.rank():
        return 0
    rows["POS"] = clips.by_pos(pools["test"])
    return said(clips.table(rows, pools["test"], {"known": "who it is, %"}), args.readme, "rfacenet")


def add_command(commands):
    p = commands.add_parser("rfacenet", help="trains rFaceNet, and it without its parts", description=__doc__)
    clips.add_options(p, epochs=8, steps=25, frames=96, size=32, fps=15.0, batch=4, clips=96)
    p.add_argument("--people", type=int, default=20, help="how many of the simulation's subjects to tell apart (20)")
    p.add_argument("--ablation", action="store_true", help="train it without its parts, too")
    p.add_argument("--readme", type=pathlib.Path, help="put the table into this file, between its marks")
    p.set_defaults(run=run)

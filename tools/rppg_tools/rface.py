"""rFaceNet (Zhu 2024): two tasks at once, the pulse wave and its rate, and who it is; and the network without its
temporal compressor (TCU) or its feature combiner (CTFC), as in the paper's table 3.

The three losses are weighed by uncertainties that are learned [Kendall2018], equation 4 of the paper: the squared error
of the wave and of the rate over 2 sigma^2, the cross entropy of the identities over sigma^2, and log sigma of each. A
rate of the output that has a slope is the mean rate of its spectrum's peak; the paper, whose equation 3 names the
highest bin, says nothing of the slope. Identities are the simulation's subjects, each with one skin and one head."""
from . import clips, training

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


RATE_UNIT = 60.0  # bpm: rates are compared in beats a second, so that all three losses begin between 1 and 3


def loss_of(fps):
    from torch.nn import functional as F

    from .wave_losses import mean_rate, standard

    def loss(model, x, wave, people):
        out = model(x)
        out, scores = out if isinstance(out, tuple) else (out, None)
        rates = [mean_rate(w, fps, clips.BAND) / RATE_UNIT for w in (out, wave)]
        who = None if scores is None else F.cross_entropy(scores, people)
        return likelihood(model.log_sigma, F.mse_loss(standard(out), wave), F.mse_loss(*rates), who)
    return loss


def known(network, pool, norm):
    """% of the clips whose person the network names."""
    import numpy as np
    import torch
    with torch.no_grad():
        named = [int(network.people(torch.from_numpy(x).movedim(-1, 0)[None]).argmax())
                 for x in clips.inputs(pool, norm)]
    return 100 * float((np.array(named) == pool.person).mean())


def train(args, name, pools):
    import torch

    from . import arch
    tcu, ctfc = VARIANTS[name]
    torch.manual_seed(args.seed)
    model = with_losses(arch.build("rFaceNet", identities=args.people if tcu else 0, tcu=tcu, ctfc=ctfc))
    norm = model.network.spec.norm
    file = name.replace(" ", "-").lower()
    clips.train(model, loss_of(args.fps), args, pools, norm, args.out / file, {"variant": name, "people": args.people},
                weight_decay=5e-5)
    if training.rank():
        return None
    figures = clips.exported(model.network, args, file, pools["test"])
    if tcu:
        figures["known"] = known(model.network, pools["again"], norm)
    return figures


def run(args):
    from . import arch, scene
    network = arch.build("rFaceNet")
    arch.graph(network, args.frames, args.size, args.fps)  # says now what it would say in the end
    names = list(VARIANTS) if args.ablation else ["full"]
    pools = clips.pools(args, network.spec.norm, args.people)
    pools["again"] = clips.render(scene.Sources(args.data, "train"), max(args.people, args.clips // 2),
                                  args.frames + 1, args.size, args.fps, [args.seed, 3], args.people)
    rows = {f"rFaceNet, {name}": train(args, name, pools) for name in names}
    if training.rank():
        return 0
    rows["POS"] = clips.by_pos(pools["test"])
    return clips.said(clips.table(rows, pools["test"], {"known": "who it is, %"}), args.readme, "rfacenet")


def add_command(commands):
    p = commands.add_parser("rfacenet", help="trains rFaceNet, and it without its parts", description=__doc__)
    clips.add_options(p, epochs=8, steps=25, frames=96, size=32, fps=15.0, batch=4, clips=96)
    p.add_argument("--people", type=int, default=20, help="how many of the simulation's subjects to tell apart (20)")
    p.add_argument("--ablation", action="store_true", help="train it without its parts, too")
    clips.add_readme(p, run)

"""The table of networks: how far the C code is from PyTorch, and how long a run takes."""
import pathlib
import time
import warnings

import numpy as np

from . import convert, core, evaluate, nn

# Options and frames of a clip where the network's own defaults would take minutes in PyTorch's double.
SMALL = {"PhysFormer": ({}, 16), "PhysNet": ({}, 32), "PhysMamba": ({}, 32), "iBVPNet": ({"frames": 32}, None),
         "FactorizePhys": ({}, 32), "rFaceNet": ({}, 32), "LQ-rPPG": ({}, 32),
         "RhythmMamba": ({}, 32)}
SEED = 2


def random_network(arch, name, options):
    """Seeded weights; codebooks where a network wants them."""
    import torch
    torch.manual_seed(SEED)
    network = arch.build(name, **options)
    if hasattr(network, "load_codebooks"):
        network.load_codebooks([{"quantizer.embeddings.weight": torch.randn(2 ** k, 1)} for k in range(1, 5)])
    from .arch import seeded
    with torch.no_grad():
        return seeded.fill(network)


def least_seconds(model, seconds=1.0):
    """Of a run of the model on noise."""
    random = np.random.default_rng(SEED)
    given = [random.standard_normal(shape).astype(np.float32) * 0.1 + 0.5 for shape in model.inputs]
    least, begin = np.inf, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        model(*given)
        least = min(least, time.perf_counter() - start)
    return least


def table(names=None, isa=None):
    """isa: a number of nn.ISAS; None: the best one."""
    import torch
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # iBVPNet's instance norm is told its channels though it has no weights
    arch = convert.architectures()
    yield "| network | parameters | input | M multiply-adds | largest difference | milliseconds | arena, KB | blob f32, KB |"
    yield "|---|---|---|---|---|---|---|---|"
    for name in names or arch.NETWORKS:
        options, frames = SMALL.get(name, ({}, None))
        network = random_network(arch, name, options)
        graph = arch.graph(network, frames=frames)
        data = graph.pack()
        model = nn.Model(data, isa)
        error = convert.parity(network, graph, model)
        shapes = ", ".join(" x ".join(str(d) for d in shape) for shape in model.inputs)
        yield (f"| {name} | {arch.parameters(network):,} | {shapes} | {model.macs / 1e6:.1f} | "
               f"{'-' if error is None else f'{error:.1e}'} | {1e3 * least_seconds(model):.3g} | "
               f"{model.arena_size / 1024:.0f} | {len(data) / 1024:.0f} |")


def add_command(commands):
    p = commands.add_parser("parity", help="the networks in C beside PyTorch", description=__doc__ + """ Weights are
                            random, seeded; differences are shares of the output's range, against PyTorch in double.""")
    p.add_argument("--arch", action="append", metavar="NAME", help="this network alone; repeatable")
    p.add_argument("--isa", choices=nn.ISAS, help="the instruction set (the best that this machine has)")
    p.add_argument("--readme", type=pathlib.Path, help="put the table into this file, between its marks")
    p.set_defaults(run=run)


def run(args):
    isa = nn.ISAS.index(args.isa) if args.isa else None
    if isa is not None and nn.library().nn_isa(isa) != isa:
        raise core.ToolError(f"--isa {args.isa}: not on this machine")
    lines = []
    for line in table(args.arch, isa):
        print(line, flush=True)
        lines.append(line)
    if args.readme:
        evaluate.into_readme(args.readme, "\n".join(lines) + "\n", "parity")
    return 0

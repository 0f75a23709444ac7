"""tables: tables 2 and 3 and figure 6 of Kopeliovich 2019, on simulated recordings, of the networks in a folder of jobs."""
import dataclasses
import itertools
import json
import pathlib

import numpy as np

from . import core, evaluate, train

PAPER_SEEN = 5000 * 4456  # epochs, fragments of its training set
SUBSETS = ("Stationary", "Mixed Motion", "Cam1", "Cam2", "Cam3", "Full")
PAPER_2 = {  # MAE in bpm, coverage in %, of each subset
    "SE": ((11.6, 10.8), (15.4, 13.7), (13.3, 13.7), (11.7, 12.4), (12.9, 9.0), (12.7, 11.7)),
    "CE": ((4.4, 44.8), (11.1, 31.3), (5.8, 36.8), (7.5, 38.7), (5.6, 47.2), (6.3, 40.9)),
    "CL": ((3.8, 48.3), (8.9, 39.5), (5.5, 43.8), (6.4, 34.5), (3.9, 58.1), (5.3, 45.8)),
    "CL+F": ((4.1, 47.8), (6.9, 48.7), (4.6, 44.7), (5.6, 45.0), (4.5, 54.2), (4.9, 48.1))}
PAPER_3 = {  # MAE in bpm on Cam1, Cam2, Cam3, all; by the cameras that CL+F was trained on
    (0,): (4.9, 13.3, 17.2, 11.6), (1,): (20.5, 5.0, 16.6, 14.3), (2,): (18.2, 20.3, 4.8, 14.4),
    (0, 1): (3.1, 4.6, 14.8, 7.5), (0, 2): (7.6, 13.5, 7.1, 9.3), (1, 2): (10.1, 5.5, 4.6, 6.8)}


def read_job(folder):
    values = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    return train.Job(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def seen(job):
    """How many fragments went through the network, those of the job that it began with too."""
    before = seen(read_job(pathlib.Path(job.start))) if job.start else 0
    return before + job.epochs * job.steps * job.batch


def finished(folder):
    """[(Job, blob)] of what train left in folder/*, in the order of LOSSES, the jobs of most cameras first."""
    found = []
    for path in sorted(folder.glob("*/job.json")):
        try:
            found.append((read_job(path.parent), (path.parent / "model.rppg").read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            raise core.ToolError(f"{path}: not a finished job: {error}") from error
    return sorted(found, key=lambda f: (-len(f[0].cameras), f[0].cameras, list(train.LOSSES).index(f[0].arch)))


def row(*cells):
    return "| " + " | ".join(str(c) for c in cells) + " |"


def table_2(results, cameras, test):
    """results: [(Job, outputs)] of all cameras."""
    yield row("network", "parameters", "fragments seen", "of", *(f"{name}: MAE, covered %" for name in SUBSETS))
    yield "|" + "---|" * (4 + len(SUBSETS))
    last = {job.arch: k for k, (job, _) in enumerate(results)}
    for k, (job, out) in enumerate(results):
        ours = train.figures_by_subset(out, test, cameras).values()
        yield row(job.arch, f"{parameters(job.arch):,}", f"{seen(job):,}", "simulated",
                  *(f"{f['mae']:.1f}, {f['coverage']:.1f}" for f in ours))
        if job.arch in PAPER_2 and last[job.arch] == k:
            yield row(job.arch, "", f"{PAPER_SEEN:,}", "*the paper*", *(f"*{mae}, {share}*" for mae, share in PAPER_2[job.arch]))


def table_3(results, cameras, test):
    """results: [(Job, outputs)] of some of the cameras."""
    from . import rate_losses
    yield row("trained on", "network", *(f"{c}, MAE" for c in cameras), "all", "*the paper's CL+F*")
    yield "|" + "---|" * (4 + len(cameras))
    for job, out in sorted(results, key=lambda r: (r[0].arch, len(r[0].cameras), [cameras.index(c) for c in r[0].cameras])):
        masks = [test.camera == k for k in range(len(cameras))] + [np.ones(len(out), bool)]
        paper = PAPER_3.get(tuple(cameras.index(c) for c in job.cameras), ())
        yield row(" + ".join(job.cameras), job.arch,
                  *(f"{rate_losses.figures(out[m], test.bpm[m])['mae']:.1f}" for m in masks), "*" + ", ".join(map(str, paper)) + "*")


def parameters(name):
    from . import arch
    return arch.parameters(arch.build(name))


def jobs_of(args):
    """{folder name: Job}: every network on all cameras, and one on each camera and pair of cameras. Those of the paper that give
    classes begin with what SE has learnt: a rate teaches the convolutions from every fragment, a class from its own alone."""
    whole = {name: train.job_of(args, name) for name in train.LOSSES}
    if args.shift not in whole:
        raise core.ToolError(f"--shift {args.shift}: one of {', '.join(whole)}")
    cameras = whole[args.shift].cameras
    parts = itertools.chain(itertools.combinations(cameras, 1), itertools.combinations(cameras, 2))
    of_some = {"-".join((args.shift, *part)): dataclasses.replace(whole[args.shift], cameras=part) for part in parts}
    if not args.start:
        whole |= {name: dataclasses.replace(job, start=str(args.folder / "SE")) for name, job in whole.items()
                  if name in ("CE", "CL", "CL+F")}
    return whole | of_some


def add_command(commands):
    p = commands.add_parser("tables", help="the tables of Kopeliovich 2019 from trained networks", description=__doc__ + """
        Rows are the jobs that lie in the folder, as `train --folder` leaves them; all are judged by the C code on the same
        fragments of the test split. Jobs of pairs of cameras see as many fragments as those of one.""")
    p.add_argument("folder", type=pathlib.Path, help="of jobs")
    p.add_argument("--train", action="store_true", help="train what lacks first: every network on all cameras, and --shift on "
                   "each camera and pair")
    p.add_argument("--shift", default="CL+F", help="network of table 3 (CL+F)")
    train.add_data(p)
    train.add_length(p)
    p.add_argument("--test", type=int, default=train.TEST, help=f"fragments of the test split ({train.TEST})")
    p.add_argument("--readme", type=pathlib.Path, help="put the tables between their markers")
    p.add_argument("--plot", type=pathlib.Path, metavar="FOLDER", help="draw figure 6 there, kopeliovich.svg")
    p.set_defaults(run=run)


def run(args):
    from . import rate_losses
    if args.train:
        for name, job in jobs_of(args).items():
            if not (args.folder / name / "job.json").exists():
                trained = train.train(job, args.folder / name)
                print(f"{name}: validation MAE {trained.figures['mae']:.2f} bpm", flush=True)
    found = finished(args.folder)
    whole = train.job_of(args, next(iter(train.LOSSES)))
    if not any(job.cameras == whole.cameras for job, _ in found):
        raise core.ToolError(f"{args.folder}: no finished job of {', '.join(whole.cameras)}; --train makes them")
    test = train.fixed_set(whole, "test", args.test)
    results = [(job, train.by_c(blob, test.x)) for job, blob in found]
    of_all = [r for r in results if r[0].cameras == whole.cameras]
    of_some = [r for r in results if r[0].cameras != whole.cameras]
    text = "\n".join(table_2(of_all, whole.cameras, test)) + "\n"
    if of_some:
        text += "\n" + "\n".join(table_3(of_some, whole.cameras, test)) + "\n"
    counts = ", ".join(f"{name} {mask.sum()}" for name, mask in train.subsets(test, whole.cameras).items())
    text += (f"\nTest split, fragments of 4.3 s: {counts}. Cam1 to Cam3 are the simulated {', '.join(whole.cameras)}; *the paper*: its "
             "own recordings of other cameras, split in time. Covered: within 3 bpm, of classes within 4 labels.\n")
    print(text, end="")
    if args.readme:
        evaluate.into_readme(args.readme, text, "tables")
    if args.plot:
        from . import plots
        args.plot.mkdir(parents=True, exist_ok=True)
        masks = train.subsets(test, SUBSETS[2:5])
        plots.estimates({job.arch: {name: (test.bpm[m], rate_losses.rate_of(out[m])) for name, m in masks.items()}
                         for job, out in of_all}, args.plot / "kopeliovich.svg")
    return 0

"""Drawings of an evaluation: SVG files that are the same bytes for the same figures."""
import numpy as np

from . import core, evaluate

try:
    import matplotlib
except ImportError as error:
    raise core.ToolError("--plot needs matplotlib: pip install './tools[plot]'") from error
matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402

matplotlib.rcParams.update({"svg.hashsalt": "rppg", "svg.fonttype": "none", "figure.figsize": (5, 4.2),
                            "axes.grid": True, "grid.alpha": 0.3, "font.size": 9})


def groups(rows):
    out = {}
    for row in rows:
        out.setdefault((row.data_set, row.method), []).append(row)
    return out.items()


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


def scatter(axes, rows):
    for (name, method), group in groups(rows):
        axes.plot(evaluate.column(group, "reference"), evaluate.column(group, "bpm"), ".", ms=3, alpha=0.5,
                  label=f"{name}, {method} ({len(group)})")
    axes.axline((60, 60), slope=1, color="black", lw=0.7)
    axes.set(xlabel="reference, bpm", ylabel="estimate, bpm")


def bland_altman(axes, rows):
    for (name, method), group in groups(rows):
        bpm, reference = evaluate.column(group, "bpm"), evaluate.column(group, "reference")
        d = bpm - reference
        points, = axes.plot((bpm + reference) / 2, d, ".", ms=3, alpha=0.5,
                            label=f"{name}, {method}: {d.mean():.2f} ± {1.96 * d.std():.2f}")
        for y in (d.mean(), d.mean() - 1.96 * d.std(), d.mean() + 1.96 * d.std()):
            axes.axhline(y, color=points.get_color(), lw=0.7, ls="--")
    axes.set(xlabel="mean of both, bpm", ylabel="estimate - reference, bpm")


def reliability(axes, rows, bins=10):
    for method in sorted({r.method for r in rows}):
        group = [r for r in rows if r.method == method]
        c, ok = evaluate.column(group, "confidence"), evaluate.hit(group)
        at = np.minimum((c * bins).astype(int), bins - 1)
        used = [b for b in range(bins) if (at == b).sum() >= 5]
        axes.plot([c[at == b].mean() for b in used], [ok[at == b].mean() for b in used], "o-", ms=3,
                  label=f"{method}: ECE {evaluate.calibration_error(c, ok):.3f} ({len(group)})")
    axes.plot([0, 1], [0, 1], color="black", lw=0.7)
    axes.set(xlabel="confidence", ylabel="share within 5 bpm", xlim=(0, 1), ylim=(0, 1))


def risk_coverage(axes, rows):
    for (name, method), group in groups(rows):
        error = np.abs(evaluate.column(group, "bpm") - evaluate.column(group, "reference"))
        coverage, risk = evaluate.risk_coverage(evaluate.column(group, "confidence"), error)
        axes.plot(coverage, risk, label=f"{name}, {method}: {risk.mean():.2f}")
    axes.set(xlabel="coverage", ylabel="mean error of the most confident, bpm", xlim=(0, 1), ylim=(0, None))


def draw(rows, folder):
    """scatter, bland_altman, risk_coverage of windows with a pulse; reliability of all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    real = [r for r in rows if r.data_set != "vitallens-core"]  # a model's rates are no truth
    pulse = [r for r in real if r.pulse]
    for name, plot, chosen in (("scatter", scatter, pulse), ("bland_altman", bland_altman, pulse),
                               ("reliability", reliability, real), ("risk_coverage", risk_coverage, pulse)):
        if chosen:
            figure, axes = pyplot.subplots()
            plot(axes, chosen)
            axes.legend(fontsize=6)
            save(figure, folder / f"{name}.svg")


# ---- of training --------------------------------------------------------------------------------------

def range_test(rates, losses, name, path):
    """Loss against learning rate, smoothed along the rates' logarithm; the rate where that is least, which is given back, and
    its hundredth are marked [Kopeliovich2019, fig. 5]."""
    width = max(1, len(losses) // 20)
    kernel = np.exp(-0.5 * (np.arange(-3 * width, 3 * width + 1) / width) ** 2)
    smooth = np.convolve(np.pad(losses, 3 * width, mode="edge"), kernel / kernel.sum(), "valid")
    high = float(rates[np.argmin(smooth)])
    figure, axes = pyplot.subplots()
    axes.semilogx(rates, losses, ".", ms=3, alpha=0.5)
    axes.semilogx(rates, smooth)
    for rate in (high / 100, high):
        axes.axvline(rate, color="black", lw=0.7, ls="--")
    axes.set(xlabel="learning rate", ylabel="loss", title=name)
    save(figure, path)
    return high


def estimates(networks, path):
    """Figure 6 of Kopeliovich 2019: {network: {subset: (references, estimates)}}, bpm; how many fragments fell where, darker is
    more, on a logarithmic scale. Dashed: no error; dash-dotted: 3 bpm."""
    subsets = list(next(iter(networks.values())))
    figure, axes = pyplot.subplots(len(networks), len(subsets), sharex=True, sharey=True, squeeze=False,
                                   figsize=(1.6 * len(subsets), 1.6 * len(networks) + 0.3))
    edges = np.linspace(40, 125, 52)
    for line, (network, by_subset) in zip(axes, networks.items()):
        for panel, (subset, (reference, estimate)) in zip(line, by_subset.items()):
            counts, _, _ = np.histogram2d(np.clip(estimate, 40, 125), reference, [edges, edges])
            panel.imshow(np.log1p(counts), origin="lower", extent=(40, 125, 40, 125), cmap="Greys", interpolation="none")
            for offset, style in ((-3, "-."), (0, "--"), (3, "-.")):
                panel.axline((80, 80 + offset), slope=1, color="tab:red", lw=0.5, ls=style)
            panel.set_title(f"{network}, {subset}", fontsize=7)
            panel.tick_params(labelsize=6)
            panel.set(xlim=(40, 125), ylim=(40, 125))
    figure.supxlabel("reference, bpm", fontsize=8)
    figure.supylabel("estimate, bpm", fontsize=8)
    save(figure, path)

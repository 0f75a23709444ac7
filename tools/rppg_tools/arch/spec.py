"""What a network wants to be fed and what it gives, and the whole network as a graph that says so."""
import dataclasses

from ..blob import Graph
from ..core import ToolError

TASKS = {"classes": 1, "wave": 2, "slope": 3, "rate": 4}  # rppg_nn_task
SOURCES = {"raw": 0, "signals": 1, "patches": 2}          # rppg_nn_source
NORMS = {"none": 0, "unit": 1, "range": 2, "standard": 3, "diff": 4, "diff standard": 5}  # rppg_nn_norm


@dataclasses.dataclass(frozen=True)
class Spec:
    """frames: values of one run; extra: frames more than that, where the network takes differences itself."""
    task: str
    norm: str
    frames: int
    size: int = 72           # pixels; 0: not for images
    channels: int = 3
    extra: int = 0
    fps: float = 30.0
    hop: int = 0             # new values from run to run; 0: all
    source: str = "patches"
    margin: float = 1.5      # the face box times this, as rPPG-Toolbox crops
    multiple: int = 1        # frames are a multiple of this
    bpm: tuple = (0.0, 0.0)  # of class 0, and from class to class
    streams: bool = False    # a frame at a time, with a state and the frame rate built in


def graph(model, frames=None, size=None, fps=None, task=None):
    """The network as a blob.Graph, with the chunk that tells a session how to feed it.

    frames, size, fps: others than usual, where the network leaves a choice. task: "slope" or "wave", for one that was
    trained for the other than usual."""
    spec = model.spec
    for what, wish in (("frames", frames), ("size", size)):
        built = getattr(model, what, wish)
        if wish and built != wish:
            raise ToolError(f"this {type(model).__name__} was built with {what} = {built}, not {wish}")
    frames, size = (wish or getattr(model, what, usual) for what, wish, usual in
                    (("frames", frames, spec.frames), ("size", size, spec.size)))
    multiple = max(spec.multiple, getattr(model, "depth", 0))
    if frames % multiple:
        raise ToolError(f"{type(model).__name__} takes a multiple of {multiple} frames, not {frames}")
    given = frames + spec.extra
    shapes = model.input_shapes(given) if hasattr(model, "input_shapes") else [(given, size, size, spec.channels)]
    g = Graph()
    out = model.lower(g, *map(g.input, shapes), **({"fps": fps or spec.fps} if spec.streams else {}))
    for x in out if isinstance(out, tuple) else (out,):
        g.output(x)
    g.spec = {"task": TASKS[task or spec.task], "source": SOURCES[spec.source], "frames": given,
              "hop": spec.hop or frames, "fps": fps or spec.fps, "channels": spec.channels, "w": size, "h": size,
              "norm": NORMS[spec.norm], "margin": spec.margin, "bpm_first": spec.bpm[0], "bpm_step": spec.bpm[1]}
    return g

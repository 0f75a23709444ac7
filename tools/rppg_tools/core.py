"""The C code: found, compiled into a shared library, and called."""
import ctypes
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess

import numpy as np

METHODS = {"pos": 0, "chrom": 1, "green": 2, "contact": 3, "pbv": 4, "consensus": 12}  # rppg_method
FORMATS = ("grey", "420", "422", "444", "rgb")  # of frames, in shim.c's order
HERE = pathlib.Path(__file__).resolve().parent
RESULTS = ("t_s", "hr_bpm", "tracked_bpm", "confidence", "snr_db", "window_s", "fps", "flags", "raw_bpm",
           "source", "model_bpm", "model_share")


class ToolError(Exception):
    """Something that the user can put right; its text says what."""


def header_folder():
    """The folder of rppg.h: $RPPG_HEADERS, or the nearest one above here or above this package."""
    named = os.environ.get("RPPG_HEADERS")
    folders = [pathlib.Path(named)] if named else [p for start in (pathlib.Path.cwd().resolve(), HERE)
                                                   for p in (start, *start.parents)]
    for folder in folders:
        if (folder / "rppg.h").is_file() and (folder / "rppg_dsp.h").is_file():
            return folder
    raise ToolError("rppg.h and rppg_dsp.h not found: run in the repository, or set RPPG_HEADERS")


def library_file(shim="shim.c", headers=("rppg.h", "rppg_nn.h", "rppg_dsp.h")):
    """Compiles a shim where its sources have changed since; the file lies in build/."""
    folder = header_folder()
    sources = [*(folder / header for header in headers), HERE / shim]
    compiler = os.environ.get("CC", "cc")
    command = [*compiler.split(), "-std=c99", "-O2", "-fPIC", "-shared", "-fvisibility=hidden"]
    digest = hashlib.sha256(" ".join([*command, platform.machine()]).encode())
    for source in sources:
        digest.update(source.read_bytes())
    out = folder / "build" / f"rppg_{shim[:-2]}-{digest.hexdigest()[:16]}.so"
    if out.exists():
        return out
    if not shutil.which(command[0]):
        raise ToolError(f"no C compiler: '{command[0]}' not found; set CC")
    out.parent.mkdir(exist_ok=True)
    part = out.with_name(f"{out.name}.{os.getpid()}")  # two tools may build at the same time
    done = subprocess.run([*command, f"-I{folder}", str(HERE / shim), "-o", str(part), "-lm"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise ToolError(f"{' '.join(done.args)} failed:\n{done.stderr}")
    part.replace(out)
    return out


_library = None


def library():
    global _library
    if _library is None:
        lib = ctypes.CDLL(str(library_file()))
        p, d, size = ctypes.c_void_p, ctypes.c_double, ctypes.c_size_t
        for name, result, arguments in (
                ("results", ctypes.c_int, []), ("evidence", ctypes.c_int, []),
                ("version", ctypes.c_char_p, []), ("flag_text", ctypes.c_char_p, [ctypes.c_uint]),
                ("open", p, [ctypes.c_int, ctypes.c_int, d, d, d, d, ctypes.c_char_p, size, ctypes.c_int]),
                ("learnt", ctypes.c_uint, [p]), ("close", None, [p]),
                ("push", ctypes.c_int, [p, p, p, size]), ("fragment", ctypes.c_int, [p, size, p]),
                ("push_frame", ctypes.c_int, [p, *[ctypes.c_int] * 4, p, p, ctypes.c_int64, p]),
                ("estimate", ctypes.c_int, [p, p]),
                ("wave", size, [p, p, size]), ("spectrum", size, [p, p, size, p])):
            function = getattr(lib, "shim_" + name)
            function.restype, function.argtypes = result, arguments
        if lib.shim_results() != len(RESULTS):
            raise ToolError("shim.c and core.py do not fit together")
        _library = lib
    return _library


class Session:
    """rppg_session over mean colours, or over frames with rois None: the six of RPPG_LAYOUT_FACE6. Zeros select the
    header's defaults; model: a blob of a model of colour signals; adapt: it learns from the FFT's sure windows."""

    def __init__(self, method="pos", rois=1, rate_hz=0.0, window_s=0.0, bpm=(0.0, 0.0), model=None, adapt=False):
        self.lib, self.rois, self.model = library(), 6 if rois is None else rois, model  # the blob is read where it is
        self.handle = self.lib.shim_open(METHODS[method], -1 if rois is None else rois, rate_hz, window_s, *bpm, model,
                                         len(model or b""), adapt)
        if not self.handle:
            raise ToolError(f"rppg_init refuses {method}, {rois} regions, {rate_hz} Hz, {window_s} s, {bpm} bpm"
                            + (" with this model" if model else ""))
        self.row = np.zeros(len(RESULTS) + self.lib.shim_evidence())

    def push(self, rgb, t_us):
        """rgb [n][rois][3], t_us [n]; how many samples were refused."""
        rgb = np.ascontiguousarray(rgb, np.float32)
        t_us = np.ascontiguousarray(t_us, np.int64)
        if rgb.shape != (len(t_us), self.rois, 3):
            raise ValueError(f"colours of shape {rgb.shape} for {len(t_us)} times, {self.rois} regions")
        return self.lib.shim_push(self.handle, rgb.ctypes.data, t_us.ctypes.data, len(t_us))

    def push_frame(self, frame, box, t_us):
        """frame (name of FORMATS, full range, w, h, bytes), box x, y, w, h; its colours [6][3], None if refused."""
        name, full, w, h, pixels = frame
        box, colours = np.ascontiguousarray(box, np.intc), np.zeros((6, 3), np.float32)
        status = self.lib.shim_push_frame(self.handle, FORMATS.index(name), full, w, h, pixels, box.ctypes.data, t_us,
                                          colours.ctypes.data)
        return colours if status == 0 else None

    def fragment(self, frames):
        """The newest samples as models on colour signals get them, [3 rois][frames] in [-1, 1], or None."""
        out = np.zeros((3 * self.rois, frames), np.float32)
        return out if self.lib.shim_fragment(self.handle, frames, out.ctypes.data) else None

    def estimate(self):
        """The fields of rppg_result and, behind them, the evidence; None while the window is short."""
        status = self.lib.shim_estimate(self.handle, self.row.ctypes.data)
        return self.row.copy() if status == 0 else None

    def learnt(self):
        """Steps of the model's adapter so far."""
        return self.lib.shim_learnt(self.handle)

    def wave(self):
        out = np.zeros(1 << 16, np.float32)
        return out[:self.lib.shim_wave(self.handle, out.ctypes.data, len(out))]

    def spectrum(self):
        """(Hz, power)"""
        out, bin_hz = np.zeros(1 << 16, np.float32), ctypes.c_double()
        n = self.lib.shim_spectrum(self.handle, out.ctypes.data, len(out), ctypes.byref(bin_hz))
        return np.arange(n) * bin_hz.value, out[:n]

    def close(self):
        if self.handle:
            self.lib.shim_close(self.handle)
        self.handle = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def windows(t_s, rgb, method, window_s, step_s, bpm=(0.0, 0.0), rate_hz=0.0, model=None):
    """(start, end, row) of every whole window: ends at window_s, window_s + step_s, ..."""
    t_us = np.round((np.asarray(t_s) - t_s[0]) * 1e6).astype(np.int64)
    with Session(method, rgb.shape[1], rate_hz, window_s, bpm, model) as session:
        done, end = 0, window_s
        while end <= t_us[-1] * 1e-6 + 1e-9:
            upto = int(np.searchsorted(t_us, round(end * 1e6), side="right"))
            session.push(rgb[done:upto], t_us[done:upto])
            done = upto
            row = session.estimate()
            if row is not None:
                yield end - window_s, end, row
            end += step_s

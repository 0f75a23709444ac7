"""Models run by the C code of rppg_nn.h."""
import ctypes

import numpy as np

from . import core

ISAS = ("base", "avx2", "avx512")  # rppg_isa; base: SSE2, NEON or scalar
_library = None


def library():
    global _library
    if _library is None:
        lib = ctypes.CDLL(str(core.library_file("nn.c", ("rppg_nn.h", "rppg_dsp.h"))))
        p, size = ctypes.c_void_p, ctypes.c_size_t
        for name, result, arguments in (
                ("open", p, [ctypes.c_char_p, size, ctypes.c_char_p, size]), ("close", None, [p]),
                ("io", size, [p, ctypes.c_int, size, p]), ("run", None, [p, p, p]), ("reset", None, [p]),
                ("info", None, [p, p]), ("layer", size, [p, size, ctypes.c_char_p, size]), ("cost", None, [p, size, p]),
                ("isa", ctypes.c_int, [ctypes.c_int])):
            function = getattr(lib, "nn_" + name)
            function.restype, function.argtypes = result, arguments
        _library = lib
    return _library


class Model:
    """A blob, opened. isa: None for the best one, or 0, 1, 2 as in rppg_isa."""

    def __init__(self, blob, isa=None):
        self.lib, error = library(), ctypes.create_string_buffer(256)
        self.isa = self.lib.nn_isa(-1 if isa is None else isa)
        self.handle = self.lib.nn_open(bytes(blob), len(blob), error, len(error))
        if not self.handle:
            raise core.ToolError(f"not a usable model: {error.value.decode()}")
        self.inputs, self.outputs = ([*self._shapes(k)] for k in (0, 1))
        info = np.zeros(6)
        self.lib.nn_info(self.handle, info.ctypes.data)
        self.macs, self.mem_size, self.arena_size, self.state_size, self.n_layers, self.n_tensors = info

    def _shapes(self, output):
        d, i = np.zeros(4, np.int32), 0
        while self.lib.nn_io(self.handle, output, i, d.ctypes.data):
            yield tuple(int(v) for v in d)
            i += 1

    def __call__(self, *inputs):
        """Arrays of the inputs' sizes, to arrays of the outputs' sizes: one alone, or a list."""
        given = [np.ascontiguousarray(x, np.float32) for x in inputs]
        if [x.size for x in given] != [int(np.prod(s)) for s in self.inputs]:
            raise core.ToolError(f"inputs of {[x.shape for x in given]} for a model of {self.inputs}")
        out = [np.zeros(s, np.float32) for s in self.outputs]
        pointers = [(ctypes.c_void_p * len(a))(*(x.ctypes.data for x in a)) for a in (given, out)]
        self.lib.nn_run(self.handle, *pointers)
        return out[0] if len(out) == 1 else out

    def reset(self):
        self.lib.nn_reset(self.handle)

    def layers(self):
        text, i = ctypes.create_string_buffer(128), 0
        while self.lib.nn_layer(self.handle, i, text, len(text)):
            yield text.value.decode()
            i += 1

    def cost(self, i):
        """Of layer i: multiply-adds, bytes of scratch, bytes prepared from the weights."""
        out = np.zeros(3)
        self.lib.nn_cost(self.handle, i, out.ctypes.data)
        return out

    def __del__(self):
        if getattr(self, "handle", None):
            self.lib.nn_close(self.handle)
            self.handle = None

"""CL+F in 8 bits next to onnxruntime's static quantisation, one thread, batch 1, the same float weights and calibration
data, in turn within each round.

    pip install numpy onnx onnxruntime;  PYTHONPATH=tools python bench/peers/nn_s8.py [ROUNDS [FILE]]

FILE receives our blob, for bench/nn_s8.c. Prints the least time of a run, and the largest difference from the float network over its range.
"""
import os
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from rppg_tools import blob, nn, quantize

rng = np.random.default_rng(1)
LAYERS = [(16, 1, 5, 11)] + [(16, 16, 5, 11)] * 3 + [(16, 16, 2, 11)]


def weights(*shape):
    return (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32), \
        (rng.standard_normal(shape[0]) * 0.1).astype(np.float32)


def networks():
    """The same network twice: as a graph of ours, and as ONNX."""
    g, nodes, store = blob.Graph(), [], []
    y, name = g.input((1, 18, 64, 1)), "x"

    def node(op, inputs, **attributes):
        nodes.append(helper.make_node(op, inputs, [f"t{len(nodes)}"], **attributes))
        return f"t{len(nodes) - 1}"

    def constant(a):
        store.append(numpy_helper.from_array(a, f"w{len(store)}"))
        return f"w{len(store) - 1}"

    for shape in LAYERS:
        w, b = weights(*shape)
        y = g.conv(y, w, b, act="relu")
        name = node("Relu", [node("Conv", [name, constant(w), constant(b)])])
    name = node("Flatten", [name])
    for co, ci, act in ((60, 224, "relu"), (134, 60, "linear")):
        w, b = weights(co, ci)
        ours = w
        if ci == 224:
            y, ours = g.flatten(y, w)
        y = g.dense(y, ours, b, act=act)
        name = node("Gemm", [name, constant(w), constant(b)], transB=1)
        name = node("Relu", [name]) if act == "relu" else name
    y, name = g.reshape(y, (1, 1, 134, 1)), node("Reshape", [name, constant(np.array([1, 1, 134], np.int64))])
    for co, ci in ((16, 1), (16, 16), (1, 16)):
        w, b = weights(co, ci, 3)
        act = "relu" if co > 1 else "linear"
        y = g.conv(y, w, b, pad=(0, 0, 1), act=act)
        name = node("Conv", [name, constant(w), constant(b)], pads=[1, 1])
        name = node("Relu", [name]) if co > 1 else name
    g.output(y)
    graph = helper.make_graph(nodes, "clf", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 18, 64])],
                              [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)], store)
    return g, helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class Reader(CalibrationDataReader):
    def __init__(self, data):
        self.data = iter([{"x": x.reshape(1, 1, 18, 64)} for x in data])

    def get_next(self):
        return next(self.data, None)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    g, model = networks()
    data = [rng.uniform(-1, 1, (1, 18, 64, 1)).astype(np.float32) for _ in range(16)]
    x = data[0]
    small, _ = quantize.quantize(g, [(d,) for d in data], "max")
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, f) for f in ("f.onnx", "q.onnx")]
        onnx.save(model, paths[0])
        quantize_static(paths[0], paths[1], Reader(data), quant_format=QuantFormat.QDQ, per_channel=True,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
        sessions = [ort.InferenceSession(p, options, providers=["CPUExecutionProvider"]) for p in paths]
    packed = small.pack()
    if len(sys.argv) > 2:
        small.write(sys.argv[2])
    ours = {name: nn.Model(packed, isa) for name, isa in (("rppg s8, base", 0), ("rppg s8, AVX2", 1), ("rppg s8, AVX-512", 2))}
    ours["rppg f32"] = nn.Model(g.pack())
    runs = {name: (m, lambda m=m: m(x)) for name, m in ours.items()}
    runs.update({f"onnxruntime {kind}": (None, lambda s=s: s.run(None, {"x": x.reshape(1, 1, 18, 64)})[0])
                 for kind, s in zip(("f32", "s8"), sessions)})
    want, best = runs["onnxruntime f32"][1]().ravel(), {}
    for _ in range(rounds):
        for name, (m, run) in runs.items():
            if m is not None:
                m.lib.nn_isa({"rppg s8, base": 0, "rppg s8, AVX2": 1}.get(name, -1))
            begin = time.perf_counter()
            got = run()
            took = time.perf_counter() - begin
            if took < best.get(name, (1e9,))[0]:
                best[name] = took, np.abs(got.ravel() - want).max() / np.ptp(want)
    for name, (took, error) in best.items():
        print(f"{name:20} {took * 1e6:8.1f} us   {took / best['onnxruntime s8'][0]:5.2f} of onnxruntime s8   error {error:.4f}")


main()

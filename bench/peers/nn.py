"""Networks next to onnxruntime and ncnn, one thread, batch 1, the same weights, in turn within each round.

    cc -O2 -shared -fPIC -I. bench/peers/nn.c -lm -o build/peer_nn.so
    python bench/peers/nn.py [ROUNDS]        pip install numpy onnx onnxruntime ncnn: those there are compared

ncnn takes the widest instructions of the machine. For AVX2 against AVX2, build its source archive (pypi.org/project/ncnn) by
cmake -DNCNN_PYTHON=ON -DNCNN_VULKAN=OFF -DNCNN_AVX512=OFF and put python/ncnn/ncnn*.so in the installed one's place.

Prints the least and the median time of a run, and the largest difference of the outputs over their range.
"""
import ctypes
import os
import statistics
import sys
import tempfile
import time

import numpy as np

LIB = ctypes.CDLL(os.path.join(os.path.dirname(__file__), "../../build/peer_nn.so"))
LIB.nn_make.restype = ctypes.c_void_p
FLOATS = ctypes.POINTER(ctypes.c_float)


def floats(a):
    return a.ctypes.data_as(FLOATS)


class Ours:
    def __init__(self, which, type, isa):
        self.net = LIB.nn_make(which, type, isa)
        self.isa = isa
        self.p = ctypes.c_void_p(self.net)

    def weights(self):
        out = []
        while True:
            w, b = np.zeros(1 << 20, np.float32), np.zeros(256, np.float32)
            size = (ctypes.c_int * 4)()
            if not LIB.nn_weights(self.p, len(out), floats(w), floats(b), size):
                return out
            n = size[0] * size[1] * size[2] * size[3]
            out.append((w[:n].reshape(list(size)).copy(), b[:size[0]].copy()))

    def set(self, inputs):  # NCHW
        for i, x in enumerate(inputs):
            x = np.ascontiguousarray(x[0].transpose(1, 2, 0))
            LIB.nn_set(self.p, i, floats(x))

    def run(self):
        LIB.nn_run(self.p, self.isa)

    def get(self):
        y = np.zeros(256, np.float32)
        return y[:LIB.nn_get(self.p, floats(y))]


# A network as a list of steps: (op, output, inputs, argument). The same list makes both peers' files.
def steps(which, weights):
    w = iter(weights)
    out = []

    def add(op, inputs, arg=None):
        name = "t%d" % len(out)
        out.append((op, name, inputs, arg))
        return name

    def conv(x, pad, act):
        k, b = next(w)
        y = add("conv", [x], (k, b, pad))
        return add(act, [y]) if act else y

    def dense(x, c, h, wd, act):  # ours flattens [H][W][C], they [C][H][W]
        k, b = next(w)
        k = k.reshape(len(b), h, wd, c).transpose(0, 3, 1, 2).reshape(len(b), -1)
        y = add("dense", [x], (np.ascontiguousarray(k), b))
        return add(act, [y]) if act else y

    if which == 0:
        x = "x0"
        for _ in range(5):
            x = conv(x, 0, "relu")
        x = add("reshape", [x], (1, 1, 1, 224))
        x = dense(x, 16, 1, 14, "relu")
        x = dense(x, 1, 1, 60, "relu")
        x = add("reshape", [x], (1, 1, 1, 134))
        for _ in range(3):
            x = conv(x, 0, "relu")
        return out
    d, r = "x0", "x1"
    for i in range(2):
        d = conv(conv(d, 1, "tanh"), 0, "tanh")
        r = conv(conv(r, 1, "tanh"), 0, "tanh")
        d, r = add("pool", [add("attend", [d, conv(r, 0, "sigmoid")], (34, 15)[i])]), r
        if i == 0:
            r = add("pool", [r])
    x = add("reshape", [d], (1, 1, 1, 3136))
    x = dense(x, 64, 7, 7, "tanh")
    dense(x, 1, 1, 128, None)
    return out


INPUTS = [[(1, 1, 18, 64)], [(1, 3, 36, 36), (1, 3, 36, 36)]]


def onnx_model(which, weights):
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    nodes, consts = [], []

    def const(a):
        name = "c%d" % len(consts)
        consts.append(numpy_helper.from_array(np.asarray(a), name))
        return name

    for op, y, x, arg in steps(which, weights):
        if op == "conv":
            nodes.append(helper.make_node("Conv", x + [const(arg[0]), const(arg[1])], [y], pads=[arg[2]] * 4))
        elif op == "dense":
            nodes.append(helper.make_node("Gemm", [y + "f", const(arg[0]), const(arg[1])], [y + "g"], transB=1))
            nodes.insert(-1, helper.make_node("Flatten", x, [y + "f"]))
            nodes.append(helper.make_node("Reshape", [y + "g", const(np.array([1, 1, 1, len(arg[1])], np.int64))], [y]))
        elif op == "reshape":
            nodes.append(helper.make_node("Reshape", x + [const(np.array(arg, np.int64))], [y]))
        elif op == "pool":
            nodes.append(helper.make_node("AveragePool", x, [y], kernel_shape=[2, 2], strides=[2, 2]))
        elif op == "attend":
            nodes.append(helper.make_node("ReduceSum", [x[1], const(np.array([2, 3], np.int64))], [y + "s"]))
            nodes.append(helper.make_node("Div", [x[1], y + "s"], [y + "d"]))
            nodes.append(helper.make_node("Mul", [y + "d", const(np.float32(0.5 * arg * arg))], [y + "m"]))
            nodes.append(helper.make_node("Mul", [x[0], y + "m"], [y]))
        else:
            nodes.append(helper.make_node(op.capitalize(), x, [y]))
    ins = [helper.make_tensor_value_info("x%d" % i, TensorProto.FLOAT, s) for i, s in enumerate(INPUTS[which])]
    outs = [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "n", ins, outs, consts)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()


class Ort:
    def __init__(self, which, weights):
        import onnxruntime as ort
        o = ort.SessionOptions()
        o.intra_op_num_threads = o.inter_op_num_threads = 1
        o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.s = ort.InferenceSession(onnx_model(which, weights), o, providers=["CPUExecutionProvider"])

    def set(self, inputs):
        import onnxruntime as ort
        self.io = self.s.io_binding() # inputs and outputs bound once: less of Python in the time
        for i, x in enumerate(inputs):
            self.io.bind_ortvalue_input("x%d" % i, ort.OrtValue.ortvalue_from_numpy(x))
        self.io.bind_output(self.s.get_outputs()[0].name)

    def run(self):
        self.s.run_with_iobinding(self.io)

    def get(self):
        return self.io.copy_outputs_to_cpu()[0].ravel()


class Ncnn:
    def __init__(self, which, weights):
        import ncnn
        lines, data, uses = [], [], {}
        for i in range(len(INPUTS[which])):
            lines.append("Input x%d 0 1 x%d" % (i, i))
        todo = steps(which, weights)
        for op, y, x, arg in todo:
            for v in x:
                uses[v] = uses.get(v, 0) + (2 if op == "attend" and v == x[1] else 1)
        names = {}

        def take(v):  # a blob with several readers goes through Split
            if uses[v] == 1:
                return v
            return "%s_%d" % (v, names.setdefault(v, iter(range(9))).__next__())

        def done(v):
            if uses.get(v, 0) > 1:
                lines.append("Split s%s 1 %d %s %s" % (v, uses[v], v, " ".join("%s_%d" % (v, i) for i in range(uses[v]))))

        for op, y, x, arg in todo:
            if op == "conv":
                k, b = arg[0], arg[1]
                lines.append("Convolution %s 1 1 %s %s 0=%d 1=%d 11=%d 4=%d 5=1 6=%d"
                             % (y, take(x[0]), y, k.shape[0], k.shape[3], k.shape[2], arg[2], k.size))
                data += [np.zeros(1, np.uint32).tobytes(), k.tobytes(), b.tobytes()]
            elif op == "dense":
                lines.append("InnerProduct %s 1 1 %s %s 0=%d 1=1 2=%d" % (y, take(x[0]), y, len(arg[1]), arg[0].size))
                data += [np.zeros(1, np.uint32).tobytes(), arg[0].tobytes(), arg[1].tobytes()]
            elif op == "reshape":
                lines.append("Reshape %s 1 1 %s %s 0=%d 1=1 2=1" % (y, take(x[0]), y, arg[3]))
            elif op == "pool":
                lines.append("Pooling %s 1 1 %s %s 0=1 1=2 2=2 5=1" % (y, take(x[0]), y))
            elif op == "attend":
                a, b = take(x[1]), take(x[1])
                lines.append("Reduction %sr 1 1 %s %sr 0=0 1=0 4=1 -23303=2,1,2 5=1" % (y, a, y))
                lines.append("BinaryOp %sd 2 1 %s %sr %sd 0=3" % (y, b, y, y))
                lines.append("BinaryOp %sm 1 1 %sd %sm 0=2 1=1 2=%f" % (y, y, y, 0.5 * arg * arg))
                lines.append("BinaryOp %s 2 1 %s %sm %s 0=2" % (y, take(x[0]), y, y))
            else:
                lines.append("%s %s 1 1 %s %s" % ({"relu": "ReLU", "tanh": "TanH", "sigmoid": "Sigmoid"}[op], y, take(x[0]), y))
            done(y)
        blobs = sum(int(v.split()[3]) for v in lines)
        folder = tempfile.mkdtemp()
        with open(folder + "/p", "w") as f:
            f.write("7767517\n%d %d\n%s\n" % (len(lines), blobs, "\n".join(lines)))
        with open(folder + "/b", "wb") as f:
            f.write(b"".join(data))
        self.ncnn, self.net, self.last = ncnn, ncnn.Net(), todo[-1][1]
        self.net.opt.num_threads = 1
        self.net.opt.use_fp16_packed = self.net.opt.use_fp16_storage = self.net.opt.use_fp16_arithmetic = False
        self.net.opt.use_bf16_storage = False
        if self.net.load_param(folder + "/p") or self.net.load_model(folder + "/b"):
            raise RuntimeError("ncnn does not load it")

    def set(self, inputs):
        self.inputs = [self.ncnn.Mat(np.ascontiguousarray(x[0])).clone() for x in inputs]

    def run(self):
        e = self.net.create_extractor()
        for i, x in enumerate(self.inputs):
            e.input("x%d" % i, x)
        self.out = e.extract(self.last)[1]

    def get(self):
        return np.array(self.out).ravel()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    rng = np.random.default_rng(1)
    for which, title in ((0, "CL+F"), (1, "DeepPhys, a frame of 36 x 36")):
        rivals = []
        for type, kind in ((0, "f32"), (1, "f16 weights")):
            for isa, name in ((0, "base"), (1, "avx2"), (2, "avx512")):
                ours = Ours(which, type, isa)
                if ours.net and (type == 0 or isa > 0):
                    rivals.append(("rppg %s %s" % (name, kind), ours))
        weights = rivals[0][1].weights()
        for name, make in (("onnxruntime", Ort), ("ncnn", Ncnn)):
            try:
                rivals.append((name, make(which, weights)))
            except ImportError:
                print("SKIPPED %s: not installed" % name)
        inputs = [rng.standard_normal(s).astype(np.float32) for s in INPUTS[which]]
        for _, r in rivals:
            r.set(inputs)
            r.run()
        want = rivals[0][1].get()
        t = [[] for _ in rivals]
        for _ in range(rounds):
            for i, (_, r) in enumerate(rivals):
                r.run()  # brings its weights back into the caches
                a = time.perf_counter_ns()
                r.run()
                t[i].append(time.perf_counter_ns() - a)
        print("%s, f32, one thread, %d rounds\n%-26s %9s %9s  %s" % (title, rounds, "", "least us", "median us", "difference"))
        for i, (name, r) in enumerate(rivals):
            off = np.abs(r.get() - want).max() / np.abs(want).max()
            print("%-26s %9.1f %9.1f  %.1e" % (name, min(t[i]) / 1e3, statistics.median(t[i]) / 1e3, off))


main()

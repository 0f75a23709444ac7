#!/usr/bin/env python3
"""Prints patch.h: pixels of area-averaged patches, in double.

The frame is a piecewise constant function of the plane, each sample a rectangle (a 4:2:0 chroma
sample 2 by 2 pixels), continued beyond the edges by the nearest sample. Its integral along each
axis is piecewise linear; a cell's mean is the difference of that integral at the cell's edges over
the cell's area. YUV is converted after averaging, with the matrices of [BT601], [BT709] and [BT2020].
Bayer samples are 2 by 2 pixels each, G the mean of the two that a cell has; words and packed samples
are unpacked first, as the formats' publishers say (see make_formats.py), and 255 is the largest value.

Frames are not stored: byte x of row y of plane p is a hash that tests/test_patch.c computes too.
When shrinking boxes inside the frame, cv2.resize(..., INTER_AREA) of OpenCV 5.0 on float32
pixels agrees to 1e-4, its own rounding (run with --opencv where it is installed; not needed for the vectors).
"""
import sys
import numpy as np

SEED = 20261123
FORMATS = ["RGB24", "BGR24", "RGBA", "BGRA", "GRAY8", "NV12", "NV21", "I420", "I422", "I444", "YUYV", "UYVY"]
WIDE = ["ARGB", "ABGR", "RGB565", "GRAY16", "P010", "BAYER16", "BAYER8", "RAW10", "RAW12"]
PIXELS = 12  # samples of a patch that are printed

rng = np.random.default_rng(SEED)


def plane(p, w, h):
    """Bytes of a plane [h][w]."""
    y, x = np.mgrid[0:h, 0:w].astype(np.uint64)
    u = (y * 73856093) ^ (x * 19349663) ^ np.uint64(p * 83492791)
    return ((u * np.uint64(2654435761) & np.uint64(0xffffffff)) >> np.uint64(24)).astype(float)


def bayer(a, pattern):
    """Planes of R, G, B; each sample 2 by 2 pixels."""
    site = [(a[i::2, j::2], pattern[2 * i + j]) for i in (0, 1) for j in (0, 1)]
    return [(np.mean([x for x, c in site if c == letter], axis=0), 2, 2) for letter in "RGB"]


def wide_channels(name, w, h, big, bits, shift, pattern):
    """The same for the formats of more than 8 bits, or with other places; 0..255 but for P010."""
    def words(p, w, h):
        b = plane(p, 2 * w, h).astype(np.uint8).reshape(h, w, 2)
        return np.ascontiguousarray(b).view(">u2" if big else "<u2")[:, :, 0].astype(float)

    pattern = ["RGGB", "BGGR", "GRBG", "GBRG"][pattern]
    if name in ("ARGB", "ABGR"):
        a = plane(0, 4 * w, h).reshape(h, w, 4)
        return [(a[:, :, i + 1 if name == "ARGB" else 3 - i], 1, 1) for i in range(3)]
    if name == "RGB565":
        v = words(0, w, h).astype(int)
        return [(255 / 31 * (v >> 11), 1, 1), (255 / 63 * (v >> 5 & 63), 1, 1), (255 / 31 * (v & 31), 1, 1)]
    if name == "GRAY16":
        return [(words(0, w, h) / 2**shift * 255 / (2**bits - 1), 1, 1)] * 3
    if name == "P010":
        c = words(1, 2 * ((w + 1) // 2), (h + 1) // 2).reshape((h + 1) // 2, (w + 1) // 2, 2)
        return [(words(0, w, h), 1, 1), (c[:, :, 0], 2, 2), (c[:, :, 1], 2, 2)]
    if name == "BAYER8":
        return bayer(plane(0, w, h), pattern)
    if name == "BAYER16":
        return bayer(words(0, w, h) / 2**shift * 255 / (2**bits - 1), pattern)
    if name == "RAW10":
        b = plane(0, w // 4 * 5, h).astype(int).reshape(h, w // 4, 5)
        v = np.stack([4 * b[:, :, i] + (b[:, :, 4] >> 2 * i & 3) for i in range(4)], axis=2)
        return bayer(v.reshape(h, w) * 255 / 1023, pattern)
    b = plane(0, w // 2 * 3, h).astype(int).reshape(h, w // 2, 3)
    v = np.stack([16 * b[:, :, i] + (b[:, :, 2] >> 4 * i & 15) for i in range(2)], axis=2)
    return bayer(v.reshape(h, w) * 255 / 4095, pattern)


def channels(name, w, h):
    """Three arrays with the size of a sample in pixels: (array, sx, sy)."""
    cw, ch = (w + 1) // 2, (h + 1) // 2
    if name in ("RGB24", "BGR24"):
        a = plane(0, 3 * w, h).reshape(h, w, 3)
        return [(a[:, :, i if name[0] == "R" else 2 - i], 1, 1) for i in range(3)]
    if name in ("RGBA", "BGRA"):
        a = plane(0, 4 * w, h).reshape(h, w, 4)
        return [(a[:, :, i if name[0] == "R" else 2 - i], 1, 1) for i in range(3)]
    if name == "GRAY8":
        return [(plane(0, w, h), 1, 1)] * 3
    if name in ("NV12", "NV21"):
        c = plane(1, 2 * cw, ch).reshape(ch, cw, 2)
        u = 0 if name == "NV12" else 1
        return [(plane(0, w, h), 1, 1), (c[:, :, u], 2, 2), (c[:, :, 1 - u], 2, 2)]
    if name in ("I420", "I422", "I444"):
        sx, sy = (1 if name == "I444" else 2), (2 if name == "I420" else 1)
        size = (w + sx - 1) // sx, (h + sy - 1) // sy
        return [(plane(0, w, h), 1, 1)] + [(plane(p, *size), sx, sy) for p in (1, 2)]
    a = plane(0, 2 * w, h).reshape(h, w // 2, 4)
    y = 0 if name == "YUYV" else 1
    luma = a[:, :, [y, y + 2]].reshape(h, w)
    return [(luma, 1, 1), (a[:, :, 1 - y], 2, 1), (a[:, :, 3 - y], 2, 1)]


def integral(a, size, edges):
    """Integral along axis 0 from 0 to each edge, samples `size` long, ends continued."""
    total = np.concatenate([np.zeros((1,) + a.shape[1:]), np.cumsum(a, axis=0)]) * size
    e = edges / size
    i = np.clip(np.floor(e).astype(int), 0, len(a) - 1)
    return total[i] + (edges - i * size)[:, None] * a[i]


def patch(name, w, h, box, pw, ph, matrix, full, wide=(0, 0, 0, 0)):
    x, y, bw, bh = box
    big, bits, shift, pattern = wide
    ex, ey = x + np.arange(pw + 1) * bw / pw, y + np.arange(ph + 1) * bh / ph
    means = []
    for a, sx, sy in channels(name, w, h) if name in FORMATS else wide_channels(name, w, h, *wide):
        rows = np.diff(integral(a, sy, ey), axis=0)
        means.append(np.diff(integral(rows.T, sx, ex), axis=0).T / (bw / pw * bh / ph))
    m = np.stack(means, axis=-1)
    if name != "P010" and (name in WIDE or FORMATS.index(name) <= FORMATS.index("GRAY8")):
        return m
    kr, kb = ((0.299, 0.114), (0.2126, 0.0722), (0.2627, 0.0593))[matrix]
    if name == "P010":  # in steps of 8 bits; full range: the largest value of the word's highest bits is 255
        m = (m - [0, 32768, 32768]) / (256 if not full else (2**bits - 1) * 2**(16 - bits) / 255) + [0, 128, 128]
    luma = m[..., 0] if full else (m[..., 0] - 16) * 255 / 219
    u, v = ((m[..., i] - 128) * (1 if full else 255 / 224) for i in (1, 2))
    red, blue = luma + 2 * (1 - kr) * v, luma + 2 * (1 - kb) * u
    return np.stack([red, (luma - kr * red - kb * blue) / (1 - kr - kb), blue], axis=-1)


def cases():
    whole = lambda w, h: (0, 0, w, h)
    for name in FORMATS:
        yield name, 64, 48, whole(64, 48), 8, 6          # whole pixels
        yield name, 90, 70, (7, 5, 61, 53), 9, 9         # fractions
        yield name, 90, 70, (-13, -6, 60, 40), 9, 7      # over the left and upper edge
        yield name, 90, 70, (51, 41, 70, 90), 12, 11     # over the right and lower edge
        yield name, 90, 70, (20, 20, 5, 7), 16, 13       # cells smaller than pixels
        yield name, 320, 240, (50, 30, 201, 187), 36, 36
    yield "RGB24", 640, 480, (170, 90, 300, 300), 72, 72
    yield "NV12", 640, 480, (171, 91, 299, 301), 128, 128
    yield "I420", 641, 481, (-20, -30, 700, 600), 256, 200
    yield "I420", 33, 21, (-300, -300, 900, 700), 31, 256
    yield "RGBA", 2, 3, (0, 0, 2, 3), 5, 5
    yield "NV12", 1, 1, (-3, -2, 9, 9), 4, 4
    yield "GRAY8", 3000, 2000, (1, 1, 2998, 1998), 9, 9
    yield "RGB24", 400, 1700, (3, 2, 390, 1690), 4, 3    # more rows in a cell than 16 bits can add
    yield "UYVY", 500, 300, (499, 299, 30, 30), 7, 7     # one pixel inside
    for name in WIDE:
        yield name, 92, 70, (7, 5, 61, 53), 9, 9
        yield name, 88, 66, (-13, -6, 60, 40), 9, 7
        yield name, 96, 70, (51, 41, 70, 90), 12, 11
        yield name, 92, 70, (20, 21, 5, 7), 16, 13
        yield name, 204, 120, (3, 4, 199, 111), 36, 36
        yield name, 4, 2, (-1, -2, 9, 5), 5, 3
        yield name, 400, 300, (-10, 1, 407, 299), 72, 72
    yield "P010", 311, 223, (11, 13, 299, 203), 128, 128
    yield "RAW10", 2000, 1500, (1, 1, 1998, 1498), 9, 9


def check_opencv():
    import cv2
    for name, w, h, box, pw, ph in cases():
        x, y, bw, bh = box
        if name != "RGB24" or x < 0 or y < 0 or x + bw > w or y + bh > h or bw < pw or bh < ph:
            continue
        a = plane(0, 3 * w, h).reshape(h, w, 3).astype(np.float32)
        want = cv2.resize(a[y:y + bh, x:x + bw], (pw, ph), interpolation=cv2.INTER_AREA)
        print(w, h, box, pw, ph, np.abs(patch(name, w, h, box, pw, ph, 0, 0) - want).max(), file=sys.stderr)


def main():
    print(f"/* tests/golden/make_patch.py; NumPy {np.__version__}; seed {SEED}. Do not edit. */\n")
    print("typedef struct patch_pixel { int x, y; double rgb[3]; } patch_pixel;")
    print("typedef struct patch_case {")
    print("  int format, w, h, box[4], pw, ph, matrix, range, big_endian, bits, shift, bayer;")
    print(f"  patch_pixel pixel[{PIXELS}];")
    print("} patch_case;\n")
    print("static const patch_case patch_cases[] = {")
    for k, (name, w, h, box, pw, ph) in enumerate(cases()):
        matrix, full, wide = k % 2, k // 2 % 2, (0, 0, 0, 0)
        if name in WIDE:
            bits = 10 + 2 * (k % 4)
            matrix, wide = k % 3, (k % 2, bits, 0 if name == "P010" else k % (17 - bits), k // 2 % 4)
        p = patch(name, w, h, box, pw, ph, matrix, full, wide)
        at = [(0, 0), (pw - 1, ph - 1)] + [(int(rng.integers(pw)), int(rng.integers(ph))) for _ in range(PIXELS - 2)]
        print(f"  {{ RPPG_{name}, {w}, {h}, {{ {', '.join(map(str, box))} }}, {pw}, {ph}, {matrix}, {full}, "
              f"{', '.join(map(str, wide))}, {{")
        for n, (i, j) in enumerate(at):
            r, g, b = p[j, i]
            end = " } }," if n == PIXELS - 1 else ","
            print(f"    {{ {i}, {j}, {{ {r:.7f}, {g:.7f}, {b:.7f} }} }}{end}")
    print("};")


if __name__ == "__main__":
    check_opencv() if "--opencv" in sys.argv else main()

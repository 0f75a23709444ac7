#!/usr/bin/env python3
"""Prints formats.h: packed pixels of seeded samples, packed by NumPy from the published layouts, with the sums and
means of one rectangle of each.

  RGB565   B in bits 0..4, G in 5..10, R in 11..15 of a word
  P010     10 bits in the high bits of a word, 4:2:0, U before V; BT.2020, both ranges
  RAW10    MIPI CSI-2: four bytes of bits 9..2, then bits 1..0 of the four, the first one's lowest
  RAW12    MIPI CSI-2: two bytes of bits 11..4, then bits 3..0 of the two, the first one's lowest
"""
import numpy as np

SEED = 20270114
W, H = 24, 6
X, Y, CW, CH = 4, 2, 12, 4  # the rectangle: whole cells of every format
rng = np.random.default_rng(SEED)


def table(name, data):
    data = np.asarray(data, dtype=np.uint8).ravel()
    print(f"static const uint8_t {name}[{len(data)}] = {{")
    for i in range(0, len(data), 24):
        print("  " + ", ".join(str(v) for v in data[i:i + 24]) + ("," if i + 24 < len(data) else ""))
    print("};")


def expect(name, channels, means):
    sums = ", ".join(f"{int(np.sum(c, dtype=np.uint64))}u" for c in channels)
    counts = ", ".join(str(c.size) for c in channels)
    print(f"static const uint32_t {name}_sum[3] = {{ {sums} }}, {name}_count[3] = {{ {counts} }};")
    print(f"static const double {name}_mean[{len(means)}] = {{ {', '.join(repr(float(m)) for m in means)} }};\n")


def crop(a):
    return a[Y:Y + CH, X:X + CW]


print(f"/* tests/golden/make_formats.py; NumPy {np.__version__}; seed {SEED}. Do not edit. */")
print(f"enum {{ GOLD_W = {W}, GOLD_H = {H}, GOLD_X = {X}, GOLD_Y = {Y}, GOLD_CW = {CW}, GOLD_CH = {CH} }};\n")

r, g, b = rng.integers(0, 32, (H, W)), rng.integers(0, 64, (H, W)), rng.integers(0, 32, (H, W))
words = np.bitwise_or.reduce([r << 11, g << 5, b])
for name, order in (("rgb565le", "<u2"), ("rgb565be", ">u2")):
    table("gold_" + name, words.astype(order).view(np.uint8))
    expect("gold_" + name, [crop(r), crop(g), crop(b)],
           [crop(r).mean() * 255 / 31, crop(g).mean() * 255 / 63, crop(b).mean() * 255 / 31])

y, uv = rng.integers(64, 941, (H, W)), rng.integers(64, 961, (H // 2, W // 2, 2))
table("gold_p010_y", (y << 6).astype("<u2").view(np.uint8))
table("gold_p010_uv", (uv << 6).astype("<u2").view(np.uint8))
cy = crop(y)
cu, cv = (uv[Y // 2:(Y + CH) // 2, X // 2:(X + CW) // 2, i] for i in (0, 1))
kr, kb = 0.2627, 0.0593
means = []
for y0, ys, cs in ((64, 876, 896), (0, 1023, 1023)):  # limited, full range of 10 bits  [BT.2020, BT.2100]
    luma = (cy.mean() - y0) / ys
    pb, pr = (cu.mean() - 512) / cs, (cv.mean() - 512) / cs
    red, blue = luma + 2 * (1 - kr) * pr, luma + 2 * (1 - kb) * pb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    means += [255 * red, 255 * green, 255 * blue]
expect("gold_p010", [cy << 6, cu << 6, cv << 6], means)

PATTERN = {"rggb": "RGGB", "bggr": "BGGR", "grbg": "GRBG", "gbrg": "GBRG"}


def bayer(name, a, white):
    """Sums of each pattern of the very same bytes."""
    for pattern, letters in PATTERN.items():
        c = crop(a)
        site = {(i, j): letters[2 * i + j] for i in (0, 1) for j in (0, 1)}
        channels = [np.concatenate([c[i::2, j::2].ravel() for (i, j), l in site.items() if l == letter])
                    for letter in "RGB"]
        expect(f"gold_{name}_{pattern}", channels, [ch.mean() * 255 / white for ch in channels])


a = rng.integers(0, 1024, (H, W))
groups = a.reshape(H, W // 4, 4)
low = sum((groups[..., i] & 3) << (2 * i) for i in range(4))
table("gold_raw10", np.concatenate([groups >> 2, low[..., None]], axis=2))
bayer("raw10", a, 1023)

a = rng.integers(0, 4096, (H, W))
pairs = a.reshape(H, W // 2, 2)
low = (pairs[..., 0] & 15) | (pairs[..., 1] & 15) << 4
table("gold_raw12", np.concatenate([pairs >> 4, low[..., None]], axis=2))
bayer("raw12", a, 4095)

#!/usr/bin/env python3
"""Error table of build/hr_trace on the finger recordings (see README, "How good").

usage: tests/real_table.py DATA_DIR [--windows] [--methods green,contact]

DATA_DIR holds finger-oximetry/ and finger-welltory/. The oximeter shows its rate 11 s late, so a
window is compared with the reading 11 s after it; the chest strap's RR intervals are averaged over
the window. Training, validation and test records are never mixed. --windows also prints each
window: set, split, record, end, reference, rate, confidence, snr.
"""
import argparse
import csv
import json
import pathlib
import statistics
import subprocess
import sys

LATE_S = 11.0
OXIMETRY = {"train": (1, 2, 3), "validation": (4,), "test": (5,)}
WELLTORY = {"train": range(1, 10), "validation": (10, 11), "test": (12, 13, 14)}


def estimates(path, method, step):
    """(end, bpm, confidence, snr) of each 15 s window of a recording."""
    out = subprocess.run(
        ["build/hr_trace", "--json", "--method", method, "--window", "15", "--step", str(step), str(path)],
        check=True, capture_output=True, text=True).stdout
    rows = [json.loads(line) for line in out.splitlines()]
    return [(r["t"], r["hr_bpm"], r["confidence"], r["snr_db"]) for r in rows if not r.get("summary")]


def oximetry(folder, subject, method):
    """(record, end, reference, bpm, confidence, snr) of both hands of a subject."""
    with open(folder / f"10000{subject}_gt.csv", encoding="utf-8-sig", newline="") as f:
        pulse = [float(row["Pulse 5"] or 0) for row in csv.DictReader(f)]
    for path in sorted(folder.glob(f"10000{subject}_[LR]*.csv")):
        for end, bpm, confidence, snr in estimates(path, method, 7.5):
            window = [p for p in pulse[round(end - 15 + LATE_S):round(end + LATE_S)] if p > 0]
            if len(window) >= 10:
                yield path.stem, end, statistics.mean(window), bpm, confidence, snr


def welltory(folder, subject, method):
    rr = [float(x) / 1000 for x in (folder / f"subject_{subject:02}" / "RR.txt").read_text().split()]
    beats, t = [], 0.0
    for interval in rr:
        t += interval
        beats.append((t, interval))
    for end, bpm, confidence, snr in estimates(folder / f"subject_{subject:02}" / "PPG.csv", method, 5):
        window = [interval for at, interval in beats if end - 15 <= at <= end]
        if len(window) >= 5:
            yield f"{subject:02}", end, 60 / statistics.mean(window), bpm, confidence, snr


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("data", type=pathlib.Path)
    args.add_argument("--windows", action="store_true")
    args.add_argument("--methods", default="green,contact")
    args = args.parse_args()
    sets = (("finger-oximetry", OXIMETRY, oximetry), ("finger-welltory", WELLTORY, welltory))
    if not all((args.data / name).is_dir() for name, _, _ in sets):
        sys.exit(f"SKIPPED: {args.data} does not hold finger-oximetry and finger-welltory")
    print("| recordings | split | method | n | MAE bpm | median bpm | within 5 bpm "
          "| confidence > 0.5 | MAE of those |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, splits, read in sets:
        for method in args.methods.split(","):
            for split, subjects in splits.items():
                rows = [row for s in subjects for row in read(args.data / name, s, method)]
                if args.windows:
                    for row in rows:
                        print("#", name, split, method, *(f"{x:.3f}" if isinstance(x, float) else x for x in row))
                errors = [abs(row[3] - row[2]) for row in rows]
                sure = [e for e, row in zip(errors, rows) if row[4] > 0.5]
                share = 100 * sum(e <= 5 for e in errors) / len(errors)
                print(f"| {name} | {split} | {method} | {len(errors)} | {statistics.mean(errors):.2f} "
                      f"| {statistics.median(errors):.2f} | {share:.1f} % "
                      f"| {100 * len(sure) / len(errors):.1f} % | {statistics.mean(sure or [0]):.2f} |")


if __name__ == "__main__":
    main()

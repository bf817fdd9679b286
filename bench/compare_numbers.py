#!/usr/bin/env python3
"""Compares the numbers of a peer's study with those of isoscope, layer by layer and space by space.

usage: compare_numbers.py PEER.json ISOSCOPE [--model NAME] [--tolerance 1e-3]

PEER.json is a list of {"layer", "raw": {metric: value}, "abtt": {metric: value}}. ISOSCOPE is what `isoscope run -o json`
printed, or measurements.parquet (which needs pyarrow). Prints the largest relative difference of each metric in each space and
where it is; exits with 1 when one is over the tolerance or a value is missing on either side.

Both sides encode in 32-bit floats with other kernels, so the numbers agree to about 1e-5 at best. A difference is relative to
the peer's value, but for metrics that live on a fixed scale and may be close to 0 (a mean cosine, a correlation) the
denominator is at least SMALLEST.
"""
import argparse
import json
import math
import sys

# The peer's name: (isoscope's id, factor from isoscope's unit to the peer's, smallest denominator).
METRICS = {
    "avg_cosine": ("angular.avg_cosine", 1.0, 1e-2),
    "isoscore": ("spectrum.isoscore", 1.0, 0.0),
    "effective_rank": ("spectrum.effective_rank_centered", 1.0, 0.0),
    "log_i": ("partition.log_I_pm", 1.0, 0.0),
    "sts": ("sts.spearman", 0.01, 1e-2),
}
SPACES = ("raw", "abtt")


def read_rows(path):
    """Reads isoscope's rows: Parquet, a JSON list, an object that holds one under "measurements", or a row a line."""
    if path.endswith(".parquet"):
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path).to_pylist()
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        tree = json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(tree, dict):
        return tree["measurements"] if "measurements" in tree else [tree]
    return tree


def space_of(name):
    """Returns the peer's name of a space; isoscope may add the parameters, as in abtt(components=3)."""
    return name.split("(")[0]


def index(rows, model):
    """Keys the values by (layer, space, metric); refuses rows that are not of one model and one dataset."""
    rows = [row for row in rows if model is None or row["model"] == model]
    subjects = sorted({(row["model"], row["dataset"]) for row in rows})
    if len(subjects) != 1:
        sys.exit(f"need the rows of one model and one dataset, found {subjects}; choose with --model")
    return {(row["layer"], space_of(row["space"]), row["metric"]): row["value"] for row in rows if not row.get("part")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer")
    parser.add_argument("isoscope")
    parser.add_argument("--model")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    arguments = parser.parse_args()
    with open(arguments.peer, encoding="utf-8") as file:
        peer = json.load(file)
    ours = index(read_rows(arguments.isoscope), arguments.model)

    failed = False
    print(f"{'space':6} {'metric':34} {'layers':>6} {'largest relative difference':>28}   where")
    for space in SPACES:
        for name, (metric, factor, smallest) in METRICS.items():
            worst, where, missing = 0.0, "", []
            for layer in peer:
                theirs = layer[space][name]
                own = ours.get((layer["layer"], space, metric))
                if own is None or theirs is None or not math.isfinite(theirs):
                    missing.append(layer["layer"])
                    continue
                own *= factor
                difference = abs(own - theirs) / max(abs(theirs), smallest, sys.float_info.min)
                if difference > worst:
                    worst, where = difference, f"layer {layer['layer']}: {own:.9g}, peer {theirs:.9g}"
            bad = worst > arguments.tolerance or bool(missing)
            failed |= bad
            note = f" no value in layers {missing}" if missing else ""
            print(f"{space:6} {metric:34} {len(peer):6} {worst:28.2e}   {where}{note}{'  <-- over' if bad else ''}")
    if failed:
        print(f"over the tolerance of {arguments.tolerance:g}, or missing", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

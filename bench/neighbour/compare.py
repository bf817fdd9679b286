"""Prints times and ratios of bench/neighbour.sh, and fails when isoscope and the peer disagree."""

import json
import statistics
import sys

LIMIT = 1e-6

work = sys.argv[1]
rounds = [list(map(float, line.split())) for line in open(f"{work}/times", encoding="utf-8")]
ours = [r[0] for r in rounds]
print(f"isoscope, whole process: median {statistics.median(ours):.2f} s ({min(ours):.2f} to {max(ours):.2f})")
peers = {
    "peer, whole process": [r[1] for r in rounds],
    "peer, without imports and reading": [sum(r[2:]) for r in rounds],
    "peer, without the correlation integral too": [r[2] + r[3] for r in rounds],
    "peer, neighbours alone": [r[2] for r in rounds],
}
for name, times in peers.items():
    ratios = [t / own for t, own in zip(times, ours)]
    print(f"{name}: median {statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f}); "
          f"peer / isoscope {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")

found = {value["id"]: value["value"] for value in json.load(open(f"{work}/isoscope.json", encoding="utf-8"))}
worst = 0.0
for metric, want in json.load(open(f"{work}/peer.json", encoding="utf-8"))["values"].items():
    difference = abs(found[metric] - want) / abs(want)
    worst = max(worst, difference)
    print(f"{metric:32} {found[metric]:.9f} {want:.9f} {difference:.1e}")
if worst > LIMIT:
    sys.exit(f"the values differ by up to {worst:.1e}")

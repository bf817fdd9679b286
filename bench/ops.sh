#!/usr/bin/env bash
# Times a study with one op on moments, and the same study with all of them, alternately: what more of them cost.
# `./dev bench ops [ROUNDS]` builds isoscope, fetches the model and calls this. README.md describes the variables.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rounds=${1:-5}
shared=${ISOSCOPE_SHARED:-../shared}
isoscope=${ISOSCOPE:-target/release/isoscope}
model=${ISOSCOPE_BENCH_MODEL:?names the directory of the encoder}
data=${ISOSCOPE_BENCH_DATA:-$shared/data/stsb/stsb-dev.tsv}
[ -f "$data" ] || data=demo/pairs.tsv

[[ $rounds =~ ^[1-9][0-9]*$ ]] || { echo "usage: $0 [ROUNDS]" >&2; exit 2; }
[ -x "$isoscope" ] || { echo "$isoscope is not there; build it with: ./dev bench ops" >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Wall time and processor time of a run without anything in its cache.
seconds() { # STUDY
    rm -rf "$work/out" "$work/cache"
    local TIMEFORMAT='%R %U %S'
    { time XDG_CACHE_HOME=$work/cache "$isoscope" run "bench/ops/$1.toml" --model "encoder=$model" --data "$data" --out "$work/out" \
        -o json >"$work/$1.json" 2>"$work/log"; } 2>"$work/seconds" || { cat "$work/log" >&2; exit 1; }
    awk '{ print $1, $2 + $3 }' "$work/seconds"
}

echo "model $model"
echo "data  $data"
echo "machine $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
: >"$work/times"
for round in $(seq "$rounds"); do
    # The one that goes first changes with every round, so that a machine that warms up or slows down hits both.
    if [ $((round % 2)) -eq 1 ]; then one=$(seconds one) all=$(seconds all); else all=$(seconds all) one=$(seconds one); fi
    echo "$one $all" >>"$work/times"
    echo "round $round, wall and processor time: one op ${one/ / s, } s; all ops ${all/ / s, } s"
done

python3 - "$work" <<'PYTHON'
import json, statistics, sys

work = sys.argv[1]
rounds = [tuple(map(float, line.split())) for line in open(f"{work}/times")]
metrics = {name: len({row["metric"] for row in json.load(open(f"{work}/{name}.json"))}) for name in ("one", "all")}
print(f"numbers: {metrics['one']} and {metrics['all']} metrics")
for what, one, more in (("wall", 0, 2), ("processor", 1, 3)):
    for name, column in (("one op", one), ("all ops", more)):
        times = [r[column] for r in rounds]
        print(f"{what} time, {name}: median {statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f})")
    shares = [100 * (r[more] / r[one] - 1) for r in rounds]
    print(f"{what} time, all over one: median {statistics.median(shares):+.1f} % ({min(shares):+.1f} to {max(shares):+.1f} %)")
PYTHON

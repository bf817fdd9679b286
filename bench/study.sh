#!/usr/bin/env bash
# Times one study in isoscope and in a peer's script, alternately, on the same model and the same rows; then compares the numbers.
# `./dev bench study [ROUNDS]` builds isoscope, fetches the model and calls this. README.md describes the variables.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rounds=${1:-3}
shared=${ISOSCOPE_SHARED:-../shared}
isoscope=${ISOSCOPE:-target/release/isoscope}
model=${ISOSCOPE_BENCH_MODEL:?names the directory of the encoder}
peer=${ISOSCOPE_PEER:-$shared/bench/peer_study.py}
python=${ISOSCOPE_PEER_PYTHON:-python3}
threads=${ISOSCOPE_BENCH_THREADS:-$(nproc)}
if [ -n "${ISOSCOPE_BENCH_DATA:-}" ]; then
    data=$ISOSCOPE_BENCH_DATA
elif [ -f "$shared/data/stsb/stsb-dev.tsv" ]; then
    data=$shared/data/stsb/stsb-dev.tsv
else
    data=demo/pairs.tsv
fi

[[ $rounds =~ ^[1-9][0-9]*$ ]] || { echo "usage: $0 [ROUNDS]" >&2; exit 2; }
[ -x "$isoscope" ] || { echo "$isoscope is not there; build it with: ./dev bench study" >&2; exit 2; }
if [ ! -f "$peer" ]; then
    echo "no peer: ISOSCOPE_PEER names no script and $peer is not there; timing isoscope alone" >&2
    peer=
elif ! "$python" -c 'import numpy, scipy, torch, transformers' 2>/dev/null; then
    echo "no peer: $python lacks numpy, scipy, torch or transformers (ISOSCOPE_PEER_PYTHON names another); timing isoscope alone" >&2
    peer=
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The peer reads a CSV without a header: sentence1, sentence2, score.
python3 - "$data" "$work/pairs.csv" <<'PYTHON'
import csv, sys

with open(sys.argv[1], encoding="utf-8", newline="") as table, open(sys.argv[2], "w", encoding="utf-8", newline="") as out:
    rows = csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([row["sentence1"], row["sentence2"], row["score"]])
PYTHON

seconds() { # COMMAND...: prints the wall time of the whole process; its output goes to $work/log
    local start=$EPOCHREALTIME
    "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f", b - a }'
}

# Every round starts without what an earlier one left in a cache.
run_isoscope() {
    rm -rf "$work/out" "$work/cache"
    XDG_CACHE_HOME=$work/cache "$isoscope" run bench/study.toml --model "encoder=$model" --data "$data" --out "$work/out" \
        -o json >"$work/isoscope.json"
}

run_peer() {
    "$python" "$peer" "$model" "$work/pairs.csv" --rows 1000000000 --threads "$threads" --components 3 \
        --out "$work/peer.json" >"$work/peer.log"
}

echo "model $model"
echo "data  $data ($(wc -l <"$work/pairs.csv") pairs)"
echo "machine $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg), peer on $threads threads"
: >"$work/times"
for round in $(seq "$rounds"); do
    # The one that goes first changes with every round, so that a machine that warms up or slows down hits both.
    ours=- theirs=- inside=-
    if [ $((round % 2)) -eq 1 ]; then ours=$(seconds run_isoscope); fi
    if [ -n "$peer" ]; then
        theirs=$(seconds run_peer)
        inside=$(python3 -c 'import json, sys; print("%.3f" % json.loads(sys.stdin.readlines()[-1])["total_s"])' <"$work/peer.log")
    fi
    if [ $((round % 2)) -eq 0 ]; then ours=$(seconds run_isoscope); fi
    echo "$ours $theirs $inside" >>"$work/times"
    echo "round $round: isoscope $ours s, peer $theirs s ($inside s after its imports)"
done

python3 - "$work/times" <<'PYTHON'
import statistics, sys

rounds = [line.split() for line in open(sys.argv[1])]
ours = [float(r[0]) for r in rounds]
print(f"isoscope: median {statistics.median(ours):.2f} s ({min(ours):.2f} to {max(ours):.2f})")
for name, column in (("peer, whole process", 1), ("peer, after its imports", 2)):
    times = [float(r[column]) for r in rounds if r[column] != "-"]
    if times:
        ratios = [theirs / own for theirs, own in zip(times, ours)]
        print(f"{name}: median {statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f}); "
              f"peer / isoscope {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
PYTHON

keep=${ISOSCOPE_BENCH_KEEP:-}
if [ -n "$keep" ]; then
    mkdir -p "$keep"
    cp "$work/isoscope.json" "$work/times" "$keep/"
    if [ -n "$peer" ]; then cp "$work/peer.json" "$keep/"; fi
fi
if [ -n "$peer" ]; then python3 bench/compare_numbers.py "$work/peer.json" "$work/isoscope.json"; fi

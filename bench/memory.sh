#!/usr/bin/env bash
# Streams large matrices through every op that does not look at a sample, and tells the most memory that the program held.
# `./dev bench memory` builds isoscope and calls this; it fails above the limit. README.md describes the variables.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

isoscope=${ISOSCOPE:-target/release/isoscope}
python=${ISOSCOPE_PEER_PYTHON:-python3}
rows=${ISOSCOPE_BENCH_ROWS:-1000000}
columns=${ISOSCOPE_BENCH_COLUMNS:-768}
limit=${ISOSCOPE_BENCH_MEMORY_MB:-2048}
kept=${ISOSCOPE_BENCH_KEEP:-}

case $isoscope in /*) ;; *) isoscope=$PWD/$isoscope ;; esac
[ -x "$isoscope" ] || { echo "$isoscope is not there; build it with: ./dev bench memory" >&2; exit 2; }
"$python" -c 'import numpy' 2>/dev/null || { echo "$python lacks numpy; ISOSCOPE_PEER_PYTHON names another" >&2; exit 2; }

work=$(mktemp -d "${TMPDIR:-/tmp}/isoscope-memory.XXXXXX")
trap 'rm -rf "$work"' EXIT
data=${kept:-$work}
mkdir -p "$data"
if [ ! -e "$data/control.txt" ]; then
    echo "writing two matrices of $rows × $columns to $data"
    "$python" bench/memory/rows.py "$data" "$rows" "$columns"
fi

# Runs the program and samples its peak of resident memory, which the kernel keeps (VmHWM), until it ends.
most=0
measure() { # NAME ARGUMENTS...
    local name=$1
    shift
    run "$name" measure "$@" -o json
}

run() { # NAME ARGUMENTS...
    local name=$1 start=$EPOCHREALTIME peak=0 now pid
    shift
    (cd "$work" && XDG_CACHE_HOME=$work/cache exec "$isoscope" "$@" >"$work/$name.json" 2>"$work/$name.log") &
    pid=$!
    while now=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [ -n "$now" ]; do
        peak=$now
        sleep 0.2
    done
    wait "$pid" || { cat "$work/$name.log" >&2; exit 1; }
    [ $((peak / 1024)) -le "$most" ] || most=$((peak / 1024))
    "$python" - "$name" "$work/$name.json" "$((peak / 1024))" "$start" "$EPOCHREALTIME" <<'PYTHON'
import json, sys

name, path, peak, start, end = sys.argv[1:]
values = json.load(open(path))
print(f"{name:12} {peak:>6} MB  {float(end) - float(start):7.0f} s  {len(values):3} values, "
      f"{sum(value['status'] != 'ok' for value in values)} without one", flush=True)
PYTHON
}

wanted=${*:-moments passes clusters words groups sentences probes spaces comparison}
case $data in /*) ;; *) data=$PWD/$data ;; esac
x=$data/X.npy
echo "machine $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg); at most $limit MB"
for case in $wanted; do
    case $case in
        moments) measure moments "$x" --metric moments --metric spectrum --metric partition.first_order ;;
        passes) measure passes "$x" --metric angular --metric partition ;;
        clusters) measure clusters "$x" --metric cluster --param iterations=3 ;;
        words) measure words "$x" --groups "$data/word.txt" --column "frequency=$data/frequency.txt" --metric grouped.self_similarity \
            --metric grouped.mev --metric grouped.frequency ;;
        groups)
            cat >"$work/groups.json" <<JSON
{"name": "groups", "save_transforms": false,
 "dataset": [{"name": "x", "source": "$x", "attach": {"label": "$data/label.txt"}}],
 "metric": [{"id": "spectrum.isoscore", "by": "label"}, {"id": "moments", "by": "label"}, {"id": "angular.avg_cosine", "by": "label"}]}
JSON
            run groups run "$work/groups.json" --out "$work/groups" -o json
            ;;
        sentences) measure sentences "$x" --column "sentence=$data/sentence.txt" --column "gold=$data/gold.txt" \
            --metric grouped.intra_sentence --metric sts --metric pairs.alignment ;;
        probes) measure probes "$x" --labels "$data/label.txt" --column "split=$data/split.txt" --column "gold=$data/gold.txt" \
            --column "control=$data/control.txt" --metric probe.linear --metric probe.control --param control=control --param draw=false \
            --metric probe.nearest_centroid --metric probe.fisher --metric probe.ridge ;;
        spaces) measure spaces "$x" --metric spectrum.isoscore --metric angular.avg_cosine --metric partition.log_I_pm \
            --enhance 'cluster_based:{"clusters":9,"iterations":2}' --enhance 'whitening:{"components":256}' ;;
        comparison) measure comparison "$x" "$data/Y.npy" --metric compare.cross --metric compare.aligned ;;
        *) echo "there is no case $case" >&2; exit 2 ;;
    esac
done
echo "at most $most MB"
[ "$most" -le "$limit" ] || { echo "that is over $limit MB" >&2; exit 1; }

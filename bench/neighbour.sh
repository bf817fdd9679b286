#!/usr/bin/env bash
# Times the estimates of intrinsic dimension and hubness in isoscope and in a peer's script, alternately, on the same rows; then
# compares the numbers. `./dev bench neighbour [ROUNDS]` builds isoscope and calls this. README.md describes the variables.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rounds=${1:-3}
isoscope=${ISOSCOPE:-target/release/isoscope}
python=${ISOSCOPE_PEER_PYTHON:-python3}
threads=${ISOSCOPE_BENCH_THREADS:-$(nproc)}
rows=${ISOSCOPE_BENCH_ROWS:-20000}
columns=${ISOSCOPE_BENCH_COLUMNS:-768}
k=100

[[ $rounds =~ ^[1-9][0-9]*$ ]] || { echo "usage: $0 [ROUNDS]" >&2; exit 2; }
[ -x "$isoscope" ] || { echo "$isoscope is not there; build it with: ./dev bench neighbour" >&2; exit 2; }
if ! "$python" -c 'import numpy, sklearn, skdim' 2>/dev/null; then
    echo "no peer: $python lacks numpy, scikit-learn or scikit-dimension; ISOSCOPE_PEER_PYTHON names another" >&2
    exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" bench/neighbour/rows.py "$work/X.npy" "$rows" "$columns"

seconds() { # COMMAND...: prints the wall time of the whole process
    local start=$EPOCHREALTIME
    "$@" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
    awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f", b - a }'
}

run_isoscope() {
    XDG_CACHE_HOME=$work/cache "$isoscope" measure "$work/X.npy" --metric neigh --param "rows=$rows" --param "k=$k" --param "lid_k=$k" \
        --param "k1=$((k / 2))" --param "k2=$k" --param hubness_k=10 -o json >"$work/isoscope.json"
}

run_peer() { "$python" bench/neighbour/peer.py "$work/X.npy" --k "$k" --threads "$threads" --out "$work/peer.json"; }

echo "rows $rows × $columns, k = $k"
echo "machine $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg), peer on $threads threads"
: >"$work/times"
for round in $(seq "$rounds"); do
    if [ $((round % 2)) -eq 1 ]; then ours=$(seconds run_isoscope) theirs=$(seconds run_peer)
    else theirs=$(seconds run_peer) ours=$(seconds run_isoscope); fi
    inside=$("$python" -c 'import json, sys; print(*json.load(open(sys.argv[1]))["seconds"].values())' "$work/peer.json")
    echo "$ours $theirs $inside" >>"$work/times"
    echo "round $round: isoscope $ours s, peer $theirs s (neighbours, estimates from them, correlation integral: $inside s)"
done
"$python" bench/neighbour/compare.py "$work"

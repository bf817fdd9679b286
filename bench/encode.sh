#!/usr/bin/env bash
# Times the encoder alone, every hidden state read once: on one thread, then with one process a core, as a worker's slots run it.
# `./dev bench encode` builds what is needed and calls this. README.md describes the variables.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

shared=${ISOSCOPE_SHARED:-../shared}
throughput=${ISOSCOPE_THROUGHPUT:-target/release/examples/throughput}
model=${ISOSCOPE_BENCH_MODEL:?names the directory of the encoder}
processes=${ISOSCOPE_BENCH_THREADS:-$(nproc)}
data=${ISOSCOPE_BENCH_DATA:-$shared/data/stsb/stsb-dev.tsv}
[ -f "$data" ] || data=demo/pairs.tsv
[ -x "$throughput" ] || { echo "$throughput is not there; build it with: ./dev bench encode" >&2; exit 2; }

export OPENBLAS_NUM_THREADS=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "model $model"
echo "data  $data"
echo "machine $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
echo "one thread:"
"$throughput" "$model" "$data"

echo "$processes processes at once:"
running=()
for i in $(seq "$processes"); do
    "$throughput" "$model" "$data" >"$work/$i" &
    running+=($!)
done
for process in "${running[@]}"; do wait "$process"; done
awk '/^round/ { for (i = 2; i <= NF; i++) if ($i ~ /^tokens\/s/) sum[$2] += $(i - 1) }
     END { for (r in sum) printf "round %s %.0f tokens/s in all\n", r, sum[r] }' "$work"/* | sort

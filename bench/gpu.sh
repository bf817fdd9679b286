#!/usr/bin/env bash
# Times the reduction of every layer of an encoder to its moments on a GPU, in isoscope and in a peer's PyTorch loop, alternately, on
# the same text. `./dev bench gpu [ROUNDS]` builds isoscope with the feature cuda and calls this. README.md describes the variables.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rounds=${1:-3}
shared=${ISOSCOPE_SHARED:-../shared}
isoscope=${ISOSCOPE:-target/release/isoscope}
model=${ISOSCOPE_BENCH_MODEL:?names the directory of the encoder}
python=${ISOSCOPE_PEER_PYTHON:-python3}
format=${ISOSCOPE_BENCH_DTYPE:-f16}
repeats=${ISOSCOPE_BENCH_REPEATS:-100}
data=${ISOSCOPE_BENCH_DATA:-$shared/data/stsb/stsb-dev.tsv}
[ -f "$data" ] || data=demo/pairs.tsv
case $format in f16) torch=float16 ;; bf16) torch=bfloat16 ;; f32) torch=float32 ;; *) echo "ISOSCOPE_BENCH_DTYPE is f16, bf16 or f32" >&2; exit 2 ;; esac
[[ $rounds =~ ^[1-9][0-9]*$ ]] || { echo "usage: $0 [ROUNDS]" >&2; exit 2; }
command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1 || { echo "there is no NVIDIA GPU here; nothing is timed" >&2; exit 0; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
head -n1 "$data" >"$work/pairs.tsv"
for _ in $(seq "$repeats"); do tail -n +2 "$data"; done >>"$work/pairs.tsv"

echo "model $model, $format"
echo "data  $data, $repeats times"
nvidia-smi -L
for round in $(seq "$rounds"); do
    start=$EPOCHREALTIME
    "$isoscope" --device cuda:0 run bench/gpu.toml --model "encoder=$model" --data "$work/pairs.tsv" \
        --set "representation.dtype=$format" --out "$work/out.$round" -o json >"$work/isoscope.json" 2>"$work/log" ||
        { cat "$work/log" >&2; exit 1; }
    ours=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }')
    theirs=$("$python" bench/peer_gpu.py "$model" "$work/pairs.tsv" --dtype "$torch" |
        "$python" -c 'import json, sys; print("%.2f" % json.load(sys.stdin)["total_s"])')
    echo "round $round: isoscope $ours s (whole process), peer $theirs s (after the model was loaded)"
    echo "$ours $theirs" >>"$work/times"
done
"$python" - "$work/times" <<'PYTHON'
import statistics, sys

ratios = [float(theirs) / float(ours) for ours, theirs in (line.split() for line in open(sys.argv[1]))]
print(f"peer / isoscope: median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
PYTHON

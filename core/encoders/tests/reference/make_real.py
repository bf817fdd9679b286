"""Lays out real checkpoints of several families, with the hidden states that transformers gives for the lines of a text file.

Requirements: pip install torch transformers safetensors tokenizers numpy
(written for transformers 5.24).

Usage: python make_real.py MODELS_DIR OUT_DIR [--all-rows]

MODELS_DIR holds the folders that are named in MODELS below; absent ones are passed over. Each becomes OUT_DIR/<name>/, a
checkpoint with reference.safetensors and the lines, sentences.txt, beside it. Pickled weights are converted, a missing
tokenizer.json is built of its vocabulary.

The states are computed in f64 and rounded. In f32 transformers is itself off by 1.8e-4 in the last layer of albert-kor-base, for
lines of unknown words, whose rounding errors the shared layer enlarges twelve times over.
"""

import argparse
import os
import shutil

import torch
from make_reference import reference
from safetensors.torch import save_file
from transformers import BertTokenizerFast

# Folder: what precedes the names of the encoder's tensors in pickled weights.
MODELS = {"all-mpnet-base-v2": None, "albert-kor-base": "", "electra-small-deepsa": "model.model."}

# Not all of them were made for sentences.
MOLECULES = """CC(=O)Oc1ccccc1C(=O)O
CN1C=NC2=C1C(=O)N(C(=O)N2C)C
CC(C)Cc1ccc(cc1)[C@@H](C)C(=O)O
OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O
C1=CC=C(C=C1)C(=O)O
[Na+].[Cl-]
N[C@@H](Cc1c[nH]c2ccccc12)C(=O)O
"""
LINES_AFTER = {"electra-small-deepsa": MOLECULES}

SENTENCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sentences.txt")


def convert(source, target, prefix):
    """Writes a pickled state as safetensors, without the prefix and without what does not lie under it."""
    state = torch.load(source, map_location="cpu", weights_only=True)
    state = state.get("state_dict", state)
    kept = {
        # A copy: tied tensors share their memory, and some are stored transposed.
        name.removeprefix(prefix): tensor.clone(memory_format=torch.contiguous_format)
        for name, tensor in state.items()
        if name.startswith(prefix)
    }
    save_file(kept, target, metadata={"format": "pt"})


def lay_out(source, target, prefix):
    """Makes a checkpoint folder of what is there."""
    os.makedirs(target, exist_ok=True)
    shutil.copy(os.path.join(source, "config.json"), target)
    if prefix is None:
        shutil.copy(os.path.join(source, "model.safetensors"), target)
    else:
        weights = os.path.join(source, "pytorch_model.bin")
        convert(weights, os.path.join(target, "model.safetensors"), prefix)
    tokenizer = os.path.join(source, "tokenizer.json")
    if os.path.exists(tokenizer):
        shutil.copy(tokenizer, target)
    else:
        built = BertTokenizerFast.from_pretrained(source)
        built.backend_tokenizer.save(os.path.join(target, "tokenizer.json"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models")
    parser.add_argument("out")
    parser.add_argument("--all-rows", action="store_true")
    args = parser.parse_args()
    for name, prefix in MODELS.items():
        source, target = os.path.join(args.models, name), os.path.join(args.out, name)
        if not os.path.isdir(source):
            print(f"passed over: {source} does not exist")
            continue
        lay_out(source, target, prefix)
        lines = os.path.join(target, "sentences.txt")
        shutil.copy(SENTENCES, lines)
        with open(lines, "a", encoding="utf-8") as file:
            file.write(LINES_AFTER.get(name, ""))
        out = os.path.join(target, "reference.safetensors")
        reference(target, lines, out, args.all_rows, torch.float64)


if __name__ == "__main__":
    main()

"""Writes hidden states of transformers' own encoder for the lines of a text file.

Requirements: pip install torch transformers safetensors tokenizers numpy
(all-minilm-l6-v2.safetensors was made with torch 2.15.0 and transformers 5.23.0; the tests tolerate what differs between
versions).

Usage: python make_reference.py MODEL_DIR SENTENCES OUT.safetensors [--all-rows]

Every line is tokenised with the truncation and padding of tokenizer.json switched off, cut to 512 tokens or what the model can
take, and encoded alone, in f32 on the CPU. To keep the file small only the rows at the first, one third, two thirds and last
position of each line are stored; --all-rows stores every row. The tensors of the file: see reference_file.py.
"""

import argparse

import torch
from reference_file import hidden_states, write_reference
from tokenizers import Tokenizer
from transformers import AutoModel

MAX_TOKENS = 512


def reference(model_dir, sentences, out, all_rows, dtype=torch.float32):
    """Encodes a file of lines by the checkpoint in a folder."""
    model = AutoModel.from_pretrained(model_dir, dtype=dtype, attn_implementation="eager").eval()
    tokenizer = Tokenizer.from_file(f"{model_dir}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(min(MAX_TOKENS, model.config.max_position_embeddings))
    with open(sentences, encoding="utf-8") as file:
        lines = file.read().splitlines()
    tokens = [tokenizer.encode(line).ids for line in lines]
    states = [hidden_states(model, ids, all_rows=all_rows) for ids in tokens]
    write_reference(out, [(ids, [0] * len(ids)) for ids in tokens], states, all_rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("sentences")
    parser.add_argument("out")
    parser.add_argument("--all-rows", action="store_true")
    args = parser.parse_args()
    reference(args.model, args.sentences, args.out, args.all_rows)


if __name__ == "__main__":
    main()

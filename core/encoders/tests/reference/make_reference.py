"""Writes hidden states of transformers' own BERT for the lines of a text file.

Requirements: pip install torch transformers safetensors numpy
(made with torch 2.15.0 and transformers 5.23.0; the test tolerates what differs between versions).

Usage: python make_reference.py MODEL_DIR SENTENCES OUT.safetensors [--all-rows]

Every line is tokenised with the truncation and padding of tokenizer.json switched off, cut to 512 tokens, and encoded
alone, in f32 on the CPU, so that neither padding nor batch mates take part. To keep the file small only the rows at the first,
one third, two thirds and last position of each line are stored; --all-rows stores every row.

Tensors of the file, for S lines with T tokens in all, R stored rows, L+1 layers and width H:
  ids      T      i32   token ids of all lines, end to end
  offsets  S+1    i32   where the tokens of each line begin and end
  rows     R      i32   the stored rows, counted through all T tokens, ascending
  states   (L+1)xRxH f32  hidden states; layer 0 is the output of the embeddings
"""

import argparse

import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from transformers import AutoModel

MAX_TOKENS = 512


def positions(length, all_rows):
    """Returns the positions of one line that are stored."""
    if all_rows:
        return list(range(length))
    return sorted({0, length // 3, 2 * length // 3, length - 1})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("sentences")
    parser.add_argument("out")
    parser.add_argument("--all-rows", action="store_true")
    args = parser.parse_args()

    tokenizer = Tokenizer.from_file(f"{args.model}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    model = AutoModel.from_pretrained(args.model, dtype=torch.float32, attn_implementation="eager").eval()

    with open(args.sentences, encoding="utf-8") as file:
        lines = file.read().splitlines()
    ids, offsets, rows, states = [], [0], [], []
    for line in lines:
        tokens = tokenizer.encode(line).ids
        with torch.no_grad():
            hidden = model(input_ids=torch.tensor([tokens]), output_hidden_states=True).hidden_states
        keep = positions(len(tokens), args.all_rows)
        states.append(np.stack([layer[0, keep].numpy() for layer in hidden]))
        rows.extend(offsets[-1] + p for p in keep)
        ids.extend(tokens)
        offsets.append(len(ids))
    tensors = {
        "ids": np.array(ids, dtype=np.int32),
        "offsets": np.array(offsets, dtype=np.int32),
        "rows": np.array(rows, dtype=np.int32),
        "states": np.ascontiguousarray(np.concatenate(states, axis=1), dtype=np.float32),
    }
    save_file(tensors, args.out)
    print({name: tensor.shape for name, tensor in tensors.items()})


if __name__ == "__main__":
    main()

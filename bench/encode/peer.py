"""Tokens per second of one other program on the sentences of a table, every hidden state out.

usage: peer.py torch MODEL PAIRS.tsv [--threads N]
       peer.py onnx MODEL PAIRS.tsv --graph FILE [--threads N]
       peer.py export MODEL --graph FILE

Sentences are tokenised beforehand, sorted by length, and encoded in padded batches of at most `--tokens` tokens (1024), padding
included. One batch in eight warms the program up; then all of them are timed. The last line is `TOKENS SECONDS`, the padding not counted.
Versions: transformers with torch 2 or later; onnx to export, onnxruntime to run.
"""

import argparse
import csv
import os
import time

import torch
from tokenizers import Tokenizer
from transformers import AutoModel


def tokenizer_of(model):
    """The tokenizer as its file says, so that every program of the comparison sees the same tokens; nothing is cut or padded."""
    tokenizer = Tokenizer.from_file(os.path.join(model, "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def pad(group):
    """Returns ids and mask of sequences of which the first is the longest."""
    ids = torch.zeros((len(group), len(group[0])), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(group):
        ids[row, : len(sequence)] = torch.tensor(sequence)
        mask[row, : len(sequence)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def batches(model, table, budget):
    """Returns padded batches, the longest first, and the number of tokens in them."""
    with open(table, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    sentences = [row[side] for row in rows for side in ("sentence1", "sentence2")]
    ids = [encoding.ids for encoding in tokenizer_of(model).encode_batch(sentences)]
    groups = []
    for sequence in sorted(ids, key=len, reverse=True):
        # The first of a group is its longest, so it decides how wide the group is padded.
        if groups and len(groups[-1][0]) * (len(groups[-1]) + 1) <= budget:
            groups[-1].append(sequence)
        else:
            groups.append([sequence])
    return [pad(group) for group in groups], sum(map(len, ids))


def load(model):
    """Loads the encoder without a pooler, which none of the programs needs to compute."""
    return AutoModel.from_pretrained(model, add_pooling_layer=False).eval()


def with_torch(model, threads):
    torch.set_num_threads(threads)
    encoder = load(model)

    def encode(batch):
        with torch.inference_mode():
            return encoder(**batch, output_hidden_states=True).hidden_states

    return encode


def with_onnx(graph, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    return lambda batch: session.run(None, {name: batch[name].numpy() for name in names})


def export(model, graph):
    """Writes the ONNX graph of the encoder with all hidden states as outputs."""
    class EveryLayer(torch.nn.Module):
        def __init__(self, encoder):
            super().__init__()
            self.encoder = encoder

        def forward(self, input_ids, attention_mask):
            return tuple(self.encoder(input_ids, attention_mask, output_hidden_states=True).hidden_states)

    encoder = load(model)
    example = pad([encoding.ids for encoding in tokenizer_of(model).encode_batch(["one two", "three"])])
    names = list(example)
    with torch.inference_mode():
        torch.onnx.export(
            EveryLayer(encoder),
            tuple(example[name] for name in names),
            graph,
            dynamo=False,
            opset_version=17,
            input_names=names,
            output_names=[f"layer{layer}" for layer in range(encoder.config.num_hidden_layers + 1)],
            dynamic_axes={name: {0: "sentence", 1: "token"} for name in names},
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", choices=["torch", "onnx", "export"])
    parser.add_argument("model")
    parser.add_argument("table", nargs="?")
    parser.add_argument("--graph")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=1024)
    given = parser.parse_args()
    if given.program == "export":
        export(given.model, given.graph)
        return
    encode = with_torch(given.model, given.threads) if given.program == "torch" else with_onnx(given.graph, given.threads)
    work, tokens = batches(given.model, given.table, given.tokens)
    for batch in work[::8]:
        encode(batch)
    start = time.perf_counter()
    for batch in work:
        encode(batch)
    print(tokens, f"{time.perf_counter() - start:.4f}")


if __name__ == "__main__":
    main()

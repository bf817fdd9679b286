"""What a careful researcher writes today to reduce every layer of an encoder to its moments on a GPU, in PyTorch.

Encodes both sentences of every pair of a TSV file in half precision, sorted by length and batched by a token budget, drops special tokens
and padding, and folds each layer's rows into count, mean, centred scatter (f64, by the pairwise formula), and sums of unit vectors.
Prints one JSON line: seconds after the model was loaded, tokens a second, and for each layer n, the mean's norm, the trace of the
scatter and the mean cosine, to be compared with isoscope's.

Requirements: torch with CUDA, transformers
Usage: python peer_gpu.py MODEL_DIR PAIRS.tsv [--dtype float16|bfloat16|float32] [--batch-tokens N]
"""

import argparse
import csv
import json
import time

import torch
from tokenizers import Tokenizer
from transformers import AutoModel


class Moments:
    def __init__(self, width, device):
        self.n = 0
        self.mean = torch.zeros(width, dtype=torch.float64, device=device)
        self.scatter = torch.zeros(width, width, dtype=torch.float64, device=device)
        self.unit_sum = torch.zeros(width, dtype=torch.float64, device=device)

    def absorb(self, rows):
        x = rows.double()
        n, mean = len(x), x.mean(0)
        centred = x - mean
        total = self.n + n
        delta = mean - self.mean
        self.scatter += centred.T @ centred + torch.outer(delta, delta) * (self.n * n / total)
        self.mean += delta * (n / total)
        self.n = total
        self.unit_sum += (x / x.norm(dim=1, keepdim=True)).sum(0)

    def summary(self):
        s = self.unit_sum
        return {
            "n": self.n,
            "mean_norm": self.mean.norm().item(),
            "trace": self.scatter.trace().item(),
            "avg_cosine": ((s @ s).item() - self.n) / (self.n * (self.n - 1)),
        }


def batches(ids, budget):
    """Cuts sequences, shortest first, into batches whose padded size keeps to the budget."""
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    batch = []
    for i in order:
        if batch and (len(batch) + 1) * len(ids[i]) > budget:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--dtype", default="float16")
    parser.add_argument("--batch-tokens", type=int, default=32768)
    args = parser.parse_args()

    device = torch.device("cuda")
    model = AutoModel.from_pretrained(args.model, dtype=getattr(torch, args.dtype)).to(device).eval()
    tokenizer = Tokenizer.from_file(f"{args.model}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(512)
    # The library's first calls choose kernels.
    with torch.inference_mode():
        for length in (8, 64):
            model(input_ids=torch.ones(64, length, dtype=torch.long, device=device))
    torch.cuda.synchronize()

    start = time.perf_counter()
    with open(args.data, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    texts = [text for row in rows for text in (row["sentence1"], row["sentence2"])]
    encodings = tokenizer.encode_batch(texts)
    ids = [encoding.ids for encoding in encodings]
    special = [encoding.special_tokens_mask for encoding in encodings]
    tokens = sum(map(len, ids))
    moments = None
    with torch.inference_mode():
        for batch in batches(ids, args.batch_tokens):
            longest = max(len(ids[i]) for i in batch)
            padded = torch.zeros(len(batch), longest, dtype=torch.long)
            mask = torch.zeros(len(batch), longest, dtype=torch.long)
            kept = torch.zeros(len(batch), longest, dtype=torch.bool)
            for row, i in enumerate(batch):
                length = len(ids[i])
                padded[row, :length] = torch.tensor(ids[i])
                mask[row, :length] = 1
                kept[row, :length] = torch.tensor(special[i]) == 0
            places = kept.flatten().nonzero().flatten().pin_memory().to(device, non_blocking=True)
            padded = padded.pin_memory().to(device, non_blocking=True)
            mask = mask.pin_memory().to(device, non_blocking=True)
            states = model(input_ids=padded, attention_mask=mask, output_hidden_states=True).hidden_states
            if moments is None:
                moments = [Moments(state.shape[-1], device) for state in states]
            for layer, state in zip(moments, states):
                layer.absorb(state.flatten(0, 1)[places])
    torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    layers = [layer.summary() for layer in moments]
    print(json.dumps({"total_s": seconds, "tokens": tokens, "tokens_s": tokens / seconds, "layers": layers}))


if __name__ == "__main__":
    main()

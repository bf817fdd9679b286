"""Puts random LoRA adapters on the miniatures, with the hidden states that peft and transformers give, and pools sentences.

Requirements: pip install torch transformers peft sentence-transformers safetensors tokenizers numpy
(made with torch 2.15, transformers 5.24, peft 0.21.2 and sentence-transformers 6.2)

Usage: python make_adapters.py FIXTURES

Writes FIXTURES/adapters/<case>/, each an adapter as `save_pretrained` of peft writes it, whose base is the miniature that
adapter_config.json names relative to it, with reference.safetensors (see reference_file.py): the states of the merged model, every
row of two sequences. Every weight that training would change is drawn, so that nothing can be left out unnoticed.

Writes FIXTURES/pooling.json: what sentence-transformers makes of texts by every mode of pooling on the miniature `bert`, with and
without Normalize after it: {"texts": [...], "vectors": {MODE: [[...]]}, "normalized": {MODE: [[...]]}}.

Prints the first numbers of the stream that random weights are drawn from, by a ChaCha20 of its own.
"""

import argparse
import hashlib
import json
import math
import shutil
import struct
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from peft import LoraConfig, get_peft_model
from reference_file import hidden_states, write_reference
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Normalize, Pooling, Transformer

IDS = [[2, 9, 57, 110, 31, 8, 3], [2, 200, 45, 45, 160, 77, 12, 101, 99, 30, 3]]
BERT_LAYERS = ["query", "value", "dense"]
# Case: (miniature, class, settings).
CASES = {
    "plain": ("bert", "BertModel", {"target_modules": BERT_LAYERS}),
    "rslora": ("bert", "BertModel", {"target_modules": BERT_LAYERS, "use_rslora": True}),
    "patterns": (
        "bert",
        "BertModel",
        {
            "target_modules": BERT_LAYERS,
            "use_rslora": True,
            "rank_pattern": {"value": 6, "^encoder.layer.0.attention.self.query": 2, r"layer\.[12]\.output\.dense": 3},
            "alpha_pattern": {"encoder.layer.1.attention.self.value": 3, "intermediate.dense": 20.5},
        },
    ),
    "dora": ("bert", "BertModel", {"target_modules": BERT_LAYERS, "use_dora": True}),
    "saved": (
        "bert",
        "BertForSequenceClassification",
        {
            "target_modules": ["key", "output.dense"],
            "modules_to_save": ["classifier", "token_type_embeddings"],
            "bias": "all",
            "task_type": "SEQ_CLS",
        },
    ),
    "tables": ("bert", "BertModel", {"target_modules": ["word_embeddings", "position_embeddings", "query"]}),
    "roberta": ("roberta", "RobertaForMaskedLM", {"target_modules": ["query", "dense"], "bias": "all"}),
    "t5": ("t5", "T5EncoderModel", {"target_modules": ["q", "v", "wi_0", "wo"]}),
    "modernbert": ("modernbert", "ModernBertForMaskedLM", {"target_modules": ["Wqkv", "Wo", "Wi"]}),
}
TEXTS = ["The old bridges.", "rain", "the boats of the king, the queen", "She reads letters"]


def adapter(fixtures, case):
    base, architecture, settings = CASES[case]
    torch.manual_seed(20)
    model = getattr(transformers, architecture).from_pretrained(fixtures / base, dtype=torch.float32, attn_implementation="eager")
    model = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, **settings)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and "magnitude" in name:
                parameter.mul_(1 + 0.2 * torch.randn(parameter.shape))
            elif parameter.requires_grad:
                parameter.add_(0.15 * torch.randn(parameter.shape))
    folder = fixtures / "adapters" / case
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = f"../../{base}"
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    merged = model.merge_and_unload()
    encoder = merged.get_encoder() if base == "t5" else merged.base_model
    states = [hidden_states(encoder, ids, all_rows=True) for ids in IDS]
    write_reference(folder / "reference.safetensors", [(ids, [0] * len(ids)) for ids in IDS], states, True)


def pooling(fixtures):
    with tempfile.TemporaryDirectory() as folder:
        for file in ["config.json", "model.safetensors"]:
            shutil.copy(fixtures / "bert" / file, folder)
        tokenizer = json.loads((fixtures / "bert" / "tokenizer.json").read_text())
        tokenizer |= {"padding": None, "truncation": None}
        (Path(folder) / "tokenizer.json").write_text(json.dumps(tokenizer))
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "model_max_length": 80}
        (Path(folder) / "tokenizer_config.json").write_text(json.dumps(settings))
        transformer = Transformer(folder, max_seq_length=80)
        made = {"texts": TEXTS, "vectors": {}, "normalized": {}}
        for mode in Pooling.POOLING_MODES:
            modules = [transformer, Pooling(32, pooling_mode=mode)]
            for key, modules in [("vectors", modules), ("normalized", [*modules, Normalize()])]:
                vectors = SentenceTransformer(modules=modules, device="cpu").encode(TEXTS, batch_size=3)
                made[key][mode] = np.round(vectors.astype(float), 7).tolist()
    (fixtures / "pooling.json").write_text(json.dumps(made) + "\n")


def chacha20(key, counter):
    """One block of 16 words, with a counter of 64 bits and a nonce of zeros."""
    words = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key), counter & 0xFFFFFFFF, counter >> 32, 0, 0]
    state = list(words)

    def quarter(a, b, c, d):
        for x, y, z, turn in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)]:
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            mixed = state[z] ^ state[x]
            state[z] = ((mixed << turn) | (mixed >> (32 - turn))) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, i + 4, i + 8, i + 12)
        for i in range(4):
            quarter(i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12)
    return [(a + b) & 0xFFFFFFFF for a, b in zip(state, words)]


def stream(seed, name, std):
    """The first numbers of a tensor's stream, by the transform of Box and Muller."""
    key = hashlib.sha256(b"isoscope random weights 1" + struct.pack("<Q", seed) + name.encode()).digest()
    words = chacha20(key, 0)
    uniform = [((words[i] | words[i + 1] << 32) >> 11) / 2**53 for i in range(0, 8, 2)]
    drawn = []
    for first, second in zip(uniform[::2], uniform[1::2]):
        radius, angle = math.sqrt(-2 * math.log(1 - first)), 2 * math.pi * second
        drawn += [np.float32(std * radius * math.cos(angle)), np.float32(std * radius * math.sin(angle))]
    return drawn


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fixtures", type=Path)
    fixtures = parser.parse_args().fixtures
    print([repr(value) for value in stream(0, "embeddings.word_embeddings.weight", 0.5)])
    for case in CASES:
        adapter(fixtures, case)
    pooling(fixtures)


if __name__ == "__main__":
    main()

"""Writes random checkpoints of DeBERTa, DeBERTa v2, ModernBERT and NomicBERT with the hidden states that transformers gives.

Requirements: pip install torch transformers safetensors numpy
(made with torch 2.15.0 and transformers 5.24.0)

Usage: python make_random_relative.py wide DIR      random checkpoints at realistic widths, for ISOSCOPE_ENCODER_REFERENCES
       python make_random_relative.py tiny DIR      the miniatures of tests/fixtures that are named in TINY
       python make_random_relative.py buckets       where the buckets of relative positions end

Every sequence is encoded alone, in f32 on the CPU. A case of `wide` is DIR/<case>/ with config.json, model.safetensors and
reference.safetensors, for S sequences with T tokens in all, L+1 hidden states and width H:
  ids      T      i32   token ids of all sequences, end to end
  types    T      i32   token types; only where the model has them
  offsets  S+1    i32   where the tokens of each sequence begin and end
  states   (L+1)xTxH f32  hidden states; layer 0 is the output of the embeddings
A case of `tiny` has a reference.json instead, as the other miniatures do.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
import transformers
from nomic_bert_first_form import FirstFormConfig, FirstFormModel
from safetensors.torch import save_file

DEBERTA = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False}
V3 = DEBERTA | {"share_att_key": True, "norm_rel_ebd": "layer_norm", "position_buckets": 256}
NOMIC = {
    "type_vocab_size": 2, "layer_norm_epsilon": 1e-12, "activation_function": "swiglu", "prenorm": False,
    "qkv_proj_bias": False, "mlp_fc1_bias": False, "mlp_fc2_bias": False, "rotary_emb_base": 1000,
    "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": False, "rotary_emb_scale_base": None,
    "rotary_scaling_factor": None, "max_trained_positions": 2048, "n_inner": None, "causal": False, "use_rms_norm": False,
}


def base(layers, width, heads, inner, positions, vocab=1000):
    return {
        "vocab_size": vocab, "num_hidden_layers": layers, "hidden_size": width, "num_attention_heads": heads,
        "intermediate_size": inner, "max_position_embeddings": positions,
    }


def first(layers, width, heads, positions, vocab=1000):
    return {"vocab_size": vocab, "n_layer": layers, "n_embd": width, "n_head": heads, "n_positions": positions}


# name: (model_type, configuration, lengths)
WIDE = {
    "deberta-64": ("deberta", base(3, 384, 6, 1536, 512) | DEBERTA, [1, 2, 7, 33, 129, 301, 512]),
    "deberta-32-c2p-absolute": (
        "deberta",
        base(3, 192, 6, 768, 600)
        | DEBERTA
        | {"pos_att_type": ["c2p"], "max_relative_positions": 64, "position_biased_input": True, "type_vocab_size": 2},
        [1, 5, 63, 64, 65, 66, 129, 600],
    ),
    "deberta-128-p2c": (
        "deberta",
        base(2, 512, 4, 1024, 512) | DEBERTA | {"pos_att_type": ["p2c"], "embedding_size": 128},
        [1, 3, 101, 512],
    ),
    "deberta-64-content": ("deberta", base(2, 256, 4, 512, 512) | {"hidden_act": "gelu_new"}, [1, 77, 512]),
    "deberta-v2-64": ("deberta-v2", base(3, 384, 6, 1536, 512) | V3, [1, 2, 7, 33, 127, 128, 129, 257, 301, 512]),
    "deberta-v2-64-long": ("deberta-v2", base(2, 256, 4, 512, 1024) | V3 | {"max_relative_positions": 512}, [700, 1024]),
    "deberta-v2-32-own": (
        "deberta-v2",
        base(3, 192, 6, 768, 512)
        | DEBERTA
        | {"max_relative_positions": 64, "position_biased_input": True, "type_vocab_size": 2, "pos_att_type": ["c2p"]},
        [1, 63, 64, 65, 129, 511],
    ),
    "deberta-v2-128-conv": (
        "deberta-v2",
        base(2, 512, 4, 1024, 512)
        | V3
        | {"share_att_key": False, "embedding_size": 128, "conv_kernel_size": 3, "conv_act": "gelu"},
        [1, 2, 3, 101, 512],
    ),
    "deberta-v2-64-p2c-conv5": (
        "deberta-v2",
        base(2, 256, 4, 512, 512) | V3 | {"pos_att_type": "p2c", "norm_rel_ebd": "none", "conv_kernel_size": 5},
        [1, 2, 4, 5, 211, 512],
    ),
    "modernbert-64": ("modernbert", base(4, 384, 6, 576, 2048), [1, 2, 64, 65, 66, 129, 301, 512, 2048]),
    "modernbert-32-bias": (
        "modernbert",
        base(4, 192, 6, 384, 1024)
        | {"attention_bias": True, "mlp_bias": True, "norm_bias": True, "local_attention": 33}
        | {"layer_types": ["sliding_attention", "full_attention"] * 2},
        [1, 16, 17, 18, 35, 700, 1024],
    ),
    # No longer: of this width and base, torch rounds one step of the angles up, and farther positions would differ by that alone.
    "modernbert-128": ("modernbert", base(3, 512, 4, 768, 8192), [1, 131, 513, 1025]),
    "modernbert-64-long": ("modernbert", base(3, 256, 4, 384, 8192), [4001]),
    "nomic-bert-64": ("nomic_bert", base(3, 384, 6, 1536, 2048), [1, 2, 7, 129, 512, 2048]),
    "nomic-bert-32": ("nomic_bert", base(3, 192, 6, 512, 512) | {"type_vocab_size": 3}, [1, 37, 511]),
    "nomic-bert-128": ("nomic_bert", base(2, 512, 4, 1024, 1024) | {"hidden_act": "gelu"}, [1, 5, 1001]),
    "nomic-bert-first-form-64": ("first", first(3, 384, 6, 2048) | NOMIC | {"n_inner": 1500}, [1, 33, 512, 2048]),
    "nomic-bert-first-form-32-half": (
        "first",
        first(3, 192, 6, 512)
        | NOMIC
        | {"rotary_emb_fraction": 0.5, "qkv_proj_bias": True, "mlp_fc1_bias": True, "mlp_fc2_bias": True},
        [1, 37, 511],
    ),
    "nomic-bert-first-form-128-prenorm": (
        "first",
        first(3, 512, 4, 1024) | NOMIC | {"prenorm": True, "activation_function": "geglu", "type_vocab_size": 0},
        [1, 5, 1001],
    ),
}
SHORT = [1, 2, 9, 21]
# The other miniatures of these families were made elsewhere.
TINY = {
    "deberta-absolute": (
        "deberta",
        base(2, 16, 2, 32, 30, 61)
        | DEBERTA
        | {"pos_att_type": "c2p", "max_relative_positions": 6, "position_biased_input": True, "type_vocab_size": 2}
        | {"embedding_size": 8},
        SHORT,
    ),
    "deberta-v2-conv": (
        "deberta-v2",
        base(2, 16, 2, 32, 30, 61)
        | V3
        | {"share_att_key": False, "position_buckets": -1, "max_relative_positions": 6, "norm_rel_ebd": "none"}
        | {"conv_kernel_size": 3, "type_vocab_size": 2, "embedding_size": 8},
        SHORT,
    ),
    "modernbert-bias": (
        "modernbert",
        base(3, 16, 2, 32, 30, 61)
        | {"attention_bias": True, "mlp_bias": True, "norm_bias": True, "local_attention": 7},
        SHORT,
    ),
    "nomic-bert": ("nomic_bert", base(2, 32, 4, 256, 80, 211), [1, 2, 9, 40]),
    "nomic-bert-prenorm": (
        "first",
        first(2, 16, 2, 30, 61)
        | NOMIC
        | {"rotary_emb_fraction": 0.5, "qkv_proj_bias": True, "mlp_fc1_bias": True, "mlp_fc2_bias": True, "prenorm": True},
        SHORT,
    ),
}


def randomise(model, generator):
    """Gives every parameter a size that bends what it enters, norms and biases too."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith("bias"):
                parameter.copy_(0.2 * noise)
            elif parameter.dim() == 1:
                parameter.copy_(1.0 + 0.3 * noise)
            elif "embeddings" in name and "proj" not in name:
                parameter.copy_(noise)
            else:
                parameter.copy_(1.5 * noise / math.sqrt(parameter[0].numel()))


def build(model_type, settings):
    """Returns a model, a function from ids and types to hidden states, and the number of token types."""
    if model_type == "first":
        model = FirstFormModel(FirstFormConfig(settings)).eval()
        return model, model.hidden_states, settings["type_vocab_size"]
    special = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
    config = transformers.AutoConfig.for_model(model_type, **(settings | special))
    config._attn_implementation = "eager"
    model = transformers.AutoModel.from_config(config).eval()
    types = 0 if model_type == "modernbert" else config.type_vocab_size

    def hidden_states(ids, kinds):
        more = {"token_type_ids": kinds[None]} if types else {}
        states = model(input_ids=ids[None], output_hidden_states=True, **more).hidden_states
        return [layer[0] for layer in states]

    return model, hidden_states, types


def save(folder, model, model_type, settings):
    if model_type == "first":
        config = settings | {"model_type": "nomic_bert"}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "model.safetensors")
    else:
        model.save_pretrained(folder)


def encode(hidden_states, vocab, types, lengths, generator):
    """Yields ids, types and hidden states of random sequences."""
    for length in lengths:
        ids = torch.randint(3, vocab, (length,), generator=generator)
        kinds = (torch.arange(length) >= length // 2).long() if types > 1 else torch.zeros(length, dtype=torch.long)
        with torch.no_grad():
            yield ids, kinds, hidden_states(ids, kinds)


def write(folder, case, seed, tiny):
    model_type, settings, lengths = case
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    model, hidden_states, types = build(model_type, settings)
    randomise(model, generator)
    save(folder, model, model_type, settings)
    encoded = list(encode(hidden_states, settings["vocab_size"], types, lengths, generator))
    if tiny:
        sequences = [
            {"input_ids": ids.tolist(), "token_type_ids": kinds.tolist()}
            | {"hidden_states": [[[float(f"{v:.7g}") for v in row] for row in layer.tolist()] for layer in states]}
            for ids, kinds, states in encoded
        ]
        made_with = f"transformers {transformers.__version__}, torch {torch.__version__}"
        text = json.dumps({"made_with": made_with, "sequences": sequences})
        (folder / "reference.json").write_text(text + "\n")
        return
    offsets = np.cumsum([0] + lengths)
    tensors = {
        "ids": torch.cat([ids for ids, _, _ in encoded]).int(),
        "offsets": torch.tensor(offsets).int(),
        "states": torch.stack([torch.cat(layer) for layer in zip(*[states for _, _, states in encoded])]),
    }
    if types:
        tensors["types"] = torch.cat([kinds for _, kinds, _ in encoded]).int()
    save_file(tensors, folder / "reference.safetensors")


def print_buckets():
    """Prints for some sizes the distances at which a bucket is the last one."""
    from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

    for count, span in [(16, 80), (32, 128), (32, 129), (256, 512), (256, 513), (512, 2048)]:
        distances = torch.arange(0, 3 * span)
        buckets = make_log_bucket_position(distances, count, span).long()
        ends = [i for i in range(count // 2, len(distances) - 1) if buckets[i] != buckets[i + 1]]
        print((count, span, ends))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["wide", "tiny", "buckets"])
    parser.add_argument("out", nargs="?", type=Path)
    parser.add_argument("--only", default="", help="cases whose name begins so")
    args = parser.parse_args()
    if args.what == "buckets":
        print_buckets()
        return
    cases = TINY if args.what == "tiny" else WIDE
    for seed, (name, case) in enumerate(cases.items()):
        if name.startswith(args.only):
            write(args.out / name, case, 1000 + seed, args.what == "tiny")
            print(name, flush=True)


if __name__ == "__main__":
    main()

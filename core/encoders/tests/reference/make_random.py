"""Writes random checkpoints of every encoder family at realistic widths, with the hidden states that transformers gives.

Requirements: pip install torch transformers safetensors tokenizers numpy
(written for transformers 5.24).

Usage: python make_random.py OUT_DIR [MODEL_TYPE...]

Makes OUT_DIR/<case>/, each a checkpoint as `save_pretrained` writes it with reference.safetensors beside it (see
reference_file.py). Cases of a family differ in the size of their heads (32, 64, 128), in the class that is saved (bare or with
a head on top, which changes the names of the tensors), in the number format, in shards, and in what the family's configuration
can switch. Weights are drawn with a fixed seed, wide enough to bend every non-linearity; biases and the weights of norms are
drawn too, so that none can be left out unnoticed. The states are those of the checkpoint read back from the disk in f32.

Lengths are 1, odd ones, and the longest that the model can take; one sequence holds padding tokens inside it.
"""

import argparse
import os
import shutil

import torch
import transformers
from reference_file import hidden_states, write_reference
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

LENGTHS = (1, 2, 7, 33, 129, 255)
VOCAB = 1009
# (hidden size, heads): heads of 32, 64 and 128.
SHAPES = ((256, 8), (384, 6), (512, 4))


def bert_like(hidden, heads, **other):
    return {
        "vocab_size": VOCAB,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_hidden_layers": 3,
        "intermediate_size": 3 * hidden,
        "max_position_embeddings": 512,
        "initializer_range": hidden**-0.5,
        **other,
    }


def roberta_like(hidden, heads, **other):
    settings = {"max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5, **other}
    return bert_like(hidden, heads, **settings)


def distilbert(hidden, heads, **other):
    sizes = {"dim": hidden, "n_heads": heads, "n_layers": 3, "hidden_dim": 3 * hidden}
    return {"vocab_size": VOCAB, "max_position_embeddings": 512, "initializer_range": hidden**-0.5, **sizes, **other}


def t5(hidden, heads, **other):
    sizes = {"d_model": hidden, "num_heads": heads, "num_layers": 3, "d_ff": 3 * hidden}
    return {"vocab_size": VOCAB, "d_kv": hidden // heads, **sizes, **other}


def deberta_like(hidden, heads, **other):
    settings = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False, **other}
    return bert_like(hidden, heads, **settings)


def modernbert(hidden, heads, **other):
    tokens = {"pad_token_id": 0, "bos_token_id": 1, "cls_token_id": 1, "eos_token_id": 2, "sep_token_id": 2}
    return bert_like(hidden, heads, **tokens, **other)


def small_first(hidden, heads, **other):
    return bert_like(hidden, heads, **{"embedding_size": 128, **other})


# model_type: what makes the settings, and per case the class that is saved, what differs, and how it is saved.
CASES = {
    "bert": (
        bert_like,
        [
            ("BertModel", {}, {}),
            ("BertForMaskedLM", {"hidden_act": "relu"}, {}),
            ("BertModel", {"hidden_act": "gelu_new"}, {"dtype": torch.bfloat16}),
        ],
    ),
    "roberta": (
        roberta_like,
        [
            ("RobertaModel", {}, {}),
            ("RobertaForMaskedLM", {"pad_token_id": 4}, {"dtype": torch.float16}),
            ("RobertaModel", {"type_vocab_size": 2}, {"max_shard_size": "2MB"}),
        ],
    ),
    "xlm-roberta": (
        roberta_like,
        [
            ("XLMRobertaForMaskedLM", {}, {}),
            ("XLMRobertaModel", {"hidden_act": "gelu_new"}, {}),
            ("XLMRobertaModel", {}, {"max_shard_size": "2MB"}),
        ],
    ),
    "camembert": (
        roberta_like,
        [
            ("CamembertModel", {}, {}),
            ("CamembertForMaskedLM", {}, {}),
            ("CamembertForSequenceClassification", {}, {}),
        ],
    ),
    "distilbert": (
        distilbert,
        [
            ("DistilBertModel", {}, {}),
            ("DistilBertForMaskedLM", {"sinusoidal_pos_embds": True}, {}),
            ("DistilBertModel", {"activation": "relu"}, {}),
        ],
    ),
    "mpnet": (
        roberta_like,
        [
            ("MPNetModel", {}, {}),
            ("MPNetForMaskedLM", {}, {"dtype": torch.bfloat16}),
            ("MPNetModel", {"relative_attention_num_buckets": 40}, {}),
        ],
    ),
    "electra": (
        small_first,
        [
            ("ElectraModel", {}, {}),
            ("ElectraForPreTraining", {}, {}),
            ("ElectraForMaskedLM", {"embedding_size": 512}, {}),
        ],
    ),
    "albert": (
        small_first,
        [
            ("AlbertModel", {}, {}),
            ("AlbertForMaskedLM", {"num_hidden_layers": 5, "num_hidden_groups": 2}, {}),
            ("AlbertModel", {"num_hidden_layers": 4, "num_hidden_groups": 2, "inner_group_num": 2}, {}),
        ],
    ),
    "t5": (
        t5,
        [
            ("T5EncoderModel", {"feed_forward_proj": "relu", "d_kv": 64}, {}),
            ("T5ForConditionalGeneration", {"feed_forward_proj": "gated-gelu"}, {}),
            (
                "T5ForTokenClassification",
                {"feed_forward_proj": "gelu", "d_kv": 32, "relative_attention_max_distance": 64},
                {},
            ),
            ("T5EncoderModel", {"feed_forward_proj": "gated-relu", "relative_attention_num_buckets": 20}, {}),
        ],
    ),
    "deberta": (
        deberta_like,
        [
            ("DebertaModel", {}, {}),
            ("DebertaForMaskedLM", {"pos_att_type": ["c2p"], "max_relative_positions": 64}, {}),
            ("DebertaModel", {"position_biased_input": True, "type_vocab_size": 2}, {}),
        ],
    ),
    "deberta-v2": (
        deberta_like,
        [
            ("DebertaV2Model", {"norm_rel_ebd": "layer_norm", "share_att_key": True, "position_buckets": 64}, {}),
            ("DebertaV2ForMaskedLM", {"position_biased_input": True, "type_vocab_size": 2}, {}),
            ("DebertaV2Model", {"conv_kernel_size": 3, "conv_act": "gelu", "position_buckets": 256}, {}),
        ],
    ),
    "modernbert": (
        modernbert,
        [
            ("ModernBertModel", {"num_hidden_layers": 4}, {}),
            ("ModernBertForMaskedLM", {"num_hidden_layers": 5, "local_attention": 32}, {}),
            ("ModernBertModel", {"attention_bias": True, "mlp_bias": True, "norm_bias": True}, {}),
        ],
    ),
    "nomic_bert": (
        bert_like,
        [
            ("NomicBertModel", {}, {}),
            ("NomicBertForMaskedLM", {"hidden_act": "gelu"}, {}),
            ("NomicBertModel", {"type_vocab_size": 1}, {}),
        ],
    ),
}


def disturb(model):
    """Draws what the families initialise with constants or next to nothing, in place."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "relative_attention_bias" in name:
                parameter.normal_()
            elif parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
            elif "position_embeddings" in name:
                parameter.add_(torch.randn_like(parameter) * 0.05)


def longest(config):
    """Returns the length of the longest sequence."""
    if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet"):
        return config.max_position_embeddings - config.pad_token_id - 1
    return getattr(config, "max_position_embeddings", 512)


def sequences(config):
    """Draws token ids and types, a pair of lists per sequence."""
    drawn = []
    pad = config.pad_token_id
    for length in (*LENGTHS, longest(config)):
        ids = torch.randint(5, VOCAB, (length,)).tolist()
        if length == 33:
            ids[5] = ids[6] = ids[20] = pad
        second = length // 3 if has_types(config) and length % 2 == 1 else 0
        drawn.append((ids, [0] * (length - second) + [1] * second))
    return drawn


def has_types(config):
    return config.model_type not in ("mpnet", "distilbert", "t5") and getattr(config, "type_vocab_size", 0) > 1


def write_tokenizer(folder):
    """Writes a tokenizer of as many words as there are ids; a checkpoint needs one."""
    words = {f"w{i}": i for i in range(VOCAB)}
    Tokenizer(WordLevel(words, unk_token="w3")).save(os.path.join(folder, "tokenizer.json"))


def make(folder, model_type, name, settings, saving):
    """Makes one case."""
    saving = dict(saving)
    config = transformers.AutoConfig.for_model(model_type, **settings)
    model = getattr(transformers, name)(config)
    disturb(model)
    model.to(saving.pop("dtype", torch.float32)).save_pretrained(folder, **saving)
    write_tokenizer(folder)
    loader = transformers.T5EncoderModel if model_type == "t5" else transformers.AutoModel
    model, info = loader.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    absent = [name for name in info["missing_keys"] if "pooler" not in name]
    if absent:
        raise RuntimeError(f"{folder}: transformers itself drew {absent} anew")
    model.eval()
    drawn = sequences(config)
    states = [hidden_states(model, ids, types if has_types(config) else None, all_rows=True) for ids, types in drawn]
    write_reference(os.path.join(folder, "reference.safetensors"), drawn, states, all_rows=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("model_type", nargs="*", default=list(CASES), choices=[*CASES, []])
    args = parser.parse_args()

    transformers.logging.set_verbosity_error()
    for model_type in args.model_type:
        settings, cases = CASES[model_type]
        for i, (name, different, saving) in enumerate(cases):
            torch.manual_seed(1000 * list(CASES).index(model_type) + i)
            folder = os.path.join(args.out, f"{model_type}-{i}-{name}")
            shutil.rmtree(folder, ignore_errors=True)
            make(folder, model_type, name, settings(*SHAPES[i % len(SHAPES)], **different), saving)
            print(folder)


if __name__ == "__main__":
    main()

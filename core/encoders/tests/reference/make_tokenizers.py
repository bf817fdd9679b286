"""Writes small hand-made tokenizers of each kind and what the Python package makes of difficult texts.

Requirements: pip install tokenizers sentencepiece protobuf
(made with tokenizers 0.23.3 and sentencepiece 0.2.3)

Usage: python make_tokenizers.py FIXTURES

Writes FIXTURES/tokenizers/<kind>.json and FIXTURES/tokenizers/encodings.json: for each tokenizer a list of
  text     the text
  ids      token ids, special tokens included
  special  whether the tokenizer added the token
  words    index of the word of each token, or null
  spans    bytes of the text that each token stands for, [start, end)
Offsets in Python count characters; they are turned into bytes here.
"""

import argparse
import base64
import json
import tempfile
from pathlib import Path

import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

CORPUS = (
    "the old bridges of the city stand over the river, and the boats of the king pass under them every day. "
    "She reads letters; he writes them. Numbers such as 1984 or 3.14 are words too!"
)
TEXTS = [
    "",
    " ",
    "   the   old bridges  ",
    "The old bridges, and the boats!",
    "the\tking\nreads\r\nletters",
    "I \u2764\ufe0f \U0001f355 and \U0001f469\u200d\U0001f469\u200d\U0001f467 the boats",
    "\U0001f355\U0001f355the\U0001f355",
    "שלום the עולם مرحبا بالعالم king",
    "日本語のテキスト 한국어 the",
    "e\u0301te\u0301 Zu\u0308rich Ångström naïve",
    "the\u0000king\u0007reads\u200bthe\ufeffriver\u0085and",
    "the\u00a0king\u3000reads",
    "ﬁne ﬀ ①② Ｔｈｅ",
    "1984 or 3.14, a_b-c/d",
    "[CLS] the <s> king </s> <mask> [SEP] reads",
    "theoldbridgesoftheriver" * 6,
]


def unigram():
    """As sentencepiece models are converted: DeBERTa v3, XLM-RoBERTa, T5."""
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    words = sorted(set(CORPUS.replace(",", " ").replace(".", " ").split()))
    pieces = [(f"\u2581{word}", -4.0 - 0.01 * i) for i, word in enumerate(words)]
    pieces += [(piece, -5.0 - 0.01 * i) for i, piece in enumerate(["s", "ing", "er", "ed", "and", "the", "\u2581", "\U0001f355"])]
    letters = sorted(set(CORPUS.replace(" ", "")) | set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ,.!<>/"))
    pieces += [(letter, -9.0 - 0.01 * i) for i, letter in enumerate(letters) if letter != "s"]
    vocab = [(token, 0.0) for token in special] + pieces
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=3, byte_fallback=False))
    steps = [normalizers.Strip(), normalizers.Precompiled(charsmap()), normalizers.Replace(Regex(" {2,}"), " ")]
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always", split=True)
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer


def charsmap():
    """A compiled map of characters as a sentencepiece model carries it, of few rules."""
    rules = {"\ufb01": "fi", "\ufb00": "ff", "\u2460": "1", "\uff34": "T", "\uff48": "h", "\uff45": "e"}
    rules |= {"\u00a0": " ", "\u3000": " ", "\t": " ", "\n": " ", "\r": " ", "e\u0301": "\u00e9", "\u200b": " ", "\u0007": ""}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        points = lambda text: " ".join(f"{ord(c):04X}" for c in text)
        (folder / "rules.tsv").write_text("".join(f"{points(a)}\t{points(b)}\n" for a, b in rules.items()))
        (folder / "corpus.txt").write_text(CORPUS)
        sentencepiece.SentencePieceTrainer.train(
            input=str(folder / "corpus.txt"), model_prefix=str(folder / "m"), vocab_size=50, minloglevel=2,
            normalization_rule_tsv=str(folder / "rules.tsv"),
        )
        normalizer = sentencepiece.SentencePieceProcessor(model_file=str(folder / "m.model")).serialized_model_proto()
    from sentencepiece import sentencepiece_model_pb2 as proto

    return proto.ModelProto.FromString(normalizer).normalizer_spec.precompiled_charsmap


def bpe(add_prefix_space):
    """Byte-level, as GPT-2's: RoBERTa and DeBERTa, with and without the space before a text."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    vocab = {token: i for i, token in enumerate(special + alphabet)}
    merges = []
    for pair in ["t h", "th e", "Ġ the", "Ġ o", "i n", "in g", "e r", "r i", "Ġ k", "Ġk ing", "a n", "an d", "Ġ and", "ð Ł", "ðŁ į"]:
        left, right = pair.split(" ")
        vocab[left + right] = len(vocab)
        merges.append((left, right))
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=add_prefix_space
    )
    plain = [AddedToken(token, special=True, normalized=True) for token in special[:4]]
    tokenizer.add_special_tokens(plain + [AddedToken("<mask>", special=True, lstrip=True, normalized=False)])
    return tokenizer


def describe(tokenizer, text):
    encoding = tokenizer.encode(text)
    start_of = [len(text[:i].encode()) for i in range(len(text) + 1)]
    return {
        "text": text,
        "ids": encoding.ids,
        "special": [flag == 1 for flag in encoding.special_tokens_mask],
        "words": encoding.word_ids,
        "spans": [[start_of[a], start_of[b]] for a, b in encoding.offsets],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fixtures", type=Path)
    fixtures = parser.parse_args().fixtures
    folder = fixtures / "tokenizers"
    folder.mkdir(exist_ok=True)
    made = {"unigram": unigram(), "bpe": bpe(False), "bpe-prefix-space": bpe(True)}
    encodings = {}
    for name, tokenizer in made.items():
        (folder / f"{name}.json").write_text(tokenizer.to_str())
        encodings[name] = [describe(tokenizer, text) for text in TEXTS]
    wordpiece = Tokenizer.from_file(str(fixtures / "bert" / "tokenizer.json"))
    wordpiece.no_padding()
    wordpiece.no_truncation()
    encodings["wordpiece"] = [describe(wordpiece, text) for text in TEXTS]
    (folder / "encodings.json").write_text(json.dumps(encodings, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()

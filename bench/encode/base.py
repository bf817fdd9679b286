"""Writes an encoder of BERT-base's shape with random weights, for timing: 12 layers, 768 wide. usage: base.py TOKENIZER_OF DIR

The tokenizer, and so the tokens, are those of the encoder TOKENIZER_OF.
"""

import json
import os
import shutil
import sys

import torch
from transformers import BertConfig, BertModel

source, target = sys.argv[1:]
with open(os.path.join(source, "config.json"), encoding="utf-8") as config:
    words = json.load(config)["vocab_size"]
torch.manual_seed(1)
BertModel(BertConfig(vocab_size=words), add_pooling_layer=False).save_pretrained(target)
shutil.copy(os.path.join(source, "tokenizer.json"), target)

"""NomicBERT as its first checkpoints define it, written from the description of the architecture for references only.

Nussbaum et al. 2024 (arXiv 2402.01613): BERT with rotary positions instead of absolute ones, gated feed-forward layers and, by
configuration, no biases. The configuration speaks GPT-2's language. Inner widths are rounded up to multiples of 256. transformers
has the model without biases, with whole rotary heads and with norms after the residual sums; this file has the rest too.
"""

import math

import torch
from torch import nn
from torch.nn import functional


class FirstFormConfig(dict):
    """The keys of config.json as attributes."""

    __getattr__ = dict.__getitem__


def inner_width(config):
    wanted = config["n_inner"] if config["n_inner"] is not None else 8 * config["n_embd"] // 3
    return -(-wanted // 256) * 256


def turn(x, base, fraction):
    """Turns the first columns of heads x, heads x tokens x depth, by angles that grow with the position."""
    tokens, depth = x.shape[-2:]
    turned = int(depth * fraction)
    half = turned // 2
    steps = 1.0 / base ** (torch.arange(0, turned, 2, dtype=torch.float32) / turned)
    angles = torch.arange(tokens, dtype=torch.float32)[:, None] * steps[None, :]
    a, b, rest = x[..., :half], x[..., half:turned], x[..., turned:]
    return torch.cat((a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin(), rest), dim=-1)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        width, bias = config.n_embd, config.qkv_proj_bias
        self.Wqkv = nn.Linear(width, 3 * width, bias=bias)
        self.out_proj = nn.Linear(width, width, bias=bias)

    def forward(self, x):
        config = self.config
        heads = self.Wqkv(x).view(len(x), 3, config.n_head, -1).permute(1, 2, 0, 3)
        query, key = (turn(part, config.rotary_emb_base, config.rotary_emb_fraction) for part in heads[:2])
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        mixed = scores.softmax(dim=-1) @ heads[2]
        return self.out_proj(mixed.transpose(0, 1).reshape(len(x), -1))


class FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, inner = config.n_embd, inner_width(config)
        self.fc11 = nn.Linear(width, inner, bias=config.mlp_fc1_bias)
        self.fc12 = nn.Linear(width, inner, bias=config.mlp_fc1_bias)
        self.fc2 = nn.Linear(inner, width, bias=config.mlp_fc2_bias)
        self.activation = {"swiglu": functional.silu, "geglu": functional.gelu}[config.activation_function]

    def forward(self, x):
        return self.fc2(self.fc11(x) * self.activation(self.fc12(x)))


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attn, self.mlp = Attention(config), FeedForward(config)
        self.norm1 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.norm2 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)


class FirstFormModel(nn.Module):
    """Gives hidden states; the names of its parameters are those of the checkpoints."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embeddings = nn.ModuleDict({"word_embeddings": nn.Embedding(config.vocab_size, config.n_embd)})
        if config.type_vocab_size:
            self.embeddings["token_type_embeddings"] = nn.Embedding(config.type_vocab_size, config.n_embd)
        self.emb_ln = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList([Layer(config) for _ in range(config.n_layer)])})

    def hidden_states(self, ids, types):
        x = self.embeddings["word_embeddings"](ids)
        if "token_type_embeddings" in self.embeddings:
            x = x + self.embeddings["token_type_embeddings"](types)
        x = self.emb_ln(x)
        states = [x]
        for i, layer in enumerate(self.encoder["layers"]):
            if self.config.prenorm:
                x = x + layer.attn(layer.norm1(x))
                inner = layer.mlp(layer.norm2(x))
                # What the last layer gives is handed on without the residual that a norm after it would add.
                x = inner if i + 1 == self.config.n_layer else x + inner
            else:
                x = layer.norm1(layer.attn(x) + x)
                x = layer.norm2(layer.mlp(x) + x)
            states.append(x)
        return states

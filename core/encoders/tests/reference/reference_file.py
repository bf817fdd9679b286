"""Asks transformers for hidden states, and writes the files that the tests compare with.

Tensors of a file, for S sequences with T tokens in all, R stored rows, L+1 layers and width H:
  ids      T      i32   token ids of all sequences, end to end
  types    T      i32   token types, 0 throughout for families without them
  offsets  S+1    i32   where the tokens of each sequence begin and end
  rows     R      i32   the stored rows, counted through all T tokens, ascending
  states   (L+1)xRxH f32  hidden states; layer 0 is the output of the embeddings
"""

import numpy as np
import torch
from safetensors.numpy import save_file


def hidden_states(model, ids, types=None, all_rows=False):
    """Encodes one sequence alone, so that neither padding nor batch mates take part; returns the rows to be stored."""
    inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}
    if types is not None:
        inputs["token_type_ids"] = torch.tensor([types])
    with torch.no_grad():
        layers = model(**inputs, output_hidden_states=True).hidden_states
    keep = kept_positions(len(ids), all_rows)
    return np.stack([layer[0, keep].numpy().astype(np.float32) for layer in layers])


def kept_positions(length, all_rows):
    """Returns the positions of one sequence that are stored: all, or the first, one third, two thirds and the last."""
    if all_rows:
        return list(range(length))
    return sorted({0, length // 3, 2 * length // 3, length - 1})


def write_reference(path, sequences, states, all_rows):
    """Writes pairs of ids and types, and the states that `hidden_states` gave for each."""
    ids, types, offsets, rows = [], [], [0], []
    for sequence, kinds in sequences:
        rows.extend(offsets[-1] + p for p in kept_positions(len(sequence), all_rows))
        ids.extend(sequence)
        types.extend(kinds)
        offsets.append(len(ids))
    tensors = {
        "ids": np.array(ids, dtype=np.int32),
        "types": np.array(types, dtype=np.int32),
        "offsets": np.array(offsets, dtype=np.int32),
        "rows": np.array(rows, dtype=np.int32),
        "states": np.ascontiguousarray(np.concatenate(states, axis=1), dtype=np.float32),
    }
    save_file(tensors, path)
    print({name: tensor.shape for name, tensor in tensors.items()})

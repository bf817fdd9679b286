"""Writes two large row-aligned matrices and columns for them, block by block, so that this script is small too.

X.npy and Y.npy hold 32-bit floats: rows around a mean of their word and of their class. The columns have one value a line.
"""

import sys

import numpy as np

BLOCK = 10_000
WORDS = 30_000
CLASSES = 12
SENTENCE = 20

directory, n, d = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(1)
of_word = rng.standard_normal((WORDS, 16)).astype("f4")
of_class = rng.standard_normal((CLASSES, 16)).astype("f4")
mixing = rng.standard_normal((16, d)).astype("f4") / 4
other = mixing + rng.standard_normal((16, d)).astype("f4") / 8
shares = 1.0 / np.arange(1, WORDS + 1)
shares /= shares.sum()

matrices = [np.lib.format.open_memmap(f"{directory}/{name}.npy", "w+", "<f4", (n, d)) for name in ("X", "Y")]
names = ("word", "label", "split", "sentence", "gold", "head", "frequency", "control")
columns = {name: open(f"{directory}/{name}.txt", "w", encoding="utf-8") for name in names}
scores = rng.uniform(0, 5, n // (2 * SENTENCE) + 1)
for start in range(0, n, BLOCK):
    rows = np.arange(start, min(start + BLOCK, n))
    word = rng.choice(WORDS, len(rows), p=shares)
    label = (word + rng.integers(0, 2, len(rows))) % CLASSES
    latent = of_word[word] + of_class[label]
    for matrix, mix in zip(matrices, (mixing, other)):
        matrix[rows] = 0.5 + latent @ mix + rng.standard_normal((len(rows), d), dtype="f4")
        # Without this the pages that were written would count as this script's memory.
        matrix.flush()
    sentence = rows // SENTENCE
    place = rows % SENTENCE
    lines = {
        "word": [f"word{w}" for w in word],
        "label": [f"class{c}" for c in label],
        "split": np.where(sentence // 2 % 4 == 3, "test", "train"),
        "sentence": sentence,
        "gold": scores[sentence // 2].round(3),
        # Each word hangs on the one before it; the first is the root.
        "head": place,
        "frequency": np.log10(1e9 * shares[word]).round(4),
        "control": rng.integers(0, CLASSES, len(rows)),
    }
    for name, values in lines.items():
        columns[name].write("".join(f"{value}\n" for value in values))
for column in columns.values():
    column.close()

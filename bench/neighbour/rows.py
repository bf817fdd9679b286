"""Writes rows of an anisotropic cloud of low intrinsic dimension around a common mean, as 32-bit floats."""

import sys

import numpy as np

path, n, d = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(20210802)
latent = rng.standard_normal((n, 12))
smooth = np.tanh(latent @ rng.standard_normal((12, d)) / 3)
rows = 2.0 + 3.0 * smooth * np.linspace(2.0, 0.2, d) + 0.1 * rng.standard_normal((n, d))
np.save(path, rows.astype("<f4"))

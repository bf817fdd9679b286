"""What a careful researcher would write: exact neighbours once by scikit-learn, estimates from them by scikit-dimension."""

import argparse
import json
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("matrix")
parser.add_argument("--k", type=int, required=True)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--out", required=True)
args = parser.parse_args()
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(args.threads)

import numpy as np  # noqa: E402
import skdim  # noqa: E402
from scipy.stats import skew  # noqa: E402
from sklearn.neighbors import NearestNeighbors  # noqa: E402

rows = np.load(args.matrix).astype(np.float64)
start = time.perf_counter()
search = NearestNeighbors(n_neighbors=args.k, algorithm="brute", n_jobs=args.threads).fit(rows)
distances, indices = search.kneighbors()
found = time.perf_counter()

k = args.k
# Whoever takes neighbours or distances that are there is given them; the correlation integral takes none and searches its own.
local = skdim.id.MLE(K=k).fit_transform_pw(rows, precomputed_knn_arrays=(distances, indices), n_neighbors=k)
moments = skdim.id.MOM().fit_transform_pw(rows, precomputed_knn_arrays=(distances, indices), n_neighbors=k)
ratios = skdim.id.TwoNN(dist=True).fit(distances[:, :2]).dimension_
occurrences = np.bincount(indices[:, :10].ravel(), minlength=len(rows))
estimated = time.perf_counter()
integral = skdim.id.CorrInt(k1=k // 2, k2=k).fit(rows).dimension_
end = time.perf_counter()

values = {
    f"neigh.mle_k{k}_harmonic": float(1.0 / np.mean(1.0 / np.asarray(local))),
    f"neigh.mle_k{k}_mean": float(np.mean(local)),
    f"neigh.mom_k{k}": float(np.mean(moments)),
    "neigh.twonn": float(ratios),
    f"neigh.corrint_k{k // 2}_{k}": float(integral),
    "neigh.hubness_skew_k10": float(skew(occurrences)),
}
seconds = {"neighbours": found - start, "estimates": estimated - found, "correlation integral": end - estimated}
with open(args.out, "w", encoding="utf-8") as out:
    json.dump({"values": values, "seconds": {name: round(value, 3) for name, value in seconds.items()}}, out)

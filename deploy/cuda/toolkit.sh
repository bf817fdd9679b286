#!/usr/bin/env bash
# Lays out a CUDA toolkit that suffices to build with the feature `cuda`, from packages of the Python index, for machines that have
# none: neither root nor a GPU is needed. Prints the directory. usage: toolkit.sh DIR
#
# What is built this way runs on machines with an NVIDIA driver and the libraries of CUDA 13 (libcudart, libcublas, libcublasLt, libnvrtc,
# libcurand); DIR/lib has them, too.
set -euo pipefail

dir=${1:?usage: toolkit.sh DIR}
version=13.0
done_mark=$dir/.complete-$version
home=$dir/toolkit

if [ ! -e "$done_mark" ]; then
    rm -rf "$dir"
    mkdir -p "$dir"
    "${PYTHON:-python3}" -m venv "$dir/venv"
    "$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        "nvidia-cuda-nvcc==$version.*" "nvidia-cuda-runtime==$version.*" "nvidia-cuda-cccl==$version.*" "nvidia-cuda-crt==$version.*" \
        "nvidia-nvvm==$version.*" "nvidia-cuda-nvrtc==$version.*" "nvidia-cublas==$version.*" "nvidia-curand==10.4.*" >&2
    ln -s "$(dirname "$("$dir/venv/bin/python" -c 'import glob, sysconfig
print(glob.glob(sysconfig.get_paths()["purelib"] + "/nvidia/cu13/bin")[0])')")" "$home"

    # Linkers look for plain names in lib64.
    ln -sfn lib "$home/lib64"
    for library in "$home"/lib/lib*.so.*; do
        ln -sf "$(basename "$library")" "${library%%.so.*}.so"
    done

    # The driver's library comes with the driver. To link without one, a library of the same name that has the same functions will do:
    # the list of them is in the bindings' source, which cargo has fetched.
    bindings=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -path '*/cudarc-*/src/driver/sys/mod.rs' 2>/dev/null | sort | tail -n1)
    [ -n "$bindings" ] || { echo "the sources of cudarc are not there; run: cargo fetch" >&2; exit 1; }
    mkdir -p "$home/lib64/stubs"
    grep -oE 'fn cu[A-Z][A-Za-z0-9_]*\(' "$bindings" | sed 's/fn //; s/(//' | sort -u |
        sed 's/.*/void &(void) {}/' >"$dir/driver.c"
    cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$home/lib64/stubs/libcuda.so" "$dir/driver.c"
    : >"$done_mark"
fi
echo "$home"

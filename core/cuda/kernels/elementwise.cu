// Maps of single elements: activations, biases, gates, sums.
#include "numbers.cuh"

// The order of the host's enumeration.
enum Activation : int { IDENTITY = 0, GELU = 1, GELU_TANH = 2, RELU = 3, SILU = 4, TANH = 5 };

__device__ __forceinline__ float activate(float x, int activation) {
    switch (activation) {
    case GELU:
        return 0.5f * x * (1.0f + erff(x * 0.70710678118654752440f));
    case GELU_TANH: {
        float u = 0.79788456080286535588f * (x + 0.044715f * x * x * x);
        return 0.5f * x * (1.0f + tanhf(u));
    }
    case RELU:
        return fmaxf(x, 0.0f);
    case SILU:
        return x / (1.0f + expf(-x));
    case TANH:
        return tanhf(x);
    default:
        return x;
    }
}

// y[i] = activation(y[i]) over n elements.
template <typename T> __device__ void activate_all(T *y, size_t n, int activation) {
    size_t stride = (size_t)gridDim.x * blockDim.x * PACK;
    for (size_t i = ((size_t)blockIdx.x * blockDim.x + threadIdx.x) * PACK; i < n; i += stride) {
        if (i + PACK <= n) {
            float v[PACK];
            load_pack(y + i, v);
#pragma unroll
            for (int k = 0; k < PACK; ++k) {
                v[k] = activate(v[k], activation);
            }
            store_pack(y + i, v);
        } else {
            for (size_t k = i; k < n; ++k) {
                y[k] = narrow<T>(activate(widen(y[k]), activation));
            }
        }
    }
}

// y[r, c] += bias[c].
template <typename T> __device__ void add_bias(T *y, const T *bias, size_t n, int columns) {
    size_t stride = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride) {
        y[i] = narrow<T>(widen(y[i]) + widen(bias[i % columns]));
    }
}

// x[i] += y[i].
template <typename T> __device__ void add_rows(T *x, const T *y, size_t n) {
    size_t stride = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride) {
        x[i] = narrow<T>(widen(x[i]) + widen(y[i]));
    }
}

// z[r, c] = activation(x[r, c]) · x[r, half + c].
template <typename T>
__device__ void gate_rows(const T *x, T *z, size_t n, int half, int activation) {
    size_t stride = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride) {
        size_t row = i / half, column = i % half;
        float gate = widen(x[row * 2 * half + column]), value = widen(x[row * 2 * half + half + column]);
        z[i] = narrow<T>(activate(gate, activation) * value);
    }
}

#define ENTRY(NAME, T)                                                                                                \
    extern "C" __global__ void activate_##NAME(T *y, size_t n, int activation) { activate_all(y, n, activation); }    \
    extern "C" __global__ void add_bias_##NAME(T *y, const T *bias, size_t n, int columns) {                          \
        add_bias(y, bias, n, columns);                                                                                \
    }                                                                                                                 \
    extern "C" __global__ void add_rows_##NAME(T *x, const T *y, size_t n) { add_rows(x, y, n); }                     \
    extern "C" __global__ void gate_rows_##NAME(const T *x, T *z, size_t n, int half, int activation) {               \
        gate_rows(x, z, n, half, activation);                                                                         \
    }
FOR_EACH_FORMAT(ENTRY)

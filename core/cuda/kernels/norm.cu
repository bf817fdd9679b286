// Normalisation of rows, with the residual sum before it in the same pass. One warp a row; a row stays in registers.
#include "numbers.cuh"

constexpr int WARPS = 4;

// y = norm(x + residual)·scale + shift for rows of `width` values, `width` a multiple of PACK and at most 32·PACK·CHUNKS.
// A null residual or shift adds nothing. `centred` says whether the mean is taken off (layer norm) or not (RMS norm). Two passes over the registers: the variance is that around the mean.
template <typename T, int CHUNKS>
__device__ void norm_rows(const T *x, const T *residual, const float *scale, const float *shift, T *y, int rows,
                          int width, float epsilon, int centred) {
    int row = blockIdx.x * WARPS + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (row >= rows) {
        return;
    }
    const T *from = x + (size_t)row * width;
    float v[CHUNKS][PACK];
    float total = 0.0f;
#pragma unroll
    for (int chunk = 0; chunk < CHUNKS; ++chunk) {
        int column = (chunk * 32 + lane) * PACK;
        if (column < width) {
            load_pack(from + column, v[chunk]);
            if (residual) {
                float r[PACK];
                load_pack(residual + (size_t)row * width + column, r);
#pragma unroll
                for (int k = 0; k < PACK; ++k) {
                    v[chunk][k] += r[k];
                }
            }
#pragma unroll
            for (int k = 0; k < PACK; ++k) {
                total += v[chunk][k];
            }
        }
    }
    float mean = centred ? warp_sum(total) / width : 0.0f;
    float squares = 0.0f;
#pragma unroll
    for (int chunk = 0; chunk < CHUNKS; ++chunk) {
        if ((chunk * 32 + lane) * PACK < width) {
#pragma unroll
            for (int k = 0; k < PACK; ++k) {
                v[chunk][k] -= mean;
                squares += v[chunk][k] * v[chunk][k];
            }
        }
    }
    float inverse = 1.0f / sqrtf(warp_sum(squares) / width + epsilon);
#pragma unroll
    for (int chunk = 0; chunk < CHUNKS; ++chunk) {
        int column = (chunk * 32 + lane) * PACK;
        if (column < width) {
            float g[PACK], b[PACK] = {};
            load_pack(scale + column, g);
            if (shift) {
                load_pack(shift + column, b);
            }
#pragma unroll
            for (int k = 0; k < PACK; ++k) {
                v[chunk][k] = v[chunk][k] * inverse * g[k] + b[k];
            }
            store_pack(y + (size_t)row * width + column, v[chunk]);
        }
    }
}

// The same for any width: elements are read again instead of being kept.
template <typename T>
__device__ void norm_any(const T *x, const T *residual, const float *scale, const float *shift, T *y, int rows,
                         int width, float epsilon, int centred) {
    int row = blockIdx.x * WARPS + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (row >= rows) {
        return;
    }
    size_t start = (size_t)row * width;
    auto at = [&](int column) {
        float value = widen(x[start + column]);
        return residual ? value + widen(residual[start + column]) : value;
    };
    float total = 0.0f;
    for (int column = lane; column < width; column += 32) {
        total += at(column);
    }
    float mean = centred ? warp_sum(total) / width : 0.0f;
    float squares = 0.0f;
    for (int column = lane; column < width; column += 32) {
        float centred_value = at(column) - mean;
        squares += centred_value * centred_value;
    }
    float inverse = 1.0f / sqrtf(warp_sum(squares) / width + epsilon);
    for (int column = lane; column < width; column += 32) {
        float added = shift ? shift[column] : 0.0f;
        y[start + column] = narrow<T>((at(column) - mean) * inverse * scale[column] + added);
    }
}

#define PARAMETERS(T)                                                                                                 \
    const T *x, const T *residual, const float *scale, const float *shift, T *y, int rows, int width, float epsilon,  \
        int centred
#define ARGUMENTS x, residual, scale, shift, y, rows, width, epsilon, centred
#define ENTRY(NAME, T)                                                                                                \
    extern "C" __global__ void norm_c1_##NAME(PARAMETERS(T)) { norm_rows<T, 1>(ARGUMENTS); }                          \
    extern "C" __global__ void norm_c2_##NAME(PARAMETERS(T)) { norm_rows<T, 2>(ARGUMENTS); }                          \
    extern "C" __global__ void norm_c3_##NAME(PARAMETERS(T)) { norm_rows<T, 3>(ARGUMENTS); }                          \
    extern "C" __global__ void norm_c4_##NAME(PARAMETERS(T)) { norm_rows<T, 4>(ARGUMENTS); }                          \
    extern "C" __global__ void norm_c6_##NAME(PARAMETERS(T)) { norm_rows<T, 6>(ARGUMENTS); }                          \
    extern "C" __global__ void norm_any_##NAME(PARAMETERS(T)) { norm_any(ARGUMENTS); }
FOR_EACH_FORMAT(ENTRY)

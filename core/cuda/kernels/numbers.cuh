// Number formats of hidden states: arithmetic is in f32, storage in f32, f16 or bf16.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>

__device__ __forceinline__ float widen(float x) { return x; }
__device__ __forceinline__ float widen(__half x) { return __half2float(x); }
__device__ __forceinline__ float widen(__nv_bfloat16 x) { return __bfloat162float(x); }

template <typename T> __device__ __forceinline__ T narrow(float x);
template <> __device__ __forceinline__ float narrow<float>(float x) { return x; }
template <> __device__ __forceinline__ __half narrow<__half>(float x) { return __float2half_rn(x); }
template <> __device__ __forceinline__ __nv_bfloat16 narrow<__nv_bfloat16>(float x) { return __float2bfloat16_rn(x); }

// Eight neighbours, moved by as few transactions as their width allows. Pointers are 16-byte aligned where this is used.
constexpr int PACK = 8;

template <typename T> __device__ __forceinline__ void load_pack(const T *from, float (&to)[PACK]) {
    alignas(16) T raw[PACK];
    constexpr int WORDS = sizeof(raw) / 16;
#pragma unroll
    for (int i = 0; i < WORDS; ++i) {
        reinterpret_cast<uint4 *>(raw)[i] = reinterpret_cast<const uint4 *>(from)[i];
    }
#pragma unroll
    for (int i = 0; i < PACK; ++i) {
        to[i] = widen(raw[i]);
    }
}

template <typename T> __device__ __forceinline__ void store_pack(T *to, const float (&from)[PACK]) {
    alignas(16) T raw[PACK];
    constexpr int WORDS = sizeof(raw) / 16;
#pragma unroll
    for (int i = 0; i < PACK; ++i) {
        raw[i] = narrow<T>(from[i]);
    }
#pragma unroll
    for (int i = 0; i < WORDS; ++i) {
        reinterpret_cast<uint4 *>(to)[i] = reinterpret_cast<const uint4 *>(raw)[i];
    }
}

__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
    for (int lane = 16; lane > 0; lane /= 2) {
        x += __shfl_xor_sync(0xffffffffu, x, lane);
    }
    return x;
}

// One entry point a number format; the host picks by name.
#define FOR_EACH_FORMAT(MACRO)                                                                                        \
    MACRO(f32, float)                                                                                                 \
    MACRO(f16, __half)                                                                                                \
    MACRO(bf16, __nv_bfloat16)

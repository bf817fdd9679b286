// Rotary positions: pairs of columns of queries and keys, turned by the angle of their row's position.
#include "numbers.cuh"

// Turns column c of a head with column c + half, for c < half, in all heads of queries and keys of T×3·width rows; the values stay. `table` holds
// per position `half` cosines, then `half` sines. One of the n = T·2·heads·half pairs a thread.
template <typename T>
__device__ void rotate(T *qkv, const float *table, const uint32_t *positions, size_t n, int heads, int depth, int half) {
    size_t stride = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride) {
        int column = i % half;
        // The heads of the keys lie behind those of the queries.
        int head = i / half % (2 * heads);
        size_t row = i / half / (2 * heads);
        T *pair = qkv + row * 3 * heads * depth + (size_t)head * depth + column;
        const float *angles = table + (size_t)positions[row] * 2 * half + column;
        float cosine = angles[0], sine = angles[half];
        float x = widen(pair[0]), y = widen(pair[half]);
        pair[0] = narrow<T>(x * cosine - y * sine);
        pair[half] = narrow<T>(y * cosine + x * sine);
    }
}

#define ENTRY(NAME, T)                                                                                                \
    extern "C" __global__ void rotate_##NAME(T *qkv, const float *table, const uint32_t *positions, size_t n,         \
                                             int heads, int depth, int half) {                                        \
        rotate(qkv, table, positions, n, heads, depth, half);                                                         \
    }
FOR_EACH_FORMAT(ENTRY)

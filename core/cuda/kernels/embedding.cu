// The sum of table rows that a token's embedding is.
#include "numbers.cuh"

// y[t] = a[a_rows[t]] + b[b_rows[t]] + c[c_rows[t]]; a null table adds nothing. One block a token.
template <typename T>
__device__ void embed(const T *a, const uint32_t *a_rows, const T *b, const uint32_t *b_rows, const T *c,
                      const uint32_t *c_rows, T *y, int width) {
    size_t token = blockIdx.x;
    a += (size_t)a_rows[token] * width;
    b = b ? b + (size_t)b_rows[token] * width : nullptr;
    c = c ? c + (size_t)c_rows[token] * width : nullptr;
    for (int column = threadIdx.x; column < width; column += blockDim.x) {
        float sum = widen(a[column]);
        if (b) {
            sum += widen(b[column]);
        }
        if (c) {
            sum += widen(c[column]);
        }
        y[token * width + column] = narrow<T>(sum);
    }
}

#define ENTRY(NAME, T)                                                                                                \
    extern "C" __global__ void embed_##NAME(const T *a, const uint32_t *a_rows, const T *b, const uint32_t *b_rows,   \
                                            const T *c, const uint32_t *c_rows, T *y, int width) {                    \
        embed(a, a_rows, b, b_rows, c, c_rows, y, width);                                                             \
    }
FOR_EACH_FORMAT(ENTRY)

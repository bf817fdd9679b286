// Neighbouring rows side by side, so that a convolution over a sequence is one product.
#include "numbers.cuh"

// The rows of a sequence.
struct Bounds {
    uint32_t begin, end;
};

// y[r, k·width + c] = x[r + k − size/2, c], zero outside of the row's sequence. One of the n = T·size·width elements a thread.
template <typename T>
__device__ void unfold(const T *x, const Bounds *bounds, T *y, size_t n, int width, int size) {
    size_t stride = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride) {
        int column = i % width, neighbour = i / width % size;
        size_t row = i / width / size;
        Bounds sequence = bounds[row];
        int64_t from = (int64_t)row + neighbour - size / 2;
        bool inside = from >= sequence.begin && from < sequence.end;
        y[i] = inside ? x[from * width + column] : narrow<T>(0.0f);
    }
}

#define ENTRY(NAME, T)                                                                                                \
    extern "C" __global__ void unfold_##NAME(const T *x, const Bounds *bounds, T *y, size_t n, int width, int size) { \
        unfold(x, bounds, y, n, width, size);                                                                         \
    }
FOR_EACH_FORMAT(ENTRY)

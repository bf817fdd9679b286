// Moments of hidden states where they are: only sums leave the device. All sums are f64, in an order that depends on the number of
// rows alone, so that the same rows give the same bits.
#include "numbers.cuh"

// Rows that one block sums; partial sums are added in the order of the blocks.
constexpr int BLOCK_ROWS = 256;

__device__ __forceinline__ double wide(float x) { return x; }
__device__ __forceinline__ double wide(__half x) { return __half2float(x); }
__device__ __forceinline__ double wide(__nv_bfloat16 x) { return __bfloat162float(x); }

// partial[b, j] = sum of column j over the rows of block b. Rows are those that `places` names. Grid: columns / threads × blocks of rows.
template <typename T>
__device__ void sum_columns(const T *x, const uint32_t *places, int rows, int width, double *partial) {
    int column = blockIdx.x * blockDim.x + threadIdx.x;
    if (column >= width) {
        return;
    }
    int first = blockIdx.y * BLOCK_ROWS, last = min(first + BLOCK_ROWS, rows);
    double sum = 0.0;
    for (int i = first; i < last; ++i) {
        sum += wide(x[(size_t)places[i] * width + column]);
    }
    partial[(size_t)blockIdx.y * width + column] = sum;
}

// centred[i, j] = x[places[i], j] − mean[j].
template <typename T>
__device__ void centre_rows(const T *x, const uint32_t *places, const double *mean, double *centred, int rows,
                            int width) {
    size_t n = (size_t)rows * width, stride = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride) {
        size_t row = i / width, column = i % width;
        centred[i] = wide(x[(size_t)places[row] * width + column]) - mean[column];
    }
}

__device__ __forceinline__ double warp_sum_wide(double x) {
#pragma unroll
    for (int lane = 16; lane > 0; lane /= 2) {
        x += __shfl_xor_sync(0xffffffffu, x, lane);
    }
    return x;
}

// norms[i] = ‖x[places[i]]‖, one warp a row.
template <typename T>
__device__ void row_norms(const T *x, const uint32_t *places, int rows, int width, double *norms) {
    int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
    if (row >= rows) {
        return;
    }
    const T *from = x + (size_t)places[row] * width;
    double squares = 0.0;
    for (int column = lane; column < width; column += 32) {
        double value = wide(from[column]);
        squares += value * value;
    }
    squares = warp_sum_wide(squares);
    if (lane == 0) {
        norms[row] = sqrt(squares);
    }
}

// partial[b, j] and partial[b, width + j] = sums of x/‖x‖ and of its square over the rows of block b that are not zero.
template <typename T>
__device__ void sum_units(const T *x, const uint32_t *places, const double *norms, int rows, int width,
                          double *partial) {
    int column = blockIdx.x * blockDim.x + threadIdx.x;
    if (column >= width) {
        return;
    }
    int first = blockIdx.y * BLOCK_ROWS, last = min(first + BLOCK_ROWS, rows);
    double sum = 0.0, squares = 0.0;
    for (int i = first; i < last; ++i) {
        if (norms[i] > 0.0) {
            double unit = wide(x[(size_t)places[i] * width + column]) / norms[i];
            sum += unit;
            squares += unit * unit;
        }
    }
    double *to = partial + (size_t)blockIdx.y * 2 * width;
    to[column] = sum;
    to[width + column] = squares;
}

// total[j] = keep·total[j] + factor·(sum of partial[b, j] over b), in the order of b.
extern "C" __global__ void add_partials(const double *partial, int blocks, int columns, double *total, double keep,
                                        double factor) {
    int column = blockIdx.x * blockDim.x + threadIdx.x;
    if (column >= columns) {
        return;
    }
    double sum = 0.0;
    for (int b = 0; b < blocks; ++b) {
        sum += partial[(size_t)b * columns + column];
    }
    // A total that is not kept may hold anything.
    total[column] = (keep == 0.0 ? 0.0 : keep * total[column]) + factor * sum;
}

// scatter += weight·δδᵀ with δ = other − mean, column-major or row-major alike.
extern "C" __global__ void shift_scatter(double *scatter, const double *mean, const double *other, int width,
                                         double weight) {
    size_t n = (size_t)width * width, stride = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride) {
        int a = i / width, b = i % width;
        scatter[i] += weight * (other[a] - mean[a]) * (other[b] - mean[b]);
    }
}

// mean += share·(other − mean).
extern "C" __global__ void shift_mean(double *mean, const double *other, int width, double share) {
    int column = blockIdx.x * blockDim.x + threadIdx.x;
    if (column < width) {
        mean[column] += share * (other[column] - mean[column]);
    }
}

// Merges norms into {count, mean, scatter, min, max, zero rows, rows that are not finite}. One block; each thread sums every 256th norm,
// and the threads are added in order.
extern "C" __global__ void merge_norms(const double *norms, int rows, double *state) {
    __shared__ double sums[256], least[256], most[256], zeros[256], odd[256];
    __shared__ double mean;
    int t = threadIdx.x;
    double sum = 0.0, low = INFINITY, high = -INFINITY, none = 0.0, bad = 0.0;
    for (int i = t; i < rows; i += 256) {
        double norm = norms[i];
        sum += norm;
        low = fmin(low, norm);
        high = fmax(high, norm);
        none += norm > 0.0 ? 0.0 : 1.0;
        bad += isfinite(norm) ? 0.0 : 1.0;
    }
    sums[t] = sum, least[t] = low, most[t] = high, zeros[t] = none, odd[t] = bad;
    __syncthreads();
    if (t == 0) {
        double total = 0.0;
        for (int i = 0; i < 256; ++i) {
            total += sums[i];
        }
        mean = total / rows;
    }
    __syncthreads();
    double squares = 0.0;
    for (int i = t; i < rows; i += 256) {
        squares += (norms[i] - mean) * (norms[i] - mean);
    }
    sums[t] = squares;
    __syncthreads();
    if (t == 0) {
        double scatter = 0.0;
        for (int i = 0; i < 256; ++i) {
            scatter += sums[i];
            state[3] = fmin(state[3], least[i]);
            state[4] = fmax(state[4], most[i]);
            state[5] += zeros[i];
            state[6] += odd[i];
        }
        double n = state[0], all = n + rows, delta = mean - state[1];
        state[2] += scatter + delta * delta * (n * (rows / all));
        state[1] += delta * (rows / all);
        state[0] = all;
    }
}

#define ENTRY(NAME, T)                                                                                                \
    extern "C" __global__ void sum_columns_##NAME(const T *x, const uint32_t *places, int rows, int width,            \
                                                  double *partial) {                                                  \
        sum_columns(x, places, rows, width, partial);                                                                 \
    }                                                                                                                 \
    extern "C" __global__ void centre_rows_##NAME(const T *x, const uint32_t *places, const double *mean,             \
                                                  double *centred, int rows, int width) {                             \
        centre_rows(x, places, mean, centred, rows, width);                                                           \
    }                                                                                                                 \
    extern "C" __global__ void row_norms_##NAME(const T *x, const uint32_t *places, int rows, int width,              \
                                                double *norms) {                                                      \
        row_norms(x, places, rows, width, norms);                                                                     \
    }                                                                                                                 \
    extern "C" __global__ void sum_units_##NAME(const T *x, const uint32_t *places, const double *norms, int rows,    \
                                                int width, double *partial) {                                         \
        sum_units(x, places, norms, rows, width, partial);                                                            \
    }
FOR_EACH_FORMAT(ENTRY)

// Disentangled self-attention over packed sequences: scores by content, of content with relative positions, and the reverse.
#include "numbers.cuh"
#include "tile.cuh"

// Threads that serve a query together, the most columns of a head, and how many of them a thread sums.
constexpr int LANES = 8, MAX_DEPTH = 128, SHARE = MAX_DEPTH / LANES;

// Relative positions: rows of T×width tables, either of them null, by the distance key − query in place reach − 1 + distance.
template <typename T> struct Positions {
    const T *keys, *queries;
    const uint32_t *places;
    int reach;
};

// Sixteen queries of one head, KEYS keys at a time, in any number format. A pair of query and key needs the position rows of its
// distance; sixteen queries and KEYS keys have OFFSETS distances, whose rows are read once for all of them.
template <typename T, int KEYS>
__device__ void attend(const T *qkv, T *out, const Tile *tiles, int width, int depth, float scale,
                       Positions<T> positions) {
    constexpr int OFFSETS = QUERIES + KEYS - 1;
    extern __shared__ float shared[];
    int pitch = depth + 1;
    float *queries = shared, *keys = queries + QUERIES * pitch, *values = keys + KEYS * pitch;
    float *position_keys = values + KEYS * pitch, *position_queries = position_keys + OFFSETS * pitch;
    float *weights = position_queries + OFFSETS * pitch;
    Tile tile = tiles[blockIdx.x];
    int head = blockIdx.y, row = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    int first = tile.first, end = tile.end, query = first + row;
    for (int i = threadIdx.x; i < QUERIES * depth; i += blockDim.x) {
        int r = i / depth, c = i % depth;
        bool inside = first + r < end;
        queries[r * pitch + c] = inside ? widen(qkv[(size_t)(first + r) * 3 * width + head * depth + c]) : 0.0f;
    }
    float sums[SHARE] = {}, largest = -1e30f, total = 0.0f;
    for (int start = tile.begin; start < end; start += KEYS) {
        __syncthreads();
        for (int i = threadIdx.x; i < KEYS * depth; i += blockDim.x) {
            int r = i / depth, c = i % depth;
            bool inside = start + r < end;
            size_t at = (size_t)(start + r) * 3 * width + head * depth + c;
            keys[r * pitch + c] = inside ? widen(qkv[at + width]) : 0.0f;
            values[r * pitch + c] = inside ? widen(qkv[at + 2 * width]) : 0.0f;
        }
        for (int i = threadIdx.x; i < OFFSETS * depth; i += blockDim.x) {
            int offset = i / depth, c = i % depth;
            // Offset 0 is the distance from the tile's last query to the first key. Some distances lie beyond the sequence; they are
            // of no pair that counts.
            int place = positions.reach - 1 + start - (first + QUERIES - 1) + offset;
            bool inside = place >= 0 && place < 2 * positions.reach - 1;
            size_t at = inside ? (size_t)positions.places[place] * width + head * depth + c : 0;
            position_keys[offset * pitch + c] = inside && positions.keys ? widen(positions.keys[at]) : 0.0f;
            position_queries[offset * pitch + c] = inside && positions.queries ? widen(positions.queries[at]) : 0.0f;
        }
        __syncthreads();
        float scores[KEYS / LANES], peak = largest;
#pragma unroll
        for (int i = 0; i < KEYS / LANES; ++i) {
            int key = lane + i * LANES, offset = key - row + QUERIES - 1;
            float dot = 0.0f;
            for (int c = 0; c < depth; ++c) {
                float q = queries[row * pitch + c], k = keys[key * pitch + c];
                dot += q * (k + position_keys[offset * pitch + c]) + k * position_queries[offset * pitch + c];
            }
            scores[i] = start + key < end ? dot * scale : -INFINITY;
            peak = fmaxf(peak, scores[i]);
        }
#pragma unroll
        for (int step = LANES / 2; step > 0; step /= 2) {
            peak = fmaxf(peak, __shfl_xor_sync(0xffffffffu, peak, step));
        }
        float shrink = expf(largest - peak);
        largest = peak;
        total *= shrink;
#pragma unroll
        for (int i = 0; i < KEYS / LANES; ++i) {
            float weight = expf(scores[i] - peak);
            total += weight;
            weights[row * (KEYS + 1) + lane + i * LANES] = weight;
        }
        __syncwarp();
#pragma unroll
        for (int i = 0; i < SHARE; ++i) {
            int column = lane + i * LANES;
            if (column < depth) {
                float sum = sums[i] * shrink;
                for (int key = 0; key < KEYS; ++key) {
                    sum += weights[row * (KEYS + 1) + key] * values[key * pitch + column];
                }
                sums[i] = sum;
            }
        }
    }
#pragma unroll
    for (int step = LANES / 2; step > 0; step /= 2) {
        total += __shfl_xor_sync(0xffffffffu, total, step);
    }
    if (query < end) {
#pragma unroll
        for (int i = 0; i < SHARE; ++i) {
            int column = lane + i * LANES;
            if (column < depth) {
                out[(size_t)query * width + head * depth + column] = narrow<T>(sums[i] / total);
            }
        }
    }
}

// The number of keys at a time in the name: as many as shared memory holds for the width of the heads.
#define PARAMETERS(T)                                                                                                 \
    const T *qkv, T *out, const Tile *tiles, int width, int depth, float scale, const T *keys, const T *queries,      \
        const uint32_t *places, int reach
#define ENTRY(NAME, T)                                                                                                \
    extern "C" __global__ void disentangled_32_##NAME(PARAMETERS(T)) {                                                \
        attend<T, 32>(qkv, out, tiles, width, depth, scale, Positions<T>{keys, queries, places, reach});              \
    }                                                                                                                 \
    extern "C" __global__ void disentangled_8_##NAME(PARAMETERS(T)) {                                                 \
        attend<T, 8>(qkv, out, tiles, width, depth, scale, Positions<T>{keys, queries, places, reach});               \
    }
FOR_EACH_FORMAT(ENTRY)

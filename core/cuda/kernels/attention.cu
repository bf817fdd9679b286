// Softmax self-attention over packed sequences: no padding, no masks in memory.
#include "numbers.cuh"
#include "tile.cuh"

// What a score is besides scale·q·k: the bias of head and distance, and the window. `bias` is heads×(2·reach−1) or null; `window` < 0 sees all.
struct Form {
    float scale;
    const float *bias;
    int reach;
    int window;
};

__device__ __forceinline__ float score(float dot, const Form &form, int head, int query, int key, int end) {
    if (key >= end || (form.window >= 0 && abs(key - query) > form.window)) {
        return -INFINITY;
    }
    float value = dot * form.scale;
    return form.bias ? value + form.bias[head * (2 * form.reach - 1) + form.reach - 1 + key - query] : value;
}

// Keys that a tile has to look at.
__device__ __forceinline__ void seen(const Tile &tile, const Form &form, int &from, int &to) {
    from = tile.begin;
    to = tile.end;
    if (form.window >= 0) {
        from = max(from, (int)tile.first - form.window);
        to = min(to, (int)tile.first + QUERIES + form.window);
    }
}

// ---- any format, any head of at most MAX_DEPTH columns: eight threads a query -------------------------------------------------

constexpr int KEYS = 32, MAX_DEPTH = 128, LANES = 8, SHARE = MAX_DEPTH / LANES;

template <typename T>
__device__ void attend_any(const T *qkv, T *out, const Tile *tiles, int width, int depth, Form form) {
    extern __shared__ float shared[];
    int pitch = depth + 1;
    float *queries = shared, *keys = queries + QUERIES * pitch, *values = keys + KEYS * pitch;
    float *weights = values + KEYS * pitch;
    Tile tile = tiles[blockIdx.x];
    int head = blockIdx.y, row = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    int query = tile.first + row, end = tile.end;
    for (int i = threadIdx.x; i < QUERIES * depth; i += blockDim.x) {
        int r = i / depth, c = i % depth;
        bool inside = tile.first + r < tile.end;
        queries[r * pitch + c] =
            inside ? widen(qkv[(size_t)(tile.first + r) * 3 * width + head * depth + c]) : 0.0f;
    }
    float sums[SHARE] = {}, largest = -1e30f, total = 0.0f;
    int from, to;
    seen(tile, form, from, to);
    for (int start = from; start < to; start += KEYS) {
        __syncthreads();
        for (int i = threadIdx.x; i < KEYS * depth; i += blockDim.x) {
            int r = i / depth, c = i % depth;
            bool inside = start + r < to;
            size_t at = (size_t)(start + r) * 3 * width + head * depth + c;
            keys[r * pitch + c] = inside ? widen(qkv[at + width]) : 0.0f;
            values[r * pitch + c] = inside ? widen(qkv[at + 2 * width]) : 0.0f;
        }
        __syncthreads();
        float scores[KEYS / LANES], peak = largest;
#pragma unroll
        for (int i = 0; i < KEYS / LANES; ++i) {
            int key = lane + i * LANES;
            float dot = 0.0f;
            for (int c = 0; c < depth; ++c) {
                dot += queries[row * pitch + c] * keys[key * pitch + c];
            }
            scores[i] = score(dot, form, head, query, start + key, end);
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

// ---- half formats on tensor cores: one warp a tile and head -------------------------------------------------------------------

__device__ __forceinline__ uint32_t pack(__half a, __half b) {
    __half2 both = __halves2half2(a, b);
    return *reinterpret_cast<uint32_t *>(&both);
}
__device__ __forceinline__ uint32_t pack(__nv_bfloat16 a, __nv_bfloat16 b) {
    __nv_bfloat162 both = __halves2bfloat162(a, b);
    return *reinterpret_cast<uint32_t *>(&both);
}

// c += a·b for a 16×16 and b 16×8, sums in f32.
__device__ __forceinline__ void multiply(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, __half) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void multiply(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                                         __nv_bfloat16) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Two neighbouring elements, or zeros outside of the sequence.
template <typename T> __device__ __forceinline__ uint32_t pair_at(const T *from, bool inside) {
    return inside ? *reinterpret_cast<const uint32_t *>(from) : 0u;
}

template <typename T, int DEPTH>
__device__ void attend_half(const T *qkv, T *out, const Tile *tiles, int width, int heads, Form form) {
    int head = blockIdx.y * (blockDim.x / 32) + threadIdx.x / 32;
    if (head >= heads) {
        return;
    }
    // A fragment holds rows `group` and `group + 8`, columns `pair` and the one after, and those eight further.
    int lane = threadIdx.x % 32, group = lane / 4, pair = 2 * (lane % 4);
    Tile tile = tiles[blockIdx.x];
    int end = tile.end, upper = tile.first + group, lower = upper + 8;
    size_t pitch = 3 * (size_t)width;
    const T *queries = qkv + head * DEPTH, *keys = queries + width, *values = keys + width;
    uint32_t q[DEPTH / 16][4];
#pragma unroll
    for (int step = 0; step < DEPTH / 16; ++step) {
        int column = step * 16 + pair;
        q[step][0] = pair_at(queries + upper * pitch + column, upper < end);
        q[step][1] = pair_at(queries + lower * pitch + column, lower < end);
        q[step][2] = pair_at(queries + upper * pitch + column + 8, upper < end);
        q[step][3] = pair_at(queries + lower * pitch + column + 8, lower < end);
    }
    float sums[DEPTH / 8][4] = {};
    float largest[2] = {-1e30f, -1e30f}, total[2] = {};
    int from, to;
    seen(tile, form, from, to);
    for (int start = from; start < to; start += 16) {
        float s[2][4] = {};
#pragma unroll
        for (int step = 0; step < DEPTH / 16; ++step) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                int key = start + half * 8 + group, column = step * 16 + pair;
                uint32_t b0 = pair_at(keys + key * pitch + column, key < to);
                uint32_t b1 = pair_at(keys + key * pitch + column + 8, key < to);
                multiply(s[half], q[step], b0, b1, T());
            }
        }
        float peak[2] = {largest[0], largest[1]};
#pragma unroll
        for (int half = 0; half < 2; ++half) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                int key = start + half * 8 + pair + i % 2;
                s[half][i] = score(s[half][i], form, head, i < 2 ? upper : lower, key, to);
                peak[i / 2] = fmaxf(peak[i / 2], s[half][i]);
            }
        }
#pragma unroll
        for (int r = 0; r < 2; ++r) {
            peak[r] = fmaxf(peak[r], __shfl_xor_sync(0xffffffffu, peak[r], 1));
            peak[r] = fmaxf(peak[r], __shfl_xor_sync(0xffffffffu, peak[r], 2));
            float shrink = __expf(largest[r] - peak[r]);
            largest[r] = peak[r];
            total[r] *= shrink;
#pragma unroll
            for (int block = 0; block < DEPTH / 8; ++block) {
                sums[block][2 * r] *= shrink;
                sums[block][2 * r + 1] *= shrink;
            }
        }
#pragma unroll
        for (int half = 0; half < 2; ++half) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                s[half][i] = __expf(s[half][i] - largest[i / 2]);
                total[i / 2] += s[half][i];
            }
        }
        uint32_t p[4];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            p[2 * half] = pack(narrow<T>(s[half][0]), narrow<T>(s[half][1]));
            p[2 * half + 1] = pack(narrow<T>(s[half][2]), narrow<T>(s[half][3]));
        }
#pragma unroll
        for (int block = 0; block < DEPTH / 8; ++block) {
            uint32_t b[2];
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                int key = start + half * 8 + pair;
                const T *value = values + key * pitch + block * 8 + group;
                T first = key < to ? value[0] : narrow<T>(0.0f);
                T second = key + 1 < to ? value[pitch] : narrow<T>(0.0f);
                b[half] = pack(first, second);
            }
            multiply(sums[block], p, b[0], b[1], T());
        }
    }
#pragma unroll
    for (int r = 0; r < 2; ++r) {
        total[r] += __shfl_xor_sync(0xffffffffu, total[r], 1);
        total[r] += __shfl_xor_sync(0xffffffffu, total[r], 2);
        int row = r == 0 ? upper : lower;
        if (row < end) {
            float inverse = 1.0f / total[r];
#pragma unroll
            for (int block = 0; block < DEPTH / 8; ++block) {
                T *to_row = out + (size_t)row * width + head * DEPTH + block * 8 + pair;
                *reinterpret_cast<uint32_t *>(to_row) = pack(narrow<T>(sums[block][2 * r] * inverse),
                                                             narrow<T>(sums[block][2 * r + 1] * inverse));
            }
        }
    }
}

#define PARAMETERS(T) const T *qkv, T *out, const Tile *tiles, int width
#define FORM float scale, const float *bias, int reach, int window
#define ENTRY(NAME, T)                                                                                                \
    extern "C" __global__ void attend_any_##NAME(PARAMETERS(T), int depth, FORM) {                                    \
        attend_any(qkv, out, tiles, width, depth, Form{scale, bias, reach, window});                                  \
    }
FOR_EACH_FORMAT(ENTRY)

#define HALF_ENTRY(NAME, T, DEPTH)                                                                                    \
    extern "C" __global__ void attend_##DEPTH##_##NAME(PARAMETERS(T), int heads, FORM) {                              \
        attend_half<T, DEPTH>(qkv, out, tiles, width, heads, Form{scale, bias, reach, window});                       \
    }
HALF_ENTRY(f16, __half, 32)
HALF_ENTRY(f16, __half, 64)
HALF_ENTRY(f16, __half, 128)
HALF_ENTRY(bf16, __nv_bfloat16, 32)
HALF_ENTRY(bf16, __nv_bfloat16, 64)
HALF_ENTRY(bf16, __nv_bfloat16, 128)

// Attention without scores in memory, for f16 and bf16 on NVIDIA cards from Ampere (8.0) on.
//
// The algorithm is FlashAttention-2 (Dao, 2023): a block of threads holds QUERIES rows of queries, walks over the keys
// KEYS at a time, and keeps of each row the largest score so far, the sum of its weights and the weighted sum of the
// values, rescaled when a larger score comes. Products are the tensor cores' m16n8k16 with sums in f32; the layout of
// their fragments is that of the PTX manual, "Matrix Fragments for mma.m16n8k16".
//
// Queries, keys, values and the result are (batch, tokens, heads * DIM), as linear layers leave them: nothing is moved.

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>

namespace {

constexpr int WARPS = 8;
constexpr int QUERIES = 16 * WARPS;
constexpr int KEYS = 64;
constexpr unsigned ALL = 0xffffffffu;

__device__ __forceinline__ uint32_t pair(float a, float b, __half) {
    __half2 both = __floats2half2_rn(a, b);
    return *reinterpret_cast<uint32_t*>(&both);
}

__device__ __forceinline__ uint32_t pair(float a, float b, __nv_bfloat16) {
    __nv_bfloat162 both = __floats2bfloat162_rn(a, b);
    return *reinterpret_cast<uint32_t*>(&both);
}

// d += a (16 x 16) * b (16 x 8)
__device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, __half) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, __nv_bfloat16) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// The processor's own, 2 units in the last place: weights are rounded to 16 bits afterwards.
__device__ __forceinline__ float power_of_two(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// Four 8 x 8 matrices from shared memory; lane l names row l % 8 of matrix l / 8.
__device__ __forceinline__ void fragments(uint32_t (&r)[4], uint32_t at) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(at));
}

__device__ __forceinline__ void fragments_turned(uint32_t (&r)[4], uint32_t at) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(at));
}

// Where 16 bytes of a tile lie: the eight rows that ldmatrix reads at once must not share a bank.
template <int DIM>
__device__ __forceinline__ uint32_t place(int row, int piece) {
    return (row * (DIM / 8) + (piece ^ (row & 7))) * 16;
}

// KEYS rows from `first` on to shared memory, zeros for rows beyond the last. They arrive later.
template <typename T, int DIM>
__device__ __forceinline__ void fetch(uint32_t tile, const T* rows, int first, int last, int stride) {
    for (int i = threadIdx.x; i < KEYS * (DIM / 8); i += 32 * WARPS) {
        const int row = i / (DIM / 8), piece = i % (DIM / 8);
        const bool there = first + row < last;
        const T* from = rows + (size_t)(there ? first + row : 0) * stride + piece * 8;
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(tile + place<DIM>(row, piece)), "l"(from),
                     "r"(there ? 16 : 0));
    }
}

template <typename T, int DIM>
__device__ __forceinline__ void attend(const T* q, const T* k, const T* v, T* out, int queries, int keys, int heads,
                                       float scale, int causal) {
    extern __shared__ __align__(128) char shared[];
    constexpr int TILE = KEYS * DIM * (int)sizeof(T);
    const uint32_t tiles = (uint32_t)__cvta_generic_to_shared(shared);
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int stride = heads * DIM, head = blockIdx.y * DIM;
    const int first = blockIdx.x * QUERIES, end = causal ? min(keys, first + QUERIES) : keys;
    const size_t batch = blockIdx.z;
    q += batch * queries * stride + head;
    out += batch * queries * stride + head;
    k += batch * keys * stride + head;
    v += batch * keys * stride + head;

    fetch<T, DIM>(tiles, k, 0, keys, stride);
    fetch<T, DIM>(tiles + TILE, v, 0, keys, stride);
    asm volatile("cp.async.commit_group;");

    // This lane's two rows: row and row + 8 of its warp's sixteen.
    const int row = first + 16 * warp + lane / 4;
    uint32_t left[DIM / 16][4];
    for (int i = 0; i < DIM / 16; i++) {
        for (int j = 0; j < 4; j++) {
            const int at = row + 8 * (j & 1), value = 16 * i + 8 * (j / 2) + 2 * (lane % 4);
            left[i][j] = at < queries ? *reinterpret_cast<const uint32_t*>(q + (size_t)at * stride + value) : 0;
        }
    }

    // exp(x) is 2 to the power of x log2 e.
    const float factor = scale * 1.44269504088896341f;
    float sums[DIM / 8][4] = {}, most[2] = {-INFINITY, -INFINITY}, total[2] = {};
    for (int start = 0, turn = 0; start < end; start += KEYS, turn ^= 1) {
        const uint32_t key_tile = tiles + turn * 2 * TILE, value_tile = key_tile + TILE;
        asm volatile("cp.async.wait_group 0;");
        // The tile is here for everybody, and everybody is done with the other one.
        __syncthreads();
        if (start + KEYS < end) {
            const uint32_t next = tiles + (turn ^ 1) * 2 * TILE;
            fetch<T, DIM>(next, k, start + KEYS, keys, stride);
            fetch<T, DIM>(next + TILE, v, start + KEYS, keys, stride);
            asm volatile("cp.async.commit_group;");
        }

        float scores[KEYS / 8][4] = {};
#pragma unroll
        for (int i = 0; i < DIM / 16; i++) {
#pragma unroll
            for (int j = 0; j < KEYS / 16; j++) {
                // Keys j * 16 ... and values i * 16 ... of each: matrices (keys 0-7, 8-15) x (values 0-7, 8-15).
                uint32_t right[4];
                fragments(right, key_tile + place<DIM>(16 * j + lane % 8 + 8 * (lane / 16), 2 * i + (lane / 8) % 2));
                multiply(scores[2 * j], left[i], right[0], right[1], T());
                multiply(scores[2 * j + 1], left[i], right[2], right[3], T());
            }
        }

        const bool cut = start + KEYS > keys || (causal && start + KEYS > first + 16 * warp);
        if (cut) {
            for (int j = 0; j < KEYS / 8; j++) {
                for (int c = 0; c < 4; c++) {
                    const int key = start + 8 * j + 2 * (lane % 4) + (c & 1);
                    if (key >= keys || (causal && key > row + 8 * (c / 2))) scores[j][c] = -INFINITY;
                }
            }
        }

#pragma unroll
        for (int half = 0; half < 2; half++) {
            float largest = most[half];
            for (int j = 0; j < KEYS / 8; j++) {
                largest = fmaxf(largest, fmaxf(scores[j][2 * half], scores[j][2 * half + 1]));
            }
            largest = fmaxf(largest, __shfl_xor_sync(ALL, largest, 1));
            largest = fmaxf(largest, __shfl_xor_sync(ALL, largest, 2));
            // A row that has seen no key yet, as those beyond the last one of a causal block, must not make a NaN.
            const float base = largest == -INFINITY ? 0.0f : largest * factor;
            const float shrink = power_of_two(most[half] * factor - base);
            most[half] = largest;
            float sum = 0.0f;
            for (int j = 0; j < KEYS / 8; j++) {
                for (int c = 2 * half; c < 2 * half + 2; c++) {
                    scores[j][c] = power_of_two(scores[j][c] * factor - base);
                    sum += scores[j][c];
                }
            }
            total[half] = total[half] * shrink + sum;
            for (int i = 0; i < DIM / 8; i++) {
                sums[i][2 * half] *= shrink;
                sums[i][2 * half + 1] *= shrink;
            }
        }

#pragma unroll
        for (int j = 0; j < KEYS / 16; j++) {
            // Two neighbouring tiles of results have the layout of one left operand.
            const uint32_t weights[4] = {
                pair(scores[2 * j][0], scores[2 * j][1], T()), pair(scores[2 * j][2], scores[2 * j][3], T()),
                pair(scores[2 * j + 1][0], scores[2 * j + 1][1], T()),
                pair(scores[2 * j + 1][2], scores[2 * j + 1][3], T())};
#pragma unroll
            for (int i = 0; i < DIM / 16; i++) {
                // Matrices (keys 0-7, 8-15) x (values 0-7, 8-15), turned while they are read.
                uint32_t right[4];
                fragments_turned(right, value_tile + place<DIM>(16 * j + lane % 16, 2 * i + lane / 16));
                multiply(sums[2 * i], weights, right[0], right[1], T());
                multiply(sums[2 * i + 1], weights, right[2], right[3], T());
            }
        }
    }

    for (int half = 0; half < 2; half++) {
        total[half] += __shfl_xor_sync(ALL, total[half], 1);
        total[half] += __shfl_xor_sync(ALL, total[half], 2);
        const int at = row + 8 * half;
        if (at >= queries) continue;
        const float share = 1.0f / total[half];
        for (int i = 0; i < DIM / 8; i++) {
            *reinterpret_cast<uint32_t*>(out + (size_t)at * stride + 8 * i + 2 * (lane % 4)) =
                pair(sums[i][2 * half] * share, sums[i][2 * half + 1] * share, T());
        }
    }
}

}  // namespace

#define KERNEL(NAME, T, DIM)                                                                                        \
    extern "C" __global__ void __launch_bounds__(32 * WARPS, 1)                                                     \
        NAME(const T* q, const T* k, const T* v, T* out, int queries, int keys, int heads, float scale, int causal) { \
        attend<T, DIM>(q, k, v, out, queries, keys, heads, scale, causal);                                          \
    }

KERNEL(attention_f16_64, __half, 64)
KERNEL(attention_f16_128, __half, 128)
KERNEL(attention_bf16_64, __nv_bfloat16, 64)
KERNEL(attention_bf16_128, __nv_bfloat16, 128)

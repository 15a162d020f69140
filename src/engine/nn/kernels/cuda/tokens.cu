// What is done to every token between two products, each in one pass over memory, in f16, bf16 and f32. Sums, angles
// and everything in between are f32.

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "values.cuh"

namespace {

// A block a row. The deviations are summed from the mean, not as a difference of large squares.
template <typename T>
__device__ void layer_norm(const T* x, const T* scale, const T* shift, T* out, int width, float eps) {
    x += (size_t)blockIdx.x * width;
    out += (size_t)blockIdx.x * width;
    float sum = 0.0f, deviation = 0.0f;
    for (int i = threadIdx.x; i < width; i += blockDim.x) sum += wide(x[i]);
    const float mean = sum_of_block(sum) / width;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        const float d = wide(x[i]) - mean;
        deviation += d * d;
    }
    const float factor = rsqrtf(sum_of_block(deviation) / width + eps);
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        put(out + i, (wide(x[i]) - mean) * factor * wide(scale[i]) + wide(shift[i]));
    }
}

// A warp a run.
template <typename T>
__device__ void rms_norm(const T* x, const T* scale, T* out, int runs, int width, float eps) {
    const int run = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (run >= runs) return;
    x += (size_t)run * width;
    out += (size_t)run * width;
    float squares = 0.0f;
    for (int i = lane; i < width; i += 32) squares += wide(x[i]) * wide(x[i]);
    for (int step = 16; step; step /= 2) squares += __shfl_xor_sync(ALL, squares, step);
    const float factor = rsqrtf(squares / width + eps);
    for (int i = lane; i < width; i += 32) put(out + i, wide(x[i]) * factor * wide(scale[i]));
}

// A block a token; `half` angles a head, each of a pair of neighbouring values.
template <typename T>
__device__ void turn(const T* x, const float* cos, const float* sin, T* out, int width, int half) {
    x += (size_t)blockIdx.x * width;
    out += (size_t)blockIdx.x * width;
    for (int i = threadIdx.x; i < width / 2; i += blockDim.x) {
        const float c = cos[(size_t)blockIdx.x * half + i % half], s = sin[(size_t)blockIdx.x * half + i % half];
        const float a = wide(x[2 * i]), b = wide(x[2 * i + 1]);
        put(out + 2 * i, a * c - b * s);
        put(out + 2 * i + 1, b * c + a * s);
    }
}

// x + gate * y, a block a row.
template <typename T>
__device__ void add_gated(const T* x, const T* gate, const T* y, T* out, int width) {
    const size_t row = (size_t)blockIdx.x * width;
    for (int i = threadIdx.x; i < width; i += blockDim.x) put(out + row + i, wide(x[row + i]) + wide(gate[i]) * wide(y[row + i]));
}

}  // namespace

#define KERNELS(PRECISION, T)                                                                                        \
    extern "C" __global__ void layer_norm_##PRECISION(const T* x, const T* scale, const T* shift, T* out, int rows,  \
                                                      int width, int, float eps) {                                   \
        layer_norm<T>(x, scale, shift, out, width, eps);                                                             \
    }                                                                                                                \
    extern "C" __global__ void rms_norm_##PRECISION(const T* x, const T* scale, const T*, T* out, int rows,          \
                                                    int width, int, float eps) {                                     \
        rms_norm<T>(x, scale, out, rows, width, eps);                                                                \
    }                                                                                                                \
    extern "C" __global__ void turn_##PRECISION(const T* x, const float* cos, const float* sin, T* out, int rows,    \
                                                int width, int half, float) {                                        \
        turn<T>(x, cos, sin, out, width, half);                                                                      \
    }                                                                                                                \
    extern "C" __global__ void add_gated_##PRECISION(const T* x, const T* gate, const T* y, T* out, int rows,        \
                                                     int width, int, float) {                                        \
        add_gated<T>(x, gate, y, out, width);                                                                        \
    }

KERNELS(f32, float)
KERNELS(f16, __half)
KERNELS(bf16, __nv_bfloat16)

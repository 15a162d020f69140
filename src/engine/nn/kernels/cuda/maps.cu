// Group normalisation of maps (batch, channels, height, width), in f16, bf16 and f32; sums are f32.

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "values.cuh"

namespace {

// A block a group of a picture. Squares are summed of the distance to one of the group's own values, so that no large
// numbers are subtracted. `out`: factors of all channels of all pictures, then offsets.
template <typename T>
__device__ void group_statistics(const T* x, const T* scale, const T* shift, float* out, int groups, int channels,
                                 int pixels, float eps) {
    const int each = channels / groups, group = blockIdx.x % groups, picture = blockIdx.x / groups;
    const size_t n = (size_t)each * pixels, all = (size_t)gridDim.x * each;
    x += blockIdx.x * n;
    const float base = wide(x[0]);
    float sum = 0.0f, squares = 0.0f;
    for (size_t i = threadIdx.x; i < n; i += blockDim.x) {
        const float d = wide(x[i]) - base;
        sum += d;
        squares += d * d;
    }
    const float mean = sum_of_block(sum) / n;
    const float variance = fmaxf(sum_of_block(squares) / n - mean * mean, 0.0f);
    const float inverse = rsqrtf(variance + eps);
    for (int i = threadIdx.x; i < each; i += blockDim.x) {
        const int channel = group * each + i;
        const float factor = wide(scale[channel]) * inverse;
        out[(size_t)picture * channels + channel] = factor;
        out[all + (size_t)picture * channels + channel] = wide(shift[channel]) - factor * (mean + base);
    }
}

// Blocks along the pixels, and a row of blocks a channel of a picture.
template <typename T>
__device__ void scale_channels(const T* x, const float* factors, const float* offsets, T* out, int pixels, int silu) {
    const size_t row = (size_t)blockIdx.y * pixels;
    const float factor = factors[blockIdx.y], offset = offsets[blockIdx.y];
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < pixels; i += gridDim.x * blockDim.x) {
        const float y = wide(x[row + i]) * factor + offset;
        put(out + row + i, silu ? y / (1.0f + __expf(-y)) : y);
    }
}

}  // namespace

#define KERNELS(PRECISION, T)                                                                                     \
    extern "C" __global__ void group_statistics_##PRECISION(const T* x, const T* scale, const T* shift, float* out, \
                                                            int groups, int channels, int pixels, float eps) {    \
        group_statistics<T>(x, scale, shift, out, groups, channels, pixels, eps);                                 \
    }                                                                                                             \
    extern "C" __global__ void scale_channels_##PRECISION(const T* x, const float* factors, const float* offsets, \
                                                          T* out, int pixels, int silu, int, float) {             \
        scale_channels<T>(x, factors, offsets, out, pixels, silu);                                                \
    }

KERNELS(f32, float)
KERNELS(f16, __half)
KERNELS(bf16, __nv_bfloat16)

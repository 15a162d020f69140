// One value of any precision as f32 and back, and sums over a block.

#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace {

constexpr unsigned ALL = 0xffffffffu;

__device__ __forceinline__ float wide(float x) { return x; }
__device__ __forceinline__ float wide(__half x) { return __half2float(x); }
__device__ __forceinline__ float wide(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ __forceinline__ void put(float* to, float x) { *to = x; }
__device__ __forceinline__ void put(__half* to, float x) { *to = __float2half_rn(x); }
__device__ __forceinline__ void put(__nv_bfloat16* to, float x) { *to = __float2bfloat16_rn(x); }

// The sum over all threads of a block, for each of them.
__device__ float sum_of_block(float x) {
    __shared__ float of_warps[32];
    for (int step = 16; step; step /= 2) x += __shfl_xor_sync(ALL, x, step);
    __syncthreads();
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = x;
    __syncthreads();
    x = threadIdx.x % 32 < blockDim.x / 32 ? of_warps[threadIdx.x % 32] : 0.0f;
    for (int step = 16; step; step /= 2) x += __shfl_xor_sync(ALL, x, step);
    return x;
}

}  // namespace

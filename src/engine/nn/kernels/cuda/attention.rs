//! Attention without scores in memory: `attention.cu`.

use super::super::attention::Shape;
use super::{aligned, number, run};
use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::sys::{CUdevice_attribute, CUfunction_attribute_enum};
use candle_core::cuda_backend::cudarc::driver::{DeviceRepr, LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::{CudaDType, CudaStorageSlice, WrapErr};
use candle_core::{CpuStorage, CudaDevice, CudaStorage, CustomOp3, DType, Layout, Result, Tensor};
use half::{bf16, f16};

const PTX: &str = include_str!(concat!(env!("OUT_DIR"), "/attention.ptx"));
/// As in `attention.cu`: threads and queries of a block, and keys of a tile.
const THREADS: u32 = 256;
const QUERIES: usize = 128;
const KEYS: usize = 64;

/// Whether [`attention`] serves heads of `dim` values of that precision on the card of these tensors.
///
/// # Errors
/// When the card does not answer.
pub fn attention_serves(q: &Tensor, dim: usize) -> Result<bool> {
    let candle_core::Device::Cuda(card) = q.device() else { return Ok(false) };
    let context = card.cuda_stream().context().clone();
    let major = context.attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR).w()?;
    Ok(major >= 8 && matches!(dim, 64 | 128) && matches!(q.dtype(), DType::F16 | DType::BF16))
}

/// Queries `(batch, queries, heads · dim)` over keys and values `(batch, keys, heads · dim)`, all f16 or all bf16, to
/// `(batch, queries, heads · dim)`. Scores and sums are f32.
///
/// # Errors
/// When the sizes disagree, [`attention_serves`] says no, or the card fails.
pub fn attention(shape: Shape, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    aligned(q)?.apply_op3_no_bwd(&aligned(k)?, &aligned(v)?, &Attention(shape))
}

struct Attention(Shape);

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, candle_core::Shape)> {
        candle_core::bail!("a card's attention was asked for on the processor")
    }

    fn cuda_fwd(
        &self,
        q: &CudaStorage,
        q_layout: &Layout,
        k: &CudaStorage,
        k_layout: &Layout,
        v: &CudaStorage,
        v_layout: &Layout,
    ) -> Result<(CudaStorage, candle_core::Shape)> {
        let layouts = [q_layout, k_layout, v_layout];
        let out = match (&q.slice, &k.slice, &v.slice) {
            (CudaStorageSlice::F16(_), CudaStorageSlice::F16(_), CudaStorageSlice::F16(_)) => {
                self.launch::<f16>("f16", q.device(), [q, k, v], layouts)?
            }
            (CudaStorageSlice::BF16(_), CudaStorageSlice::BF16(_), CudaStorageSlice::BF16(_)) => {
                self.launch::<bf16>("bf16", q.device(), [q, k, v], layouts)?
            }
            _ => candle_core::bail!("a card's attention takes f16 or bf16, the same of all three"),
        };
        Ok((out, q_layout.shape().clone()))
    }
}

impl Attention {
    fn launch<T: CudaDType + DeviceRepr>(
        &self,
        precision: &str,
        card: &CudaDevice,
        [q, k, v]: [&CudaStorage; 3],
        [q_layout, k_layout, v_layout]: [&Layout; 3],
    ) -> Result<CudaStorage> {
        let Shape { batch, queries, keys, heads, dim, causal, scale, .. } = self.0;
        let token = heads * dim;
        let q = run::<T>(q, q_layout, batch * queries * token)?;
        let (k, v) = (run::<T>(k, k_layout, batch * keys * token)?, run::<T>(v, v_layout, batch * keys * token)?);
        if batch * queries * keys * heads == 0 {
            candle_core::bail!("attention of {queries} queries over {keys} keys, {batch} times, with {heads} heads");
        }
        let kernel = card.get_or_load_custom_func(&format!("attention_{precision}_{dim}"), "attention", PTX)?;
        // Two tiles of keys and two of values: one is computed with while the other arrives.
        let tiles = number(4 * KEYS * dim * size_of::<T>())?;
        let shared = CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        kernel.set_attribute(shared, tiles).w()?;
        let grid = (queries.div_ceil(QUERIES), heads, batch);
        let config = LaunchConfig {
            grid_dim: (
                number(grid.0)?.cast_unsigned(),
                number(grid.1)?.cast_unsigned(),
                number(grid.2)?.cast_unsigned(),
            ),
            block_dim: (THREADS, 1, 1),
            shared_mem_bytes: tiles.cast_unsigned(),
        };
        let (n, m, heads, causal) = (number(queries)?, number(keys)?, number(heads)?, i32::from(causal));
        // SAFETY: the kernel writes all of it.
        let out = unsafe { card.alloc::<T>(batch * queries * token) }?;
        let mut launch = kernel.builder();
        launch.arg(&q).arg(&k).arg(&v).arg(&out).arg(&n).arg(&m).arg(&heads).arg(&scale).arg(&causal);
        // SAFETY: the arguments are the kernel's, in its order and of its types; the runs of values are as long as the
        // sizes say, and the kernel reads and writes only within them.
        unsafe { launch.launch(config) }.w()?;
        Ok(CudaStorage::wrap_cuda_slice(out, card.clone()))
    }
}

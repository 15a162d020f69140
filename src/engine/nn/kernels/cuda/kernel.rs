//! One launch of a kernel of three tensors: what it is called, how it is cut into blocks, and how long its runs of values
//! must be. All of these kernels take `(x, a, b, out, three sizes, a number)`.

use super::{aligned, number, run};
use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{DeviceRepr, LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::{CudaDType, WrapErr};
use candle_core::{CpuStorage, CudaDevice, CudaStorage, CustomOp3, DType, Layout, Result, Shape, Tensor};
use half::{bf16, f16};

/// A kernel's name without its precision, the file it is in, and that file compiled.
#[derive(Clone, Copy)]
pub struct Name {
    pub kernel: &'static str,
    pub file: &'static str,
    pub ptx: &'static str,
}

/// Which of a kernel's values are f32 whatever `x` is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wide {
    Nothing,
    Others,
    Result,
}

pub struct Kernel {
    pub name: Name,
    pub wide: Wide,
    pub grid: (usize, usize),
    pub threads: u32,
    pub sizes: [usize; 3],
    pub number: f32,
    /// Values of `a` and of `b`.
    pub lengths: (usize, usize),
    pub result: Shape,
}

impl Kernel {
    /// # Errors
    /// When precisions or lengths disagree, or the card fails.
    pub fn apply(&self, x: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        aligned(x)?.apply_op3_no_bwd(&aligned(a)?, &aligned(b)?, self)
    }

    /// `T`: of `x`, `U`: of `a` and `b`, `V`: of the result.
    fn launch<T, U, V>(
        &self,
        precision: &str,
        card: &CudaDevice,
        [x, a, b]: [(&CudaStorage, &Layout); 3],
    ) -> Result<CudaStorage>
    where
        T: CudaDType + DeviceRepr,
        U: CudaDType + DeviceRepr,
        V: CudaDType + DeviceRepr,
    {
        let n = x.1.shape().elem_count();
        let x = run::<T>(x.0, x.1, n)?;
        let (a, b) = (run::<U>(a.0, a.1, self.lengths.0)?, run::<U>(b.0, b.1, self.lengths.1)?);
        let config = LaunchConfig {
            grid_dim: (number(self.grid.0)?.cast_unsigned(), number(self.grid.1)?.cast_unsigned(), 1),
            block_dim: (self.threads, 1, 1),
            shared_mem_bytes: 0,
        };
        let Name { kernel, file, ptx } = self.name;
        let function = card.get_or_load_custom_func(&format!("{kernel}_{precision}"), file, ptx)?;
        let [first, second, third] = self.sizes;
        let (first, second, third) = (number(first)?, number(second)?, number(third)?);
        // SAFETY: the kernel writes all of it.
        let out = unsafe { card.alloc::<V>(self.result.elem_count()) }?;
        let mut launch = function.builder();
        launch.arg(&x).arg(&a).arg(&b).arg(&out).arg(&first).arg(&second).arg(&third).arg(&self.number);
        // SAFETY: the arguments are the kernel's, in its order and of its types; the runs of values are as long as the
        // sizes say (`tokens` and `maps` see to it), and the kernel reads and writes only within them.
        unsafe { launch.launch(config) }.w()?;
        Ok(CudaStorage::wrap_cuda_slice(out, card.clone()))
    }

    fn of_precision<T: CudaDType + DeviceRepr>(
        &self,
        precision: &str,
        card: &CudaDevice,
        all: [(&CudaStorage, &Layout); 3],
    ) -> Result<CudaStorage> {
        match self.wide {
            Wide::Nothing => self.launch::<T, T, T>(precision, card, all),
            Wide::Others => self.launch::<T, f32, T>(precision, card, all),
            Wide::Result => self.launch::<T, T, f32>(precision, card, all),
        }
    }
}

impl CustomOp3 for Kernel {
    fn name(&self) -> &'static str {
        self.name.kernel
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        candle_core::bail!("a card's {} was asked for on the processor", self.name.kernel)
    }

    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        a: &CudaStorage,
        a_layout: &Layout,
        b: &CudaStorage,
        b_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let all = [(x, x_layout), (a, a_layout), (b, b_layout)];
        let out = match x.dtype() {
            DType::F32 => self.of_precision::<f32>("f32", x.device(), all)?,
            DType::F16 => self.of_precision::<f16>("f16", x.device(), all)?,
            DType::BF16 => self.of_precision::<bf16>("bf16", x.device(), all)?,
            other => candle_core::bail!("a card's {} of {other:?}", self.name.kernel),
        };
        Ok((out, self.result.clone()))
    }
}

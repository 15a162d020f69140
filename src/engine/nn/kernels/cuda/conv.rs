//! Convolutions in half precision by cuDNN, with sums in f32: candle's own add up f16 in f16.

use super::{aligned, number, run};
use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::cudnn::{ConvForward, Cudnn, CudnnDataType, sys};
use candle_core::cuda_backend::cudarc::driver::DeviceRepr;
use candle_core::cuda_backend::{CudaDType, DeviceId};
use candle_core::{CpuStorage, CudaDevice, CudaStorage, CustomOp2, DType, Layout, Result, Shape, Tensor};
use half::{bf16, f16};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

type Algorithm = sys::cudnnConvolutionFwdAlgo_t;
const FORMAT: sys::cudnnTensorFormat_t = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NCHW;

/// All that the choice of an algorithm depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Case {
    card: DeviceId,
    bf16: bool,
    x: [i32; 4],
    weight: [i32; 4],
    padding: i32,
    stride: i32,
}

thread_local! {
    // cuDNN's handles belong to a thread.
    static HANDLES: RefCell<HashMap<DeviceId, Arc<Cudnn>>> = RefCell::default();
    /// Asking takes longer than many a convolution: the algorithm, and the bytes it works in.
    static ALGORITHMS: RefCell<HashMap<Case, (Algorithm, usize)>> = RefCell::default();
}

/// Whether [`convolve`] serves maps like this one.
#[must_use]
pub fn convolution_serves(x: &Tensor) -> bool {
    x.device().is_cuda() && matches!(x.dtype(), DType::F16 | DType::BF16)
}

/// Maps `(batch, channels, height, width)` with weights `(outputs, channels, size, size)`, both f16 or both bf16.
///
/// # Errors
/// When the sizes or precisions disagree, or the card fails.
pub fn convolve(x: &Tensor, weight: &Tensor, padding: usize, stride: usize) -> Result<Tensor> {
    aligned(x)?.apply_op2_no_bwd(&aligned(weight)?, &Convolution { padding, stride })
}

struct Convolution {
    padding: usize,
    stride: usize,
}

impl Convolution {
    fn launch<T: CudaDType + DeviceRepr + CudnnDataType>(
        &self,
        (one, zero): (T, T),
        (x, x_layout): (&CudaStorage, &Layout),
        (weight, weight_layout): (&CudaStorage, &Layout),
    ) -> Result<(CudaStorage, Shape)> {
        let card: &CudaDevice = x.device();
        let (batch, channels, height, width) = x_layout.shape().dims4()?;
        let (outputs, inputs, size, across) = weight_layout.shape().dims4()?;
        let (high, wide) = (height + 2 * self.padding, width + 2 * self.padding);
        let empty = batch * channels * height * width * outputs == 0;
        if empty || channels != inputs || size != across || size == 0 || high < size || wide < size || self.stride == 0
        {
            candle_core::bail!("a convolution of {:?} by {:?}", x_layout.shape(), weight_layout.shape());
        }
        let result = [batch, outputs, (high - size) / self.stride + 1, (wide - size) / self.stride + 1];
        let numbers = |sizes: [usize; 4]| -> Result<[i32; 4]> {
            Ok([number(sizes[0])?, number(sizes[1])?, number(sizes[2])?, number(sizes[3])?])
        };
        let case = Case {
            card: card.id(),
            bf16: x.dtype() == DType::BF16,
            x: numbers([batch, channels, height, width])?,
            weight: numbers([outputs, inputs, size, size])?,
            padding: number(self.padding)?,
            stride: number(self.stride)?,
        };
        let cudnn = handle(card)?;
        let mode = sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
        // f32: what sums are kept in.
        let mut conv = cudnn.create_conv2d::<f32>([case.padding; 2], [case.stride; 2], [1, 1], mode)?;
        conv.set_math_type(sys::cudnnMathType_t::CUDNN_TENSOR_OP_MATH)?;
        let (of_x, of_y) =
            (cudnn.create_4d_tensor::<T>(FORMAT, case.x)?, cudnn.create_4d_tensor::<T>(FORMAT, numbers(result)?)?);
        let of_weight = cudnn.create_4d_filter::<T>(FORMAT, case.weight)?;
        let forward = ConvForward { conv: &conv, x: &of_x, w: &of_weight, y: &of_y };
        let known = ALGORITHMS.with_borrow(|known| known.get(&case).copied());
        let (algorithm, bytes) = match known {
            Some(known) => known,
            None => {
                let algorithm = forward.pick_algorithm()?;
                let found = (algorithm, forward.get_workspace_size(algorithm)?);
                ALGORITHMS.with_borrow_mut(|known| known.insert(case, found));
                found
            }
        };
        let x = run::<T>(x, x_layout, x_layout.shape().elem_count())?;
        let weight = run::<T>(weight, weight_layout, weight_layout.shape().elem_count())?;
        // SAFETY: cuDNN writes what it reads of its workspace, and all of the result.
        let (mut workspace, mut out) =
            unsafe { (card.alloc::<u8>(bytes.max(1))?, card.alloc::<T>(result.iter().product())?) };
        // SAFETY: the runs of values are as long as their descriptors say, the workspace as long as cuDNN asked for.
        unsafe { forward.launch(algorithm, Some(&mut workspace), (one, zero), &x, &weight, &mut out) }?;
        Ok((CudaStorage::wrap_cuda_slice(out, card.clone()), Shape::from(result.to_vec())))
    }
}

fn handle(card: &CudaDevice) -> Result<Arc<Cudnn>> {
    if let Some(known) = HANDLES.with_borrow(|handles| handles.get(&card.id()).cloned()) {
        return Ok(known);
    }
    let new = Cudnn::new(card.cuda_stream())?;
    HANDLES.with_borrow_mut(|handles| handles.insert(card.id(), Arc::clone(&new)));
    Ok(new)
}

impl CustomOp2 for Convolution {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        candle_core::bail!("a card's convolution was asked for on the processor")
    }

    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        weight: &CudaStorage,
        weight_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let both = ((x, x_layout), (weight, weight_layout));
        match x.dtype() {
            DType::F16 => self.launch((f16::ONE, f16::ZERO), both.0, both.1),
            DType::BF16 => self.launch((bf16::ONE, bf16::ZERO), both.0, both.1),
            other => candle_core::bail!("a card's convolution of {other:?}"),
        }
    }
}

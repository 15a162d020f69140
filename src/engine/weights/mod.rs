//! Where a model's numbers come from: files, renamed files, or a generator of random ones. Layers ask here by the
//! names that diffusers publishes and say which shape they need; a file that contradicts is named in the error.

pub mod folder;
mod gguf;
mod mapping;
pub mod names;
mod renamed;
mod safetensors;
pub mod stack;

pub use gguf::GgufFile;
pub use renamed::{Renamed, Take, Taken};
pub use safetensors::SafetensorsFiles;

use crate::engine::Result;
use crate::engine::nn::kernels::blocks::{Blocks, BlocksError, Kind};
use crate::engine::nn::weight::{Origin, PackError, Place, Stored, Weight};
use crate::engine::nn::{Conv2d, Embedding, GroupNorm, LayerNorm, Linear, PRelu, Padding, RmsNorm, Table};
use crate::engine::protocol::{EngineFailure, FailureClass};
use candle_core::{DType, Tensor};
use std::fmt::Display;
use std::sync::Arc;

/// Something that holds tensors by name.
pub trait Source: Send + Sync {
    /// The shape of a tensor, `None` when there is none of that name.
    fn shape(&self, name: &str) -> Option<Vec<usize>>;

    /// The values of a tensor, row-major, in the precision they are stored in, or where they will be read.
    ///
    /// # Errors
    /// When it is absent, of another shape, or cannot be read; the sentence names file and tensor.
    fn find(&self, name: &str, shape: &[usize]) -> Result<Origin>;

    /// Says that the tensors whose names begin so will not be looked at for a while: what a mapping holds of them in
    /// memory may leave.
    fn forget(&self, _prefix: &str) {}
}

/// The failure of files that cannot be used.
pub fn unusable(message: impl Into<String>) -> EngineFailure {
    EngineFailure::new(FailureClass::Missing, message)
}

/// Tensors below one name, on their way to one place.
#[derive(Clone)]
pub struct Weights {
    source: Arc<dyn Source>,
    prefix: String,
    place: Place,
}

/// The shape of a convolution.
#[derive(Debug, Clone, Copy)]
pub struct ConvShape {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Kernel side.
    pub size: usize,
    /// Pixels between two outputs.
    pub stride: usize,
    /// Reach over the border.
    pub padding: Padding,
    /// Whether it has a bias.
    pub bias: bool,
}

impl ConvShape {
    /// A 3×3 convolution with bias that keeps the size.
    #[must_use]
    pub fn three(inputs: usize, outputs: usize) -> Self {
        Self { inputs, outputs, size: 3, stride: 1, padding: Padding::Same, bias: true }
    }

    /// A 1×1 convolution with bias.
    #[must_use]
    pub fn one(inputs: usize, outputs: usize) -> Self {
        Self { size: 1, ..Self::three(inputs, outputs) }
    }

    /// A 3×3 convolution with bias that halves the size.
    #[must_use]
    pub fn halving(channels: usize, padding: Padding) -> Self {
        Self { stride: 2, padding, ..Self::three(channels, channels) }
    }
}

impl Weights {
    /// All tensors of `source`, for layers at `place`.
    pub fn new(source: Arc<dyn Source>, place: Place) -> Self {
        Self { source, prefix: String::new(), place }
    }

    /// Where its layers live.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The same for layers that are never rounded to bytes: small ones on which everything after them depends.
    #[must_use]
    pub fn kept_exact(&self) -> Self {
        Self { place: Place { bytes: false, ..self.place.clone() }, ..self.clone() }
    }

    /// The tensors below `name`.
    #[must_use]
    pub fn at(&self, name: impl Display) -> Self {
        Self { prefix: self.name(name), ..self.clone() }
    }

    /// Whether there is a tensor of that name.
    #[must_use]
    pub fn has(&self, name: impl Display) -> bool {
        self.shape(name).is_some()
    }

    /// The shape of a tensor, `None` when there is none of that name.
    #[must_use]
    pub fn shape(&self, name: impl Display) -> Option<Vec<usize>> {
        self.source.shape(&self.name(name))
    }

    /// Lets the memory of these tensors go where a mapping holds it; they can be read again.
    pub fn forget(&self) {
        self.source.forget(&format!("{}.", self.prefix));
    }

    fn name(&self, name: impl Display) -> String {
        if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) }
    }

    fn find(&self, name: impl Display, shape: &[usize]) -> Result<Origin> {
        self.source.find(&self.name(name), shape)
    }

    fn read(&self, name: impl Display, shape: &[usize]) -> Result<Stored> {
        Ok(self.find(name, shape)?.read()?)
    }

    /// A tensor in the place's precision.
    ///
    /// # Errors
    /// As [`Source::find`].
    pub fn tensor(&self, name: impl Display, shape: &[usize]) -> Result<Tensor> {
        self.placed(self.read(name, shape)?, shape)
    }

    /// Moved first and converted there: a card does in milliseconds what takes a processor seconds.
    fn placed(&self, stored: Stored, shape: &[usize]) -> Result<Tensor> {
        Ok(as_tensor(stored, shape)?.to_device(&self.place.device)?.to_dtype(self.place.compute)?)
    }

    /// A fully connected layer stored as `name.weight` (a 1×1 convolution's weight serves too) and `name.bias`.
    ///
    /// # Errors
    /// As [`Source::find`].
    pub fn linear(&self, name: &str, inputs: usize, outputs: usize, bias: bool) -> Result<Linear> {
        let at = self.at(name);
        let stored_as_conv = self.source.shape(&at.name("weight")).is_some_and(|s| s.len() == 4);
        let shape: &[usize] = if stored_as_conv { &[outputs, inputs, 1, 1] } else { &[outputs, inputs] };
        let weight = self.matrix(at.scaled(at.find("weight", shape)?)?, outputs, inputs)?;
        Ok(Linear::new(weight, at.bias(outputs, bias)?))
    }

    /// A weight times the one number beside it, where f8 is published with one (`scale_weight`).
    fn scaled(&self, weight: Origin) -> Result<Origin> {
        let Some(shape) = self.shape("scale_weight") else { return Ok(weight) };
        let factor = as_tensor(self.read("scale_weight", &shape)?, &shape)?.to_dtype(DType::F32)?.flatten_all()?;
        match (weight.read()?, factor.to_vec1()?.first()) {
            (Stored::Blocks(blocks), Some(factor)) => Ok(Stored::Blocks(blocks.scaled(*factor)).into()),
            _ => Err(unusable(format!("{}: a scale beside a weight that is no f8 is not supported", self.prefix))),
        }
    }

    fn matrix(&self, weight: Origin, rows: usize, columns: usize) -> Result<Weight> {
        if self.place.has_kernels() {
            return Ok(if self.place.bytes {
                Weight::rounded(rows, columns, weight)?
            } else {
                Weight::packed(rows, columns, 1, weight)?
            });
        }
        let stored = weight.read()?;
        if let Stored::Blocks(blocks) = &stored
            && let Some(weight) = Weight::quantised(rows, columns, blocks, &self.place.device)?
        {
            return Ok(weight);
        }
        Ok(Weight::Candle(self.placed(stored, &[rows, columns])?))
    }

    fn bias(&self, outputs: usize, bias: bool) -> Result<Option<Tensor>> {
        bias.then(|| self.tensor("bias", &[outputs])).transpose()
    }

    /// A convolution stored as `name.weight` `(outputs, inputs, size, size)` and `name.bias`.
    ///
    /// # Errors
    /// As [`Source::find`].
    pub fn conv(&self, name: impl Display, shape: ConvShape) -> Result<Conv2d> {
        let at = self.at(name);
        let ConvShape { inputs, outputs, size, stride, padding, bias } = shape;
        let dims = [outputs, inputs, size, size];
        let weight = at.find("weight", &dims)?;
        let weight = if self.place.has_kernels() {
            Weight::packed(outputs, inputs, size * size, weight)?
        } else {
            Weight::Candle(self.placed(weight.read()?, &dims)?)
        };
        let conv = Conv2d::new(weight, at.bias(outputs, bias)?, size, stride, padding);
        Ok(conv.that_rounds(self.place.bytes))
    }

    /// The slopes of a PReLU stored as `name.weight`.
    ///
    /// # Errors
    /// As [`Source::find`].
    pub fn prelu(&self, name: impl Display, channels: usize) -> Result<PRelu> {
        Ok(PRelu::new(self.at(name).tensor("weight", &[channels])?))
    }

    /// A group normalisation stored as `name.weight` and `name.bias`.
    ///
    /// # Errors
    /// As [`Source::find`], and when the channels do not divide into the groups.
    pub fn group_norm(&self, name: &str, channels: usize, groups: usize, eps: f32) -> Result<GroupNorm> {
        let at = self.at(name);
        let (scale, shift) = (at.tensor("weight", &[channels])?, at.tensor("bias", &[channels])?);
        GroupNorm::new(scale, shift, groups, eps).map_err(|e| unusable(format!("{}: {e}", at.prefix)))
    }

    /// A layer normalisation stored as `name.weight` and `name.bias`.
    ///
    /// # Errors
    /// As [`Source::find`].
    pub fn layer_norm(&self, name: &str, width: usize, eps: f32) -> Result<LayerNorm> {
        let at = self.at(name);
        Ok(LayerNorm::new(at.tensor("weight", &[width])?, at.tensor("bias", &[width])?, eps))
    }

    /// A normalisation by the mean square stored as `name.weight`.
    ///
    /// # Errors
    /// As [`Source::find`].
    pub fn rms_norm(&self, name: &str, width: usize, eps: f32) -> Result<RmsNorm> {
        Ok(RmsNorm::new(self.at(name).tensor("weight", &[width])?, eps))
    }

    /// A table stored as `name.weight`, kept in its own precision.
    ///
    /// # Errors
    /// As [`Source::find`].
    pub fn embedding(&self, name: &str, ids: usize, width: usize) -> Result<Embedding> {
        let rows = self.at(name).find("weight", &[ids, width])?;
        let table = if self.place.has_kernels() {
            Table::Stored { rows, width }
        } else {
            Table::Candle(as_tensor(rows.read()?, &[ids, width])?.to_device(&self.place.device)?)
        };
        Ok(Embedding::new(table, self.place.compute))
    }
}

impl From<BlocksError> for EngineFailure {
    fn from(error: BlocksError) -> Self {
        unusable(error.to_string())
    }
}

impl From<PackError> for EngineFailure {
    fn from(error: PackError) -> Self {
        unusable(error.to_string())
    }
}

fn as_tensor(stored: Stored, shape: &[usize]) -> Result<Tensor> {
    let device = candle_core::Device::Cpu;
    Ok(match stored {
        Stored::F32(v) => Tensor::from_vec(v, shape, &device)?,
        Stored::F16(v) => Tensor::from_vec(v, shape, &device)?,
        Stored::Bf16(v) => Tensor::from_vec(v, shape, &device)?,
        Stored::Blocks(blocks) => match plain(&blocks) {
            Some(kind) => Tensor::from_raw_buffer(blocks.as_bytes(), kind, shape, &device)?,
            None => Tensor::from_vec(blocks.to_f32(), shape, &device)?,
        },
    })
}

/// The precision of blocks that are plain numbers.
fn plain(blocks: &Blocks) -> Option<DType> {
    match blocks.kind() {
        _ if blocks.is_scaled() => None,
        Kind::F32 => Some(DType::F32),
        Kind::F16 => Some(DType::F16),
        Kind::Bf16 => Some(DType::BF16),
        _ => None,
    }
}

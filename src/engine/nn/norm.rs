//! Normalisation layers. Statistics are kept in f32 or better on every device.

use super::FeatureMap;
#[cfg(feature = "cuda")]
use super::kernels::cuda;
use super::kernels::norm::{Affine, group_factors, layer_norm, rms_norm, scale_channels};
use super::profile::{Part, counted};
use super::values::{Values, is_ours};
use candle_core::{DType, Result, Tensor};

/// Group normalisation with scale and shift.
pub struct GroupNorm {
    scale: Tensor,
    shift: Tensor,
    groups: usize,
    eps: f32,
}

impl GroupNorm {
    /// Of `scale` and `shift` (channels).
    ///
    /// # Errors
    /// When the channels do not divide into the groups.
    pub fn new(scale: Tensor, shift: Tensor, groups: usize, eps: f32) -> Result<Self> {
        let channels = scale.dims1()?;
        if groups == 0 || !channels.is_multiple_of(groups) {
            candle_core::bail!("{channels} channels cannot be normalised in {groups} groups");
        }
        Ok(Self { scale, shift, groups, eps })
    }

    /// Normalises.
    ///
    /// # Errors
    /// When the channels are others.
    pub fn norm(&self, x: &FeatureMap) -> Result<FeatureMap> {
        self.statistics(x)?.apply(x, false)
    }

    /// Normalises and applies SiLU.
    ///
    /// # Errors
    /// As [`Self::norm`].
    pub fn norm_silu(&self, x: &FeatureMap) -> Result<FeatureMap> {
        self.statistics(x)?.apply(x, true)
    }

    /// What the norm of the whole of `x` does to each of its channels.
    ///
    /// # Errors
    /// As [`Self::norm`].
    pub fn statistics(&self, x: &FeatureMap) -> Result<GroupStatistics> {
        let channels = self.scale.dims1()?;
        if x.channels() != channels {
            candle_core::bail!("a norm of {channels} channels was given {}", x.channels());
        }
        #[cfg(feature = "cuda")]
        if cuda::serves(&x.tensor) {
            let (factors, offsets) =
                cuda::group_statistics(&x.tensor, &self.scale, &self.shift, self.groups, self.eps)?;
            return Ok(GroupStatistics { factors, offsets });
        }
        if !is_ours(&x.tensor) {
            return self.statistics_by_candle(x);
        }
        let values = Values::of(&x.tensor)?;
        let (scale, shift) = (Values::of(&self.scale)?, Values::of(&self.shift)?);
        let affine = Affine { scale: &scale, shift: &shift, eps: self.eps };
        let (mut factors, mut offsets) = (Vec::new(), Vec::new());
        counted(Part::Norm, 0, || {
            for picture in values.chunks_exact(x.height() * x.width() * channels) {
                let (factor, offset) = group_factors(picture, self.groups, affine);
                factors.extend(factor);
                offsets.extend(offset);
            }
        });
        let shape = (x.batch(), channels);
        let device = x.tensor.device();
        Ok(GroupStatistics {
            factors: Tensor::from_vec(factors, shape, device)?,
            offsets: Tensor::from_vec(offsets, shape, device)?,
        })
    }

    fn statistics_by_candle(&self, x: &FeatureMap) -> Result<GroupStatistics> {
        let (batch, channels, _, _) = x.tensor.dims4()?;
        let grouped = x.tensor.to_dtype(DType::F32)?.reshape((batch, self.groups, ()))?;
        let mean = grouped.mean_keepdim(2)?;
        let variance = grouped.broadcast_sub(&mean)?.sqr()?.mean_keepdim(2)?;
        let inverse = (variance + f64::from(self.eps))?.sqrt()?.recip()?;
        let grouped = |t: &Tensor| t.to_dtype(DType::F32)?.reshape((1, self.groups, channels / self.groups));
        let factors = grouped(&self.scale)?.broadcast_mul(&inverse)?;
        let offsets = grouped(&self.shift)?.broadcast_sub(&factors.broadcast_mul(&mean)?)?;
        Ok(GroupStatistics {
            factors: factors.reshape((batch, channels))?,
            offsets: offsets.reshape((batch, channels))?,
        })
    }
}

/// What a group norm does to each channel, ready to be done to the map or to parts of it.
pub struct GroupStatistics {
    factors: Tensor,
    offsets: Tensor,
}

impl GroupStatistics {
    /// Factors and offsets for the kernels, `(batch, channels)` each.
    pub(super) fn values(&self) -> Result<(Values<'_>, Values<'_>)> {
        Ok((Values::of(&self.factors)?, Values::of(&self.offsets)?))
    }

    /// Normalises a part of the map and applies SiLU.
    ///
    /// # Errors
    /// When the device fails.
    pub fn norm_silu(&self, x: &FeatureMap) -> Result<FeatureMap> {
        self.apply(x, true)
    }

    fn apply(&self, x: &FeatureMap, silu: bool) -> Result<FeatureMap> {
        #[cfg(feature = "cuda")]
        if cuda::serves(&x.tensor) {
            return Ok(FeatureMap::of(cuda::scale_channels(&x.tensor, &self.factors, &self.offsets, silu)?));
        }
        if !is_ours(&x.tensor) {
            let shape = (x.batch(), x.channels(), 1, 1);
            let wide = x.tensor.to_dtype(DType::F32)?;
            let y = wide.broadcast_mul(&self.factors.reshape(shape)?)?.broadcast_add(&self.offsets.reshape(shape)?)?;
            let y = if silu { y.silu()? } else { y };
            return Ok(FeatureMap::of(y.to_dtype(x.tensor.dtype())?));
        }
        let values = Values::of(&x.tensor)?;
        let (factors, offsets) = (Values::of(&self.factors)?, Values::of(&self.offsets)?);
        let (channels, picture) = (x.channels(), x.height() * x.width() * x.channels());
        let mut out = vec![0.0; values.len()];
        counted(Part::Norm, 0, || {
            for (i, (x, out)) in values.chunks_exact(picture).zip(out.chunks_exact_mut(picture)).enumerate() {
                let of = i * channels..(i + 1) * channels;
                scale_channels(x, &factors[of.clone()], &offsets[of], silu, out);
            }
        });
        Ok(FeatureMap::of(Tensor::from_vec(out, x.tensor.dims(), x.tensor.device())?))
    }
}

/// Layer normalisation of the last axis with scale and shift.
pub struct LayerNorm {
    scale: Tensor,
    shift: Tensor,
    eps: f32,
}

impl LayerNorm {
    /// Of `scale` and `shift`, as long as the last axis.
    #[must_use]
    pub fn new(scale: Tensor, shift: Tensor, eps: f32) -> Self {
        Self { scale, shift, eps }
    }

    /// Normalises the last axis.
    ///
    /// # Errors
    /// When it has another length.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        #[cfg(feature = "cuda")]
        if cuda::serves(x) {
            return cuda::layer_norm(x, &self.scale, &self.shift, self.eps);
        }
        if !is_ours(x) {
            return candle_nn::ops::layer_norm_slow(x, &self.scale, &self.shift, self.eps);
        }
        let n = self.scale.dims1()?;
        if x.dims().last() != Some(&n) {
            candle_core::bail!("a norm of {n} values was given {:?}", x.dims());
        }
        let x = x.contiguous()?;
        let values = Values::of(&x)?;
        let (scale, shift) = (Values::of(&self.scale)?, Values::of(&self.shift)?);
        let mut out = vec![0.0; values.len()];
        let affine = Affine { scale: &scale, shift: &shift, eps: self.eps };
        counted(Part::Norm, 0, || layer_norm(&values, affine, &mut out));
        Tensor::from_vec(out, x.dims(), x.device())
    }
}

/// Normalisation of each run of values along the last axis by the root of its mean square, with a scale and no shift.
pub struct RmsNorm {
    scale: Tensor,
    eps: f32,
}

impl RmsNorm {
    /// Of `scale`; the last axis holds one or more runs of its length (the heads of a token).
    #[must_use]
    pub fn new(scale: Tensor, eps: f32) -> Self {
        Self { scale, eps }
    }

    /// Normalises each run.
    ///
    /// # Errors
    /// When the last axis does not divide into runs.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let n = self.scale.dims1()?;
        if !x.dims().last().is_some_and(|last| last.is_multiple_of(n)) {
            candle_core::bail!("a norm of runs of {n} values was given {:?}", x.dims());
        }
        #[cfg(feature = "cuda")]
        if cuda::serves(x) {
            return cuda::rms_norm(x, &self.scale, self.eps);
        }
        if !is_ours(x) {
            let runs = x.reshape(((), n))?.to_dtype(DType::F32)?;
            let inverse = (runs.sqr()?.mean_keepdim(1)? + f64::from(self.eps))?.sqrt()?.recip()?;
            let y = runs.broadcast_mul(&inverse)?.broadcast_mul(&self.scale.to_dtype(DType::F32)?)?;
            return y.to_dtype(x.dtype())?.reshape(x.dims());
        }
        let x = x.contiguous()?;
        let values = Values::of(&x)?;
        let mut out = vec![0.0; values.len()];
        let scale = Values::of(&self.scale)?;
        counted(Part::Norm, 0, || rms_norm(&values, &scale, self.eps, &mut out));
        Tensor::from_vec(out, x.dims(), x.device())
    }
}

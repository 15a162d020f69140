//! Rotary position embedding: where a token stands is the angle that its queries and keys are turned by.

#[cfg(feature = "cuda")]
use super::kernels::cuda;
use super::kernels::rope::rotate;
use super::values::{Values, is_ours};
use candle_core::{DType, Device, Result, Tensor};

/// The angles of a row of tokens, kept as f32 cosines and sines. They are computed in f64: in half precision far tokens
/// could not be told apart.
pub struct Rope {
    cos: Tensor,
    sin: Tensor,
    half: usize,
}

impl Rope {
    /// Of tokens at `positions`, each with as many coordinates as there are `axes`; an axis of `d` values gives `d / 2`
    /// angles, its coordinate times θ^(-2i / d).
    ///
    /// # Errors
    /// When the device fails.
    pub fn new(positions: &[Vec<f64>], axes: &[usize], theta: f64, device: &Device) -> Result<Self> {
        let half = axes.iter().sum::<usize>() / 2;
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        for position in positions {
            for (coordinate, axis) in position.iter().zip(axes) {
                for i in 0..axis / 2 {
                    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
                    {
                        let frequency = 1.0 / theta.powf((2 * i) as f64 / *axis as f64);
                        let (s, c) = (coordinate * frequency).sin_cos();
                        cos.push(c as f32);
                        sin.push(s as f32);
                    }
                }
            }
        }
        let shape = (positions.len(), half);
        Ok(Self { cos: Tensor::from_vec(cos, shape, device)?, sin: Tensor::from_vec(sin, shape, device)?, half })
    }

    /// Turns every head of `(1, tokens, heads · dim)`.
    ///
    /// # Errors
    /// When the tokens or the heads are others than the angles are for.
    pub fn turn(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, tokens, width) = x.dims3()?;
        if batch != 1 || tokens != self.cos.dim(0)? || !width.is_multiple_of(2 * self.half) {
            candle_core::bail!("angles of {:?} for tokens {:?}", self.cos.dims(), x.dims());
        }
        #[cfg(feature = "cuda")]
        if cuda::serves(x) {
            return cuda::turn(x, &self.cos, &self.sin);
        }
        if !is_ours(x) {
            return self.by_candle(x, (tokens, width));
        }
        let x = x.contiguous()?;
        let mut out = Values::of(&x)?.to_vec();
        rotate(&mut out, width, &Values::of(&self.cos)?, &Values::of(&self.sin)?, self.half);
        Tensor::from_vec(out, x.dims(), x.device())
    }

    fn by_candle(&self, x: &Tensor, (tokens, width): (usize, usize)) -> Result<Tensor> {
        let pairs = x.to_dtype(DType::F32)?.reshape((tokens, width / (2 * self.half), self.half, 2))?;
        let (a, b) = (pairs.narrow(3, 0, 1)?, pairs.narrow(3, 1, 1)?);
        let shape = (tokens, 1, self.half, 1);
        let (cos, sin) = (self.cos.reshape(shape)?, self.sin.reshape(shape)?);
        let first = (a.broadcast_mul(&cos)? - b.broadcast_mul(&sin)?)?;
        let second = (b.broadcast_mul(&cos)? + a.broadcast_mul(&sin)?)?;
        Tensor::cat(&[first, second], 3)?.reshape((1, tokens, width))?.to_dtype(x.dtype())
    }
}

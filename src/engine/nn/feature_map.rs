//! Pictures inside a model: batch, height, width and channels known, memory layout private.

use super::values::is_ours;
use candle_core::{Result, Tensor};

/// A map of features. Channels-last for our kernels, channels-first for candle; nobody outside `nn` needs to know.
#[derive(Debug, Clone)]
pub struct FeatureMap {
    pub(super) tensor: Tensor,
    channels_last: bool,
}

impl FeatureMap {
    /// From a `(batch, channels, height, width)` tensor.
    ///
    /// # Errors
    /// When it has another rank.
    pub fn from_nchw(tensor: &Tensor) -> Result<Self> {
        tensor.dims4()?;
        let channels_last = is_ours(tensor);
        let tensor = if channels_last { tensor.permute((0, 2, 3, 1))?.contiguous()? } else { tensor.contiguous()? };
        Ok(Self { tensor, channels_last })
    }

    /// To a `(batch, channels, height, width)` tensor.
    ///
    /// # Errors
    /// Never on a CPU.
    pub fn to_nchw(&self) -> Result<Tensor> {
        if self.channels_last { self.tensor.permute((0, 3, 1, 2))?.contiguous() } else { Ok(self.tensor.clone()) }
    }

    /// Of a tensor that already has the layout of its device and precision.
    pub(super) fn of(tensor: Tensor) -> Self {
        let channels_last = is_ours(&tensor);
        Self { tensor, channels_last }
    }

    fn dim(&self, last: usize, first: usize) -> usize {
        self.tensor.dims()[if self.channels_last { last } else { first }]
    }

    /// Pictures.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.dim(0, 0)
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.dim(1, 2)
    }

    /// Pixels a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.dim(2, 3)
    }

    /// Values a pixel.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.dim(3, 1)
    }

    /// Whether our kernels serve it.
    #[must_use]
    pub fn has_kernels(&self) -> bool {
        self.channels_last
    }

    fn channel_axis(&self) -> usize {
        if self.channels_last { 3 } else { 1 }
    }

    fn row_axis(&self) -> usize {
        if self.channels_last { 1 } else { 2 }
    }

    /// Pixels as tokens, `(batch, height * width, channels)`. On a CPU no value moves.
    ///
    /// # Errors
    /// When the device fails.
    pub fn to_tokens(&self) -> Result<Tensor> {
        let shape = (self.batch(), self.height() * self.width(), self.channels());
        let pixels = if self.channels_last { self.tensor.clone() } else { self.tensor.permute((0, 2, 3, 1))? };
        pixels.reshape(shape)?.contiguous()
    }

    /// Tokens back to a map of this one's size.
    ///
    /// # Errors
    /// When their number is another.
    pub fn with_tokens(&self, tokens: &Tensor) -> Result<Self> {
        let (batch, _, channels) = tokens.dims3()?;
        let pixels = tokens.reshape((batch, self.height(), self.width(), channels))?;
        let tensor = if self.channels_last { pixels } else { pixels.permute((0, 3, 1, 2))?.contiguous()? };
        Ok(Self { tensor, channels_last: self.channels_last })
    }

    /// The sum of two maps of one size.
    ///
    /// # Errors
    /// When the sizes differ.
    pub fn add(&self, other: &Self) -> Result<Self> {
        Ok(Self { tensor: (&self.tensor + &other.tensor)?, channels_last: self.channels_last })
    }

    /// Adds `(batch, channels)` values to every pixel.
    ///
    /// # Errors
    /// When the sizes differ.
    pub fn add_per_channel(&self, values: &Tensor) -> Result<Self> {
        let (batch, channels) = values.dims2()?;
        let shape = if self.channels_last { (batch, 1, 1, channels) } else { (batch, channels, 1, 1) };
        let tensor = self.tensor.broadcast_add(&values.reshape(shape)?)?;
        Ok(Self { tensor, channels_last: self.channels_last })
    }

    /// Applies a function to every value, whatever the layout.
    ///
    /// # Errors
    /// As the function.
    pub fn map(&self, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self { tensor: f(&self.tensor)?, channels_last: self.channels_last })
    }

    /// Two maps of one size, channel after channel.
    ///
    /// # Errors
    /// When the sizes differ.
    pub fn cat_channels(&self, other: &Self) -> Result<Self> {
        let tensor = Tensor::cat(&[&self.tensor, &other.tensor], self.channel_axis())?;
        Ok(Self { tensor, channels_last: self.channels_last })
    }

    /// Channels `start..start + n`.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn channels_range(&self, start: usize, n: usize) -> Result<Self> {
        let tensor = self.tensor.narrow(self.channel_axis(), start, n)?.contiguous()?;
        Ok(Self { tensor, channels_last: self.channels_last })
    }

    /// The part of `height × width` pixels whose first one is in row `y`, column `x`.
    ///
    /// # Errors
    /// When it does not lie inside.
    pub fn crop(&self, y: usize, x: usize, height: usize, width: usize) -> Result<Self> {
        let axis = self.row_axis();
        let tensor = self.tensor.narrow(axis, y, height)?.narrow(axis + 1, x, width)?.contiguous()?;
        Ok(Self { tensor, channels_last: self.channels_last })
    }

    /// Each pixel four times, as a square.
    ///
    /// # Errors
    /// When the device fails.
    pub fn upsample2x(&self) -> Result<Self> {
        let (height, width) = (self.height(), self.width());
        if !self.channels_last {
            let tensor = self.tensor.upsample_nearest2d(2 * height, 2 * width)?;
            return Ok(Self { tensor, channels_last: false });
        }
        let (batch, channels) = (self.batch(), self.channels());
        let tensor = self
            .tensor
            .reshape((batch * height, 1, width, 1, channels))?
            .broadcast_as((batch * height, 2, width, 2, channels))?
            .reshape((batch, 2 * height, 2 * width, channels))?;
        Ok(Self { tensor, channels_last: true })
    }
}

/// Strips of rows on their way to one map.
pub struct Stack {
    height: usize,
    /// On a CPU with one picture the rows are simply appended, so that no second copy is ever there.
    rows: Vec<f32>,
    width_channels: (usize, usize),
    parts: Vec<FeatureMap>,
}

impl FeatureMap {
    /// An empty stack for strips of `height` rows in all.
    #[must_use]
    pub fn stack(height: usize) -> Stack {
        Stack { height, rows: Vec::new(), width_channels: (0, 0), parts: Vec::new() }
    }
}

impl Stack {
    /// Adds rows below those already there.
    ///
    /// # Errors
    /// When the device fails.
    pub fn push(&mut self, strip: &FeatureMap) -> Result<()> {
        if strip.channels_last && strip.batch() == 1 {
            self.width_channels = (strip.width(), strip.channels());
            if self.rows.is_empty() {
                // In one piece at once: growing would copy, and hold both copies meanwhile.
                self.rows.reserve_exact(self.height * strip.width() * strip.channels());
            }
            self.rows.extend_from_slice(&super::Values::of(&strip.tensor)?);
        } else {
            self.parts.push(strip.clone());
        }
        Ok(())
    }

    /// The whole map.
    ///
    /// # Errors
    /// When the strips were of different widths.
    pub fn finish(self) -> Result<FeatureMap> {
        if self.parts.is_empty() {
            let (width, channels) = self.width_channels;
            let height = self.rows.len() / (width * channels).max(1);
            let tensor = Tensor::from_vec(self.rows, (1, height, width, channels), &candle_core::Device::Cpu)?;
            return Ok(FeatureMap { tensor, channels_last: true });
        }
        let tensors: Vec<&Tensor> = self.parts.iter().map(|p| &p.tensor).collect();
        let first = &self.parts[0];
        Ok(FeatureMap { tensor: Tensor::cat(&tensors, first.row_axis())?, channels_last: first.channels_last })
    }
}

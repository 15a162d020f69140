//! Scaled dot-product attention over tokens.

use super::kernels::attention::{Shape, attention};
#[cfg(feature = "cuda")]
use super::kernels::cuda;
use super::kernels::level::Level;
use super::profile::{Part, counted};
use super::values::{Values, is_ours};
use candle_core::{DType, Result, Tensor};

/// Attention scores that candle's operations hold at once: 256 MB.
const SCORES: usize = 1 << 26;

/// What an attention needs to know beside its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attend {
    /// Heads that lie side by side in a token.
    pub heads: usize,
    /// Whether a token sees only itself and those before it.
    pub causal: bool,
    /// Whether our kernels may round what is multiplied to integers of a dozen bits.
    pub rounded: bool,
}

/// Queries `q` `(batch, n, heads * dim)` over keys and values `(batch, m, heads * dim)` to `(batch, n, heads * dim)`.
///
/// # Errors
/// When the sizes disagree.
pub fn attend(kind: Attend, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor> {
    let dim = head_size(kind, q, k)?;
    #[allow(clippy::cast_precision_loss)]
    let scale = 1.0 / (dim as f64).sqrt();
    scaled(kind, (q, k, v), scale, None)
}

/// The same with scores that are not scaled, and `bias` `(heads, n, m)` added to them.
///
/// # Errors
/// When the sizes disagree.
pub fn attend_biased(kind: Attend, q: &Tensor, k: &Tensor, v: &Tensor, bias: &Tensor) -> Result<Tensor> {
    head_size(kind, q, k)?;
    if bias.dims3()? != (kind.heads, q.dim(1)?, k.dim(1)?) {
        candle_core::bail!("a bias of {:?} for {:?} over {:?}", bias.dims(), q.dims(), k.dims());
    }
    scaled(kind, (q, k, v), 1.0, Some(bias))
}

fn head_size(kind: Attend, q: &Tensor, k: &Tensor) -> Result<usize> {
    let ((batch, _, token), (key_batch, _, key_token)) = (q.dims3()?, k.dims3()?);
    if kind.heads == 0 || !token.is_multiple_of(kind.heads) || token != key_token || batch != key_batch {
        candle_core::bail!("attention of {:?} over {:?} with {} heads", q.dims(), k.dims(), kind.heads);
    }
    Ok(token / kind.heads)
}

fn scaled(kind: Attend, (q, k, v): (&Tensor, &Tensor, &Tensor), scale: f64, bias: Option<&Tensor>) -> Result<Tensor> {
    let (batch, queries, token) = q.dims3()?;
    let (keys, dim) = (k.dim(1)?, token / kind.heads);
    #[allow(clippy::cast_possible_truncation)]
    let shape = Shape {
        batch,
        queries,
        keys,
        heads: kind.heads,
        dim,
        causal: kind.causal,
        scale: scale as f32,
        rounded: kind.rounded,
    };
    #[cfg(feature = "cuda")]
    if bias.is_none() && cuda::attention_serves(q, dim)? {
        return cuda::attention(shape, q, k, v);
    }
    if !is_ours(q) {
        return by_candle(kind, (q, k, v), scale, bias, SCORES);
    }
    let (q, k, v) = (q.contiguous()?, k.contiguous()?, v.contiguous()?);
    let (q_values, k_values, v_values) = (Values::of(&q)?, Values::of(&k)?, Values::of(&v)?);
    let multiplications = 2 * batch * queries * keys * token;
    let bias = bias.map(Tensor::contiguous).transpose()?;
    let bias = bias.as_ref().map(Values::of).transpose()?;
    let out = counted(Part::Attention, multiplications, || {
        attention(Level::best(), shape, (&q_values, &k_values, &v_values), bias.as_deref())
    });
    Tensor::from_vec(out, (batch, queries, token), q.device())
}

/// A block of queries at a time, so that of a large picture's scores only about `most` are ever there at once.
pub(super) fn by_candle(
    kind: Attend,
    (q, k, v): (&Tensor, &Tensor, &Tensor),
    scale: f64,
    bias: Option<&Tensor>,
    most: usize,
) -> Result<Tensor> {
    let (batch, queries, token) = q.dims3()?;
    let dim = token / kind.heads;
    let block = (most / (batch * kind.heads * k.dim(1)?).max(1)).max(1);
    let split = |t: &Tensor| -> Result<Tensor> {
        t.reshape((batch, t.dim(1)?, kind.heads, dim))?.transpose(1, 2)?.contiguous()
    };
    let (q, k, v) = (split(q)?, split(k)?.transpose(2, 3)?.contiguous()?, split(v)?);
    let mut blocks = Vec::new();
    for first in (0..queries).step_by(block) {
        let rows = block.min(queries - first);
        // Softmax of f16 scores in f16 would lose what it keeps apart.
        let mut scores = (q.narrow(2, first, rows)? * scale)?.matmul(&k)?.to_dtype(DType::F32)?;
        if let Some(bias) = bias {
            scores = scores.broadcast_add(&bias.narrow(1, first, rows)?.to_dtype(DType::F32)?.unsqueeze(0)?)?;
        }
        if kind.causal {
            scores = scores.broadcast_add(&causal_mask(first, rows, k.dim(3)?, q.device())?)?;
        }
        let weights = candle_nn::ops::softmax_last_dim(&scores)?.to_dtype(v.dtype())?;
        blocks.push(weights.matmul(&v)?);
    }
    Tensor::cat(&blocks, 2)?.transpose(1, 2)?.reshape((batch, queries, token))
}

fn causal_mask(first: usize, rows: usize, keys: usize, device: &candle_core::Device) -> Result<Tensor> {
    let mask: Vec<f32> =
        (0..rows).flat_map(|r| (0..keys).map(move |k| if k > first + r { f32::NEG_INFINITY } else { 0.0 })).collect();
    Tensor::from_vec(mask, (1, 1, rows, keys), device)
}

//! The two kinds of block FLUX's transformer is made of: first text and picture each with weights of their own that
//! attend together, then both as one row of tokens. Source: diffusers' `transformer_flux.py`.

use super::config::TransformerConfig;
use crate::engine::Result;
use crate::engine::nn::{Activation, Attend, LayerNorm, Linear, RmsNorm, Rope, add_gated, attend};
use crate::engine::weights::Weights;
use candle_core::Tensor;

/// Every norm of this family.
const EPS: f32 = 1e-6;
/// Width of the feed-forward layers, in widths of a token.
pub const WIDER: usize = 4;

/// What the time vector makes of a norm's output: a shift, a scale beside 1, and often the gate of what follows.
pub struct Modulation(Vec<Tensor>);

impl Modulation {
    /// `n` vectors of one linear layer of the time vector (after SiLU), `(1, width)`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn of(layer: &Linear, time: &Tensor, n: usize) -> Result<Self> {
        let all = layer.forward(time)?.squeeze(0)?;
        Ok(Self(all.chunk(n, 0)?))
    }

    /// The layer norm of `x`, scaled and shifted by vectors `scale` and `shift` of these.
    ///
    /// # Errors
    /// When the sizes disagree.
    pub fn norm(&self, x: &Tensor, (shift, scale): (usize, usize)) -> Result<Tensor> {
        Ok(LayerNorm::new((&self.0[scale] + 1.0)?, self.0[shift].contiguous()?, EPS).forward(x)?)
    }

    fn gated(&self, x: &Tensor, gate: usize, y: &Tensor) -> Result<Tensor> {
        Ok(add_gated(x, &self.0[gate], y)?)
    }
}

/// Queries, keys and values, the first two with a norm for each head.
struct Projections {
    q: Linear,
    k: Linear,
    v: Linear,
    q_norm: RmsNorm,
    k_norm: RmsNorm,
}

/// The names of one stream's attention.
#[derive(Clone, Copy)]
struct Names {
    projections: [&'static str; 3],
    norms: [&'static str; 2],
}

const PICTURE: Names = Names { projections: ["to_q", "to_k", "to_v"], norms: ["norm_q", "norm_k"] };
const TEXT: Names =
    Names { projections: ["add_q_proj", "add_k_proj", "add_v_proj"], norms: ["norm_added_q", "norm_added_k"] };

impl Projections {
    fn load(at: &Weights, config: &TransformerConfig, names: Names) -> Result<Self> {
        let (width, head) = (config.width(), config.attention_head_dim);
        let [q, k, v] = names.projections;
        Ok(Self {
            q: at.linear(q, width, width, true)?,
            k: at.linear(k, width, width, true)?,
            v: at.linear(v, width, width, true)?,
            q_norm: at.rms_norm(names.norms[0], head, EPS)?,
            k_norm: at.rms_norm(names.norms[1], head, EPS)?,
        })
    }

    fn of(&self, x: &Tensor) -> Result<[Tensor; 3]> {
        let (q, k) = (self.q_norm.forward(&self.q.forward(x)?)?, self.k_norm.forward(&self.k.forward(x)?)?);
        Ok([q, k, self.v.forward(x)?])
    }
}

/// Text or picture in a [`DoubleBlock`].
struct Stream {
    modulation: Linear,
    projections: Projections,
    out: Linear,
    widen: Linear,
    narrow: Linear,
}

impl Stream {
    fn load(
        at: &Weights,
        config: &TransformerConfig,
        (norm, out, feed): (&str, &str, &str),
        names: Names,
    ) -> Result<Self> {
        let width = config.width();
        let (attention, feed) = (at.at("attn"), at.at(feed));
        Ok(Self {
            modulation: at.kept_exact().at(norm).linear("linear", width, 6 * width, true)?,
            projections: Projections::load(&attention, config, names)?,
            out: attention.linear(out, width, width, true)?,
            widen: feed.linear("net.0.proj", width, WIDER * width, true)?,
            narrow: feed.linear("net.2", WIDER * width, width, true)?,
        })
    }

    fn finish(&self, x: &Tensor, attended: &Tensor, modulation: &Modulation) -> Result<Tensor> {
        let x = modulation.gated(x, 2, &self.out.forward(attended)?)?;
        let inner = self.widen.forward_then(&modulation.norm(&x, (3, 4))?, Activation::GeluTanh)?;
        modulation.gated(&x, 5, &self.narrow.forward(&inner)?)
    }
}

/// A block with a stream for the text and one for the picture.
pub struct DoubleBlock {
    text: Stream,
    picture: Stream,
    attend: Attend,
}

impl DoubleBlock {
    /// Loads the block at `at`.
    ///
    /// # Errors
    /// When tensors are absent or contradict the config.
    pub fn load(at: &Weights, config: &TransformerConfig) -> Result<Self> {
        let text = Stream::load(at, config, ("norm1_context", "to_add_out", "ff_context"), TEXT)?;
        let picture = Stream::load(at, config, ("norm1", "to_out.0", "ff"), PICTURE)?;
        let rounded = picture.out.in_bytes();
        Ok(Self { text, picture, attend: Attend { heads: config.num_attention_heads, causal: false, rounded } })
    }

    /// Text `(1, m, width)` and picture `(1, n, width)` to the same. `time` is the time vector after SiLU, `rope` has
    /// the places of the text's tokens and then of the picture's.
    ///
    /// # Errors
    /// When the sizes disagree.
    pub fn forward(&self, (text, picture): (&Tensor, &Tensor), time: &Tensor, rope: &Rope) -> Result<(Tensor, Tensor)> {
        let of_text = Modulation::of(&self.text.modulation, time, 6)?;
        let of_picture = Modulation::of(&self.picture.modulation, time, 6)?;
        let t = self.text.projections.of(&of_text.norm(text, (0, 1))?)?;
        let p = self.picture.projections.of(&of_picture.norm(picture, (0, 1))?)?;
        let both = |i: usize| Tensor::cat(&[&t[i], &p[i]], 1);
        let attended = attend(self.attend, &rope.turn(&both(0)?)?, &rope.turn(&both(1)?)?, &both(2)?)?;
        let (m, n) = (text.dim(1)?, picture.dim(1)?);
        let text = self.text.finish(text, &attended.narrow(1, 0, m)?, &of_text)?;
        let picture = self.picture.finish(picture, &attended.narrow(1, m, n)?, &of_picture)?;
        Ok((text, picture))
    }
}

/// A block with one stream, whose attention and feed-forward layers work side by side.
pub struct SingleBlock {
    modulation: Linear,
    projections: Projections,
    widen: Linear,
    out: Linear,
    attend: Attend,
}

impl SingleBlock {
    /// Loads the block at `at`.
    ///
    /// # Errors
    /// When tensors are absent or contradict the config.
    pub fn load(at: &Weights, config: &TransformerConfig) -> Result<Self> {
        let width = config.width();
        let out = at.linear("proj_out", (1 + WIDER) * width, width, true)?;
        let rounded = out.in_bytes();
        Ok(Self {
            modulation: at.kept_exact().linear("norm.linear", width, 3 * width, true)?,
            projections: Projections::load(&at.at("attn"), config, PICTURE)?,
            widen: at.linear("proj_mlp", width, WIDER * width, true)?,
            out,
            attend: Attend { heads: config.num_attention_heads, causal: false, rounded },
        })
    }

    /// Tokens `(1, m + n, width)` to the same.
    ///
    /// # Errors
    /// When the sizes disagree.
    pub fn forward(&self, x: &Tensor, time: &Tensor, rope: &Rope) -> Result<Tensor> {
        let modulation = Modulation::of(&self.modulation, time, 3)?;
        let normal = modulation.norm(x, (0, 1))?;
        let [q, k, v] = self.projections.of(&normal)?;
        let attended = attend(self.attend, &rope.turn(&q)?, &rope.turn(&k)?, &v)?;
        let inner = self.widen.forward_then(&normal, Activation::GeluTanh)?;
        let joined = Tensor::cat(&[attended, inner], 2)?;
        modulation.gated(x, 2, &self.out.forward(&joined)?)
    }
}

//! The encoder half of T5 1.1. Source: transformers' `T5EncoderModel`.

use crate::engine::Result;
use crate::engine::nn::{Activation, Attend, Embedding, Linear, RmsNorm, attend_biased};
use crate::engine::weights::stack::Stack;
use crate::engine::weights::{Source, Weights, unusable};
use candle_core::{DType, Device, Tensor};
use serde::Deserialize;

/// What half precision is limited to, as transformers does: T5 reaches its end.
const HALF_LIMIT: f32 = 65_504.0 - 1000.0;

/// The size of an encoder, as its `config.json` says.
#[derive(Debug, Clone, Deserialize)]
pub struct T5Config {
    /// Tokens known.
    pub vocab_size: usize,
    /// Values a token.
    pub d_model: usize,
    /// Values a head and token.
    pub d_kv: usize,
    /// Values a token inside the feed-forward layers.
    pub d_ff: usize,
    /// Layers.
    pub num_layers: usize,
    /// Heads.
    pub num_heads: usize,
    /// Distances between tokens that are told apart.
    #[serde(default = "buckets")]
    pub relative_attention_num_buckets: usize,
    /// All farther distances are one.
    #[serde(default = "farthest")]
    pub relative_attention_max_distance: usize,
    /// Keeps roots from zero.
    #[serde(default = "eps")]
    pub layer_norm_epsilon: f32,
    /// Must be `gated-gelu`.
    #[serde(default = "gated_gelu")]
    pub feed_forward_proj: String,
}

fn buckets() -> usize {
    32
}

fn farthest() -> usize {
    128
}

fn eps() -> f32 {
    1e-6
}

fn gated_gelu() -> String {
    "gated-gelu".to_owned()
}

impl T5Config {
    /// What the shapes of a file without a config tell; the rest is as T5 1.1 was published.
    ///
    /// # Errors
    /// When tensors of an encoder are absent.
    pub fn of_shapes(source: &dyn Source) -> Result<Self> {
        let shape = |name: &str| {
            source.shape(name).filter(|s| s.len() == 2).ok_or_else(|| unusable(format!("the T5 encoder has no {name}")))
        };
        let table = shape("shared.weight")?;
        let bias = shape("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight")?;
        let queries = shape("encoder.block.0.layer.0.SelfAttention.q.weight")?;
        let widened = shape("encoder.block.0.layer.1.DenseReluDense.wi_0.weight")?;
        let block = |n: usize| format!("encoder.block.{n}.layer.0.SelfAttention.q.weight");
        Ok(Self {
            vocab_size: table[0],
            d_model: table[1],
            d_kv: queries[0] / bias[1].max(1),
            d_ff: widened[0],
            num_layers: (0..).take_while(|n| source.shape(&block(*n)).is_some()).count(),
            num_heads: bias[1],
            relative_attention_num_buckets: bias[0],
            relative_attention_max_distance: farthest(),
            layer_norm_epsilon: eps(),
            feed_forward_proj: gated_gelu(),
        })
    }
}

/// A T5 encoder.
pub struct T5Encoder {
    tokens: Embedding,
    /// One value a bucket and head, `(buckets, heads)`.
    distances: Vec<f32>,
    layers: Stack<Layer>,
    last_norm: RmsNorm,
    config: T5Config,
}

struct Layer {
    norm1: RmsNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    heads: usize,
    norm2: RmsNorm,
    gate: Linear,
    widen: Linear,
    narrow: Linear,
}

impl T5Encoder {
    /// Loads the encoder, its layers kept in memory or `streamed`. `go_on` is asked between layers.
    ///
    /// # Errors
    /// When `go_on` says so, tensors are absent or contradict the config, or the config asks for what is not supported.
    pub fn load(weights: &Weights, config: &T5Config, streamed: bool, go_on: &dyn Fn() -> Result<()>) -> Result<Self> {
        if config.feed_forward_proj != gated_gelu() {
            return Err(unusable(format!("T5: feed_forward_proj {} is not supported", config.feed_forward_proj)));
        }
        let table = if weights.has("shared.weight") { "shared" } else { "encoder.embed_tokens" };
        let at = weights.at("encoder");
        let (buckets, heads) = (config.relative_attention_num_buckets, config.num_heads);
        let distances = "block.0.layer.0.SelfAttention.relative_attention_bias.weight";
        let distances = at.tensor(distances, &[buckets, heads])?.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
        let places = (0..config.num_layers).map(|i| at.at(format_args!("block.{i}"))).collect();
        let of_layers = config.clone();
        Ok(Self {
            tokens: weights.embedding(table, config.vocab_size, config.d_model)?,
            distances: distances.flatten_all()?.to_vec1()?,
            layers: Stack::load(places, streamed, go_on, move |at| Layer::load(at, &of_layers))?,
            last_norm: at.rms_norm("final_layer_norm", config.d_model, config.layer_norm_epsilon)?,
            config: config.clone(),
        })
    }

    /// Encodes a prompt to `(1, tokens, d_model)`. Padding is seen like any word, as FLUX was trained. `go_on` is asked
    /// between layers.
    ///
    /// # Errors
    /// When `go_on` says so, a token is not in the vocabulary, or the device fails.
    pub fn encode(&self, ids: &[u32], go_on: &dyn Fn() -> Result<()>) -> Result<Tensor> {
        let mut x = self.tokens.forward(ids)?.unsqueeze(0)?;
        let bias = self.bias(ids.len())?.to_device(x.device())?;
        for i in 0..self.layers.len() {
            go_on()?;
            x = self.layers.with(i, |layer| layer.forward(&x, &bias))?;
        }
        Ok(self.last_norm.forward(&x)?)
    }

    /// What each head adds to the score of a query for a key, `(heads, n, n)`.
    fn bias(&self, n: usize) -> Result<Tensor> {
        let heads = self.config.num_heads;
        let mut values = Vec::with_capacity(heads * n * n);
        for head in 0..heads {
            for query in 0..n {
                for key in 0..n {
                    values.push(self.distances[self.bucket(query, key) * heads + head]);
                }
            }
        }
        Ok(Tensor::from_vec(values, (heads, n, n), &Device::Cpu)?)
    }

    /// The bucket of a key as seen from a query: before and after apart, near distances each for themselves, far ones
    /// in logarithmic steps (f32, as torch computes them).
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn bucket(&self, query: usize, key: usize) -> usize {
        let a_side = self.config.relative_attention_num_buckets / 2;
        let exact = a_side / 2;
        let (after, distance) = (key > query, key.abs_diff(query));
        let bucket = if distance < exact {
            distance
        } else {
            let farthest = self.config.relative_attention_max_distance as f64;
            let steps = (distance as f32 / exact as f32).ln() / (farthest / exact as f64).ln() as f32;
            (exact + (steps * (a_side - exact) as f32) as usize).min(a_side - 1)
        };
        if after { a_side + bucket } else { bucket }
    }
}

impl Layer {
    fn load(at: &Weights, config: &T5Config) -> Result<Self> {
        let (width, inner, eps) = (config.d_model, config.num_heads * config.d_kv, config.layer_norm_epsilon);
        let (attention, feed) = (at.at("layer.0.SelfAttention"), at.at("layer.1.DenseReluDense"));
        Ok(Self {
            norm1: at.rms_norm("layer.0.layer_norm", width, eps)?,
            q: attention.linear("q", width, inner, false)?,
            k: attention.linear("k", width, inner, false)?,
            v: attention.linear("v", width, inner, false)?,
            out: attention.linear("o", inner, width, false)?,
            heads: config.num_heads,
            norm2: at.rms_norm("layer.1.layer_norm", width, eps)?,
            gate: feed.linear("wi_0", width, config.d_ff, false)?,
            widen: feed.linear("wi_1", width, config.d_ff, false)?,
            narrow: feed.linear("wo", config.d_ff, width, false)?,
        })
    }

    fn forward(&self, x: &Tensor, bias: &Tensor) -> Result<Tensor> {
        let normal = self.norm1.forward(x)?;
        let kind = Attend { heads: self.heads, causal: false, rounded: false };
        let (q, k, v) = (self.q.forward(&normal)?, self.k.forward(&normal)?, self.v.forward(&normal)?);
        let x = limited((x + self.out.forward(&attend_biased(kind, &q, &k, &v, bias)?)?)?)?;
        let normal = self.norm2.forward(&x)?;
        let inner = (Activation::GeluTanh.forward(&self.gate.forward(&normal)?)? * self.widen.forward(&normal)?)?;
        limited((x + self.narrow.forward(&inner)?)?)
    }
}

/// In half precision, keeps what would be infinite a number.
fn limited(x: Tensor) -> Result<Tensor> {
    if x.dtype() == DType::F16 { Ok(x.clamp(-HALF_LIMIT, HALF_LIMIT)?) } else { Ok(x) }
}

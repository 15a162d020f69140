//! The text transformer of CLIP.

use super::Tokens;
use crate::engine::Result;
use crate::engine::nn::{Activation, Attend, Embedding, LayerNorm, Linear, attend};
use crate::engine::weights::{Source, Weights, unusable};
use candle_core::Tensor;
use serde::Deserialize;

/// The size of a text encoder, as its `config.json` says.
#[derive(Debug, Clone, Deserialize)]
pub struct ClipConfig {
    /// Tokens known.
    pub vocab_size: usize,
    /// Values a token.
    pub hidden_size: usize,
    /// Values a token inside the feed-forward layers.
    pub intermediate_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Heads.
    pub num_attention_heads: usize,
    /// Tokens a prompt.
    pub max_position_embeddings: usize,
    /// Name of the activation.
    pub hidden_act: String,
    /// Keeps roots from zero.
    #[serde(default = "default_eps")]
    pub layer_norm_eps: f32,
    /// Width of the pooled vector, where there is a projection.
    #[serde(default)]
    pub projection_dim: usize,
    /// The token whose place the pooled vector is read from; 2 (a mistake of old configs) means the largest id.
    #[serde(default = "default_eos")]
    pub eos_token_id: u32,
}

fn default_eps() -> f32 {
    1e-5
}

fn default_eos() -> u32 {
    2
}

impl ClipConfig {
    /// What the shapes of a file without a config tell; the rest is as CLIP-L was published.
    ///
    /// # Errors
    /// When tensors of an encoder are absent.
    pub fn of_shapes(source: &dyn Source) -> Result<Self> {
        let shape = |name: &str| {
            let full = format!("text_model.{name}.weight");
            source
                .shape(&full)
                .filter(|s| s.len() == 2)
                .ok_or_else(|| unusable(format!("the CLIP encoder has no {full}")))
        };
        let (table, positions) = (shape("embeddings.token_embedding")?, shape("embeddings.position_embedding")?);
        let layer = |n: usize| format!("text_model.encoder.layers.{n}.mlp.fc1.weight");
        Ok(Self {
            vocab_size: table[0],
            hidden_size: table[1],
            intermediate_size: shape("encoder.layers.0.mlp.fc1")?[0],
            num_hidden_layers: (0..).take_while(|n| source.shape(&layer(*n)).is_some()).count(),
            num_attention_heads: (table[1] / 64).max(1),
            max_position_embeddings: positions[0],
            hidden_act: "quick_gelu".to_owned(),
            layer_norm_eps: default_eps(),
            projection_dim: table[1],
            eos_token_id: default_eos(),
        })
    }
}

/// What an encoder says about a prompt.
pub struct Encoded {
    /// Output of the last layer but one, `(1, tokens, hidden)`, not normalised: what SDXL conditions on.
    pub penultimate: Tensor,
    /// The projected vector of the end token, `(1, projection)`; only with a projection.
    pub pooled: Option<Tensor>,
}

/// A CLIP text encoder.
pub struct ClipEncoder {
    tokens: Embedding,
    positions: Tensor,
    layers: Vec<Layer>,
    last_norm: LayerNorm,
    projection: Option<Linear>,
    eos: u32,
}

struct Layer {
    norm1: LayerNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    out: Linear,
    heads: usize,
    norm2: LayerNorm,
    widen: Linear,
    activation: Activation,
    narrow: Linear,
}

impl ClipEncoder {
    /// Loads the encoder whose tensors are below `text_model`; `text_projection.weight` makes it pool.
    ///
    /// # Errors
    /// When tensors are absent or contradict the config.
    pub fn load(weights: &Weights, config: &ClipConfig) -> Result<Self> {
        let activation = Activation::named(&config.hidden_act)
            .ok_or_else(|| unusable(format!("text encoder: the activation {} is not known", config.hidden_act)))?;
        if config.num_hidden_layers < 2 || config.num_attention_heads == 0 {
            return Err(unusable("text encoder: the config has fewer than two layers or no heads"));
        }
        let model = weights.at("text_model");
        let width = config.hidden_size;
        let embeddings = model.at("embeddings");
        let layers = (0..config.num_hidden_layers)
            .map(|i| Layer::load(&model.at(format_args!("encoder.layers.{i}")), config, activation))
            .collect::<Result<_>>()?;
        let projection = weights
            .has("text_projection.weight")
            .then(|| weights.linear("text_projection", width, config.projection_dim, false))
            .transpose()?;
        Ok(Self {
            tokens: embeddings.embedding("token_embedding", config.vocab_size, width)?,
            positions: embeddings.tensor("position_embedding.weight", &[config.max_position_embeddings, width])?,
            layers,
            last_norm: model.layer_norm("final_layer_norm", width, config.layer_norm_eps)?,
            projection,
            eos: config.eos_token_id,
        })
    }

    /// Encodes a prompt.
    ///
    /// # Errors
    /// When a token is not in the vocabulary or the device fails.
    pub fn encode(&self, tokens: &Tokens) -> Result<Encoded> {
        let (penultimate, last) = self.up_to_last(tokens)?;
        let pooled = match &self.projection {
            Some(projection) => Some(projection.forward(&self.end_vector(&last.forward(&penultimate)?, tokens)?)?),
            None => None,
        };
        Ok(Encoded { penultimate, pooled })
    }

    /// The end token's vector as the last layer and the last norm leave it, `(1, hidden)`, not projected: what FLUX
    /// takes from CLIP.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn end(&self, tokens: &Tokens) -> Result<Tensor> {
        let (penultimate, last) = self.up_to_last(tokens)?;
        self.end_vector(&last.forward(&penultimate)?, tokens)
    }

    /// What all layers but the last make of a prompt, and the last.
    fn up_to_last(&self, tokens: &Tokens) -> Result<(Tensor, &Layer)> {
        let n = tokens.ids.len();
        let mut x = (self.tokens.forward(&tokens.ids)? + self.positions.narrow(0, 0, n)?)?.unsqueeze(0)?;
        let (last, others) = self.layers.split_last().ok_or_else(|| unusable("text encoder: no layers"))?;
        for layer in others {
            x = layer.forward(&x)?;
        }
        Ok((x, last))
    }

    fn end_vector(&self, x: &Tensor, tokens: &Tokens) -> Result<Tensor> {
        Ok(self.last_norm.forward(x)?.narrow(1, self.end_of(&tokens.ids), 1)?.squeeze(1)?)
    }

    fn end_of(&self, ids: &[u32]) -> usize {
        let eos = if self.eos == 2 { ids.iter().copied().max().unwrap_or(0) } else { self.eos };
        ids.iter().position(|id| *id == eos).unwrap_or(0)
    }
}

impl Layer {
    fn load(weights: &Weights, config: &ClipConfig, activation: Activation) -> Result<Self> {
        let (width, inner, eps) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
        let attention = weights.at("self_attn");
        Ok(Self {
            norm1: weights.layer_norm("layer_norm1", width, eps)?,
            q: attention.linear("q_proj", width, width, true)?,
            k: attention.linear("k_proj", width, width, true)?,
            v: attention.linear("v_proj", width, width, true)?,
            out: attention.linear("out_proj", width, width, true)?,
            heads: config.num_attention_heads,
            norm2: weights.layer_norm("layer_norm2", width, eps)?,
            widen: weights.linear("mlp.fc1", width, inner, true)?,
            activation,
            narrow: weights.linear("mlp.fc2", inner, width, true)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let normal = self.norm1.forward(x)?;
        let kind = Attend { heads: self.heads, causal: true, rounded: false };
        let (q, k, v) = (self.q.forward(&normal)?, self.k.forward(&normal)?, self.v.forward(&normal)?);
        let x = self.out.forward_plus(&attend(kind, &q, &k, &v)?, x)?;
        let inner = self.widen.forward_then(&self.norm2.forward(&x)?, self.activation)?;
        Ok(self.narrow.forward_plus(&inner, &x)?)
    }
}

//! Original single-file checkpoints (the names of Stability's own code): a view of such a file under diffusers' names.

use super::config::UnetConfig;
use crate::engine::Result;
use crate::engine::nn::weight::{Origin, Stored};
use crate::engine::weights::names::{ldm_autoencoder, numbered, rename_first};
use crate::engine::weights::{SafetensorsFiles, Source, unusable};
use std::sync::Arc;

/// One part of the file, under the names it has in a diffusers folder.
pub struct SingleFilePart {
    file: Arc<SafetensorsFiles>,
    part: Part,
}

/// The parts of a checkpoint.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// The UNet, with residual blocks a level.
    Unet {
        /// `layers_per_block` of the config.
        layers: usize,
    },
    /// The autoencoder, with its levels.
    Vae {
        /// `block_out_channels.len()` of the config.
        levels: usize,
    },
    /// CLIP-L, under transformers' names already.
    Text1,
    /// CLIP-G, under OpenCLIP's names.
    Text2,
}

/// Where a tensor is in the file.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    name: String,
    take: Take,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Take {
    /// As it is.
    Whole,
    /// The n-th third of its rows.
    Third(usize),
    /// With rows and columns exchanged.
    Transposed,
}

impl SingleFilePart {
    /// A view of `part`.
    #[must_use]
    pub fn new(file: Arc<SafetensorsFiles>, part: Part) -> Self {
        Self { file, part }
    }
}

/// Whether a file is an SDXL checkpoint; the sentence says what it is not.
///
/// # Errors
/// When it is something else.
pub fn recognise(file: &SafetensorsFiles, name: &str) -> Result<()> {
    let has = |tensor: &str| file.shape(tensor).is_some();
    if !has("model.diffusion_model.input_blocks.0.0.weight") {
        return Err(unusable(format!("{name} holds no UNet under the names of an original SDXL checkpoint")));
    }
    if !has("conditioner.embedders.1.model.ln_final.weight") {
        return Err(unusable(format!(
            "{name} is a Stable Diffusion checkpoint, but not an SDXL one with both encoders"
        )));
    }
    Ok(())
}

impl Part {
    /// The UNet of a config.
    #[must_use]
    pub fn unet(config: &UnetConfig) -> Self {
        Self::Unet { layers: config.layers_per_block }
    }

    fn place(self, name: &str) -> Place {
        let whole = |name: String| Place { name, take: Take::Whole };
        match self {
            Self::Unet { layers } => whole(format!("model.diffusion_model.{}", unet_name(name, layers))),
            Self::Vae { levels } => whole(format!("first_stage_model.{}", ldm_autoencoder(name, levels))),
            Self::Text1 => whole(format!("conditioner.embedders.0.transformer.{name}")),
            Self::Text2 => {
                let place = openclip_place(name);
                Place { name: format!("conditioner.embedders.1.model.{}", place.name), ..place }
            }
        }
    }
}

impl Source for SingleFilePart {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let place = self.part.place(name);
        let mut shape = self.file.shape(&place.name)?;
        match place.take {
            Take::Whole => {}
            Take::Third(_) => shape[0] /= 3,
            Take::Transposed => shape.reverse(),
        }
        Some(shape)
    }

    fn find(&self, name: &str, shape: &[usize]) -> Result<Origin> {
        let place = self.part.place(name);
        match place.take {
            Take::Whole => self.file.find(&place.name, shape),
            Take::Third(n) => {
                let mut all = shape.to_vec();
                all[0] *= 3;
                let columns = shape[1..].iter().product();
                Ok(self.file.find(&place.name, &all)?.rows(n * shape[0]..(n + 1) * shape[0], columns))
            }
            Take::Transposed => {
                let swapped: Vec<usize> = shape.iter().rev().copied().collect();
                Ok(transposed(self.file.find(&place.name, &swapped)?.read()?, swapped[0]).into())
            }
        }
    }
}

fn transposed(stored: Stored, rows: usize) -> Stored {
    fn turned<T: Copy>(values: &[T], rows: usize) -> Vec<T> {
        let columns = values.len() / rows.max(1);
        (0..columns).flat_map(|c| (0..rows).map(move |r| values[r * columns + c])).collect()
    }
    match stored {
        Stored::F32(v) => Stored::F32(turned(&v, rows)),
        Stored::F16(v) => Stored::F16(turned(&v, rows)),
        Stored::Bf16(v) => Stored::Bf16(turned(&v, rows)),
        Stored::Blocks(blocks) => Stored::F32(turned(&blocks.to_f32(), rows)),
    }
}

fn unet_name(name: &str, layers: usize) -> String {
    let renamed = [
        ("time_embedding.linear_1.", "time_embed.0."),
        ("time_embedding.linear_2.", "time_embed.2."),
        ("add_embedding.linear_1.", "label_emb.0.0."),
        ("add_embedding.linear_2.", "label_emb.0.2."),
        ("conv_in.", "input_blocks.0.0."),
        ("conv_norm_out.", "out.0."),
        ("conv_out.", "out.2."),
        ("mid_block.resnets.0.", "middle_block.0."),
        ("mid_block.attentions.0.", "middle_block.1."),
        ("mid_block.resnets.1.", "middle_block.2."),
    ];
    for (ours, theirs) in renamed {
        if let Some(rest) = name.strip_prefix(ours) {
            return format!("{theirs}{}", residual_name(rest));
        }
    }
    if let Some((block, rest)) = numbered(name, "down_blocks.") {
        let at = |step: usize| 1 + block * (layers + 1) + step;
        if let Some((step, rest)) = numbered(rest, "resnets.") {
            return format!("input_blocks.{}.0.{}", at(step), residual_name(rest));
        }
        if let Some((step, rest)) = numbered(rest, "attentions.") {
            return format!("input_blocks.{}.1.{rest}", at(step));
        }
        if let Some(rest) = rest.strip_prefix("downsamplers.0.conv.") {
            return format!("input_blocks.{}.0.op.{rest}", at(layers));
        }
    }
    if let Some((block, rest)) = numbered(name, "up_blocks.") {
        let at = |step: usize| block * (layers + 1) + step;
        if let Some((step, rest)) = numbered(rest, "resnets.") {
            return format!("output_blocks.{}.0.{}", at(step), residual_name(rest));
        }
        if let Some((step, rest)) = numbered(rest, "attentions.") {
            return format!("output_blocks.{}.1.{rest}", at(step));
        }
        if let Some(rest) = rest.strip_prefix("upsamplers.0.conv.") {
            // After a residual block and an attention: SDXL's levels that are doubled all attend.
            return format!("output_blocks.{}.2.conv.{rest}", at(layers));
        }
    }
    name.to_owned()
}

fn residual_name(name: &str) -> String {
    let renamed = [
        ("norm1.", "in_layers.0."),
        ("conv1.", "in_layers.2."),
        ("time_emb_proj.", "emb_layers.1."),
        ("norm2.", "out_layers.0."),
        ("conv2.", "out_layers.3."),
        ("conv_shortcut.", "skip_connection."),
    ];
    rename_first(name, &renamed)
}

fn openclip_place(name: &str) -> Place {
    let whole = |name: &str| Place { name: name.to_owned(), take: Take::Whole };
    if name == "text_projection.weight" {
        return Place { name: "text_projection".to_owned(), take: Take::Transposed };
    }
    let name = name.strip_prefix("text_model.").unwrap_or(name);
    match name {
        "embeddings.token_embedding.weight" => return whole("token_embedding.weight"),
        "embeddings.position_embedding.weight" => return whole("positional_embedding"),
        _ => {}
    }
    let Some((layer, rest)) = numbered(name, "encoder.layers.") else {
        return whole(&name.replacen("final_layer_norm.", "ln_final.", 1));
    };
    let at = format!("transformer.resblocks.{layer}");
    for (n, projection) in ["q_proj", "k_proj", "v_proj"].iter().enumerate() {
        if let Some(kind) = rest.strip_prefix(&format!("self_attn.{projection}.")) {
            return Place { name: format!("{at}.attn.in_proj_{kind}"), take: Take::Third(n) };
        }
    }
    let renamed = [
        ("self_attn.out_proj.", "attn.out_proj."),
        ("layer_norm1.", "ln_1."),
        ("layer_norm2.", "ln_2."),
        ("mlp.fc1.", "mlp.c_fc."),
        ("mlp.fc2.", "mlp.c_proj."),
    ];
    whole(&format!("{at}.{}", rename_first(rest, &renamed)))
}

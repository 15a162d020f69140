//! Original FLUX checkpoints (the names of Black Forest Labs' own code, in safetensors and in GGUF) seen under
//! diffusers' names.

use crate::engine::weights::names::{numbered, rename_first};
use crate::engine::weights::{Take, Taken};

/// What names in merged checkpoints begin with.
pub const PREFIX: &str = "model.diffusion_model.";

/// Where the tensor that diffusers calls `name` is, in a transformer of `width` values a token: queries, keys and values
/// are one matrix there, and in single blocks the feed-forward layer is in it too.
#[must_use]
pub fn original_name(name: &str, width: usize) -> Taken {
    if let Some((block, rest)) = numbered(name, "single_transformer_blocks.") {
        let taken = in_single_block(rest, width);
        return Taken { name: format!("single_blocks.{block}.{}", taken.name), ..taken };
    }
    if let Some((block, rest)) = numbered(name, "transformer_blocks.") {
        let taken = in_double_block(rest, width);
        return Taken { name: format!("double_blocks.{block}.{}", taken.name), ..taken };
    }
    if let Some(kind) = name.strip_prefix("norm_out.linear.") {
        // diffusers' scale comes before its shift.
        return Taken { name: format!("final_layer.adaLN_modulation.1.{kind}"), take: Take::HalvesSwapped };
    }
    let renamed = [
        ("x_embedder.", "img_in."),
        ("context_embedder.", "txt_in."),
        ("proj_out.", "final_layer.linear."),
        ("time_text_embed.timestep_embedder.linear_1.", "time_in.in_layer."),
        ("time_text_embed.timestep_embedder.linear_2.", "time_in.out_layer."),
        ("time_text_embed.guidance_embedder.linear_1.", "guidance_in.in_layer."),
        ("time_text_embed.guidance_embedder.linear_2.", "guidance_in.out_layer."),
        ("time_text_embed.text_embedder.linear_1.", "vector_in.in_layer."),
        ("time_text_embed.text_embedder.linear_2.", "vector_in.out_layer."),
    ];
    Taken::whole(rename_first(name, &renamed))
}

fn in_double_block(name: &str, width: usize) -> Taken {
    for (side, projections) in [
        ("img", ["attn.to_q.", "attn.to_k.", "attn.to_v."]),
        ("txt", ["attn.add_q_proj.", "attn.add_k_proj.", "attn.add_v_proj."]),
    ] {
        if let Some((n, kind)) = one_of(name, projections) {
            return Taken { name: format!("{side}_attn.qkv.{kind}"), take: Take::RowsFrom(n * width) };
        }
    }
    let renamed = [
        ("norm1.linear.", "img_mod.lin."),
        ("norm1_context.linear.", "txt_mod.lin."),
        ("attn.norm_q.weight", "img_attn.norm.query_norm.scale"),
        ("attn.norm_k.weight", "img_attn.norm.key_norm.scale"),
        ("attn.norm_added_q.weight", "txt_attn.norm.query_norm.scale"),
        ("attn.norm_added_k.weight", "txt_attn.norm.key_norm.scale"),
        ("attn.to_out.0.", "img_attn.proj."),
        ("attn.to_add_out.", "txt_attn.proj."),
        ("ff.net.0.proj.", "img_mlp.0."),
        ("ff.net.2.", "img_mlp.2."),
        ("ff_context.net.0.proj.", "txt_mlp.0."),
        ("ff_context.net.2.", "txt_mlp.2."),
    ];
    Taken::whole(rename_first(name, &renamed))
}

fn in_single_block(name: &str, width: usize) -> Taken {
    if let Some((n, kind)) = one_of(name, ["attn.to_q.", "attn.to_k.", "attn.to_v.", "proj_mlp."]) {
        return Taken { name: format!("linear1.{kind}"), take: Take::RowsFrom(n * width) };
    }
    let renamed = [
        ("norm.linear.", "modulation.lin."),
        ("attn.norm_q.weight", "norm.query_norm.scale"),
        ("attn.norm_k.weight", "norm.key_norm.scale"),
        ("proj_out.", "linear2."),
    ];
    Taken::whole(rename_first(name, &renamed))
}

/// Which of these a name begins with, and what follows.
fn one_of<'a, const N: usize>(name: &'a str, prefixes: [&str; N]) -> Option<(usize, &'a str)> {
    prefixes.iter().enumerate().find_map(|(n, prefix)| Some((n, name.strip_prefix(prefix)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_fused_matrices_are_found() {
        for (ours, theirs, take) in [
            ("transformer_blocks.3.attn.to_k.weight", "double_blocks.3.img_attn.qkv.weight", Take::RowsFrom(8)),
            ("transformer_blocks.0.attn.add_v_proj.bias", "double_blocks.0.txt_attn.qkv.bias", Take::RowsFrom(16)),
            ("single_transformer_blocks.1.proj_mlp.weight", "single_blocks.1.linear1.weight", Take::RowsFrom(24)),
            ("single_transformer_blocks.1.proj_out.weight", "single_blocks.1.linear2.weight", Take::Whole),
            ("proj_out.weight", "final_layer.linear.weight", Take::Whole),
            ("norm_out.linear.bias", "final_layer.adaLN_modulation.1.bias", Take::HalvesSwapped),
            ("transformer_blocks.7.", "double_blocks.7.", Take::Whole),
        ] {
            assert_eq!(original_name(ours, 8), Taken { name: theirs.to_owned(), take }, "{ours}");
        }
    }
}

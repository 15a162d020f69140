//! T5 in GGUF files bears llama.cpp's names.

use crate::engine::weights::Taken;
use crate::engine::weights::names::{numbered, rename_first};

/// Where a tensor that transformers calls `name` is in such a file.
#[must_use]
pub fn llama_names(name: &str) -> Taken {
    let Some((block, rest)) = numbered(name, "encoder.block.") else {
        let renamed = [("shared.", "token_embd."), ("encoder.final_layer_norm.", "enc.output_norm.")];
        return Taken::whole(rename_first(name, &renamed));
    };
    let renamed = [
        ("layer.0.SelfAttention.q.", "attn_q."),
        ("layer.0.SelfAttention.k.", "attn_k."),
        ("layer.0.SelfAttention.v.", "attn_v."),
        ("layer.0.SelfAttention.o.", "attn_o."),
        ("layer.0.SelfAttention.relative_attention_bias.", "attn_rel_b."),
        ("layer.0.layer_norm.", "attn_norm."),
        ("layer.1.DenseReluDense.wi_0.", "ffn_gate."),
        ("layer.1.DenseReluDense.wi_1.", "ffn_up."),
        ("layer.1.DenseReluDense.wo.", "ffn_down."),
        ("layer.1.layer_norm.", "ffn_norm."),
    ];
    Taken::whole(format!("enc.blk.{block}.{}", rename_first(rest, &renamed)))
}

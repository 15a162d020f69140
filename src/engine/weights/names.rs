//! One tensor under two names: the pieces that views of original checkpoints under diffusers' names are made of.

/// N and the rest of `prefixN.rest`.
#[must_use]
pub fn numbered<'a>(name: &'a str, prefix: &str) -> Option<(usize, &'a str)> {
    let (number, rest) = name.strip_prefix(prefix)?.split_once('.')?;
    Some((number.parse().ok()?, rest))
}

/// A name with the first known prefix replaced.
#[must_use]
pub fn rename_first(name: &str, renamed: &[(&str, &str)]) -> String {
    renamed
        .iter()
        .find_map(|(ours, theirs)| name.strip_prefix(ours).map(|rest| format!("{theirs}{rest}")))
        .unwrap_or_else(|| name.to_owned())
}

/// The name that an autoencoder's tensor has in the original code of Stable Diffusion and FLUX (`ldm`), where levels
/// on the way up are counted backwards.
#[must_use]
pub fn ldm_autoencoder(name: &str, levels: usize) -> String {
    let Some((side, rest)) = name.split_once('.').filter(|(side, _)| matches!(*side, "encoder" | "decoder")) else {
        return name.to_owned();
    };
    let block = |rest: &str| rest.replacen("conv_shortcut.", "nin_shortcut.", 1);
    if let Some((level, rest)) = numbered(rest, "down_blocks.") {
        return match numbered(rest, "resnets.") {
            Some((step, rest)) => format!("{side}.down.{level}.block.{step}.{}", block(rest)),
            None => format!("{side}.down.{level}.{}", rest.replacen("downsamplers.0.", "downsample.", 1)),
        };
    }
    if let Some((level, rest)) = numbered(rest, "up_blocks.") {
        let level = (levels - 1).saturating_sub(level);
        return match numbered(rest, "resnets.") {
            Some((step, rest)) => format!("{side}.up.{level}.block.{step}.{}", block(rest)),
            None => format!("{side}.up.{level}.{}", rest.replacen("upsamplers.0.", "upsample.", 1)),
        };
    }
    if let Some((step, rest)) = numbered(rest, "mid_block.resnets.") {
        return format!("{side}.mid.block_{}.{}", step + 1, block(rest));
    }
    if let Some(rest) = rest.strip_prefix("mid_block.attentions.0.") {
        let renamed =
            [("group_norm.", "norm."), ("to_q.", "q."), ("to_k.", "k."), ("to_v.", "v."), ("to_out.0.", "proj_out.")];
        return format!("{side}.mid.attn_1.{}", rename_first(rest, &renamed));
    }
    format!("{side}.{}", rename_first(rest, &[("conv_norm_out.", "norm_out.")]))
}

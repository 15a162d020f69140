//! Latents to tokens and back: four latent pixels that make a square are one token, channel by channel.

/// Tokens `(h / 2 · w / 2, channels · 4)` of a latent `(channels, h, w)` with even sides.
#[must_use]
pub fn pack(latent: &[f32], (h, w): (usize, usize)) -> Vec<f32> {
    let mut tokens = vec![0.0; latent.len()];
    for_each(latent.len(), (h, w), |token, pixel| tokens[token] = latent[pixel]);
    tokens
}

/// The latent of such tokens.
#[must_use]
pub fn unpack(tokens: &[f32], (h, w): (usize, usize)) -> Vec<f32> {
    let mut latent = vec![0.0; tokens.len()];
    for_each(tokens.len(), (h, w), |token, pixel| latent[pixel] = tokens[token]);
    latent
}

/// Where in the tokens and where in the latent each value is.
fn for_each(n: usize, (h, w): (usize, usize), mut same: impl FnMut(usize, usize)) {
    let channels = n / (h * w);
    for channel in 0..channels {
        for y in 0..h {
            for x in 0..w {
                let token = (y / 2) * (w / 2) + x / 2;
                let within = channel * 4 + y % 2 * 2 + x % 2;
                same(token * channels * 4 + within, (channel * h + y) * w + x);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_become_tokens_and_come_back() {
        let latent: Vec<f32> = (0..2 * 2 * 4u8).map(f32::from).collect();
        let tokens = pack(&latent, (2, 4));
        assert_eq!(tokens[..8], [0.0, 1.0, 4.0, 5.0, 8.0, 9.0, 12.0, 13.0]);
        assert_eq!(unpack(&tokens, (2, 4)), latent);
    }
}

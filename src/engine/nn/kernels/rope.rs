//! Rotary position embedding of heads that lie side by side in each token.

use super::level::{Level, per_level};
use super::threads;

/// Tokens that a thread turns at a time.
const TOKENS: usize = 8;

/// Turns each pair of neighbouring values of each head of each token by its angle, in place. `x` holds tokens of
/// `width` values; `cos` and `sin` hold `dim / 2` values a token, the same for all heads.
///
/// # Panics
/// When the sizes disagree; layers check theirs.
pub fn rotate(x: &mut [f32], width: usize, cos: &[f32], sin: &[f32], half: usize) {
    assert_eq!(cos.len(), sin.len());
    assert_eq!(x.len() / width * half, cos.len());
    let level = Level::best();
    let angles = cos.chunks(TOKENS * half).zip(sin.chunks(TOKENS * half));
    threads::each(x.chunks_mut(TOKENS * width).zip(angles), |(tokens, (cos, sin))| {
        for ((token, cos), sin) in tokens.chunks_mut(width).zip(cos.chunks(half)).zip(sin.chunks(half)) {
            rotate_token(level, token, cos, sin);
        }
    });
}

per_level! {
    /// [`rotate`] of one token.
    pub fn rotate_token(token: &mut [f32], cos: &[f32], sin: &[f32]) {
        for head in token.chunks_exact_mut(2 * cos.len()) {
            for ((pair, c), s) in head.chunks_exact_mut(2).zip(cos).zip(sin) {
                let (a, b) = (pair[0], pair[1]);
                pair[0] = a * c - b * s;
                pair[1] = b * c + a * s;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_turns_pairs_by_their_angle() {
        let angles = [0.0f32, 0.5, 2.0, -1.0, 3.0, 0.25];
        let (cos, sin): (Vec<f32>, Vec<f32>) = angles.iter().map(|a| (a.cos(), a.sin())).unzip();
        let x: Vec<f32> = (0..24u8).map(|i| f32::from(i) - 11.5).collect();
        // Two tokens of two heads of three pairs.
        let mut turned = x.clone();
        rotate(&mut turned, 12, &cos, &sin, 3);
        for (i, pair) in x.chunks_exact(2).enumerate() {
            let (token, of_head) = (i / 6, i % 3);
            let angle = f64::from(angles[token * 3 + of_head]);
            let (a, b) = (f64::from(pair[0]), f64::from(pair[1]));
            let expected = [a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()];
            for (ours, theirs) in turned[2 * i..2 * i + 2].iter().zip(expected) {
                assert!((f64::from(*ours) - theirs).abs() <= 1e-5, "{ours} against {theirs}");
            }
        }
    }
}

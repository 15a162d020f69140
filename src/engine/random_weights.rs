//! Random numbers for the weights of models that are measured without a download: the same for the same seed, as fast
//! as memory is written. Must not know any model.

use super::nn::kernels::threads;
use half::f16;

/// A counter-based generator, SplitMix64 (Steele, Lea and Flood, 2014): every chunk of a tensor has its own, so that
/// chunks can be filled side by side.
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The generator of a chunk.
    #[must_use]
    pub fn of_chunk(seed: u64, chunk: usize) -> Self {
        Self(seed ^ (chunk as u64).wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// `n` numbers of variance 1 / `inputs`, from a table of 65536.
#[must_use]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub fn uniform(n: usize, seed: u64, inputs: usize) -> Vec<f16> {
    const BLOCK: usize = 1 << 16;
    let bound = (3.0 / inputs as f32).sqrt();
    let table: Vec<f16> = (0..1 << 16).map(|i| f16::from_f32((i as f32 / 32_767.5 - 1.0) * bound)).collect();
    let mut values = vec![f16::ZERO; n];
    threads::each(values.chunks_mut(BLOCK).enumerate(), |(block, values)| {
        let mut random = SplitMix64::of_chunk(seed, block);
        for four in values.chunks_mut(4) {
            let bits = random.next();
            for (i, value) in four.iter_mut().enumerate() {
                *value = table[(bits >> (16 * i)) as usize & 0xffff];
            }
        }
    });
    values
}

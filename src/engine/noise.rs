//! torch's random numbers: MT19937 and its normal distribution on a CPU, so that a seed means the same picture as in
//! diffusers. Noise is always drawn here, whatever device computes.

/// torch's `Generator('cpu')`. Source: ATen/core/MT19937RNGEngine.h, DistributionsHelper.h, native/cpu/DistributionTemplates.h.
pub struct TorchRng {
    state: [u32; N],
    next: usize,
    /// The second number of the last pair drawn one by one.
    kept: Option<f64>,
}

const N: usize = 624;
const M: usize = 397;

impl TorchRng {
    /// `Generator().manual_seed(seed)`: only the low 32 bits count, as in torch.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut state = [0u32; N];
        #[allow(clippy::cast_possible_truncation)]
        let mut last = seed as u32;
        state[0] = last;
        for (i, slot) in (1u32..).zip(state.iter_mut().skip(1)) {
            last = 1_812_433_253u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i);
            *slot = last;
        }
        Self { state, next: N, kept: None }
    }

    fn twist(&mut self) {
        for i in 0..N {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (y >> 1) ^ odd;
        }
        self.next = 0;
    }

    fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// Uniform in [0, 1) with 24 bits.
    fn uniform_f32(&mut self) -> f32 {
        #[allow(clippy::cast_precision_loss)]
        let bits = (self.next_u32() & 0x00ff_ffff) as f32;
        bits * (1.0 / 16_777_216.0)
    }

    /// Uniform in [0, 1) with 53 bits.
    fn uniform_f64(&mut self) -> f64 {
        let (high, low) = (u64::from(self.next_u32()), u64::from(self.next_u32()));
        #[allow(clippy::cast_precision_loss)]
        let bits = (((high << 32) | low) & ((1 << 53) - 1)) as f64;
        bits * (1.0 / 9_007_199_254_740_992.0)
    }

    /// One normal number; they come in pairs.
    fn normal_f64(&mut self) -> f64 {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        let (u1, u2) = (self.uniform_f64(), self.uniform_f64());
        let radius = (-2.0 * (-u2).ln_1p()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * u1).sin_cos();
        self.kept = Some(radius * sin);
        radius * cos
    }

    /// `torch.randn(n)`: below 16 numbers one pair at a time in f64, from 16 in blocks of 16 in f32, the last
    /// block drawn again so that it ends at the last number.
    pub fn normal(&mut self, n: usize) -> Vec<f32> {
        if n < 16 {
            #[allow(clippy::cast_possible_truncation)]
            return (0..n).map(|_| self.normal_f64() as f32).collect();
        }
        let mut values: Vec<f32> = (0..n).map(|_| self.uniform_f32()).collect();
        for block in values.chunks_exact_mut(16) {
            box_muller(block);
        }
        if !n.is_multiple_of(16) {
            let last = &mut values[n - 16..];
            last.fill_with(|| self.uniform_f32());
            box_muller(last);
        }
        values
    }
}

/// Sixteen uniform numbers to normal ones: the first eight give radii, the others angles.
fn box_muller(block: &mut [f32]) {
    let (radii, angles) = block.split_at_mut(8);
    for (u1, u2) in radii.iter_mut().zip(angles) {
        let radius = (-2.0 * (1.0 - *u1).ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * *u2).sin_cos();
        (*u1, *u2) = (radius * cos, radius * sin);
    }
}

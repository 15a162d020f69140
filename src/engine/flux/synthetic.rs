//! Random weights of FLUX's real shape in quantised blocks, for measuring a machine without a download.

use crate::engine::Result;
use crate::engine::nn::kernels::blocks::{Blocks, Kind};
use crate::engine::nn::kernels::threads;
use crate::engine::nn::weight::{Origin, Stored};
use crate::engine::random_weights::SplitMix64;
use crate::engine::weights::{Source, unusable};
use half::f16;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Random weights of one component: the same ones for the same name, whoever asks.
pub struct RandomBlocks {
    component: &'static str,
    /// How matrices of transformer and T5 are kept: `q4_0` or `q8_0`.
    kind: String,
}

impl RandomBlocks {
    /// The weights of a component, its matrices in blocks of the type of that name (ggml's, lower case).
    #[must_use]
    pub fn new(component: &'static str, kind: &str) -> Self {
        Self { component, kind: kind.to_owned() }
    }

    /// The type of matrices, and how far from 0 its values go at scale 1.
    fn kind(&self) -> Result<(Kind, f32)> {
        match self.kind.as_str() {
            "q4_0" => Ok((Kind::Q4_0, 8.0)),
            "q8_0" => Ok((Kind::Q8_0, 128.0)),
            "f16" => Ok((Kind::F16, 1.0)),
            other => Err(unusable(format!("random weights are made in q4_0, q8_0 or f16, not in {other}"))),
        }
    }
}

impl Source for RandomBlocks {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        // What loaders ask about before they say a shape.
        (self.component == "text_encoder_2" && name == "shared.weight").then(Vec::new)
    }

    fn find(&self, name: &str, shape: &[usize]) -> Result<Origin> {
        let n = shape.iter().product();
        if shape.len() == 1 {
            let value = if name.ends_with("weight") { 1.0 } else { 0.0 };
            return Ok(Stored::F32(vec![value; n]).into());
        }
        let mut hasher = DefaultHasher::new();
        (self.component, name).hash(&mut hasher);
        let inputs: usize = shape[1..].iter().product();
        let (mut kind, mut reach) = self.kind()?;
        if !inputs.is_multiple_of(kind.block().0) || shape.len() != 2 {
            (kind, reach) = (Kind::F16, 1.0);
        }
        let (of, bytes) = kind.block();
        let mut all = vec![0; n.div_ceil(of) * bytes];
        // Variance 1 / inputs keeps activations of the size a trained model has.
        #[allow(clippy::cast_precision_loss)]
        let bound = (3.0 / inputs as f32).sqrt();
        fill(kind, bound / reach, hasher.finish(), &mut all);
        let length = all.len();
        Ok(Stored::Blocks(Blocks::new(kind, Arc::new(all), 0..length)?).into())
    }
}

/// Random bytes, with `scale` where each block keeps its own.
fn fill(kind: Kind, scale: f32, seed: u64, bytes: &mut [u8]) {
    const CHUNK: usize = 1 << 12;
    let (_, block) = kind.block();
    threads::each(bytes.chunks_mut(CHUNK * block).enumerate(), |(chunk, bytes)| {
        let mut random = SplitMix64::of_chunk(seed, chunk);
        for eight in bytes.chunks_mut(8) {
            let n = eight.len();
            eight.copy_from_slice(&random.next().to_le_bytes()[..n]);
        }
        for block in bytes.chunks_exact_mut(block) {
            let first = if kind == Kind::F16 {
                // The sixteen bits as a number in -1…1.
                let value = f32::from(i16::from_le_bytes([block[0], block[1]])) / 32_768.0;
                f16::from_f32(value * scale)
            } else {
                f16::from_f32(scale)
            };
            block[..2].copy_from_slice(&first.to_le_bytes());
        }
    });
}

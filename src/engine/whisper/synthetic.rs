//! Random weights of Whisper's published shapes in whisper.cpp's format, for measuring speed without a download.

use super::header::{self, Shape};
use crate::engine::Result;
use crate::engine::random_weights::uniform;
use crate::engine::weights::unusable;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// ggml's numbers of the types that are written.
const F32: u32 = 0;
const F16: u32 = 1;

/// The published sizes: channels, heads, layers that hear, layers that write.
const SIZES: [(&str, u32, u32, u32, u32); 6] = [
    ("tiny", 384, 6, 4, 4),
    ("base", 512, 8, 6, 6),
    ("small", 768, 12, 12, 12),
    ("medium", 1024, 16, 24, 24),
    ("large-v3-turbo", 1280, 20, 32, 4),
    ("large", 1280, 20, 32, 32),
];

/// Writes random weights of the size that a model's name tells (`whisper-small`), with the vocabulary of the file `tables`.
///
/// # Errors
/// [`super::FailureClass::Missing`] for a name of no size, and when the file cannot be written.
pub(super) fn write(name: &str, tables: &Path, to: &Path) -> Result<()> {
    let known = SIZES.iter().find(|(size, ..)| name.contains(size));
    let known = known.ok_or_else(|| unusable(format!("'{name}' tells no size of Whisper")))?;
    let header = header::read(tables)?;
    let (_, channels, heads, hears, writes) = *known;
    let shape = Shape {
        audio_state: channels,
        audio_heads: heads,
        audio_layers: hears,
        text_state: channels,
        text_heads: heads,
        text_layers: writes,
        storage: F16,
        ..header.shape
    };
    let cannot = |e: io::Error| unusable(format!("{} could not be written: {e}", to.display()));
    let mut file = Tensors(BufWriter::new(File::create(to).map_err(cannot)?));
    file.all(shape, &header.tables).map_err(cannot)
}

struct Tensors(BufWriter<File>);

impl Tensors {
    fn all(&mut self, shape: Shape, tables: &[u8]) -> io::Result<()> {
        let (wide, mels) = (shape.audio_state as usize, shape.mels as usize);
        self.numbers(&[header::MAGIC])?;
        self.numbers(&shape.numbers())?;
        self.0.write_all(tables)?;
        self.plain("encoder.positional_embedding", &[shape.audio_context as usize, wide], 0.0)?;
        self.random("encoder.conv1.weight", &[wide, mels, 3])?;
        self.plain("encoder.conv1.bias", &[wide, 1], 0.0)?;
        self.random("encoder.conv2.weight", &[wide, wide, 3])?;
        self.plain("encoder.conv2.bias", &[wide, 1], 0.0)?;
        for layer in 0..shape.audio_layers {
            self.layer(&format!("encoder.blocks.{layer}"), wide, &["attn"])?;
        }
        self.norm("encoder.ln_post", wide)?;
        self.plain("decoder.positional_embedding", &[shape.text_context as usize, wide], 0.0)?;
        self.random("decoder.token_embedding.weight", &[shape.vocabulary as usize, wide])?;
        for layer in 0..shape.text_layers {
            self.layer(&format!("decoder.blocks.{layer}"), wide, &["attn", "cross_attn"])?;
        }
        self.norm("decoder.ln", wide)?;
        self.0.flush()
    }

    fn layer(&mut self, name: &str, wide: usize, attentions: &[&str]) -> io::Result<()> {
        for attention in attentions {
            self.norm(&format!("{name}.{attention}_ln"), wide)?;
            for part in ["query", "key", "value", "out"] {
                self.random(&format!("{name}.{attention}.{part}.weight"), &[wide, wide])?;
                if part != "key" {
                    self.plain(&format!("{name}.{attention}.{part}.bias"), &[wide], 0.0)?;
                }
            }
        }
        self.norm(&format!("{name}.mlp_ln"), wide)?;
        for (part, shape) in [("0", [4 * wide, wide]), ("2", [wide, 4 * wide])] {
            self.random(&format!("{name}.mlp.{part}.weight"), &shape)?;
            self.plain(&format!("{name}.mlp.{part}.bias"), &shape[..1], 0.0)?;
        }
        Ok(())
    }

    fn norm(&mut self, name: &str, wide: usize) -> io::Result<()> {
        self.plain(&format!("{name}.weight"), &[wide], 1.0)?;
        self.plain(&format!("{name}.bias"), &[wide], 0.0)
    }

    /// A tensor of one value, in full precision.
    fn plain(&mut self, name: &str, shape: &[usize], value: f32) -> io::Result<()> {
        self.head(name, shape, F32)?;
        let value = value.to_le_bytes();
        (0..shape.iter().product()).try_for_each(|_| self.0.write_all(&value))
    }

    /// A tensor of random values, in half precision.
    fn random(&mut self, name: &str, shape: &[usize]) -> io::Result<()> {
        self.head(name, shape, F16)?;
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let values = uniform(shape.iter().product(), hasher.finish(), shape[1..].iter().product());
        values.iter().try_for_each(|value| self.0.write_all(&value.to_le_bytes()))
    }

    /// The shape stands the other way round in such a file.
    fn head(&mut self, name: &str, shape: &[usize], kind: u32) -> io::Result<()> {
        let number = |n: usize| u32::try_from(n).map_err(io::Error::other);
        self.numbers(&[number(shape.len())?, number(name.len())?, kind])?;
        for side in shape.iter().rev() {
            self.numbers(&[number(*side)?])?;
        }
        self.0.write_all(name.as_bytes())
    }

    fn numbers(&mut self, numbers: &[u32]) -> io::Result<()> {
        numbers.iter().try_for_each(|number| self.0.write_all(&number.to_le_bytes()))
    }
}

//! Random weights of SDXL's real shape, for measuring speed without a download, and their way into a diffusers folder
//! so that other programs can be measured on the same numbers.

use super::configs::write_published;
use crate::engine::Result;
use crate::engine::nn::weight::{Origin, Stored};
use crate::engine::random_weights::uniform;
use crate::engine::weights::{Source, unusable};
use half::f16;
use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Random weights of one component: the same ones for the same name, whoever asks.
pub struct RandomWeights {
    component: &'static str,
}

impl RandomWeights {
    /// The weights of a component (`unet`, `vae`, `text_encoder`, `text_encoder_2`).
    #[must_use]
    pub fn new(component: &'static str) -> Self {
        Self { component }
    }
}

impl Source for RandomWeights {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        // The only tensor a layer asks about before it says its shape.
        (self.component == "text_encoder_2" && name == "text_projection.weight").then(Vec::new)
    }

    fn find(&self, name: &str, shape: &[usize]) -> Result<Origin> {
        let n = shape.iter().product();
        if shape.len() == 1 {
            let value = if name.ends_with("weight") { f16::ONE } else { f16::ZERO };
            return Ok(Stored::F16(vec![value; n]).into());
        }
        let mut hasher = DefaultHasher::new();
        (self.component, name).hash(&mut hasher);
        // Variance 1 / inputs keeps activations of the size a trained model has.
        let inputs: usize = shape[1..].iter().product();
        Ok(Stored::F16(uniform(n, hasher.finish(), inputs)).into())
    }
}

/// Bytes kept free for the header of a file whose tensors are written before their list is complete.
const HEADER: u64 = 1 << 20;

/// Passes weights through and writes them to a safetensors file on the way.
pub struct Saving {
    weights: RandomWeights,
    written: Mutex<Written>,
}

struct Written {
    file: File,
    path: PathBuf,
    end: u64,
    tensors: BTreeMap<String, serde_json::Value>,
}

impl Saving {
    /// Starts the file of a component below `folder`, with all configs and tokenizers beside it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(component: &'static str, folder: &Path, clip_vocabulary: &Path) -> Result<Self> {
        write_published(folder, clip_vocabulary)
            .map_err(|e| unusable(format!("{} could not be written: {e}", folder.display())))?;
        let name = if component.starts_with("text") { "model" } else { "diffusion_pytorch_model" };
        let path = folder.join(component).join(format!("{name}.fp16.safetensors"));
        let file = std::fs::create_dir_all(folder.join(component))
            .and_then(|()| File::create(&path))
            .map_err(|e| unusable(format!("{} could not be written: {e}", path.display())))?;
        let written = Mutex::new(Written { file, path, end: 0, tensors: BTreeMap::new() });
        Ok(Self { weights: RandomWeights::new(component), written })
    }

    /// Writes the header.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(&self) -> Result<()> {
        let written = self.written.lock().map_err(|_| unusable("a thread that wrote weights broke"))?;
        let path = written.path.display();
        let full = |e: std::io::Error| unusable(format!("{path} could not be written: {e}"));
        let mut header = serde_json::to_vec(&written.tensors).map_err(|e| full(e.into()))?;
        // The format allows spaces after the header.
        header.resize(usize::try_from(HEADER - 8).unwrap_or(header.len()), b' ');
        written.file.write_all_at(&(HEADER - 8).to_le_bytes(), 0).map_err(full)?;
        written.file.write_all_at(&header, 8).map_err(full)?;
        written.file.sync_all().map_err(full)
    }
}

impl Source for Saving {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.weights.shape(name)
    }

    fn find(&self, name: &str, shape: &[usize]) -> Result<Origin> {
        let found = self.weights.find(name, shape)?;
        if let Origin::Memory(Stored::F16(values)) = &found {
            let mut written = self.written.lock().map_err(|_| unusable("a thread that wrote weights broke"))?;
            let (start, end) = (written.end, written.end + 2 * values.len() as u64);
            written
                .file
                .write_all_at(
                    bytemuck::cast_slice(half::slice::HalfFloatSliceExt::reinterpret_cast(&values[..])),
                    HEADER + start,
                )
                .map_err(|e| unusable(format!("{} could not be written: {e}", written.path.display())))?;
            written.end = end;
            written.tensors.insert(
                name.to_owned(),
                serde_json::json!({ "dtype": "F16", "shape": shape, "data_offsets": [start, end] }),
            );
        }
        Ok(found)
    }
}

//! The words of parent and engine: length-prefixed postcard frames over a socket pair.
//!
//! Plain structs only: postcard knows no flattening and no untagged enums. Both sides open with [`Hello`] and
//! refuse another protocol or another build, so a stale binary is an error at start and never a puzzle later.

mod speech;

pub use speech::{SpeechPace, SyntheticWhisper, TranscribeJob, Transcript, WhisperParts};

use crate::media::{Decoder, DrawnPicture, Mask, Mode, Picture, Progress, Scheduler, Timings};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// Version of these words; raised with every change to them.
pub const VERSION: u32 = 5;
/// Hash of the sources this binary was built from (see build.rs): equal for `samovar` and its `samovar-engine`.
pub const BUILD_ID: &str = env!("SAMOVAR_BUILD_ID");
/// Largest frame: a picture of [`MAX_MADE_PIXELS`](crate::media::picture::MAX_MADE_PIXELS) or eight of 2048×2048, and
/// room to spare.
pub const MAX_FRAME: u32 = 256 << 20;

/// First frame in each direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`] of the sender.
    pub version: u32,
    /// [`BUILD_ID`] of the sender.
    pub build: String,
}

impl Hello {
    /// This binary's own.
    #[must_use]
    pub fn ours() -> Self {
        Self { version: VERSION, build: BUILD_ID.to_owned() }
    }
}

/// Parent to engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// Make this model the resident one of its kind. Answered by `Ready` or `Failed` with the same id.
    Load {
        /// Names the answer.
        id: u64,
        /// What to load.
        model: ModelSpec,
    },
    /// Work with the resident model of the job's kind. Answered by `Progress`es, then `Done` or `Failed`.
    Run {
        /// Names the answers.
        id: u64,
        /// What to do.
        job: Job,
    },
    /// Stop the job of that id at the next step or tile; it answers `Failed` with class `Cancelled`.
    Cancel {
        /// The job.
        id: u64,
    },
    /// End the process after the job in hand.
    Shutdown,
}

/// Engine to parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Report {
    /// The model of that `Load` is resident.
    Ready {
        /// Of the `Load`.
        id: u64,
        /// Seconds it took.
        load_s: f64,
        /// What the engine computes on, for people: `cpu (16 threads, avx512)`, `cuda:0 (NVIDIA L4)`.
        device: String,
    },
    /// A sign of life.
    Progress {
        /// Of the order.
        id: u64,
        /// How far it is.
        progress: Progress,
    },
    /// What was made.
    Done {
        /// Of the `Run`.
        id: u64,
        /// What came of it.
        output: Output,
        /// Memory after the job.
        stats: Stats,
    },
    /// Nothing was made; the engine lives and takes the next order.
    Failed {
        /// Of the order.
        id: u64,
        /// Why.
        failure: EngineFailure,
    },
}

/// What a model is for. An engine holds at most one model of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Draws pictures.
    Painter,
    /// Makes pictures larger.
    Upscaler,
    /// Writes down what is said.
    Transcriber,
}

/// The files of one model, found and named by the parent, read by the engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ModelSpec {
    /// Its name for people and messages.
    pub name: String,
    /// The folder or file that it is.
    pub path: PathBuf,
    /// Which code runs it.
    pub architecture: Architecture,
    /// What to compute on.
    pub device: DeviceChoice,
}

impl ModelSpec {
    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.architecture {
            Architecture::Sdxl(_) | Architecture::Flux(_) => Kind::Painter,
            Architecture::CompactEsrgan => Kind::Upscaler,
            Architecture::Whisper(_) => Kind::Transcriber,
        }
    }
}

/// Which code runs a model, and what that needs beside the model itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Architecture {
    /// Stable Diffusion XL: a diffusers folder or a single .safetensors.
    Sdxl(SdxlParts),
    /// FLUX.1: a diffusers folder, or the transformer alone as an original .safetensors or a .gguf.
    Flux(FluxParts),
    /// Real-ESRGAN's compact network: a single .safetensors.
    CompactEsrgan,
    /// Whisper: a single file in whisper.cpp's ggml format. It always computes on the processor.
    Whisper(WhisperParts),
}

/// What goes with an SDXL checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct SdxlParts {
    /// Another VAE than the model's own (a folder or a file): the half-precision one on a GPU.
    pub vae: Option<PathBuf>,
    /// The tiny decoder that goes with it (a folder or a file).
    pub taesd: Option<PathBuf>,
    /// Folder with CLIP's `vocab.json` and `merges.txt`, for checkpoints that bring none.
    pub clip_vocabulary: PathBuf,
    /// Instead of a checkpoint: random weights of SDXL's shape (`samovar bench --synthetic`).
    pub synthetic: bool,
    /// Whether its linear layers are rounded to bytes when it is read, which a processor computes with faster.
    pub bytes: bool,
}

/// What goes with a FLUX.1 transformer; whole diffusers folders have most of it inside.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct FluxParts {
    /// A diffusers folder whose configs and tokenizers describe it; without one, shapes and what was published do.
    pub configs: Option<PathBuf>,
    /// CLIP: a folder or a .safetensors.
    pub clip: PathBuf,
    /// T5: a folder, a .safetensors or a .gguf.
    pub t5: PathBuf,
    /// The autoencoder: a folder or a .safetensors.
    pub vae: PathBuf,
    /// The tiny decoder that goes with it (a folder).
    pub taef1: Option<PathBuf>,
    /// Folder with CLIP's `vocab.json` and `merges.txt`, for checkpoints that bring none.
    pub clip_vocabulary: PathBuf,
    /// Folder with T5's `tokenizer.json`, for checkpoints that bring none.
    pub t5_vocabulary: PathBuf,
    /// Instead of a checkpoint: random weights of schnell's shape in blocks of that ggml type (`bench --synthetic`).
    pub synthetic: Option<String>,
    /// Whether the transformer's linear layers are computed in bytes, which a processor does faster.
    pub bytes: bool,
}

/// What to compute on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DeviceChoice {
    /// The processor.
    Cpu,
    /// The CUDA card of that ordinal.
    Cuda(u32),
}

/// What a model is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Job {
    /// Draw pictures.
    Draw(DrawJob),
    /// Make a picture larger.
    Upscale(UpscaleJob),
    /// Write down what is said.
    Transcribe(TranscribeJob),
    /// Measure how fast a model of speech is.
    PaceSpeech,
}

impl Job {
    /// The kind of model that does it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Draw(_) => Kind::Painter,
            Self::Upscale(_) => Kind::Upscaler,
            Self::Transcribe(_) | Self::PaceSpeech => Kind::Transcriber,
        }
    }
}

/// What came of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Output {
    /// Of [`Job::Draw`].
    Drawn(DrawOutput),
    /// Of [`Job::Upscale`].
    Upscaled(UpscaleOutput),
    /// Of [`Job::Transcribe`].
    Transcribed(Transcript),
    /// Of [`Job::PaceSpeech`].
    SpeechPaced(SpeechPace),
}

/// Pictures to draw; limits were checked by the parent. `None`: the model's own default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrawJob {
    /// What to draw.
    pub prompt: String,
    /// What to avoid.
    pub negative: Option<String>,
    /// One picture for each, drawn as if alone.
    pub seeds: Vec<u64>,
    /// Sampling steps before `strength` shortens them.
    pub steps: Option<u32>,
    /// Pixels; with `init` and neither side given, init's size rounded down to the model's step.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// Classifier-free guidance; up to 1 means none.
    pub guidance: Option<f32>,
    /// The sampler.
    pub scheduler: Option<Scheduler>,
    /// The decoder, settled by the memory plan.
    pub decoder: Decoder,
    /// Picture to start from.
    pub init: Option<Picture>,
    /// How much of it may change.
    pub strength: Option<f32>,
    /// Where it may change.
    pub mask: Option<Mask>,
    /// Decode (and encode) in overlapping tiles, settled by the memory plan.
    pub tiled: bool,
    /// Which parts of the model stay in memory, settled by the memory plan.
    pub keep: Keep,
    /// Send small previews, where there is a tiny decoder.
    pub previews: bool,
    /// Tell in the notices where the time went.
    pub profile: bool,
}

/// Which parts of a model stay in memory while it draws, most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Keep {
    /// All of them.
    All,
    /// All but the text encoders, which leave once the prompt is encoded.
    NoTextEncoders,
    /// Only the part at work: the text encoders one after the other, the denoising network, the autoencoder.
    OnePart,
    /// Of the part at work only the block at work, read from disk at each use.
    OneBlock,
}

/// What was drawn and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrawOutput {
    /// In the order of the job's seeds.
    pub pictures: Vec<DrawnPicture>,
    /// Steps asked or the model's default.
    pub steps: u32,
    /// Guidance used.
    pub guidance: f32,
    /// How it was computed: never `Auto`.
    pub mode: Mode,
    /// What decoded it.
    pub decoder: Decoder,
    /// What the caller should know, such as a cut prompt.
    pub notices: Vec<String>,
    /// `load_s` is what was read within the job; `total_s` is 0: the parent knows it.
    pub timings: Timings,
}

/// A picture to make larger; limits were checked by the parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpscaleJob {
    /// The picture.
    pub picture: Picture,
    /// How many times wider and higher, up to what the model does.
    pub scale: u32,
    /// Most pixels a side of what is worked on at a time, settled by the memory plan.
    pub tile: u32,
}

/// A picture made larger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpscaleOutput {
    /// The large picture.
    pub picture: Picture,
    /// Seconds it took.
    pub upscale_s: f64,
}

/// Memory of the engine process, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Resident now.
    pub rss: u64,
    /// Largest resident so far (VmHWM).
    pub peak_rss: u64,
    /// On the card, 0 on a CPU.
    pub vram: u64,
}

/// Why the engine did not do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineFailure {
    /// What code decides on.
    pub class: FailureClass,
    /// One sentence for people.
    pub message: String,
}

/// What code decides on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureClass {
    /// The job cannot be done by any model of this kind.
    Invalid,
    /// The files are not there or not usable.
    Missing,
    /// The device ran out of memory; the engine lives.
    OutOfMemory,
    /// Not-a-number even in full precision.
    BadOutput,
    /// As ordered.
    Cancelled,
    /// Something broke inside (a caught panic).
    Crashed,
}

impl EngineFailure {
    /// A failure of that class.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }
}

/// Writes one frame: four bytes of length, little-endian, then postcard.
///
/// # Errors
/// When the other side is gone or the frame is over [`MAX_FRAME`].
pub fn write_frame<T: Serialize>(to: &mut impl Write, value: &T) -> io::Result<()> {
    let body = postcard::to_stdvec(value).map_err(io::Error::other)?;
    let length = u32::try_from(body.len())
        .ok()
        .filter(|n| *n <= MAX_FRAME)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {} bytes", body.len())))?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&body)?;
    to.flush()
}

/// Reads one frame. `UnexpectedEof` before the first byte of a frame means that the other side closed.
///
/// # Errors
/// When the other side is gone, the frame is over [`MAX_FRAME`], or it does not parse.
pub fn read_frame<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {length} bytes")));
    }
    let mut body = vec![0; length as usize];
    from.read_exact(&mut body)?;
    postcard::from_bytes(&body).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

//! `samovar draw`: a picture from words, or from another picture. No server is needed.

use super::{files, progress};
use crate::app::Studio;
use crate::config::Config;
use crate::media::{
    Answered, Choice, Decoder, ImageRequest, ImageResult, Mask, Mode, Picture, Provenance, Scheduler, Timings, Watch,
};
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

/// What to draw and how. Everything but the prompt has the model's own default.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to draw
    prompt: String,
    /// Model: a name from `samovar models list`, or a path to a diffusers folder or a .safetensors file
    #[arg(long, value_name = "M")]
    model: Option<String>,
    /// Let this provider answer, or nobody (`local` is this machine)
    #[arg(long, value_name = "P")]
    provider: Option<String>,
    /// Draws the same picture again; picture k of a batch has seed+k
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Sampling steps, 1 to 50
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// Pixels, 64 to 2048, divisible by 8
    #[arg(long, value_name = "W")]
    width: Option<u32>,
    /// Pixels, 64 to 2048, divisible by 8
    #[arg(long, value_name = "H")]
    height: Option<u32>,
    /// What to avoid (needs guidance above 1)
    #[arg(long, value_name = "T")]
    negative: Option<String>,
    /// Classifier-free guidance; up to 1 means none
    #[arg(long, value_name = "G")]
    guidance: Option<f32>,
    /// Sampler: euler_a or euler
    #[arg(long, value_name = "S")]
    scheduler: Option<Scheduler>,
    /// vae, or taesd: the tiny one, faster and softer
    #[arg(long, value_name = "D")]
    decoder: Option<Decoder>,
    /// Start from this picture instead of noise
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// How much of --image may change, above 0 and up to 1
    #[arg(long, value_name = "S", requires = "image")]
    strength: Option<f32>,
    /// Where --image may change: white is repainted
    #[arg(long, value_name = "FILE", requires = "image")]
    mask: Option<PathBuf>,
    /// Pictures to draw, 1 to 8
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u32,
    /// auto, exact (f32 on a processor) or fast (may quantise)
    #[arg(long, default_value = "auto")]
    mode: Mode,
    /// PNG to write; more than one become a.png, a-2.png … [default: samovar-DATE-TIME.png]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Never ask a remote provider
    #[arg(long)]
    local_only: bool,
}

/// The line on stdout.
#[derive(Serialize)]
struct Told<'a> {
    files: &'a [PathBuf],
    model: &'a str,
    provider: &'a str,
    seed: Option<u64>,
    width: u32,
    height: u32,
    steps: Option<u32>,
    mode: Option<&'a str>,
    decoder: Option<&'a str>,
    fallback_reason: Option<&'a str>,
    notices: &'a [String],
    timings: Option<Timings>,
    peak_rss_bytes: Option<u64>,
}

/// Draws, writes the files, and tells about them on stdout in one line of JSON.
///
/// # Errors
/// Whatever kept the pictures from being drawn or written.
pub async fn run(args: Args, config: &Config, cancel: CancellationToken) -> Result<()> {
    let (request, mut notices) = args.request()?.checked()?;
    let files = files::plan(args.out, request.count)?;
    let studio = Studio::open(config, true, None).await?;
    let (watch, arrives) = Watch::new(cancel);
    let shown = tokio::spawn(progress::show(arrives, "step"));
    let drawn = studio.ask(request.clone(), watch).await;
    studio.close().await;
    shown.await.context("the progress display broke")?;
    let Answered { content, provenance, notices: more, .. } = drawn?;
    let result = content.pictures()?;
    for (file, drawn) in files.iter().zip(&result.pictures) {
        files::write(file, &drawn.picture.to_png(&result.texts(&request, &provenance, drawn))?)?;
    }
    notices.extend(more);
    tell(&files, &result, &provenance, &notices)
}

fn tell(files: &[PathBuf], result: &ImageResult, from: &Provenance, notices: &[String]) -> Result<()> {
    for notice in notices {
        eprintln!("note: {notice}");
    }
    if let Some(reason) = &from.fallback_reason {
        eprintln!("note: drawn by {}:{}, because {reason}", from.provider, from.model);
    }
    let first = result.pictures.first().context("no picture came back")?;
    let told = Told {
        files,
        model: &from.model,
        provider: &from.provider,
        seed: first.seed,
        width: first.picture.width,
        height: first.picture.height,
        steps: result.drawing.map(|drawing| drawing.steps),
        mode: result.drawing.map(|drawing| drawing.mode.word()),
        decoder: result.drawing.map(|drawing| drawing.decoder.word()),
        fallback_reason: from.fallback_reason.as_deref(),
        notices,
        timings: result.drawing.map(|drawing| drawing.timings),
        peak_rss_bytes: result.drawing.map(|drawing| drawing.peak_rss_bytes),
    };
    super::say(&serde_json::to_string(&told)?)
}

impl Args {
    fn request(&self) -> Result<ImageRequest> {
        let init = self.image.as_deref().map(|path| anyhow::Ok(Picture::decode(&files::read(path)?, "image")?));
        let mask = self.mask.as_deref().map(|path| anyhow::Ok(Mask::decode(&files::read(path)?, "mask")?));
        Ok(ImageRequest {
            prompt: self.prompt.clone(),
            negative: self.negative.clone(),
            seed: self.seed,
            steps: self.steps,
            width: self.width,
            height: self.height,
            guidance: self.guidance,
            scheduler: self.scheduler,
            decoder: self.decoder,
            mode: self.mode,
            init: init.transpose()?,
            strength: self.strength,
            mask: mask.transpose()?,
            count: self.count,
            previews: false,
            profile: false,
            choice: Choice {
                model: self.model.clone(),
                provider: self.provider.clone(),
                local_only: self.local_only,
                allowed_models: None,
                level: None,
            },
        })
    }
}

//! `samovar upscale`: a picture made larger. No server is needed.

use super::{files, progress};
use crate::app::Studio;
use crate::config::Config;
use crate::media::image::UpscaleTimings;
use crate::media::task::{ImageUpscale, Task};
use crate::media::{Answered, Choice, ImageRequest, ImageResult, Medium, Provenance, Watch};
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

/// What to make larger, and by how much.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Picture: PNG, JPEG, WebP, GIF or BMP; transparent parts become white
    file: PathBuf,
    /// How many times wider and higher, 2 or 4
    #[arg(long, value_name = "N", default_value_t = 2)]
    scale: u32,
    /// PNG to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Model: a name from `samovar models list`, or a path to a .safetensors file
    #[arg(long, value_name = "M")]
    model: Option<String>,
    /// Let this provider answer, or nobody (`local` is this machine)
    #[arg(long, value_name = "P")]
    provider: Option<String>,
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
    width: u32,
    height: u32,
    scale: u32,
    fallback_reason: Option<&'a str>,
    notices: &'a [String],
    timings: Option<UpscaleTimings>,
    peak_rss_bytes: Option<u64>,
}

/// Makes it larger, writes the file, and tells about it on stdout in one line of JSON.
///
/// # Errors
/// Whatever kept the picture from being made or written.
pub async fn run(args: Args, config: &Config, cancel: CancellationToken) -> Result<()> {
    let (request, mut notices) = args.request()?.checked(&[])?;
    let scale = request.scale;
    let files = files::plan(Some(args.out), 1)?;
    let studio = Studio::open(config, true, None).await?;
    let (watch, arrives) = Watch::new(cancel);
    let shown = tokio::spawn(progress::show(arrives, "step"));
    let made = studio.ask(request, watch).await;
    studio.close().await;
    shown.await.context("the progress display broke")?;
    let Answered { content, provenance, notices: more, .. } = made?;
    let result = content.pictures()?;
    for (file, made) in files.iter().zip(&result.pictures) {
        let texts = result.texts(&ImageRequest::default(), &provenance, made);
        files::write(file, &made.picture.to_png(&texts)?)?;
    }
    notices.extend(more);
    tell(&files, scale, (&result, &provenance), &notices)
}

fn tell(files: &[PathBuf], scale: u32, (result, from): (&ImageResult, &Provenance), notices: &[String]) -> Result<()> {
    for notice in notices {
        eprintln!("note: {notice}");
    }
    if let Some(reason) = &from.fallback_reason {
        eprintln!("note: made by {}:{}, because {reason}", from.provider, from.model);
    }
    let picture = &result.pictures.first().context("no picture came back")?.picture;
    let told = Told {
        files,
        model: &from.model,
        provider: &from.provider,
        width: picture.width,
        height: picture.height,
        scale,
        fallback_reason: from.fallback_reason.as_deref(),
        notices,
        timings: result.upscaling.map(|upscaling| upscaling.timings),
        peak_rss_bytes: result.upscaling.map(|upscaling| upscaling.peak_rss_bytes),
    };
    super::say(&serde_json::to_string(&told)?)
}

impl Args {
    fn request(&self) -> Result<ImageUpscale> {
        let choice = Choice {
            model: self.model.clone(),
            provider: self.provider.clone(),
            local_only: self.local_only,
            ..Choice::default()
        };
        let image = Medium::picture(files::read(&self.file)?.into(), "image")?;
        Ok(ImageUpscale { image: Some(image), scale: self.scale, choice })
    }
}

//! `samovar bench`: how fast this machine draws or hears, through the same engine process that serves.

mod speech;

use super::{Usage, say};
use crate::app::Studio;
use crate::config::Config;
use crate::local::catalogue::{Catalogue, Family};
use crate::media::{Choice, Decoder, Drawing, ImageRequest, ImageResult, Mode, Timings, Watch};
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A name from `samovar models list`, or a path
    model: String,
    /// Random weights of the published shape (of SDXL, FLUX.1, or of the Whisper named) instead of its own: needs no download
    #[arg(long)]
    synthetic: bool,
    /// Write those random weights (SDXL's) to this folder in the published layout, so that other programs can be measured
    /// on them
    #[arg(long, value_name = "DIR", requires = "synthetic")]
    save: Option<PathBuf>,
    /// exact (f32 on a processor) or fast (may quantise)
    #[arg(long, default_value = "auto")]
    mode: Mode,
    /// vae, or taesd
    #[arg(long, value_name = "D")]
    decoder: Option<Decoder>,
    /// Sampling steps [default: the model's]
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// Pixels [default: the model's]
    #[arg(long, value_name = "W")]
    width: Option<u32>,
    /// Pixels [default: the model's]
    #[arg(long, value_name = "H")]
    height: Option<u32>,
    /// Pictures to draw, or times to measure; the medians are told
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Tell for each kind of layer how long it took, and how near it came to what this processor can do
    #[arg(long)]
    profile: bool,
    /// One JSON object as the last line
    #[arg(long)]
    json: bool,
}

/// The last line with `--json`. Times in seconds: medians, but `load_s` of the first run, which loads most or all.
#[derive(Serialize)]
struct Told<'a> {
    model: &'a str,
    synthetic: bool,
    width: u32,
    height: u32,
    steps: u32,
    /// `denoise_s` of one step.
    step_s: f64,
    runs: u32,
    total_s: f64,
    text_s: f64,
    denoise_s: f64,
    decode_s: f64,
    load_s: f64,
    peak_rss_bytes: u64,
    threads: usize,
    mode: &'a str,
    decoder: &'a str,
}

/// Draws `--runs` pictures one after the other and tells how long each stage took.
///
/// # Errors
/// Whatever kept a picture from being drawn.
pub async fn run(args: Args, config: &Config, cancel: CancellationToken) -> Result<()> {
    let catalogue = Catalogue::read(&config.catalogue())?;
    if speech::hears(&catalogue, &args.model) {
        return speech::run(&args, config, cancel).await;
    }
    let request = args.request(&catalogue)?;
    let studio = Studio::open(config, true, None).await?;
    let measured = measure(&args, &studio, request, cancel).await;
    let threads = studio.threads();
    studio.close().await;
    let results = measured?;
    if args.json {
        say(&serde_json::to_string(&told(&args, &results, threads)?)?)?;
    }
    Ok(())
}

async fn measure(
    args: &Args,
    studio: &Studio,
    request: ImageRequest,
    cancel: CancellationToken,
) -> Result<Vec<ImageResult>> {
    let mut results: Vec<ImageResult> = Vec::new();
    for run in 1..=args.runs {
        // Another prompt of the same length: an engine may remember what it encoded.
        let mut request = request.clone();
        request.prompt = format!("{} {run:04}", request.prompt);
        let (watch, _) = Watch::new(cancel.clone());
        let result = if args.synthetic {
            let save = args.save.as_deref().unwrap_or(Path::new(""));
            studio.draw_synthetic(&args.model, save, &request, watch).await?
        } else {
            studio.ask(request, watch).await?
        };
        for line in &result.notices {
            say(line)?;
        }
        let result = result.content.pictures()?;
        let Drawing { timings, peak_rss_bytes, .. } = result.drawing.context("the engine does not tell its times")?;
        let Timings { load_s, text_s, denoise_s, decode_s, total_s } = timings;
        let drawing = total_s - load_s;
        say(&format!(
            "run {run} of {}: load {load_s:.2} s, text {text_s:.3} s, denoise {denoise_s:.3} s, decode {decode_s:.3} s, \
             total without load {drawing:.3} s, peak {:.2} GiB",
            args.runs,
            gib(peak_rss_bytes)
        ))?;
        results.push(result);
    }
    Ok(results)
}

fn told<'a>(args: &'a Args, results: &'a [ImageResult], threads: usize) -> Result<Told<'a>> {
    let drawings: Vec<Drawing> = results.iter().filter_map(|result| result.drawing).collect();
    let (last, how) = results.last().zip(drawings.last()).context("nothing was measured")?;
    let size = last.pictures.first().map(|drawn| &drawn.picture).context("no picture came back")?;
    let of = |stage: fn(&Timings) -> f64| median(drawings.iter().map(|d| stage(&d.timings)).collect());
    Ok(Told {
        model: &args.model,
        synthetic: args.synthetic,
        width: size.width,
        height: size.height,
        steps: how.steps,
        step_s: of(|t| t.denoise_s) / f64::from(how.steps.max(1)),
        runs: args.runs,
        total_s: of(|t| t.total_s - t.load_s),
        text_s: of(|t| t.text_s),
        denoise_s: of(|t| t.denoise_s),
        decode_s: of(|t| t.decode_s),
        load_s: drawings.first().map_or(0.0, |first| first.timings.load_s),
        peak_rss_bytes: drawings.iter().map(|d| d.peak_rss_bytes).max().unwrap_or_default(),
        threads,
        mode: how.mode.word(),
        decoder: how.decoder.word(),
    })
}

impl Args {
    fn request(&self, catalogue: &Catalogue) -> Result<ImageRequest> {
        let entry = catalogue.get(&self.model);
        if entry.is_none() && !Path::new(&self.model).exists() {
            let message = format!("there is no model '{}'; `samovar models list` tells which there are", self.model);
            return Err(Usage(message).into());
        }
        let family = entry.map(|entry| entry.family);
        if self.synthetic && !matches!(family, Some(Family::Sdxl | Family::Flux)) {
            let message =
                format!("--synthetic knows the shapes of SDXL, FLUX.1 and Whisper, and {} is none of them", self.model);
            return Err(Usage(message).into());
        }
        if self.save.is_some() && family != Some(Family::Sdxl) {
            return Err(Usage("--save writes SDXL's random weights only".to_owned()).into());
        }
        let defaults = entry.map(|entry| entry.defaults).unwrap_or_default();
        let request = ImageRequest {
            choice: Choice::of("local", self.model.clone()),
            seed: Some(0),
            steps: self.steps.or(defaults.steps),
            width: self.width.or(defaults.width),
            height: self.height.or(defaults.height),
            guidance: defaults.guidance,
            decoder: self.decoder,
            mode: self.mode,
            profile: self.profile,
            ..ImageRequest::new("a lighthouse in a storm, oil painting")
        };
        Ok(request.checked()?.0)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

#[allow(clippy::cast_precision_loss, reason = "told with two digits")]
fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_middles() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-12);
        assert!(median(vec![]).abs() < 1e-12);
    }
}

//! How fast a model of speech is: the steps that whisper.cpp's own bench program measures.

use super::{Args, gib, median};
use crate::app::Studio;
use crate::cli::{Usage, say};
use crate::config::Config;
use crate::local::catalogue::{Catalogue, Family, recognise};
use crate::media::Watch;
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// The last line with `--json`. Times in seconds: medians, but `load_s` of the first run, the only one that loads.
#[derive(Serialize)]
struct Told<'a> {
    model: &'a str,
    synthetic: bool,
    runs: u32,
    /// Half a minute of sound heard, and a token of the text.
    encode_s: f64,
    token_s: f64,
    batch_s: f64,
    prompt_s: f64,
    load_s: f64,
    peak_rss_bytes: u64,
    threads: usize,
}

/// Whether a model writes down what is said.
pub(super) fn hears(catalogue: &Catalogue, model: &str) -> bool {
    match catalogue.get(model) {
        Some(entry) => entry.family == Family::Whisper,
        None => recognise::recognise(Path::new(model)) == Ok(Family::Whisper),
    }
}

/// Measures `--runs` times.
pub(super) async fn run(args: &Args, config: &Config, cancel: CancellationToken) -> Result<()> {
    if let Some(folder) = &args.save {
        std::fs::create_dir_all(folder)
            .map_err(|e| Usage(format!("the folder {} cannot be made: {e}", folder.display())))?;
    }
    let studio = Studio::open(config, true, None).await?;
    let measured = measure(args, &studio, cancel).await;
    studio.close().await;
    let told = measured?;
    say(&format!(
        "half a minute of sound is heard in {:.3} s, a token is written in {:.2} ms",
        told.encode_s,
        told.token_s * 1e3
    ))?;
    if args.json {
        say(&serde_json::to_string(&told)?)?;
    }
    Ok(())
}

async fn measure<'a>(args: &'a Args, studio: &Studio, cancel: CancellationToken) -> Result<Told<'a>> {
    let mut all = Vec::new();
    for run in 1..=args.runs {
        let (watch, _) = Watch::new(cancel.clone());
        let paced = studio.pace_speech(&args.model, (args.synthetic, args.save.as_deref()), watch).await?;
        let pace = paced.pace;
        say(&format!(
            "run {run} of {}: load {:.2} s, encode {:.1} ms, token {:.2} ms, batch of 5 {:.2} ms, prompt of 256 {:.1} ms, \
             peak {:.2} GiB",
            args.runs,
            paced.load_s,
            pace.encode_s * 1e3,
            pace.token_s * 1e3,
            pace.batch_s * 1e3,
            pace.prompt_s * 1e3,
            gib(paced.peak_rss_bytes)
        ))?;
        all.push(paced);
    }
    let (first, last) = all.first().zip(all.last()).context("nothing was measured")?;
    Ok(Told {
        model: &args.model,
        synthetic: args.synthetic,
        runs: args.runs,
        encode_s: median(all.iter().map(|paced| paced.pace.encode_s).collect()),
        token_s: median(all.iter().map(|paced| paced.pace.token_s).collect()),
        batch_s: median(all.iter().map(|paced| paced.pace.batch_s).collect()),
        prompt_s: median(all.iter().map(|paced| paced.pace.prompt_s).collect()),
        load_s: first.load_s,
        peak_rss_bytes: last.peak_rss_bytes,
        threads: studio.threads(),
    })
}

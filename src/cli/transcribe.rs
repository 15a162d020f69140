//! `samovar transcribe`: what is said in a recording, on stdout. No server is needed.

use super::progress;
use crate::app::Studio;
use crate::config::Config;
use crate::media::medium::MAX_SOUND_BYTES;
use crate::media::task::SpeechTranscribe;
use crate::media::transcript::{self, Details, Format};
use crate::media::{Answered, Choice, Medium, Request, Text, Watch};
use anyhow::{Context, Result};
use serde_json::json;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// What to write down and how.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A recording, or a film with sound: OGG, MP3, WAV, FLAC, M4A, MP4, AAC, WebM, up to 200 MB and 4 hours
    file: PathBuf,
    /// Model: a name from `samovar models list`, or a path to a ggml file
    #[arg(long, value_name = "M")]
    model: Option<String>,
    /// Let this provider answer, or nobody (`local` is this machine)
    #[arg(long, value_name = "P")]
    provider: Option<String>,
    /// The language that is spoken, such as ru, or auto
    #[arg(long, value_name = "L", default_value = "auto")]
    language: String,
    /// text, json, verbose_json, srt or vtt
    #[arg(long, value_name = "F", default_value = "text")]
    format: Format,
    /// In English, whatever is spoken
    #[arg(long)]
    translate: bool,
    /// Tell when each word was said, too (verbose_json)
    #[arg(long)]
    words: bool,
    /// Names and terms that may be said
    #[arg(long, value_name = "T")]
    prompt: Option<String>,
    /// How freely words are guessed, 0 to 1 [default: as freely as need be]
    #[arg(long, value_name = "T")]
    temperature: Option<f32>,
    /// Readings followed side by side, 1 to 8; 1 is the fastest [default: 5]
    #[arg(long, value_name = "N")]
    beams: Option<u32>,
    /// Never ask a remote provider
    #[arg(long)]
    local_only: bool,
}

/// Writes down what is said and prints it.
///
/// # Errors
/// Whatever kept it from being written down.
pub async fn run(args: Args, config: &Config, cancel: CancellationToken) -> Result<()> {
    let request = args.request()?;
    let details = Details {
        translated: args.translate,
        temperature: args.temperature.unwrap_or_default(),
        segments: true,
        words: args.words,
    };
    let studio = Studio::open(config, true, None).await?;
    let (watch, arrives) = Watch::new(cancel);
    let shown = tokio::spawn(progress::show(arrives, "second"));
    let heard = studio.ask(request, watch).await;
    studio.close().await;
    shown.await.context("the progress display broke")?;
    let Answered { content, provenance, notices, .. } = heard?;
    for notice in &notices {
        eprintln!("note: {notice}");
    }
    if let Some(reason) = &provenance.fallback_reason {
        eprintln!("note: written down by {}:{}, because {reason}", provenance.provider, provenance.model);
    }
    let text = content.text()?;
    let mut told = formatted(&text, args.format, details);
    if let Some(json) = told.as_object_mut() {
        json.insert("model".to_owned(), json!(provenance.model));
        json.insert("provider".to_owned(), json!(provenance.provider));
        json.insert("fallback_reason".to_owned(), json!(provenance.fallback_reason));
        json.insert("notices".to_owned(), json!(notices));
    }
    super::say(told.as_str().map_or_else(|| told.to_string(), |text| text.trim_end().to_owned()).as_str())
}

/// A text, or an object.
fn formatted(text: &Text, format: Format, details: Details) -> serde_json::Value {
    match format {
        Format::Text => json!(text.text),
        Format::Srt => json!(transcript::srt(text)),
        Format::Vtt => json!(transcript::vtt(text)),
        Format::Json => transcript::json(text),
        Format::VerboseJson => transcript::verbose(text, details),
    }
}

impl Args {
    fn request(&self) -> Result<Request> {
        let (audio, _) = Medium::heard(read(&self.file)?.into(), "file")?;
        let request = SpeechTranscribe {
            audio: Some(audio),
            language: Some(self.language.clone()).filter(|language| language != "auto"),
            prompt: self.prompt.clone(),
            translate: self.translate,
            temperature: self.temperature,
            beams: self.beams,
            words: self.words,
            choice: Choice {
                model: self.model.clone(),
                provider: self.provider.clone(),
                local_only: self.local_only,
                ..Choice::default()
            },
        };
        Ok(Request::from(request).checked(&[])?.0)
    }
}

/// Reads a file, unless it is too large to be a sound anyway.
fn read(path: &Path) -> Result<Vec<u8>> {
    let unreadable = || format!("{} cannot be read", path.display());
    let bytes = std::fs::metadata(path).with_context(unreadable)?.len();
    if bytes > MAX_SOUND_BYTES as u64 {
        let message = format!("{} has {bytes} bytes; at most {MAX_SOUND_BYTES} are accepted", path.display());
        return Err(super::Usage(message).into());
    }
    std::fs::read(path).with_context(unreadable)
}

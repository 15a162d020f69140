//! How fast this machine reads speech, measured in the engine.

use super::catalogue::{Entry, Family};
use super::transcribe::speech_rung;
use super::work::Work;
use super::{Local, unexpected};
use crate::engine::protocol::{
    Architecture, DeviceChoice, Job, ModelSpec, Output, SpeechPace, SyntheticWhisper, WhisperParts,
};
use crate::media::{Failure, Watch};
use std::path::Path;

/// How fast, and what it took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paced {
    /// Seconds of each step.
    pub pace: SpeechPace,
    /// Seconds of reading the weights, 0 when they were in memory.
    pub load_s: f64,
    /// The engine's largest resident size so far.
    pub peak_rss_bytes: u64,
}

impl Local {
    /// Measures a model of speech by its name or path.
    ///
    /// # Errors
    /// As [`Local::transcribe`].
    pub async fn pace_speech(&self, model: &str, watch: Watch) -> Result<Paced, Failure> {
        let located = self.catalogue.locate(model, true)?;
        if located.family != Family::Whisper {
            let message = format!("'{}' is not a model that writes down what is said", located.name);
            return Err(Failure::Missing { message });
        }
        let parts = WhisperParts { vad: self.catalogue.vad(), synthetic: None };
        self.pace(located.name, &located.path, parts, watch).await
    }

    /// Measures random weights of a model's published shape; they are kept as a file in `save`, if that is given.
    ///
    /// # Errors
    /// As [`Local::transcribe`].
    pub async fn pace_synthetic_speech(
        &self,
        model: &str,
        save: Option<&Path>,
        watch: Watch,
    ) -> Result<Paced, Failure> {
        let tables = self.catalogue.locate("demo-whisper", false)?.path;
        let folder = save.map_or_else(std::env::temp_dir, Path::to_owned);
        let path = match save {
            Some(_) => folder.join(format!("ggml-{model}-random.bin")),
            None => folder.join(format!("samovar-{}-{model}-random.bin", std::process::id())),
        };
        let synthetic = SyntheticWhisper { size: model.to_owned(), tables, keep: save.is_some() };
        let parts = WhisperParts { vad: self.catalogue.vad(), synthetic: Some(synthetic) };
        self.pace(format!("synthetic-{model}"), &path, parts, watch).await
    }

    async fn pace(&self, name: String, path: &Path, parts: WhisperParts, watch: Watch) -> Result<Paced, Failure> {
        let synthetic = parts.synthetic.as_ref().map(|random| random.size.clone());
        let spec = ModelSpec {
            name,
            path: path.to_owned(),
            architecture: Architecture::Whisper(parts),
            device: DeviceChoice::Cpu,
        };
        // Random weights are not written yet: those that are published are as large.
        let unwritten = synthetic.and_then(|size| self.catalogue.get(&size)).map_or(0, Entry::bytes);
        let prepare = move || {
            let (mut rung, weights) = speech_rung(&spec.path);
            rung.needed += unwritten;
            Ok(Work {
                spec,
                job: Job::PaceSpeech,
                ladder: vec![rung],
                weights,
                pixels: super::transcribe::PIXELS,
                effort: None,
            })
        };
        let served = self.serve(prepare, &watch).await?;
        let Output::SpeechPaced(pace) = served.output else { return Err(unexpected()) };
        Ok(Paced { pace, load_s: served.load_s, peak_rss_bytes: served.peak_rss })
    }
}

//! How a fetch looks: progress bars on a terminal, plain lines otherwise.

use crate::local::catalogue::fetch::{Event, Watch};
use crate::local::catalogue::human_bytes;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Bars for a terminal, lines for anything else.
pub fn watch(terminal: bool) -> Box<dyn Watch> {
    if terminal { Box::new(Bars::new()) } else { Box::new(Lines) }
}

struct Lines;

impl Watch for Lines {
    fn tell(&self, event: &Event<'_>) {
        match event {
            Event::Planned { files, bytes, present } => eprintln!("{}", planned(*files, *bytes, *present)),
            Event::Queued => eprintln!("{QUEUED}"),
            Event::Paused { file, pause, reason } => {
                eprintln!("{}: {reason}; another try in {} s", name(file), pause.as_secs());
            }
            Event::Begun { file, bytes, present: 0 } => eprintln!("{}: {}", name(file), human_bytes(*bytes)),
            Event::Begun { file, bytes, present } => {
                eprintln!("{}: going on at {} of {}", name(file), human_bytes(*present), human_bytes(*bytes));
            }
            Event::Restarted { file } => eprintln!("{}: from its start again", name(file)),
            Event::Finished { file } => eprintln!("{}: checked", name(file)),
            Event::Received { .. } => {}
        }
    }
}

const QUEUED: &str = "Another fetch is running; waiting for it.";

fn planned(files: usize, bytes: u64, present: u64) -> String {
    let here = if present > 0 { format!(", {} of it are here already", human_bytes(present)) } else { String::new() };
    format!("Fetching {files} files, {}{here}.", human_bytes(bytes))
}

fn name(file: &Path) -> String {
    // The last two parts: `unet/config.json` says more than `config.json`.
    let parts: Vec<_> = file.iter().map(|part| part.to_string_lossy()).collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}

struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    files: Mutex<HashMap<PathBuf, ProgressBar>>,
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let total = all.add(
            ProgressBar::new(0)
                .with_style(style("{decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}, {eta} left")),
        );
        total.set_message("all");
        Self { all, total, files: Mutex::default() }
    }

    fn file(&self, file: &Path) -> Option<ProgressBar> {
        self.files.lock().ok()?.get(file).cloned()
    }
}

fn style(numbers: &str) -> ProgressStyle {
    let template = format!("{{msg:36!}} [{{wide_bar}}] {numbers}");
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

impl Drop for Bars {
    /// What is said after the fetch starts on a clean line.
    fn drop(&mut self) {
        self.total.finish_and_clear();
    }
}

impl Watch for Bars {
    fn tell(&self, event: &Event<'_>) {
        match event {
            // Lines above the bars; a terminal that is gone is no reason to stop.
            Event::Queued => drop(self.all.println(QUEUED)),
            Event::Planned { files, bytes, present } => {
                drop(self.all.println(planned(*files, *bytes, *present)));
                self.total.set_length(*bytes);
                self.total.set_position(*present);
                self.total.reset_eta();
            }
            Event::Begun { file, bytes, present } => {
                let bar = ProgressBar::new(*bytes).with_style(style("{decimal_bytes}/{decimal_total_bytes}"));
                let bar = self.all.insert_before(&self.total, bar);
                bar.set_position(*present);
                bar.set_message(name(file));
                if let Ok(mut files) = self.files.lock() {
                    files.insert(file.to_path_buf(), bar);
                }
            }
            Event::Received { file, bytes } => {
                self.total.inc(*bytes);
                if let Some(bar) = self.file(file) {
                    bar.inc(*bytes);
                }
            }
            Event::Restarted { file } => {
                if let Some(bar) = self.file(file) {
                    self.total.dec(bar.position());
                    bar.set_position(0);
                }
            }
            Event::Paused { file, pause, reason } => {
                let seconds = pause.as_secs();
                drop(self.all.println(format!("{}: {reason}; another try in {seconds} s", name(file))));
            }
            Event::Finished { file } => {
                if let Some(bar) = self.files.lock().ok().and_then(|mut files| files.remove(*file)) {
                    bar.finish_and_clear();
                }
            }
        }
    }
}

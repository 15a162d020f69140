//! How far the work is: a bar on a terminal, a line for each step elsewhere. Always on stderr.

use crate::media::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use tokio::sync::mpsc::UnboundedReceiver;

/// Shows what arrives until the other end is dropped; `unit` is what is counted.
pub async fn show(mut arrives: UnboundedReceiver<Progress>, unit: &str) {
    let bar = std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::new_spinner();
        bar.set_message("loading");
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        bar
    });
    let mut told = None;
    while let Some(Progress { step, of, percent, .. }) = arrives.recv().await {
        let Some(bar) = &bar else {
            if told.replace((step, of)) != Some((step, of)) {
                eprintln!("{unit} {step} of {of}");
            }
            continue;
        };
        if bar.length().is_none()
            && let Ok(style) = ProgressStyle::with_template(&format!("{{bar:30}} {unit} {{msg}}  {{elapsed}}"))
        {
            bar.set_style(style);
        }
        // A step of a large model takes a minute: the bar moves within it.
        bar.set_length(100 * u64::from(of));
        bar.set_position(100 * u64::from(step) + u64::from(percent));
        bar.set_message(format!("{step} of {of}"));
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

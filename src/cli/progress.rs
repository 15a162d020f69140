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
    while let Some(Progress { step, of, .. }) = arrives.recv().await {
        let Some(bar) = &bar else {
            if told.replace((step, of)) != Some((step, of)) {
                eprintln!("{unit} {step} of {of}");
            }
            continue;
        };
        if bar.length().is_none()
            && let Ok(style) =
                ProgressStyle::with_template(&format!("{{bar:30}} {unit} {{pos}} of {{len}}  {{elapsed}}"))
        {
            bar.set_style(style);
        }
        bar.set_length(of.into());
        bar.set_position(step.into());
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

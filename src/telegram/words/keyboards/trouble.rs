//! Under what did not go as it was wanted.

use super::super::super::keyboard::Keyboard;
use super::super::super::texts::{Lang, args};
use super::super::money;
use super::super::tap::{Desk, Tap};
use super::{button, say, to_menu_after};
use crate::media::{Failure, Refusal};

/// Under the failure of a job.
#[must_use]
pub fn after_failure(lang: Lang, job: i64, failure: &Failure) -> Keyboard {
    let retry = || say(lang, "button-retry", &Tap::Repeat(job));
    let report = || say(lang, "button-report", &Tap::Report(job));
    let reword = || say(lang, "button-edit-prompt", &Tap::Reword(job));
    let models = || say(lang, "button-other-model", &Tap::Models(Desk::Create, 1));
    let keyboard = Keyboard::default();
    match failure {
        Failure::Remote { refusal: Refusal::Policy, .. } => {
            keyboard.row([reword(), say(lang, "button-rules", &Tap::Rules)])
        }
        Failure::Invalid { .. } | Failure::TooBig { .. } => keyboard.row([reword()]),
        Failure::Missing { .. } | Failure::Remote { refusal: Refusal::Gone, .. } | Failure::Forbidden { .. } => {
            keyboard.row([models()])
        }
        Failure::Quota { .. } => quota(lang),
        Failure::Cancelled => after_cancel(lang, job),
        Failure::Busy { .. } => keyboard.row([retry()]),
        _ => keyboard.row([retry(), report()]),
    }
}

/// Under a job that was cancelled.
#[must_use]
pub fn after_cancel(lang: Lang, job: i64) -> Keyboard {
    Keyboard::default().row([say(lang, "button-run-again", &Tap::Repeat(job))])
}

/// When there is neither anything free left nor money.
#[must_use]
pub fn quota(lang: Lang) -> Keyboard {
    Keyboard::default().row([say(lang, "button-profile", &Tap::Profile)])
}

/// When somebody has as many jobs as are allowed: one of them can go.
#[must_use]
pub fn already_full(lang: Lang, jobs: &[i64]) -> Keyboard {
    let one =
        |job: &i64| button(lang.plain("button-cancel-job", args! { "job" => job.to_string() }), &Tap::Cancel(*job));
    super::rows(Keyboard::default(), jobs.iter().map(one).collect(), 2)
}

/// Before money is spent on what the message `asked`.
#[must_use]
pub fn pay(lang: Lang, asked: i64, price: i64) -> Keyboard {
    let label = lang.plain("button-pay", args! { "price" => money::roubles(lang, price) });
    Keyboard::default().row([button(label, &Tap::Pay(asked, price)), say(lang, "button-no", &Tap::Drop(asked))])
}

/// Under a question about what was asked long ago.
#[must_use]
pub fn late_prompt(lang: Lang, asked: i64) -> Keyboard {
    Keyboard::default()
        .row([say(lang, "button-run-late", &Tap::Run(asked)), say(lang, "button-drop", &Tap::Drop(asked))])
}

/// Under a line with parameters that was not understood.
#[must_use]
pub fn advanced(lang: Lang, asked: i64) -> Keyboard {
    to_menu_after(lang, Keyboard::default().row([say(lang, "button-fix", &Tap::Fix(asked))]))
}

/// When nobody knows whether a parcel arrived.
#[must_use]
pub fn unsure(lang: Lang, parcel: i64) -> Keyboard {
    Keyboard::default().row([say(lang, "button-resend", &Tap::Resend(parcel))])
}

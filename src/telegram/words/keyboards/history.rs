//! The history.

use super::super::super::keyboard::{Button, Keyboard};
use super::super::super::texts::{Lang, args};
use super::super::tap::Tap;
use super::{ROW, button, pages, rows, to_menu_after};

/// A page of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Numbers of the jobs on it, as they stand in the text.
    pub jobs: Vec<i64>,
    /// Which page, from 1.
    pub page: u32,
    /// How many there are.
    pub pages: u32,
}

/// Under a page of the history: a button for each job on it.
#[must_use]
pub fn history(lang: Lang, shown: &History) -> Keyboard {
    let one = |job: &i64| button(number(lang, *job), &Tap::Item(*job));
    let items: Vec<Button> = shown.jobs.iter().map(one).collect();
    let keyboard = rows(Keyboard::default(), items, ROW);
    to_menu_after(lang, keyboard.row(pages(lang, (shown.page, shown.pages), Tap::History)))
}

/// The number of a job, short.
fn number(lang: Lang, job: i64) -> String {
    lang.plain("button-job", args! { "job" => job.to_string() })
}

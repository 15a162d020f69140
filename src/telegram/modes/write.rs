//! ✍️ A detailed prompt from a short wish.

use super::super::conclude::Finished;
use super::super::offer;
use super::super::orders::Asked;
use super::super::parcel::{Body, Parcel};
use super::super::session::Step;
use super::super::texts::args;
use super::super::turn::Turn;
use super::super::wire::Action;
use super::super::words::mode::Mode;
use super::super::words::{cut, keyboards};
use super::{Done, Handler};
use crate::media::Request;
use crate::media::task::{Task, TextWrite};
use async_trait::async_trait;

/// Most characters of a prompt that is shown: with the words around it, it stays one message.
const MOST_SHOWN: usize = 3800;

/// The mode.
pub struct Write;

#[async_trait]
impl Handler for Write {
    fn mode(&self) -> Mode {
        Mode::Write
    }

    fn task(&self) -> &'static str {
        TextWrite::NAME
    }

    fn action(&self) -> Action {
        Action::Typing
    }

    async fn words(&self, turn: &Turn, words: &str) -> Done {
        turn.go(Step::Idle);
        let request = TextWrite { prompt: words.to_owned(), ..TextWrite::default() };
        offer::offer(turn, Asked::new(Mode::Write, &Request::from(request), words)).await
    }

    fn present(&self, finished: &Finished<'_>) -> Vec<Parcel> {
        let (lang, number) = (finished.order.lang, finished.order.number);
        let written = finished.answer.text.as_ref().map(|text| text.text.trim().to_owned()).unwrap_or_default();
        let prompt = cut::within(&written, MOST_SHOWN);
        let html = lang.html("write-result", args! { "prompt" => &prompt });
        let html = finished.with_bill(html);
        vec![finished.parcel(Body::Text { html }, keyboards::prompt(lang, number, &prompt))]
    }
}

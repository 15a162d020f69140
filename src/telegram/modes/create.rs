//! 🎨 A picture from words.

use super::super::conclude::Finished;
use super::super::door::Door;
use super::super::offer;
use super::super::orders::Asked;
use super::super::parcel::Parcel;
use super::super::people::Tastes;
use super::super::session::Step;
use super::super::texts::args;
use super::super::turn::Turn;
use super::super::wire::Action;
use super::super::words::advanced::Advanced;
use super::super::words::format::{self, Aspect, Canvas, Format};
use super::super::words::keyboards::{self, Choices};
use super::super::words::mode::Mode;
use super::super::words::tap::Desk;
use super::{Done, Handler, picture};
use crate::media::task::Task;
use crate::media::{ImageRequest, Request};
use async_trait::async_trait;

/// The size of remote models, which do not tell theirs.
const USUAL: (u32, u32) = (1024, 1024);
/// Sides that every local model and provider takes.
const SIDE_STEP: u32 = 16;

/// The mode.
pub struct Create;

#[async_trait]
impl Handler for Create {
    fn mode(&self) -> Mode {
        Mode::Create
    }

    fn task(&self) -> &'static str {
        ImageRequest::NAME
    }

    fn action(&self) -> Action {
        Action::Picture
    }

    fn has_steps(&self) -> bool {
        true
    }

    async fn open(&self, turn: &Turn) -> Done {
        turn.go(Step::mode(Mode::Create));
        desk(turn);
        Ok(())
    }

    async fn words(&self, turn: &Turn, words: &str) -> Done {
        turn.go(Step::Idle);
        let asked = from_words(turn, words);
        offer::offer(turn, asked).await
    }

    fn present(&self, finished: &Finished<'_>) -> Vec<Parcel> {
        picture::present(finished)
    }
}

/// The message that asks for a description, with the choices under it.
pub fn desk(turn: &Turn) {
    let (lang, choices) = (turn.lang(), choices(&turn.door, &turn.tastes()));
    let helps = turn.door.serves(crate::media::task::TextWrite::NAME);
    turn.edit(Mode::Create.question(lang), keyboards::create(lang, Desk::Create, &choices, helps));
}

/// What is chosen, for people.
#[must_use]
pub fn choices(door: &Door, tastes: &Tastes) -> Choices {
    Choices {
        format: tastes.format,
        model: tastes.model.as_ref().map(|model| door.title_of(model)),
        style: tastes.style,
    }
}

/// What these words ask for, with what is remembered of the person's choices.
fn from_words(turn: &Turn, words: &str) -> Asked {
    let tastes = turn.tastes();
    let mut request = ImageRequest::new(tastes.style.applied(words));
    request.negative = tastes.style.negative().map(str::to_owned);
    // A model that is gone, or not for this level any more, is as if it had never been chosen.
    request.choice.model = tastes.model.clone().filter(|model| turn.door.models.knows(model));
    if tastes.format != Format::Square {
        let (width, height) = size(&turn.door, request.choice.model.as_deref(), tastes.format.aspect());
        (request.width, request.height) = (Some(width), Some(height));
    }
    Asked::new(Mode::Create, &Request::from(request), words)
}

/// The size in which a model draws this shape.
#[must_use]
pub fn size(door: &Door, model: Option<&str>, aspect: Aspect) -> (u32, u32) {
    let cards = door.models.cards();
    let draws = |task: &String| task == ImageRequest::NAME;
    let mut able = cards.iter().filter(|card| card.ready && card.tasks.iter().any(draws));
    let card = match model {
        Some(name) => able.find(|card| card.name == name),
        None => able.next(),
    };
    let own = card.and_then(|card| card.canvas).unwrap_or(USUAL);
    format::size(aspect, Canvas { own, step: SIDE_STEP })
}

/// A line with parameters asks for exactly what it says, whatever is remembered.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn advanced(turn: &Turn, line: Advanced) -> Done {
    turn.go(Step::Idle);
    let mut request = ImageRequest::new(line.prompt.clone());
    request.negative.clone_from(&line.negative);
    (request.seed, request.steps, request.guidance) = (line.seed, line.steps, line.guidance);
    request.count = line.count.unwrap_or(1);
    request.choice.model.clone_from(&line.model);
    let size = match (line.size, line.aspect) {
        (Some(size), _) => Some(size),
        (None, Some(aspect)) => Some(size(&turn.door, line.model.as_deref(), aspect)),
        (None, None) => None,
    };
    (request.width, request.height) = (size.map(|(width, _)| width), size.map(|(_, height)| height));
    let mut asked = Asked::new(Mode::Create, &Request::from(request), line.prompt);
    asked.notes = line.notices.iter().map(|notice| notice.html(turn.lang())).collect();
    offer::offer(turn, asked).await
}

/// Words for an order that is done again with the seed it had.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn reword(turn: &Turn, asked: Asked, words: &str) -> Done {
    turn.go(Step::Idle);
    let Ok(mut request) = asked.read() else {
        turn.say(turn.lang().html("session-expired", args! {}));
        return Ok(());
    };
    request.set_prompt(turn.tastes().style.applied(words));
    let asked = Asked { words: words.to_owned(), notes: Vec::new(), ..asked }.with(&request);
    offer::offer(turn, asked).await
}

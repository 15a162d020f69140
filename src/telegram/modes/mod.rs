//! What people can ask for, one file for each mode: how it takes what it needs, and how its answer looks. A further mode
//! is a file here, a value of [`Mode`] and a line in [`of`]. Must not know how answers are made.

mod change;
mod create;
mod letter;
mod picture;
mod transcribe;
mod upscale;
mod write;

pub use create::{Create, advanced, choices, desk, reword, size};
pub use picture::{buttons, file_name, photo_menu, treat, treat_sent, variations};

use super::conclude::Finished;
use super::orders::SentFile;
use super::parcel::Parcel;
use super::session::Step;
use super::texts::args;
use super::turn::Turn;
use super::wire::Action;
use super::words::keyboards;
use super::words::mode::Mode;
use crate::media::Failure;
use async_trait::async_trait;

/// What a handler comes to: whatever it does is in the turn.
pub type Done = Result<(), Failure>;

/// A picture that somebody sent.
#[derive(Debug, Clone)]
pub struct SentPicture {
    /// Where it is.
    pub file: SentFile,
    /// What was written with it.
    pub words: String,
    /// The album it belongs to.
    pub album: Option<String>,
}

/// One mode.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Which one.
    fn mode(&self) -> Mode;

    /// The task that must be served for it.
    fn task(&self) -> &'static str;

    /// What the chat shows while it works.
    fn action(&self) -> Action;

    /// Whether its steps mean something to people.
    fn has_steps(&self) -> bool {
        false
    }

    /// Its button was pressed.
    async fn open(&self, turn: &Turn) -> Done {
        turn.go(Step::mode(self.mode()));
        turn.edit(self.mode().question(turn.lang()), keyboards::to_menu(turn.lang()));
        Ok(())
    }

    /// Words came while it was open.
    async fn words(&self, turn: &Turn, words: &str) -> Done;

    /// A picture came while it was open.
    async fn picture(&self, turn: &Turn, picture: SentPicture) -> Done {
        photo_menu(turn, picture).await
    }

    /// The step that is asked for was left out.
    async fn skip(&self, turn: &Turn) -> Done {
        turn.say(turn.lang().html("skip-nothing", args! {}));
        Ok(())
    }

    /// What is sent when it is done; the first parcel is the answer itself.
    fn present(&self, finished: &Finished<'_>) -> Vec<Parcel>;
}

/// The handler of a mode.
#[must_use]
pub fn of(mode: Mode) -> &'static dyn Handler {
    match mode {
        Mode::Create => &Create,
        Mode::Write => &write::Write,
        Mode::Change => &change::Change,
        Mode::AddText => &letter::Letter,
        Mode::Upscale => &upscale::Upscale,
        Mode::Voice => &transcribe::Transcribe,
    }
}

/// The modes that somebody serves now.
#[must_use]
pub fn served(door: &super::door::Door) -> Vec<Mode> {
    let tasks = door.served();
    Mode::ALL.into_iter().filter(|mode| tasks.contains(&of(*mode).task())).collect()
}

/// Opens a mode, or says that nobody serves it.
///
/// # Errors
/// [`Failure::Unavailable`] when the database does not answer.
pub async fn open(turn: &Turn, mode: Mode) -> Done {
    if !turn.door.serves(of(mode).task()) {
        turn.edit(mode.unserved(turn.lang()), keyboards::to_menu(turn.lang()));
        return Ok(());
    }
    of(mode).open(turn).await
}

/// A sound came, whatever was open.
///
/// # Errors
/// [`Failure::Unavailable`] when the database does not answer.
pub async fn sound(turn: &Turn, file: SentFile) -> Done {
    transcribe::take(turn, file).await
}

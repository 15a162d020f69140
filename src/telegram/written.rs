//! What is done with words, pictures and sounds that somebody sent: it goes to the mode that is open, or begins one. It
//! must not know what any mode does with it.

use super::incoming::{Attached, Incoming};
use super::modes::{self, Done, SentPicture};
use super::session::Step;
use super::texts::args;
use super::turn::Turn;
use super::words::advanced::{self, Read};
use super::words::keyboards;
use super::words::mode::Mode;

/// Takes a message that is for the bot; `words` are its own without what called the bot.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn take(turn: &Turn, message: &Incoming, words: &str) -> Done {
    let lang = turn.lang();
    match &message.attached {
        Attached::Sound(file, _) => modes::sound(turn, file.clone()).await,
        Attached::Picture(file) => {
            let sent = SentPicture { file: file.clone(), words: words.to_owned(), album: message.album.clone() };
            picture(turn, sent).await
        }
        Attached::Nothing => text(turn, message, words).await,
        Attached::Unknown => {
            turn.say(lang.html("document-unknown", args! {}));
            Ok(())
        }
        Attached::Unreadable => {
            turn.say(lang.html("message-unread", args! {}));
            Ok(())
        }
        Attached::Service => Ok(()),
    }
}

async fn text(turn: &Turn, message: &Incoming, words: &str) -> Done {
    if let Some(mode) = Mode::ALL.into_iter().find(|mode| mode.label(turn.lang()) == words) {
        return modes::open(turn, mode).await;
    }
    // In a group, words that answer a picture are about that picture.
    if !turn.origin.private
        && let Some(file) = &message.answered_picture
        && !matches!(turn.step(), Step::Mode { .. } | Step::Reword { .. })
    {
        let sent = SentPicture { file: file.clone(), words: words.to_owned(), album: None };
        return picture(turn, sent).await;
    }
    if words.trim().is_empty() {
        turn.say(turn.lang().html("image-usage", args! {}));
        return Ok(());
    }
    match turn.step() {
        Step::Mode { mode: Mode::Create, .. } | Step::Idle | Step::TopUp { .. } | Step::Broadcast { .. } => {
            create(turn, words).await
        }
        Step::Mode { mode, .. } => modes::of(mode).words(turn, words).await,
        Step::Reword { asked } => modes::reword(turn, *asked, words).await,
    }
}

/// A picture from words, which may be a line with parameters.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn create(turn: &Turn, words: &str) -> Done {
    let lang = turn.lang();
    if !turn.door.serves(modes::of(Mode::Create).task()) {
        turn.say(Mode::Create.unserved(lang));
        return Ok(());
    }
    let models = &turn.door.models;
    match advanced::read(words, |name| models.knows(name)) {
        Read::Plain => modes::of(Mode::Create).words(turn, words).await,
        Read::Line(line) => modes::advanced(turn, line).await,
        Read::Wrong(wrong) => {
            let (owner, _) = turn.account().await?;
            let known = turn.door.choosable("image.generate", &owner);
            let names: Vec<String> = known.into_iter().map(|card| card.name).collect();
            let matter = i64::from(turn.origin.message.unwrap_or_default());
            turn.say_with(wrong.html(lang, &names), keyboards::advanced(lang, matter));
            Ok(())
        }
    }
}

async fn picture(turn: &Turn, sent: SentPicture) -> Done {
    let lang = turn.lang();
    if sent.file.size.is_some_and(|size| size > super::errand::MOST_BYTES) {
        turn.say(lang.html("file-too-large", args! {}));
        return Ok(());
    }
    match turn.step() {
        Step::Mode { mode, .. } if mode != Mode::Create => modes::of(mode).picture(turn, sent).await,
        // A picture with words says what is to be changed in it.
        _ if !sent.words.trim().is_empty() && turn.door.serves(modes::of(Mode::Change).task()) => {
            turn.go(Step::mode(Mode::Change));
            modes::of(Mode::Change).picture(turn, sent).await
        }
        _ => modes::photo_menu(turn, sent).await,
    }
}

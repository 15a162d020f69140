//! ✏️ One to four pictures changed as words say.

use super::super::conclude::Finished;
use super::super::offer;
use super::super::orders::{Asked, FileRef};
use super::super::parcel::Parcel;
use super::super::session::Step;
use super::super::texts::args;
use super::super::turn::Turn;
use super::super::wire::Action;
use super::super::words::keyboards;
use super::super::words::mode::Mode;
use super::{Done, Handler, SentPicture, picture};
use crate::media::task::{ImageEdit, Task};
use crate::media::{ImageRequest, Request};
use async_trait::async_trait;

/// Most pictures of one change.
const MOST: usize = 4;

/// The mode.
pub struct Change;

#[async_trait]
impl Handler for Change {
    fn mode(&self) -> Mode {
        Mode::Change
    }

    fn task(&self) -> &'static str {
        ImageEdit::NAME
    }

    fn action(&self) -> Action {
        Action::Picture
    }

    fn has_steps(&self) -> bool {
        true
    }

    async fn words(&self, turn: &Turn, words: &str) -> Done {
        let Step::Mode { pictures, .. } = turn.step() else { return Ok(()) };
        if pictures.is_empty() {
            turn.say(turn.lang().html("change-photo-first", args! {}));
            return Ok(());
        }
        turn.go(Step::Idle);
        offer::offer(turn, asked(pictures, words)).await
    }

    async fn picture(&self, turn: &Turn, sent: SentPicture) -> Done {
        let Step::Mode { mut pictures, words, album, .. } = turn.step() else { return Ok(()) };
        let lang = turn.lang();
        // Words of an album may come with any of its pictures; the order they made waits for the others.
        let of_album = sent.album.is_some() && sent.album == album;
        let words = Some(sent.words.clone()).filter(|words| !words.is_empty()).or(words.filter(|_| of_album));
        if pictures.len() >= MOST {
            turn.say(lang.html("change-full", args! { "most" => MOST }));
            return Ok(());
        }
        pictures.push(FileRef::Sent(sent.file.clone()));
        let count = pictures.len();
        turn.go(Step::Mode {
            mode: Mode::Change,
            pictures: pictures.clone(),
            words: words.clone(),
            album: sent.album.clone(),
        });
        match (words, &sent.album) {
            (Some(words), Some(album)) => {
                let asked = asked(pictures, &words);
                offer::offer_album(turn, album, FileRef::Sent(sent.file), asked).await
            }
            (Some(words), None) => {
                turn.go(Step::Idle);
                offer::offer(turn, asked(pictures, &words)).await
            }
            (None, _) => {
                picture::count(turn, sent.album.as_deref(), count, |lang, count| {
                    lang.html("change-words", args! { "photos" => count, "most" => MOST })
                });
                Ok(())
            }
        }
    }

    fn present(&self, finished: &Finished<'_>) -> Vec<Parcel> {
        picture::present(finished)
    }
}

/// A change of these pictures.
#[must_use]
pub fn asked(pictures: Vec<FileRef>, words: &str) -> Asked {
    let drawing = ImageRequest::new(words);
    let request = Request::from(ImageEdit { drawing, ..ImageEdit::default() });
    let asked = Asked::new(Mode::Change, &request, words);
    pictures.into_iter().fold(asked, |asked, picture| asked.file("image", picture))
}

/// Asks what to change in these pictures.
pub fn begin(turn: &Turn, pictures: Vec<FileRef>) {
    let lang = turn.lang();
    turn.go(Step::Mode { mode: Mode::Change, pictures, words: None, album: None });
    turn.say_with(lang.html("change-result-ask", args! {}), keyboards::to_menu(lang));
}

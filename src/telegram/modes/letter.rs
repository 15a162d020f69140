//! 📝 Words put on a picture: first the picture, then the text, then how it is to look.

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
use crate::media::Request;
use crate::media::task::{ImageLetter, Task};
use async_trait::async_trait;

/// The mode.
pub struct Letter;

#[async_trait]
impl Handler for Letter {
    fn mode(&self) -> Mode {
        Mode::AddText
    }

    fn task(&self) -> &'static str {
        ImageLetter::NAME
    }

    fn action(&self) -> Action {
        Action::Picture
    }

    async fn words(&self, turn: &Turn, words: &str) -> Done {
        let Step::Mode { pictures, words: before, .. } = turn.step() else { return Ok(()) };
        let lang = turn.lang();
        if pictures.is_empty() {
            turn.say(lang.html("text-picture-first", args! {}));
            return Ok(());
        }
        match before {
            None if words.chars().count() > ImageLetter::MAX_CHARS => {
                turn.say(lang.html("text-too-long", args! { "most" => ImageLetter::MAX_CHARS }));
            }
            None => ask_style(turn, pictures, words),
            Some(text) => return order(turn, pictures, &text, words).await,
        }
        Ok(())
    }

    async fn picture(&self, turn: &Turn, sent: SentPicture) -> Done {
        let pictures = vec![FileRef::Sent(sent.file)];
        if sent.words.is_empty() {
            begin(turn, pictures);
            return Ok(());
        }
        ask_style(turn, pictures, &sent.words);
        Ok(())
    }

    async fn skip(&self, turn: &Turn) -> Done {
        match turn.step() {
            Step::Mode { pictures, words: Some(text), .. } => order(turn, pictures, &text, "").await,
            _ => {
                turn.say(turn.lang().html("skip-nothing", args! {}));
                Ok(())
            }
        }
    }

    fn present(&self, finished: &Finished<'_>) -> Vec<Parcel> {
        picture::present(finished)
    }
}

/// Asks which words go on this picture.
pub fn begin(turn: &Turn, pictures: Vec<FileRef>) {
    let lang = turn.lang();
    turn.go(Step::Mode { mode: Mode::AddText, pictures, words: None, album: None });
    turn.say_with(lang.html("text-ask-words", args! {}), keyboards::to_menu(lang));
}

fn ask_style(turn: &Turn, pictures: Vec<FileRef>, text: &str) {
    let lang = turn.lang();
    turn.go(Step::Mode { mode: Mode::AddText, pictures, words: Some(text.to_owned()), album: None });
    turn.say_with(lang.html("text-ask-style", args! {}), keyboards::text_style(lang));
}

async fn order(turn: &Turn, pictures: Vec<FileRef>, text: &str, style: &str) -> Done {
    turn.go(Step::Idle);
    let request = ImageLetter { text: text.to_owned(), style: style.to_owned(), ..ImageLetter::default() };
    let asked = Asked::new(Mode::AddText, &Request::from(request), text);
    let asked = pictures.into_iter().fold(asked, |asked, picture| asked.file("image", picture));
    offer::offer(turn, asked).await
}

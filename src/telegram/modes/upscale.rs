//! ⬆️ A picture made two or four times as large.

use super::super::conclude::Finished;
use super::super::offer;
use super::super::orders::{Asked, FileRef};
use super::super::parcel::Parcel;
use super::super::turn::Turn;
use super::super::wire::Action;
use super::super::words::keyboards;
use super::super::words::mode::Mode;
use super::{Done, Handler, SentPicture, picture};
use crate::media::Request;
use crate::media::task::{ImageUpscale, Task};
use async_trait::async_trait;

/// The mode.
pub struct Upscale;

#[async_trait]
impl Handler for Upscale {
    fn mode(&self) -> Mode {
        Mode::Upscale
    }

    fn task(&self) -> &'static str {
        ImageUpscale::NAME
    }

    fn action(&self) -> Action {
        Action::Picture
    }

    async fn words(&self, turn: &Turn, _: &str) -> Done {
        turn.say_with(Mode::Upscale.question(turn.lang()), keyboards::to_menu(turn.lang()));
        Ok(())
    }

    async fn picture(&self, turn: &Turn, sent: SentPicture) -> Done {
        picture::ask_scale(turn, sent);
        Ok(())
    }

    fn present(&self, finished: &Finished<'_>) -> Vec<Parcel> {
        picture::present(finished)
    }
}

/// Has a picture made larger.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn order(turn: &Turn, picture: FileRef, scale: u32) -> Done {
    let request = ImageUpscale { scale, ..ImageUpscale::default() };
    let asked = Asked::new(Mode::Upscale, &Request::from(request), format!("×{scale}"));
    offer::offer(turn, asked.file("image", picture)).await
}

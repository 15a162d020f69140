//! The buttons under what was made.

use super::super::alerts;
use super::super::modes::{self, Done};
use super::super::offer;
use super::super::orders::{Asked, FileRef, Order};
use super::super::parcel::{Body, Parcel, Urgency};
use super::super::session::Step;
use super::super::texts::args;
use super::super::turn::Turn;
use super::super::words::keyboards;
use super::super::words::mode::Mode;
use super::super::words::tap::{Shot, Tap};
use super::super::words::time::size_of;
use crate::media::{Answer, ImageRequest, Kept, Request};

/// Does what a button under an answer tells.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn route(turn: &Turn, order: &Order, tap: Tap) -> Done {
    let Some(answer) = turn.door.answer(order).await? else {
        turn.alert(turn.lang().plain("toast-picture-gone", args! {}));
        return Ok(());
    };
    match tap {
        Tap::UsePrompt(_) => use_prompt(turn, &answer).await,
        Tap::TextFile(_) => text_file(turn, order, &answer),
        Tap::Delete(_) => {
            turn.delete();
            turn.toast(turn.lang().plain("toast-deleted", args! {}));
            Ok(())
        }
        Tap::Variations(shot) => match kept(turn, &answer, shot).await? {
            Some(kept) => {
                let local = answer.provenance.provider == "local";
                modes::variations(turn, order, FileRef::Stored(kept.asset), local).await
            }
            None => Ok(()),
        },
        Tap::Treat(shot, act) => match kept(turn, &answer, shot).await? {
            Some(kept) => modes::treat(turn, FileRef::Stored(kept.asset), act).await,
            None => Ok(()),
        },
        Tap::Variant(shot) => match kept(turn, &answer, shot).await? {
            Some(kept) => variant(turn, order, kept, shot.nth).await,
            None => Ok(()),
        },
        Tap::File(shot) => match kept(turn, &answer, shot).await? {
            Some(kept) => file(turn, order, &answer, (kept, shot.nth)).await,
            None => Ok(()),
        },
        Tap::SameSeed(shot) => {
            let seed = answer.files.get(usize::from(shot.nth)).and_then(|kept| kept.seed);
            reword(turn, order, seed).await
        }
        Tap::Complain(_) => {
            alerts::complaint(turn, order).await?;
            turn.alert(turn.lang().plain("toast-complained", args! {}));
            Ok(())
        }
        other => buttons(turn, order, &answer, other).await,
    }
}

/// Only other buttons under the same picture, or the same picture in another shape.
async fn buttons(turn: &Turn, order: &Order, answer: &Answer, tap: Tap) -> Done {
    let lang = turn.lang();
    let (_, overview) = turn.account().await?;
    let served = modes::served(&turn.door);
    let of = |shot: Shot| {
        let seed = answer.files.get(usize::from(shot.nth)).and_then(|kept| kept.seed);
        modes::buttons(order, &served, &overview, seed, shot.nth)
    };
    match tap {
        Tap::Formats(shot) => turn.rearrange(keyboards::formats_of(lang, shot)),
        Tap::More(shot) => turn.rearrange(keyboards::more(lang, &of(shot))),
        Tap::Back(shot) => turn.rearrange(keyboards::result(lang, &of(shot))),
        Tap::Reshape(shot, format) => {
            turn.rearrange(keyboards::result(lang, &of(shot)));
            if let Ok(Request::ImageGenerate(mut request)) = order.asked.read() {
                let model = request.choice.model.clone();
                let (width, height) = modes::size(&turn.door, model.as_deref(), format.aspect());
                (request.width, request.height) = (Some(width), Some(height));
                return offer::offer(turn, order.asked.clone().with(&request.into())).await;
            }
        }
        _ => {}
    }
    Ok(())
}

/// One picture of an answer, if it is still there.
async fn kept(turn: &Turn, answer: &Answer, shot: Shot) -> Result<Option<Kept>, crate::media::Failure> {
    let kept = answer.files.get(usize::from(shot.nth)).copied();
    let there = match kept {
        Some(kept) => turn.door.storage.meta(kept.asset).await?.is_some(),
        None => false,
    };
    if !there {
        turn.alert(turn.lang().plain("toast-picture-gone", args! {}));
    }
    Ok(kept.filter(|_| there))
}

/// The same once more, with another seed.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn again(turn: &Turn, order: &Order) -> Done {
    let Ok(mut request) = order.asked.read() else {
        turn.toast(turn.lang().plain("toast-old", args! {}));
        return Ok(());
    };
    match &mut request {
        Request::ImageGenerate(drawing) => drawing.seed = None,
        Request::ImageEdit(edit) => edit.drawing.seed = None,
        _ => {}
    }
    offer::offer(turn, order.asked.clone().with(&request)).await
}

/// The same in other words; with this seed, where one is wanted.
///
/// # Errors
/// None; of the form of the others.
pub async fn reword(turn: &Turn, order: &Order, seed: Option<u64>) -> Done {
    let lang = turn.lang();
    let mut asked = order.asked.clone();
    if let (Some(seed), Ok(Request::ImageGenerate(mut request))) = (seed, asked.read()) {
        request.seed = Some(seed);
        asked = asked.with(&request.into());
    }
    turn.go(Step::Reword { asked: Box::new(asked) });
    let html = match seed {
        Some(seed) => lang.html("same-seed-ask", args! { "seed" => seed.to_string() }),
        None => lang.html("create-ask", args! {}),
    };
    turn.ask(html, lang.plain("ask-prompt", args! {}));
    Ok(())
}

/// A failure, to the administrators.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn report(turn: &Turn, order: &Order) -> Done {
    alerts::report(turn, order).await?;
    turn.alert(turn.lang().plain("toast-reported", args! {}));
    Ok(())
}

/// Draws the prompt that was written.
async fn use_prompt(turn: &Turn, answer: &Answer) -> Done {
    let Some(prompt) = answer.text.as_ref().map(|text| text.text.trim()).filter(|text| !text.is_empty()) else {
        turn.toast(turn.lang().plain("toast-old", args! {}));
        return Ok(());
    };
    let request = ImageRequest::new(prompt);
    offer::offer(turn, Asked::new(Mode::Create, &Request::from(request), prompt)).await
}

fn text_file(turn: &Turn, order: &Order, answer: &Answer) -> Done {
    let text = answer.text.as_ref().map(|text| text.text.clone()).unwrap_or_default();
    let name = turn.lang().plain("file-transcript", args! { "job" => order.number });
    let body = Body::TextFile { name, text, caption: String::new() };
    let parcel = turn.answer(body, Default::default());
    turn.put(Parcel { urgency: Urgency::Result, ..parcel });
    Ok(())
}

/// One of several, by itself, with everything that can be done with it.
async fn variant(turn: &Turn, order: &Order, kept: Kept, nth: u8) -> Done {
    let (_, overview) = turn.account().await?;
    let served = modes::served(&turn.door);
    let of = modes::buttons(order, &served, &overview, kept.seed, nth);
    let caption = super::super::words::caption::short(turn.lang(), &order.asked.words, kept.seed);
    let parcel = turn.answer(Body::Photo { asset: kept.asset, caption }, keyboards::result(turn.lang(), &of));
    turn.put(Parcel { urgency: Urgency::Result, ..parcel });
    Ok(())
}

/// The picture byte for byte.
async fn file(turn: &Turn, order: &Order, answer: &Answer, (kept, nth): (Kept, u8)) -> Done {
    let lang = turn.lang();
    let meta = turn.door.storage.meta(kept.asset).await?;
    let side = |name: &str| meta.as_ref().and_then(|meta| meta.metadata.get(name)?.as_i64()).unwrap_or_default();
    let caption = lang.html(
        "as-file",
        args! {
            "model" => turn.door.title_of(&answer.provenance.model), "width" => side("width"), "height" => side("height"),
            "size" => size_of(lang, meta.as_ref().map_or(0, |meta| meta.size)),
        },
    );
    let body = Body::File { asset: kept.asset, name: modes::file_name(order, nth), caption };
    let parcel = turn.answer(body, Default::default());
    turn.put(Parcel { urgency: Urgency::Result, ..parcel });
    turn.toast(lang.plain("toast-sending", args! {}));
    Ok(())
}

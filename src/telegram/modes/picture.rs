//! What modes do with pictures alike: the menu under a picture that came without words, treating one that was made
//! here, and how pictures are shown.

use super::super::conclude::Finished;
use super::super::offer;
use super::super::orders::{Asked, FileRef, Order};
use super::super::parcel::{Act as ParcelAct, Body, Parcel, Target, Urgency};
use super::super::texts::{Lang, args};
use super::super::turn::Turn;
use super::super::words::keyboards::{self, Cost, ResultButtons};
use super::super::words::mode::Mode;
use super::super::words::tap::{Act, Shot};
use super::{Done, SentPicture, change, letter, served, upscale};
use crate::accounts::Overview;
use crate::media::task::Task;
use crate::media::{ImageRequest, Request};

/// Sides and their sum up to which Telegram takes a picture as a photo, and how many times wider than high it may be.
const MOST_SIDES: u32 = 10_000;
const MOST_RATIO: u32 = 20;
/// Pictures that variations are.
const VARIATIONS: u32 = 4;

/// A picture came and nothing says what to do with it: it is kept, and the menu under it asks.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn photo_menu(turn: &Turn, sent: SentPicture) -> Done {
    let (lang, modes) = (turn.lang(), served(&turn.door));
    let asked = change::asked(vec![FileRef::Sent(sent.file.clone())], "");
    let album = sent.album.is_some();
    let compose = move |number: i64| {
        let key = if album { "photos-menu-any" } else { "photo-menu" };
        (lang.html(key, args! {}), keyboards::photo(lang, number, &modes, album))
    };
    match &sent.album {
        Some(album) => turn.hold_album(album, FileRef::Sent(sent.file), asked, compose),
        None => turn.order_held(asked, compose),
    }
    Ok(())
}

/// A picture came for upscaling: by how much is asked.
pub fn ask_scale(turn: &Turn, sent: SentPicture) {
    let lang = turn.lang();
    let asked = change::asked(vec![FileRef::Sent(sent.file)], "");
    turn.order_held(asked, move |number| {
        (lang.html("upscale-how-much", args! {}), keyboards::upscale_by(lang, number))
    });
}

/// Does something with pictures that were sent before.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn treat_sent(turn: &Turn, order: &Order, act: Act) -> Done {
    let pictures: Vec<FileRef> = order.asked.files.iter().map(|(_, file)| file.clone()).collect();
    treat_pictures(turn, pictures, act).await
}

/// Does something with a picture that was made here.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn treat(turn: &Turn, picture: FileRef, act: Act) -> Done {
    treat_pictures(turn, vec![picture], act).await
}

async fn treat_pictures(turn: &Turn, pictures: Vec<FileRef>, act: Act) -> Done {
    let mode = match act {
        Act::Change => Mode::Change,
        Act::AddText => Mode::AddText,
        Act::Upscale2 | Act::Upscale4 => Mode::Upscale,
    };
    if !turn.door.serves(super::of(mode).task()) {
        turn.alert(turn.lang().plain("toast-unserved", args! {}));
        return Ok(());
    }
    let first = pictures.first().cloned();
    match (act, first) {
        (Act::Change, _) => change::begin(turn, pictures),
        (Act::AddText, Some(first)) => letter::begin(turn, vec![first]),
        (Act::Upscale2, Some(first)) => return upscale::order(turn, first, 2).await,
        (Act::Upscale4, Some(first)) => return upscale::order(turn, first, 4).await,
        (_, None) => {}
    }
    Ok(())
}

/// Says once how many pictures of an album arrived, and corrects it as more do.
pub fn count(turn: &Turn, album: Option<&str>, count: usize, text: impl Fn(Lang, usize) -> String) {
    let lang = turn.lang();
    let Some(album) = album else {
        turn.say_with(text(lang, count), keyboards::to_menu(lang));
        return;
    };
    let slot = format!("album:{}:{album}", turn.origin.place.chat);
    let html = text(lang, count);
    let mut first = turn.answer(Body::Text { html: html.clone() }, keyboards::to_menu(lang));
    first.key.clone_from(&slot);
    if let ParcelAct::Send { slot: named, .. } = &mut first.act {
        *named = Some(slot.clone());
    }
    turn.put(first);
    if count > 1 {
        let act =
            ParcelAct::Edit { target: Target::Slot(slot.clone()), html, keyboard: Some(keyboards::to_menu(lang)) };
        let key = format!("{slot}:count");
        turn.put(Parcel { key, place: turn.origin.place, urgency: Urgency::Answer, act, job: None });
    }
}

/// Pictures like the one of this order.
///
/// # Errors
/// [`crate::media::Failure::Unavailable`] when the database does not answer.
pub async fn variations(turn: &Turn, order: &Order, picture: FileRef, local: bool) -> Done {
    let Ok(Request::ImageGenerate(mut request)) = order.asked.read() else { return Ok(()) };
    request.seed = None;
    request.count = VARIATIONS;
    let mut asked = Asked { notes: Vec::new(), files: Vec::new(), ..order.asked.clone() };
    if local {
        // Near ones: from the picture itself, half of it new. Who answers elsewhere draws anew.
        request.strength = Some(0.6);
        request.steps = None;
        (request.width, request.height) = (None, None);
        asked = asked.file("image", picture);
    }
    offer::offer(turn, asked.with(&request.into())).await
}

/// What variations would take of this account.
fn cost(overview: &Overview, model: Option<&str>) -> Cost {
    let Some(standing) = overview.tasks.iter().find(|standing| standing.task == ImageRequest::NAME) else {
        return Cost::Free;
    };
    match standing.left() {
        None => Cost::Free,
        Some(left) if left >= VARIATIONS => Cost::Requests(VARIATIONS),
        Some(left) => {
            let price = model.and_then(|model| standing.model_prices.get(model)).copied().unwrap_or(standing.price);
            Cost::Money(price * i64::from(VARIATIONS - left))
        }
    }
}

/// What stands under a picture of this order.
#[must_use]
pub fn buttons<'a>(
    order: &'a Order,
    served: &'a [Mode],
    overview: &Overview,
    seed: Option<u64>,
    nth: u8,
) -> ResultButtons<'a> {
    let model = order.asked.request.get("model").and_then(|model| model.as_str());
    ResultButtons {
        shot: Shot { job: order.number, nth },
        made_by: order.asked.mode,
        served,
        variations: cost(overview, model),
        prompt: (!order.asked.words.is_empty()).then_some(order.asked.words.as_str()),
        seed,
    }
}

/// The pictures of an answer, with what there is to say about them.
#[must_use]
pub fn present(finished: &Finished<'_>) -> Vec<Parcel> {
    let (lang, order) = (finished.order.lang, finished.order);
    let files = &finished.answer.files;
    let served = served(finished.door);
    if files.len() > 1 {
        let assets = files.iter().take(10).map(|kept| kept.asset).collect();
        let album = finished.parcel(Body::Album { assets, caption: finished.caption(0, None) }, Default::default());
        let pictures = u8::try_from(files.len()).unwrap_or(u8::MAX);
        let html = lang.html("pick-variant", args! {});
        let choice = finished.part(1, Body::Text { html }, keyboards::variants(lang, order.number, pictures));
        return vec![album, choice];
    }
    let Some(kept) = files.first() else { return Vec::new() };
    let of = buttons(order, &served, finished.overview, kept.seed, 0);
    let keyboard = if order.asked.in_group {
        keyboards::result_in_group(lang, &of, &finished.door.identity.username)
    } else {
        keyboards::result(lang, &of)
    };
    let (width, height) = finished.sizes.first().copied().unwrap_or_default();
    let too_large = width + height > MOST_SIDES || width.max(height) > MOST_RATIO * width.min(height).max(1);
    let body = if too_large || order.asked.as_file {
        let said = too_large.then(|| lang.html("sent-as-file", args! {}));
        Body::File { asset: kept.asset, name: file_name(order, 0), caption: finished.caption(0, said) }
    } else {
        Body::Photo { asset: kept.asset, caption: finished.caption(0, None) }
    };
    vec![finished.parcel(body, keyboard)]
}

/// What a picture of an order is called as a file.
#[must_use]
pub fn file_name(order: &Order, nth: u8) -> String {
    format!("samovar-{}-{}.png", order.number, nth + 1)
}

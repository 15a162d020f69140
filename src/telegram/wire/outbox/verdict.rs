//! What a failed call means for its parcel.

use super::onward;
use super::rows::{End, Waiting};
use super::sent::Sent;
use crate::telegram::parcel::{Act, Urgency};
use crate::telegram::wire::trouble::Trouble;
use std::time::Duration;

/// A token that is not accepted is tried no more often.
const NO_TOKEN: Duration = Duration::from_secs(60);
/// Calls of a change of which it is not known whether it was made.
const TRIES: i64 = 5;

/// What a failed call means.
#[derive(Debug)]
pub(super) struct Verdict {
    /// For the parcel.
    pub end: End,
    /// For others.
    pub effect: Effect,
    /// How long the chat is left alone.
    pub pause: Option<Duration>,
}

/// What follows for others.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Nothing,
    /// The chat must wait.
    Wait(Duration),
    /// The chat has another number.
    Moved(i64),
    /// Nothing can be sent to the chat.
    Unreachable,
    /// Telegram does not hear; it is not called for at least so long.
    NotHeard(Duration),
}

impl Verdict {
    fn only(end: End) -> Self {
        Self { end, effect: Effect::Nothing, pause: None }
    }

    fn again(effect: Effect) -> Self {
        Self { end: End::Waiting, effect, pause: None }
    }
}

/// What this means after so many calls.
pub(super) fn verdict(parcel: &Waiting, attempt: i64, trouble: Trouble) -> Verdict {
    let changes = !matches!(parcel.act, Some(Act::Send { .. }));
    let missed_by_nobody = changes && parcel.urgency == Urgency::Status;
    match trouble {
        Trouble::Wait(long) if missed_by_nobody => {
            Verdict { end: End::Dropped("the chat had to wait".to_owned()), effect: Effect::Wait(long), pause: None }
        }
        Trouble::Wait(long) => Verdict::again(Effect::Wait(long)),
        Trouble::Moved(to) => Verdict::again(Effect::Moved(to)),
        Trouble::NotSent(_) => Verdict::again(Effect::NotHeard(Duration::ZERO)),
        Trouble::Fatal(reason) => {
            tracing::error!(reason, "Telegram does not accept the bot's token: nothing can be sent");
            Verdict::again(Effect::NotHeard(NO_TOKEN))
        }
        Trouble::Unreachable(reason) => Verdict { end: End::Refused(reason), effect: Effect::Unreachable, pause: None },
        Trouble::Unsure(reason) => unsure(parcel, attempt, changes, reason),
        Trouble::Harmless(reason) if changes => {
            let as_it_should_be =
                matches!(parcel.act, Some(Act::Delete { .. })) || reason.to_lowercase().contains("not modified");
            Verdict::only(if as_it_should_be { End::Sent(Sent::default()) } else { End::Dropped(reason) })
        }
        other => {
            tracing::warn!(parcel = parcel.id, chat = parcel.place.chat, trouble = %other, "Telegram refused a parcel");
            Verdict::only(End::Refused(other.to_string()))
        }
    }
}

/// A message must not come twice; anything else may be done twice.
fn unsure(parcel: &Waiting, attempt: i64, changes: bool, reason: String) -> Verdict {
    let pause = Duration::from_secs(1 << attempt.clamp(0, 6)).min(Duration::from_secs(60));
    let again = Verdict { end: End::Waiting, effect: Effect::Nothing, pause: Some(pause) };
    if onward::is_question(&parcel.key) {
        return again;
    }
    if !changes {
        return Verdict::only(End::Unsure(reason));
    }
    if parcel.urgency == Urgency::Status || attempt >= TRIES {
        return Verdict::only(End::Dropped(reason));
    }
    again
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telegram::parcel::{Body, Place, Target};

    fn parcel(act: Act, urgency: Urgency) -> Waiting {
        let place = Place { chat: 7, topic: None };
        Waiting { id: 1, key: "k".into(), place, urgency, act: Some(act), job: None }
    }

    fn send() -> Waiting {
        let body = Body::Text { html: "x".into() };
        parcel(Act::Send { body, reply_to: None, keyboard: None, slot: None, ask: None }, Urgency::Result)
    }

    fn edit(urgency: Urgency) -> Waiting {
        parcel(Act::Edit { target: Target::Message(3), html: "x".into(), keyboard: None }, urgency)
    }

    fn delete() -> Waiting {
        parcel(Act::Delete { target: Target::Message(3) }, Urgency::Answer)
    }

    fn said() -> String {
        "so it was said".to_owned()
    }

    fn end(parcel: &Waiting, attempt: i64, trouble: Trouble) -> &'static str {
        match verdict(parcel, attempt, trouble).end {
            End::Sent(_) => "sent",
            End::Unsure(_) => "unsure",
            End::Refused(_) => "refused",
            End::Dropped(_) => "dropped",
            End::Waiting => "waiting",
        }
    }

    #[test]
    fn a_message_that_may_have_arrived_is_not_sent_again_and_a_change_is_made_again() {
        assert_eq!(end(&send(), 1, Trouble::Unsure(said())), "unsure");
        assert_eq!(end(&edit(Urgency::Answer), 1, Trouble::Unsure(said())), "waiting");
        assert_eq!(end(&edit(Urgency::Answer), TRIES, Trouble::Unsure(said())), "dropped");
        assert_eq!(end(&edit(Urgency::Status), 1, Trouble::Unsure(said())), "dropped");
        assert_eq!(end(&delete(), 1, Trouble::Unsure(said())), "waiting");
        let question = Waiting { key: "unsure:1:1".into(), ..send() };
        assert_eq!(end(&question, 100, Trouble::Unsure(said())), "waiting");
    }

    #[test]
    fn what_was_not_heard_or_came_too_early_is_done_again() {
        for trouble in [Trouble::NotSent(said()), Trouble::Fatal(said()), Trouble::Moved(-5)] {
            assert_eq!(end(&send(), 1, trouble.clone()), "waiting", "{trouble}");
            assert_eq!(end(&edit(Urgency::Status), 100, trouble), "waiting");
        }
        let wait = || Trouble::Wait(Duration::from_secs(9));
        assert_eq!(end(&send(), 1, wait()), "waiting");
        assert_eq!(end(&edit(Urgency::Answer), 1, wait()), "waiting");
        assert_eq!(end(&edit(Urgency::Status), 1, wait()), "dropped");
        assert_eq!(verdict(&send(), 1, wait()).effect, Effect::Wait(Duration::from_secs(9)));
    }

    #[test]
    fn what_is_so_already_is_done() {
        let not_modified = || Trouble::Harmless("Bad Request: message is NOT MODIFIED: …".into());
        let gone = || Trouble::Harmless("Bad Request: message to edit not found".into());
        assert_eq!(end(&edit(Urgency::Answer), 1, not_modified()), "sent");
        assert_eq!(end(&edit(Urgency::Answer), 1, gone()), "dropped");
        assert_eq!(end(&delete(), 1, gone()), "sent");
    }

    #[test]
    fn what_is_refused_stays_refused() {
        for trouble in [Trouble::Unreachable(said()), Trouble::Refused(said()), Trouble::TooBig(said())] {
            assert_eq!(end(&send(), 1, trouble.clone()), "refused", "{trouble}");
        }
        assert_eq!(verdict(&send(), 1, Trouble::Unreachable(said())).effect, Effect::Unreachable);
        assert_eq!(verdict(&send(), 1, Trouble::Refused(said())).effect, Effect::Nothing);
    }
}

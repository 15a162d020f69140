//! Ways in which a call goes wrong, and the script that says which one does.

use super::refusal::Refusal;
use std::time::Duration;

/// A way to go wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// 429 with these seconds.
    TooMany(u64),
    /// Another refusal.
    Refused(Refusal),
    /// 500, in the server's words.
    Server,
    /// 502 with a page of the machine in front of the server.
    Gateway,
    /// Read and never answered; cut off once it is released.
    Hang,
    /// Read, and treated as usual once it is released.
    Hold,
    /// Done, and answered once it is released.
    Mute,
    /// The connection is closed and nothing was done. Where no chat is named it is closed before the body is read.
    DropBefore,
    /// Done, and the connection is closed without an answer.
    DropAfter,
    /// Treated as usual after this time.
    Slow(Duration),
}

/// A fault of a method, for so many calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Trouble {
    method: String,
    fault: Fault,
    times: usize,
    after: usize,
    chat: Option<i64>,
}

impl Trouble {
    /// The next call of a method (`"*"` stands for all but `getUpdates`).
    pub fn with(method: &str, fault: Fault) -> Self {
        Self { method: method.to_ascii_lowercase(), fault, times: 1, after: 0, chat: None }
    }

    /// For so many calls.
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// For every call from now on.
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// After so many calls that go well.
    pub fn after(self, calls: usize) -> Self {
        Self { after: calls, ..self }
    }

    /// Only about this chat.
    pub fn in_chat(self, chat: i64) -> Self {
        Self { chat: Some(chat), ..self }
    }

    fn concerns(&self, method: &str, chat: Option<i64>) -> bool {
        let method_fits = self.method == method || (self.method == "*" && method != "getupdates");
        method_fits && (self.chat.is_none() || self.chat == chat)
    }
}

/// What is going to go wrong.
#[derive(Debug, Default)]
pub struct Script {
    troubles: Vec<Trouble>,
}

impl Script {
    /// One more.
    pub fn add(&mut self, trouble: Trouble) {
        self.troubles.push(trouble);
    }

    /// Nothing goes wrong any more.
    pub fn clear(&mut self) {
        self.troubles.clear();
    }

    /// Whether the next call is closed before it is read.
    pub fn takes_unread(&mut self, method: &str) -> bool {
        let next = self.troubles.iter().find(|trouble| trouble.concerns(method, None));
        let unread = next
            .is_some_and(|trouble| trouble.fault == Fault::DropBefore && trouble.after == 0 && trouble.chat.is_none());
        unread && self.take(method, None).is_some()
    }

    /// What happens to this call; used up by asking.
    pub fn take(&mut self, method: &str, chat: Option<i64>) -> Option<Fault> {
        let at = self.troubles.iter().position(|trouble| trouble.concerns(method, chat))?;
        let trouble = &mut self.troubles[at];
        if trouble.after > 0 {
            trouble.after -= 1;
            return None;
        }
        let fault = trouble.fault.clone();
        trouble.times = trouble.times.saturating_sub(usize::from(trouble.times != usize::MAX));
        if trouble.times == 0 {
            self.troubles.remove(at);
        }
        Some(fault)
    }
}

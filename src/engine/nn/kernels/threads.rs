//! The threads that compute, and how they share work. Each begins with its own stretch of the pieces, so that what it
//! made of a layer it finds in its cache when the next one begins, and then takes from the ends of the others' stretches:
//! nobody waits longer than a piece takes, even where other processes or machines slow one of them down.
//!
//! Between two layers they stay awake for a moment ([`AWAKE`]): a thread that sleeps takes longer to wake than many a
//! layer takes to compute, above all on a rented machine, whose processor falls asleep with it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread::{Builder, Thread, available_parallelism, park, yield_now};
use std::time::{Duration, Instant};

/// How long one that has nothing to do looks for work before it sleeps.
const AWAKE: Duration = Duration::from_millis(2);
/// Looks between two offers to let another process have the core.
const LOOKS: usize = 64;

static TEAM: OnceLock<Team> = OnceLock::new();

/// Says how many compute, before anything was computed; later it changes nothing. Otherwise there are as many as there
/// are cores for this process.
pub fn start(threads: usize) {
    TEAM.get_or_init(|| Team::of(threads));
}

/// How many compute.
#[must_use]
pub fn count() -> usize {
    1 + team().helpers.len()
}

fn team() -> &'static Team {
    TEAM.get_or_init(|| Team::of(available_parallelism().map_or(1, usize::from)))
}

/// Has all pieces worked on, by this thread and all others, and returns when that is done. While the others are at work
/// already, for another thread or because this is within one of their pieces, this one does it alone.
///
/// # Panics
/// When `work` does.
pub fn each<T: Send>(pieces: impl Iterator<Item = T>, work: impl Fn(T) + Sync) {
    team().each(pieces, work);
}

/// The same of work that can fail: then no further piece is begun.
///
/// # Errors
/// The first.
///
/// # Panics
/// When `work` does.
pub fn try_each<T: Send, E: Send + Sync>(
    pieces: impl Iterator<Item = T>,
    work: impl Fn(T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let failed = OnceLock::new();
    each(pieces, |piece| {
        if failed.get().is_none()
            && let Err(error) = work(piece)
        {
            // Another may have been first.
            let _ = failed.set(error);
        }
    });
    failed.into_inner().map_or(Ok(()), Err)
}

/// A lock, whatever happened to somebody who held it: what is behind these is whole at any time.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What each thread does, told its number: 0 is the one that gives it out.
type Work<'a> = dyn Fn(usize) + Sync + 'a;

struct Team {
    board: Arc<Board>,
    helpers: Vec<Thread>,
    /// Held by the one who has the others work.
    turn: Mutex<()>,
}

/// Where work is given out.
struct Board {
    /// The work's number in the upper half, then [`OPEN`], then how many helpers are at it.
    state: AtomicU64,
    /// The work, where it lies with the one who gives it out: to be read by those only who are counted in the state.
    work: AtomicPtr<&'static Work<'static>>,
    /// Which helpers sleep, or are about to.
    asleep: Vec<AtomicBool>,
    /// What a helper panicked with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Whether helpers may begin with the work.
const OPEN: u64 = 1 << 31;
/// One helper.
const ONE: u64 = 1;
/// All of them.
const HELPERS: u64 = OPEN - 1;

const fn number_of(state: u64) -> u64 {
    state >> 32
}

/// Whether that is work that may be begun, of another number than what was done last.
const fn is_new(state: u64, done: u64) -> bool {
    state & OPEN > 0 && number_of(state) != done
}

impl Team {
    /// As many as were asked for, or as the system starts.
    fn of(threads: usize) -> Self {
        let wanted = threads.saturating_sub(1);
        let board = Arc::new(Board {
            state: AtomicU64::new(0),
            work: AtomicPtr::default(),
            asleep: (0..wanted).map(|_| AtomicBool::new(false)).collect(),
            panic: Mutex::new(None),
        });
        let start = |own: usize| {
            let board = Arc::clone(&board);
            let thread = Builder::new().name(format!("compute-{}", own + 1)).spawn(move || board.help(own));
            thread.ok().map(|handle| handle.thread().clone())
        };
        let helpers = (0..wanted).map_while(start).collect();
        Self { board, helpers, turn: Mutex::new(()) }
    }

    fn each<T: Send>(&self, pieces: impl Iterator<Item = T>, work: impl Fn(T) + Sync) {
        let mut pieces: Vec<Option<T>> = pieces.map(Some).collect();
        if pieces.len() <= 1 {
            return pieces.into_iter().flatten().for_each(work);
        }
        let stretch = pieces.len().div_ceil(1 + self.helpers.len());
        let stretches: Vec<_> = pieces.chunks_mut(stretch).map(|own| Mutex::new(own.iter_mut())).collect();
        // Not in a loop's head, where the lock would be held while a piece is worked on.
        let first = |of: usize| held(&stretches[of]).next().and_then(Option::take);
        let last = |of: usize| held(&stretches[of]).next_back().and_then(Option::take);
        self.together(&|own| {
            let own = own % stretches.len();
            while let Some(piece) = first(own) {
                work(piece);
            }
            for other in (own + 1..stretches.len()).chain(0..own) {
                while let Some(piece) = last(other) {
                    work(piece);
                }
            }
        });
    }

    /// Runs `work` once on this thread and on any other that comes in time. When it returns, none of them is at it.
    fn together(&self, work: &Work<'_>) {
        let turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return work(0),
        };
        let given = Given::out(self, &work);
        work(0);
        drop(given);
        let panic = held(&self.board.panic).take();
        drop(turn);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

/// Work that is given out. Whoever drops this, in a panic too, has waited for all helpers.
struct Given<'a>(&'a Board);

impl<'a> Given<'a> {
    fn out(team: &'a Team, work: &'a &Work<'_>) -> Self {
        let board = &*team.board;
        *held(&board.panic) = None;
        let at: *const &Work<'_> = work;
        // The pointer forgets how long the work lives; those who read it are waited for.
        board.work.store(at.cast_mut().cast(), Ordering::Relaxed);
        let number = number_of(board.state.load(Ordering::Relaxed)).wrapping_add(1);
        // In one order with the helpers' `asleep`: either they see the work or this sees them asleep.
        board.state.store(number << 32 | OPEN, Ordering::SeqCst);
        for (asleep, helper) in board.asleep.iter().zip(&team.helpers) {
            if asleep.load(Ordering::SeqCst) && asleep.swap(false, Ordering::SeqCst) {
                helper.unpark();
            }
        }
        Self(board)
    }
}

impl Drop for Given<'_> {
    fn drop(&mut self) {
        self.0.state.fetch_and(!OPEN, Ordering::Relaxed);
        let mut looks = 0usize;
        while self.0.state.load(Ordering::Acquire) & HELPERS > 0 {
            looks += 1;
            look_again(looks);
        }
    }
}

/// Waits for the next look; now and then another process may have the core.
fn look_again(looks: usize) {
    if looks.is_multiple_of(LOOKS) { yield_now() } else { std::hint::spin_loop() }
}

impl Board {
    /// What a helper does all its life.
    fn help(&self, own: usize) {
        let mut done = 0;
        loop {
            if let Some(number) = self.begin(done) {
                done = number;
                self.work(1 + own);
            } else {
                self.wait(own, done);
            }
        }
    }

    /// Counts this thread in if there is new work, and tells its number.
    fn begin(&self, done: u64) -> Option<u64> {
        let one_more = |state: u64| is_new(state, done).then_some(state + ONE);
        self.state.fetch_update(Ordering::Acquire, Ordering::Relaxed, one_more).ok().map(number_of)
    }

    /// Works, counted in, and leaves.
    fn work(&self, own: usize) {
        // SAFETY: this thread was counted in while the work was given out, and until it is no longer, the one who gives
        // it out waits, with the reference and the work it refers to in place.
        let work = unsafe { *self.work.load(Ordering::Relaxed) };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(own))) {
            *held(&self.panic) = Some(panic);
        }
        self.state.fetch_sub(ONE, Ordering::Release);
    }

    /// Until there may be new work.
    fn wait(&self, own: usize, done: u64) {
        let since = Instant::now();
        let mut looks = 0usize;
        while !is_new(self.state.load(Ordering::Relaxed), done) {
            looks += 1;
            look_again(looks);
            if looks.is_multiple_of(LOOKS) && since.elapsed() > AWAKE {
                let asleep = &self.asleep[own];
                asleep.store(true, Ordering::SeqCst);
                if is_new(self.state.load(Ordering::SeqCst), done) {
                    asleep.store(false, Ordering::Relaxed);
                } else {
                    while asleep.load(Ordering::SeqCst) {
                        park();
                    }
                }
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;
    use std::thread::{ThreadId, current, scope, sleep};

    #[test]
    fn every_piece_is_worked_on_once() {
        for threads in [1, 2, 5] {
            let team = Team::of(threads);
            for pieces in (0..2000).map(|n| n % 40) {
                let times: Vec<AtomicUsize> = (0..pieces).map(|_| AtomicUsize::new(0)).collect();
                team.each(0..pieces, |piece| {
                    times[piece].fetch_add(1, Ordering::Relaxed);
                });
                assert!(times.iter().all(|times| times.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn all_threads_take_part_awake_or_asleep() {
        let team = Team::of(4);
        for pause in [Duration::ZERO, Duration::ZERO, 5 * AWAKE, Duration::ZERO, 5 * AWAKE] {
            // Not to wait for anything: so that they fall asleep, or not.
            sleep(pause);
            let (all, seen) = (Barrier::new(4), Mutex::new(HashSet::<ThreadId>::new()));
            team.each(0..4, |_| {
                all.wait();
                held(&seen).insert(current().id());
            });
            assert_eq!(held(&seen).len(), 4);
        }
    }

    #[test]
    fn within_a_piece_and_beside_another_a_thread_works_alone() {
        let team = Team::of(3);
        let sum = AtomicUsize::new(0);
        let alone = || {
            let own = current().id();
            team.each(0..5, |piece| {
                assert_eq!(current().id(), own);
                sum.fetch_add(piece, Ordering::Relaxed);
            });
        };
        for _ in 0..200 {
            team.each(0..8, |_| {
                alone();
                scope(|scope| scope.spawn(alone).join().expect("it works alone"));
            });
        }
        assert_eq!(sum.load(Ordering::Relaxed), 200 * 8 * 2 * 10);
    }

    #[test]
    fn any_number_of_threads_may_ask_at_once() {
        let team = Team::of(3);
        let sum = AtomicUsize::new(0);
        let work = || {
            for _ in 0..200 {
                team.each(0..8, |_| {
                    team.each(0..5, |piece| {
                        sum.fetch_add(piece, Ordering::Relaxed);
                    });
                });
            }
        };
        scope(|scope| (0..3).for_each(|_| drop(scope.spawn(work))));
        assert_eq!(sum.load(Ordering::Relaxed), 3 * 200 * 8 * 10);
    }

    #[test]
    fn a_panic_comes_back_and_harms_nothing() {
        let team = Team::of(2);
        for _ in 0..50 {
            let main = current().id();
            for on_main in [true, false] {
                let both = Barrier::new(2);
                let result = catch_unwind(AssertUnwindSafe(|| {
                    team.each(0..2, |_| {
                        both.wait();
                        assert_ne!(on_main, current().id() == main, "as wanted");
                    });
                }));
                let panic = result.expect_err("a panic");
                assert!(panic.downcast_ref::<String>().expect("a sentence").contains("as wanted"));
            }
            let pieces = AtomicUsize::new(0);
            team.each(0..9, |_| {
                pieces.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(pieces.load(Ordering::Relaxed), 9);
        }
    }

    #[test]
    fn after_an_error_no_piece_is_begun() {
        let begun = AtomicUsize::new(0);
        let result = try_each(0..1_000_000, |piece| {
            begun.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(piece)
        });
        assert!(result.is_err());
        // None begins another after its own.
        assert!((1..=count()).contains(&begun.load(Ordering::Relaxed)), "{begun:?}");
        let result: Result<(), usize> = try_each(0..1000, |piece| if piece == 100 { Err(piece) } else { Ok(()) });
        assert_eq!(result, Err(100));
        let mut values = [0; 50];
        each(values.chunks_mut(7).enumerate(), |(i, chunk)| chunk.fill(i));
        assert!(values.iter().enumerate().all(|(i, value)| *value == i / 7), "{values:?}");
    }
}

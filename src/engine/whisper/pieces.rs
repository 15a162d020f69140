//! Where a recording is cut: from how probable speech is in each frame to the pieces that are read one by one. Silence
//! is left out, and no piece is longer than what the model hears at a time. Numbers only: no sound, no model.

use std::ops::Range;

/// Frames of 32 ms in so many milliseconds.
pub(super) const fn frames(milliseconds: usize) -> usize {
    milliseconds / 32
}

/// From this probability on somebody speaks,
const SPEECH: f32 = 0.5;
/// and down to this one it may be the beginning or the end of it, which is often quiet.
const PERHAPS: f32 = 0.15;
/// Speech lasts at least so long: what is shorter is a noise.
const SHORTEST: usize = frames(128);
/// Holes up to this do not end it.
const HOLE: usize = frames(500);
/// Pauses up to this stay in a piece.
const PAUSE: usize = frames(4000);
/// Longest piece: with its margins what the model hears at a time, 30 s.
const LONGEST: usize = frames(27_900);
/// Where speech without a pause is cut at the earliest.
const EARLIEST: usize = frames(14_000);
/// What is kept before and after speech.
const MARGIN: usize = frames(1000);
/// The beginning and the end of a recording stay with the piece beside them up to this length.
const EDGE: usize = frames(3000);
/// All that the model hears at a time.
const WINDOW: usize = frames(30_000);

/// A piece of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Its frames.
    pub(super) frames: Range<usize>,
    /// Whether it goes on where the one before ended, in mid-speech.
    pub(super) follows: bool,
}

/// Cuts a recording while its frames come in.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    probabilities: Vec<f32>,
    /// What lies before was cut or left out.
    from: usize,
    /// Whether the last cut was in mid-speech.
    midst: bool,
}

impl Cutter {
    /// Takes in how probable speech is in the frames that come next.
    pub(super) fn hear(&mut self, probabilities: &[f32]) {
        self.probabilities.extend_from_slice(probabilities);
    }

    /// Frames heard.
    pub(super) fn heard(&self) -> usize {
        self.probabilities.len()
    }

    /// Nothing before this frame will be in a piece.
    pub(super) fn from(&self) -> usize {
        self.from
    }

    /// The next piece, once it is certain; with `ended`, nothing more comes and everything is.
    pub(super) fn next(&mut self, ended: bool) -> Option<Piece> {
        let islands = self.islands();
        let end = self.heard();
        let spoken: Vec<&Range<usize>> =
            islands.iter().filter(|(_, strong)| *strong >= SHORTEST).map(|(island, _)| island).collect();
        let Some(first) = spoken.first() else {
            self.pass(islands.last().map(|(island, _)| island));
            return None;
        };
        let mut speech = (*first).clone();
        let mut rest = spoken[1..].iter();
        let mut next = rest.next();
        while let Some(island) = next.filter(|island| joined(&speech, island)) {
            speech.end = island.end;
            next = rest.next();
        }
        let mut midst = false;
        if speech.len() > LONGEST {
            speech.end = self.weakest(speech.start + EARLIEST..speech.start + LONGEST);
            midst = true;
        } else if !ended && next.is_none() && end - speech.end <= PAUSE {
            return None;
        }
        let until = if midst { speech.end } else { next.map_or(end, |island| island.start) };
        let frames = self.with_margins(&speech, until, ended && next.is_none() && !midst);
        let follows = std::mem::replace(&mut self.midst, midst) && speech.start <= self.from + MARGIN;
        self.from = frames.end;
        Some(Piece { frames, follows })
    }

    /// Leaves out what was heard in which nobody spoke, but for what may be a beginning.
    fn pass(&mut self, perhaps: Option<&Range<usize>>) {
        let end = self.heard();
        if end < WINDOW {
            return;
        }
        let begins = perhaps.filter(|island| end - island.end <= HOLE).map_or(end, |island| island.start);
        self.from = self.from.max(begins.saturating_sub(MARGIN + HOLE)).max(end.saturating_sub(LONGEST));
    }

    /// Where somebody may be speaking, and in how many frames of it somebody surely is.
    fn islands(&self) -> Vec<(Range<usize>, usize)> {
        let mut islands: Vec<(Range<usize>, usize)> = Vec::new();
        for (frame, probability) in self.probabilities.iter().enumerate().skip(self.from) {
            if *probability < PERHAPS {
                continue;
            }
            let strong = usize::from(*probability >= SPEECH);
            match islands.last_mut() {
                Some((island, count)) if frame - island.end <= HOLE => {
                    island.end = frame + 1;
                    *count += strong;
                }
                _ => islands.push((frame..frame + 1, strong)),
            }
        }
        islands
    }

    /// The end of the half second in which speech is least probable; of equal ones the last.
    fn weakest(&self, range: Range<usize>) -> usize {
        const SPAN: usize = frames(256);
        let sum = |at: &usize| self.probabilities[at - SPAN..*at].iter().sum::<f32>();
        let weakest = (range.start + SPAN..range.end).rev().min_by(|a, b| sum(a).total_cmp(&sum(b)));
        weakest.map_or(range.end, |at| at - SPAN / 2)
    }

    fn with_margins(&self, speech: &Range<usize>, until: usize, last: bool) -> Range<usize> {
        let mut start = self.from.max(speech.start.saturating_sub(MARGIN));
        let mut end = (speech.end + MARGIN).min(until);
        if self.from == 0 && speech.start <= EDGE && end <= WINDOW {
            start = 0;
        }
        if last && until - speech.end <= EDGE && until - start <= WINDOW {
            end = until;
        }
        start..end
    }
}

/// Whether speech that comes after a pause still fits into the same piece.
fn joined(speech: &Range<usize>, next: &Range<usize>) -> bool {
    next.start - speech.end <= PAUSE && next.end - speech.start <= LONGEST
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Stretches of silence and speech by turns, in frames.
    fn recording(stretches: &[usize]) -> Vec<f32> {
        let loud = |at: usize| if at % 2 == 1 { 0.9 } else { 0.02 };
        stretches.iter().enumerate().flat_map(|(at, long)| vec![loud(at); *long]).collect()
    }

    fn cut(probabilities: &[f32]) -> Vec<Piece> {
        let mut cutter = Cutter::default();
        cutter.hear(probabilities);
        std::iter::from_fn(|| cutter.next(true)).collect()
    }

    fn ranges(probabilities: &[f32]) -> Vec<Range<usize>> {
        let pieces = cut(probabilities);
        assert!(pieces.iter().all(|piece| !piece.follows), "{pieces:?}");
        pieces.into_iter().map(|piece| piece.frames).collect()
    }

    #[test]
    fn silence_and_noise_are_no_pieces() {
        assert_eq!(cut(&[]), []);
        assert_eq!(cut(&recording(&[2000])), []);
        assert_eq!(cut(&recording(&[150, SHORTEST - 1, 150, SHORTEST - 1, 3])), []);
        assert_eq!(cut(&vec![0.4; 1000]), []);
    }

    #[test]
    fn a_short_recording_is_one_piece_as_it_is() {
        for stretches in [&[10, 22, 6][..], &[EDGE, 150, EDGE], &[0, 600], &[3, 300, PAUSE, 300]] {
            let frames = recording(stretches);
            let whole = 0..frames.len();
            assert_eq!(ranges(&frames), std::slice::from_ref(&whole), "{stretches:?}");
        }
    }

    #[test]
    fn long_silence_is_left_out_but_for_margins() {
        let frames = recording(&[300, 150, 600, 125, 2000]);
        assert_eq!(ranges(&frames), [300 - MARGIN..450 + MARGIN, 1050 - MARGIN..1175 + MARGIN]);
    }

    #[test]
    fn pauses_are_kept_as_far_as_the_model_hears() {
        let frames = recording(&[0, 310, 60, 310, 60, 310, 60, 100]);
        assert_eq!(ranges(&frames), [0..680 + MARGIN, 680 + MARGIN..1210]);
        let frames = recording(&[0, 310, PAUSE + 1, 310]);
        assert_eq!(ranges(&frames), [0..310 + MARGIN, 310 + PAUSE + 1 - MARGIN..621 + PAUSE]);
    }

    #[test]
    fn speech_without_a_pause_is_cut_where_it_is_weakest() {
        let mut frames = recording(&[0, 2200]);
        frames[700..708].fill(0.4);
        let pieces = cut(&frames);
        assert_eq!(pieces[0], Piece { frames: 0..704, follows: false });
        assert!(pieces[1].follows && pieces[1].frames.start == 704, "{pieces:?}");
        assert_eq!(pieces.last().expect("a piece").frames.end, frames.len());
        assert!(pieces.iter().all(|piece| piece.frames.len() <= WINDOW), "{pieces:?}");
    }

    #[test]
    fn a_quiet_beginning_belongs_to_the_speech() {
        let mut frames = recording(&[600, 100, 600]);
        frames[540..590].fill(0.2);
        let speech = 540 - MARGIN..700 + MARGIN;
        assert_eq!(ranges(&frames), std::slice::from_ref(&speech));
    }

    proptest! {
        #[test]
        fn nothing_that_is_said_is_lost_and_nothing_twice(
            stretches in proptest::collection::vec(0..1300_usize, 0..12),
            step in 1..2000_usize,
        ) {
            let frames = recording(&stretches);
            let (mut cutter, mut pieces) = (Cutter::default(), Vec::new());
            for chunk in frames.chunks(step) {
                cutter.hear(chunk);
                while let Some(piece) = cutter.next(false) {
                    // Only what was heard can be read, and only what is still kept.
                    prop_assert!(piece.frames.end <= cutter.heard());
                    pieces.push(piece);
                }
            }
            while let Some(piece) = cutter.next(true) {
                pieces.push(piece);
            }
            for piece in &pieces {
                prop_assert!(!piece.frames.is_empty() && piece.frames.len() <= WINDOW, "{:?}", piece);
            }
            for two in pieces.windows(2) {
                prop_assert!(two[0].frames.end <= two[1].frames.start, "{:?}", two);
            }
            let read = |frame: usize| pieces.iter().any(|piece| piece.frames.contains(&frame));
            let mut at = 0;
            for (turn, long) in stretches.iter().enumerate() {
                let here = at..at + long;
                at = here.end;
                if turn % 2 == 1 && here.len() >= SHORTEST {
                    prop_assert!(here.clone().all(read), "{:?} of {:?} in {:?}", here, stretches, pieces);
                }
            }
        }
    }
}

//! What reading an MP4 costs, before it is read. For every packet its reader walks the table of durations of every track
//! from the beginning: cheap in files as they are made, where a table has a few lines, and hours of work in a file made
//! for that.

/// Lines of tables that may be walked, for all packets together: some ten seconds. An hour of a film whose every frame
/// has a duration of its own takes a tenth of it.
const MOST: u64 = 50_000_000_000;
/// Boxes on the way to the tables; what lies deeper is none.
const DEPTH: usize = 6;
/// The flag of a run in a fragment that says so of its packets.
const OWN_DURATIONS: u32 = 0x100;

/// Whether the tables of a file that may be an MP4 take too long to walk.
pub(super) fn is_endless(bytes: &[u8]) -> bool {
    let mut cost = Cost::default();
    cost.count(bytes, 0);
    cost.total() > MOST
}

#[derive(Default)]
struct Cost {
    /// Lines of the tables for the whole file, and the packets that they describe.
    lines: u64,
    packets: u64,
    /// The same of each fragment, multiplied and summed: fragments are walked one by one.
    fragments: u64,
}

impl Cost {
    fn total(&self) -> u64 {
        self.lines.saturating_mul(self.packets).saturating_add(self.fragments)
    }

    fn count(&mut self, bytes: &[u8], depth: usize) {
        for (kind, inside) in boxes(bytes) {
            let number =
                |at: usize| inside.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes);
            // A table has at most as many lines as fit into it, whatever it claims.
            let lines = |length: usize| u64::from(number(4).unwrap_or(0)).min((inside.len() / length) as u64);
            match kind {
                b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" if depth < DEPTH => self.count(inside, depth + 1),
                b"moof" | b"traf" if depth < DEPTH => {
                    let mut fragment = Self::default();
                    fragment.count(inside, depth + 1);
                    let (lines, packets) = (fragment.lines, fragment.packets);
                    if kind == b"traf" {
                        self.lines = self.lines.saturating_add(lines);
                        self.packets = self.packets.saturating_add(packets);
                    } else {
                        self.fragments = self.fragments.saturating_add(lines.saturating_mul(packets));
                    }
                }
                b"stts" => self.lines = self.lines.saturating_add(lines(8)),
                b"stsz" => self.packets = self.packets.saturating_add(number(8).unwrap_or(0).into()),
                b"trun" => {
                    // Only where each has a duration of its own there is anything to walk.
                    let own = number(0).unwrap_or(0) & OWN_DURATIONS != 0;
                    self.lines = self.lines.saturating_add(if own { lines(4) } else { 1 });
                    self.packets = self.packets.saturating_add(number(4).unwrap_or(0).into());
                }
                _ => {}
            }
        }
    }
}

/// The boxes that lie in a row, each with what is in it; up to the first that is none.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (inside, next) = match u32::from_be_bytes(*length) {
            0 => (rest, &rest[rest.len()..]),
            1 => {
                let (length, rest) = rest.split_first_chunk::<8>()?;
                let length = u64::from_be_bytes(*length).checked_sub(16)?;
                rest.split_at(usize::try_from(length).unwrap_or(usize::MAX).min(rest.len()))
            }
            length => rest.split_at((length.checked_sub(8)? as usize).min(rest.len())),
        };
        bytes = next;
        Some((kind, inside))
    })
}

//! The memory plan, made before anything is loaded: the first rung of a job's ladder that fits. It must not know what
//! the rungs are, how memory is counted, or how models are run.

use super::work::{Rung, Way};
use crate::media::Failure;

/// Memory of a device that cannot be asked: every rung fits, until one turned out to need more.
pub(super) const UNKNOWN: u64 = u64::MAX - 1;

/// How a job will be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// The way, with what it needs.
    pub(super) rung: Rung,
    /// Bytes there are for it.
    pub(super) available: u64,
    /// Whether models of other kinds leave first.
    pub(super) alone: bool,
}

/// The first rung that fits. `measured` knows the true peak of a way that was gone before; `beside`: bytes of models of
/// other kinds in memory. They leave only where the job would have to give something up for them: they are the cheapest
/// loss of all.
///
/// # Errors
/// [`Failure::OutOfMemory`] with what the cheapest rung needs.
pub(super) fn plan(
    ladder: &[Rung],
    available: u64,
    beside: u64,
    measured: impl Fn(Way) -> Option<u64>,
) -> Result<Plan, Failure> {
    let mut least = u64::MAX;
    for rung in ladder {
        let needed = measured(rung.way).unwrap_or(rung.needed);
        if needed <= available {
            let rung = Rung { needed, ..rung.clone() };
            let alone = available != UNKNOWN && needed.saturating_add(beside) > available;
            let others = if alone || available == UNKNOWN { 0 } else { beside };
            return Ok(Plan { rung, available: available - others, alone });
        }
        least = least.min(needed);
    }
    Err(Failure::OutOfMemory { needed: least, available })
}

#[cfg(test)]
mod tests {
    use super::super::draw::DrawWay;
    use super::*;
    use crate::engine::protocol::Keep;
    use crate::media::Decoder;

    fn way(side: u32) -> Way {
        let size = (side, side);
        Way::Draw(DrawWay { size, guided: false, keep: Keep::All, tiled: false, decoder: Decoder::Vae })
    }

    /// A ladder whose rungs are said to need 100, 90, 50 and 20 bytes.
    fn ladder() -> Vec<Rung> {
        let rung = |needed: u64, side| Rung { way: way(side), needed, notices: vec![format!("{needed}")] };
        vec![rung(100, 1), rung(90, 2), rung(50, 3), rung(20, 4)]
    }

    fn chosen(available: u64, beside: u64) -> Result<(u64, u64, bool), Failure> {
        plan(&ladder(), available, beside, |_| None).map(|plan| (plan.rung.needed, plan.available, plan.alone))
    }

    #[test]
    fn the_cheapest_loss_that_fits_is_taken() {
        assert_eq!(chosen(100, 0), Ok((100, 100, false)));
        assert_eq!(chosen(99, 0), Ok((90, 99, false)));
        assert_eq!(chosen(60, 0), Ok((50, 60, false)));
        assert_eq!(chosen(20, 0), Ok((20, 20, false)));
        assert_eq!(chosen(19, 0), Err(Failure::OutOfMemory { needed: 20, available: 19 }));
    }

    #[test]
    fn other_models_stay_unless_something_would_have_to_be_given_up_for_them() {
        assert_eq!(chosen(105, 5), Ok((100, 100, false)), "both fit");
        assert_eq!(chosen(104, 5), Ok((100, 104, true)), "the others leave before anything is lost");
        assert_eq!(chosen(95, 5), Ok((90, 90, false)), "what is lost anyway is not lost for them");
        assert_eq!(chosen(19, 5), Err(Failure::OutOfMemory { needed: 20, available: 19 }));
        assert_eq!(chosen(UNKNOWN, 5), Ok((100, UNKNOWN, false)), "a card is tried");
    }

    #[test]
    fn what_was_measured_counts_more_than_what_was_reckoned() {
        let measured = |of| (of == way(1)).then_some(150).or((of == way(2)).then_some(30));
        assert_eq!(plan(&ladder(), 149, 0, measured).map(|plan| plan.rung.needed), Ok(30));
    }

    #[test]
    fn a_device_that_cannot_be_asked_is_tried_rung_by_rung() {
        let mut failed: Vec<Way> = Vec::new();
        let mut try_next = || {
            let measured = |way| failed.contains(&way).then_some(UNKNOWN + 1);
            let plan = plan(&ladder(), UNKNOWN, 0, measured)?;
            failed.push(plan.rung.way);
            Ok::<u64, Failure>(plan.rung.needed)
        };
        let tried: Vec<_> = (0..5).map(|_| try_next().ok()).collect();
        assert_eq!(tried, [Some(100), Some(90), Some(50), Some(20), None]);
    }
}

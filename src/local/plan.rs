//! The memory plan, made before anything is loaded: the ladder of what can be given up, cheapest loss first, and the
//! first rung that fits. It must not know how memory is counted or how models are run.

use super::footprint::{Drawing, Footprint};
use crate::media::{Decoder, Failure};

/// Memory of a device that cannot be asked: every rung fits, until one turned out to need more.
pub(super) const UNKNOWN: u64 = u64::MAX - 1;

/// What is given up to save memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Rung {
    /// The text encoders leave once the prompt is encoded.
    pub(super) drop_text_encoders: bool,
    /// The autoencoder works in strips.
    pub(super) tiled: bool,
    /// What decodes.
    pub(super) decoder: Decoder,
}

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// Pixels a picture.
    pub(super) pixels: u64,
    /// Guidance above 1.
    pub(super) guided: bool,
    /// The decoder somebody asked for; such a wish is never overruled.
    pub(super) decoder: Option<Decoder>,
}

/// How it will be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// What is given up.
    pub(super) rung: Rung,
    /// Bytes it needs.
    pub(super) needed: u64,
    /// Bytes there are.
    pub(super) available: u64,
    /// What the caller should know of it.
    pub(super) notices: Vec<String>,
}

/// The first rung that fits. `measured` knows the true peak of a rung that was drawn before.
///
/// # Errors
/// [`Failure::OutOfMemory`] with what the cheapest rung needs.
pub(super) fn plan(
    footprint: &Footprint,
    wish: Wish,
    available: u64,
    measured: impl Fn(Rung) -> Option<u64>,
) -> Result<Plan, Failure> {
    let mut least = u64::MAX;
    for rung in ladder(wish.decoder, footprint.taesd > 0) {
        let needed = measured(rung).unwrap_or_else(|| footprint.peak(&drawing(wish, rung)));
        if needed <= available {
            return Ok(Plan { rung, needed, available, notices: notices(rung, wish.decoder) });
        }
        least = least.min(needed);
    }
    Err(Failure::OutOfMemory { needed: least, available })
}

fn ladder(asked: Option<Decoder>, tiny_installed: bool) -> Vec<Rung> {
    let decoder = asked.unwrap_or_default();
    let everything = Rung { drop_text_encoders: false, tiled: false, decoder };
    let mut rungs = vec![everything, Rung { drop_text_encoders: true, ..everything }];
    if decoder == Decoder::Vae {
        rungs.push(Rung { drop_text_encoders: true, tiled: true, decoder });
        if asked.is_none() && tiny_installed {
            rungs.push(Rung { drop_text_encoders: true, tiled: true, decoder: Decoder::Taesd });
        }
    }
    rungs
}

fn drawing(wish: Wish, rung: Rung) -> Drawing {
    Drawing {
        pixels: wish.pixels,
        guided: wish.guided,
        drop_text_encoders: rung.drop_text_encoders,
        tiled: rung.tiled,
        tiny: rung.decoder == Decoder::Taesd,
    }
}

fn notices(rung: Rung, asked: Option<Decoder>) -> Vec<String> {
    let mut notices = Vec::new();
    if rung.drop_text_encoders {
        notices.push("memory is short: the text encoders were unloaded after use".to_owned());
    }
    if rung.decoder == Decoder::Taesd && asked.is_none() {
        notices.push("memory is short: the tiny decoder drew the pixels, details are softer".to_owned());
    } else if rung.tiled {
        notices.push("memory is short: the picture was decoded in parts".to_owned());
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::protocol::{DeviceChoice, ModelSpec};
    use std::path::{Path, PathBuf};

    const WISH: Wish = Wish { pixels: 512 * 512, guided: false, decoder: None };

    fn footprint(taesd: bool) -> Footprint {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        Footprint::read(&ModelSpec {
            name: "demo".to_owned(),
            path: root.join("models/demo"),
            vae: None,
            taesd: taesd.then(|| root.join("tests/golden/tiny-a/taesd")),
            clip_vocabulary: PathBuf::new(),
            synthetic: false,
            device: DeviceChoice::Cpu,
        })
    }

    /// Pretends that the rungs need 100, 90, 50 and 20 bytes.
    fn needs(rung: Rung) -> Option<u64> {
        Some(match (rung.drop_text_encoders, rung.tiled, rung.decoder) {
            (false, false, _) => 100,
            (true, false, _) => 90,
            (true, true, Decoder::Vae) => 50,
            _ => 20,
        })
    }

    fn chosen(available: u64, decoder: Option<Decoder>, taesd: bool) -> Result<Plan, Failure> {
        plan(&footprint(taesd), Wish { decoder, ..WISH }, available, needs)
    }

    #[test]
    fn the_cheapest_loss_that_fits_is_taken_and_said() {
        let fits = chosen(100, None, true).expect("it fits");
        assert_eq!((fits.needed, fits.available, fits.notices.len()), (100, 100, 0));
        let drops = chosen(99, None, true).expect("it fits without the text encoders");
        assert!(drops.rung.drop_text_encoders && !drops.rung.tiled && drops.notices.len() == 1);
        let tiled = chosen(60, None, true).expect("it fits in parts");
        assert!(tiled.rung.tiled && tiled.rung.decoder == Decoder::Vae);
        assert!(tiled.notices[1].contains("in parts"), "{:?}", tiled.notices);
        let tiny = chosen(20, None, true).expect("it fits with the tiny decoder");
        assert_eq!(tiny.rung.decoder, Decoder::Taesd);
        assert!(tiny.notices[1].contains("tiny decoder"), "{:?}", tiny.notices);
        assert_eq!(chosen(19, None, true), Err(Failure::OutOfMemory { needed: 20, available: 19 }));
    }

    #[test]
    fn the_decoder_that_was_asked_for_or_is_all_there_is_stays() {
        let out = Err(Failure::OutOfMemory { needed: 50, available: 30 });
        assert_eq!(chosen(30, Some(Decoder::Vae), true), out);
        assert_eq!(chosen(30, None, false), out);
        let asked = chosen(100, Some(Decoder::Taesd), true).expect("it fits");
        assert_eq!((asked.rung.decoder, asked.notices.len()), (Decoder::Taesd, 0));
    }

    #[test]
    fn a_device_that_cannot_be_asked_is_tried_rung_by_rung() {
        let mut failed: Vec<Rung> = Vec::new();
        let mut try_next = || {
            let needs = |rung| failed.contains(&rung).then_some(UNKNOWN + 1);
            let plan = plan(&footprint(true), WISH, UNKNOWN, needs)?;
            failed.push(plan.rung);
            Ok::<usize, Failure>(plan.notices.len())
        };
        let tried: Vec<_> = (0..5).map(|_| try_next().ok()).collect();
        assert_eq!(tried, [Some(0), Some(1), Some(2), Some(2), None]);
    }

    #[test]
    fn what_was_never_measured_is_estimated() {
        let plan = plan(&footprint(false), WISH, u64::MAX, |_| None).expect("it fits");
        assert!(plan.needed > 100 << 20, "{plan:?}");
    }
}

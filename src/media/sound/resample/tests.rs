//! What speech recognition hears of a tone at any rate: the tone, at its place, and nothing else.

use super::*;
use std::f64::consts::TAU;

const TO: u32 = 16_000;
/// Rates that recorders, phones and films have, and one that nobody has.
const FROM: [u32; 12] =
    [8_000, 11_025, 12_000, 22_050, 22_051, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000];

fn tone(rate: u32, hertz: f64, count: usize) -> Vec<f32> {
    let at = |n: usize| (0.5 * (TAU * hertz * n as f64 / f64::from(rate) + 0.3).sin()) as f32;
    (0..count).map(at).collect()
}

/// A second of the tone at another rate, in pieces as decoders give them.
fn resampled(from: u32, hertz: f64) -> Vec<f32> {
    let (mut resampler, mut out) = (Resampler::new(from, TO), Vec::new());
    for piece in tone(from, hertz, from as usize).chunks(1152) {
        resampler.push(piece, &mut out);
    }
    resampler.finish(&mut out);
    out
}

/// Decibels of the first, compared with the second, in the middle: at its ends a sound that begins and stops at full
/// strength holds other pitches than its own.
fn decibels(of: impl Iterator<Item = f32>, than: &[f32]) -> f64 {
    let middle = than.len() / 10..than.len() * 9 / 10;
    let power = |samples: &[f32]| samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
    let of: Vec<f32> = of.collect();
    10.0 * (power(&of[middle.clone()]) / power(&than[middle])).log10()
}

#[test]
fn a_tone_below_7_khz_is_60_db_nearer_to_the_ideal_than_to_silence() {
    let ideal = |hertz| tone(TO, hertz, TO as usize);
    for from in FROM {
        for hertz in [60.0, 440.0, 1000.0, 2500.0, 3400.0, 5000.0, 6300.0, 6990.0] {
            // What a rate cannot hold was not in the recording.
            if hertz > 0.45 * f64::from(from) {
                continue;
            }
            let (heard, ideal) = (resampled(from, hertz), ideal(hertz));
            assert_eq!(heard.len(), ideal.len(), "{from} Hz");
            let off = decibels(heard.iter().zip(&ideal).map(|(a, b)| a - b), &ideal);
            assert!(off <= -60.0, "{hertz} Hz at {from} Hz is off by {off:.1} dB");
        }
    }
}

#[test]
fn a_tone_that_16_khz_cannot_hold_comes_back_at_no_other_pitch() {
    let loud = tone(TO, 1000.0, TO as usize);
    for from in FROM.into_iter().filter(|from| *from > TO) {
        for hertz in [8100.0, 8500.0, 9000.0, 10_000.0, 11_000.0, 13_000.0, 15_500.0, 21_000.0, 40_000.0, 90_000.0] {
            if hertz < 0.5 * f64::from(from) {
                let left = decibels(resampled(from, hertz).into_iter(), &loud);
                assert!(left <= -60.0, "{hertz} Hz at {from} Hz leaves {left:.1} dB");
            }
        }
    }
}

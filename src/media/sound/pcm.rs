//! Samples as bytes: 16 bit PCM, bare or as a WAV file of one channel.

/// Bytes of a sample.
const WIDTH: u32 = 2;
/// Bytes before the samples: `RIFF`, `fmt ` and `data` with their lengths, and the sixteen bytes of the format.
const HEADER: u32 = 44;

/// Little-endian samples. What is louder than full scale is clipped.
pub(super) fn pcm16(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sixteen(*sample).to_le_bytes()).collect()
}

/// A WAV file.
pub(super) fn wav(rate: u32, samples: &[f32]) -> Vec<u8> {
    // The longest sound at 48 kHz has 1.4 GB; the lengths of a WAV end at 4.3.
    let length = u32::try_from(samples.len()).unwrap_or(u32::MAX).saturating_mul(WIDTH).min(u32::MAX - HEADER);
    let mut file = Vec::with_capacity(length as usize + HEADER as usize);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(length + HEADER - 8).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    let (pcm, channels, bits) = (1_u16, 1_u16, 16_u16);
    file.extend_from_slice(&pcm.to_le_bytes());
    file.extend_from_slice(&channels.to_le_bytes());
    file.extend_from_slice(&rate.to_le_bytes());
    file.extend_from_slice(&rate.saturating_mul(WIDTH).to_le_bytes());
    file.extend_from_slice(&(WIDTH as u16).to_le_bytes());
    file.extend_from_slice(&bits.to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&length.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sixteen(*sample).to_le_bytes()));
    file
}

/// `as` saturates, which is the clipping, and makes 0 of what is no number.
fn sixteen(sample: f32) -> i16 {
    (sample * 32_768.0).round() as i16
}

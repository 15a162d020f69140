//! Small files that are what they say they are.

use std::io::Cursor;

/// A picture of 64 by 64.
pub fn png() -> Vec<u8> {
    let picture = image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([x as u8 * 4, y as u8 * 4, 128]));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Silence of so many seconds in the container of voice messages: OGG with Opus, pages with true checksums.
pub fn ogg(seconds: u64) -> Vec<u8> {
    let mut head = b"OpusHead\x01\x01\x38\x01".to_vec();
    head.extend(48_000_u32.to_le_bytes());
    head.extend([0, 0, 0]);
    let mut tags = b"OpusTags".to_vec();
    tags.extend(4_u32.to_le_bytes());
    tags.extend(b"fake");
    tags.extend(0_u32.to_le_bytes());
    let mut bytes = page(2, 0, 0, &[&head]);
    bytes.extend(page(0, 0, 1, &[&tags]));
    // Frames of 20 ms, fifty a page.
    let silence: &[u8] = &[0xf8, 0xff, 0xfe];
    for second in 1..=seconds.max(1) {
        let last = if second == seconds.max(1) { 4 } else { 0 };
        bytes.extend(page(last, 312 + second * 48_000, u32::try_from(second).unwrap() + 1, &[silence; 50]));
    }
    bytes
}

fn page(kind: u8, granule: u64, number: u32, packets: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"OggS\0".to_vec();
    bytes.push(kind);
    bytes.extend(granule.to_le_bytes());
    bytes.extend(7_u32.to_le_bytes());
    bytes.extend(number.to_le_bytes());
    bytes.extend(0_u32.to_le_bytes());
    bytes.push(u8::try_from(packets.len()).unwrap());
    bytes.extend(packets.iter().map(|packet| u8::try_from(packet.len()).unwrap()));
    bytes.extend(packets.concat());
    let sum = bytes.iter().fold(0_u32, |sum, byte| {
        (0..8).fold(sum ^ (u32::from(*byte) << 24), |sum, _| {
            if sum & 0x8000_0000 == 0 { sum << 1 } else { (sum << 1) ^ 0x04c1_1db7 }
        })
    });
    bytes[22..26].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// Seconds of an OGG file, by its last page.
pub fn ogg_seconds(bytes: &[u8]) -> Option<u64> {
    let last = bytes.windows(5).rposition(|window| window == b"OggS\0")?;
    let granule = bytes.get(last + 6..last + 14)?;
    Some(u64::from_le_bytes(granule.try_into().ok()?) / 48_000)
}

/// Silence of so many seconds: WAV, 16 kHz, one channel.
pub fn wav(seconds: u32) -> Vec<u8> {
    let size = seconds * 32_000;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + size).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    bytes.extend([1, 0, 1, 0]);
    bytes.extend(16_000_u32.to_le_bytes());
    bytes.extend(32_000_u32.to_le_bytes());
    bytes.extend([2, 0, 16, 0]);
    bytes.extend(b"data");
    bytes.extend(size.to_le_bytes());
    bytes.resize(44 + size as usize, 0);
    bytes
}

/// The beginning of a film: `ftyp`, `free` and an empty `mdat`.
pub fn mp4() -> Vec<u8> {
    let atom = |name: &[u8; 4], content: &[u8]| {
        let size = u32::try_from(content.len() + 8).unwrap();
        [size.to_be_bytes().as_slice(), name, content].concat()
    };
    let ftyp = atom(b"ftyp", b"isom\0\0\x02\0isomiso2avc1mp41");
    [ftyp, atom(b"free", b""), atom(b"mdat", &[0; 64])].concat()
}

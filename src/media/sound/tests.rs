//! Real clips in every container, tones of known pitch, and files that are broken in every way.

use super::*;
use proptest::prelude::*;
use std::f64::consts::TAU;

/// The clips, made from `modern.wav` (1.9 s of speech): their rate, and by how many seconds their length may differ:
/// AAC comes in frames of 64 ms, and a film ends with its pictures.
const CLIPS: [(&str, u32, f64); 16] = [
    ("modern.wav", 16_000, 0.0),
    ("modern.flac", 16_000, 0.0),
    ("modern.mp3", 16_000, 0.08),
    ("modern-stereo.mp3", 44_100, 0.06),
    ("modern.aac", 16_000, 0.14),
    ("modern.m4a", 16_000, 0.14),
    ("modern-fragmented.mp4", 16_000, 0.14),
    ("modern-opus.ogg", 48_000, 0.001),
    ("modern-opus.webm", 48_000, 0.04),
    ("modern-opus.mp4", 48_000, 0.04),
    ("modern-vorbis.ogg", 16_000, 0.001),
    ("modern-stereo.ogg", 44_100, 0.001),
    ("film.mp4", 16_000, 0.14),
    ("film.mov", 16_000, 0.14),
    ("film.webm", 16_000, 0.06),
    ("film.mkv", 16_000, 0.08),
];

fn clip(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sound").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The samples of `modern.wav`, read without the code under test.
fn original() -> Vec<f32> {
    let file = clip("modern.wav");
    let at = file.windows(4).position(|four| four == b"data").unwrap() + 8;
    file[at..].chunks_exact(2).map(|two| f32::from(i16::from_le_bytes([two[0], two[1]])) / 32_768.0).collect()
}

/// The cosine of the angle between two sounds where they lie best upon each other, and that shift of the second one.
fn likeness(one: &[f32], other: &[f32]) -> (f64, isize) {
    let at = |shift: isize| {
        let (one, other) = (&one[shift.min(0).unsigned_abs()..], &other[shift.max(0).unsigned_abs()..]);
        let length = one.len().min(other.len());
        let (one, other) = (&one[..length], &other[..length]);
        let sum = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        sum(one, other) / (sum(one, one) * sum(other, other)).sqrt()
    };
    (-1300..1300).map(|shift| (at(shift), shift)).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

fn energy(samples: &[f32]) -> f64 {
    samples.iter().map(|sample| f64::from(sample * sample)).sum()
}

fn tone(rate: u32, hertz: f64, seconds: f64) -> Sound {
    let count = (f64::from(rate) * seconds) as usize;
    let at = |n: usize| (0.5 * (TAU * hertz * n as f64 / f64::from(rate)).sin()) as f32;
    Sound { rate, samples: (0..count).map(at).collect() }
}

/// How loud a tone of this pitch is in the middle of a sound, and how loud everything else there is.
fn heard_at(sound: &Sound, hertz: f64) -> (f64, f64) {
    let middle = &sound.samples[sound.samples.len() / 4..sound.samples.len() * 3 / 4];
    let angle = |n: usize| TAU * hertz * n as f64 / f64::from(sound.rate);
    let mean = |of: &dyn Fn(usize, f64) -> f64| {
        middle.iter().enumerate().map(|(n, sample)| of(n, f64::from(*sample))).sum::<f64>() / middle.len() as f64
    };
    let (sine, cosine) = (2.0 * mean(&|n, s| s * angle(n).sin()), 2.0 * mean(&|n, s| s * angle(n).cos()));
    let rest = mean(&|n, s| (s - sine * angle(n).sin() - cosine * angle(n).cos()).powi(2));
    (sine.hypot(cosine), rest.sqrt())
}

/// A WAV of any format: its number, channels, rate, bits of a sample, and the samples as bytes.
fn wav_of((format, channels, rate, bits): (u16, u16, u32, u16), data: &[u8]) -> Vec<u8> {
    let frame = channels * bits / 8;
    let length = u32::try_from(data.len()).unwrap();
    let mut file = [b"RIFF".as_slice(), &(length + 36).to_le_bytes(), b"WAVEfmt ", &16_u32.to_le_bytes()].concat();
    for half in [format, channels] {
        file.extend(half.to_le_bytes());
    }
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(frame)).to_le_bytes());
    for half in [frame, bits] {
        file.extend(half.to_le_bytes());
    }
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(data);
    file
}

#[test]
fn every_container_gives_the_speech_it_was_made_from() {
    let original = original();
    for (name, rate, tolerance) in CLIPS {
        let sound = Sound::decode(&clip(name), "audio").unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(sound.rate, rate, "{name}");
        let (long, due) = (sound.samples.len() as f64 / f64::from(rate), original.len() as f64 / 16_000.0);
        assert!((long - due).abs() <= tolerance, "{name}: {long} s instead of {due} s");
        let heard = sound.resampled(16_000);
        let (alike, shift) = likeness(&original, &heard.samples);
        assert!(alike > 0.9, "{name}: {alike} at {shift}");
        let louder = energy(&heard.samples) / energy(&original);
        assert!((0.8..1.2).contains(&louder), "{name}: {louder} times the energy");
    }
}

#[test]
fn what_loses_nothing_is_exact() {
    let original = original();
    for name in ["modern.wav", "modern.flac", "film.mkv"] {
        let sound = Sound::decode(&clip(name), "audio").unwrap();
        let length = sound.samples.len().min(original.len());
        assert!(length > 29_000, "{name}: {length}");
        assert_eq!(sound.samples[..length], original[..length], "{name}");
    }
}

#[test]
fn a_wav_of_any_width_rate_and_channels_is_read() {
    let value = |n: usize| (n as f64 / 7.0).sin() * 0.9;
    type Written = fn(f64) -> Vec<u8>;
    let widths: [(u16, u16, Written, f64); 6] = [
        (1, 8, |v| vec![(v * 128.0 + 128.0).round() as u8], 1.0 / 128.0),
        (1, 16, |v| ((v * 32_768.0).round() as i16).to_le_bytes().to_vec(), 1.0 / 32_768.0),
        (1, 24, |v| ((v * 8_388_608.0).round() as i32).to_le_bytes()[..3].to_vec(), 1e-6),
        (1, 32, |v| ((v * 2_147_483_648.0).round() as i32).to_le_bytes().to_vec(), 1e-6),
        (3, 32, |v| (v as f32).to_le_bytes().to_vec(), 1e-6),
        (3, 64, |v| v.to_le_bytes().to_vec(), 1e-6),
    ];
    for (format, bits, bytes, tolerance) in widths {
        for (channels, rate) in [(1, 8_000), (2, 44_100), (6, 96_000), (1, 11_025), (3, 22_051)] {
            // The channels differ: their mean is what is heard.
            let scale = |channel: u16| f64::from(channel + 1) / f64::from(channels);
            let mean = (0..channels).map(scale).sum::<f64>() / f64::from(channels);
            let frame = |n: usize| (0..channels).flat_map(move |channel| bytes(value(n) * scale(channel)));
            let data: Vec<u8> = (0..3000).flat_map(frame).collect();
            let file = wav_of((format, channels, rate, bits), &data);
            let sound = Sound::decode(&file, "audio").unwrap_or_else(|e| panic!("{bits} bits, {channels}: {e}"));
            assert_eq!((sound.rate, sound.samples.len()), (rate, 3000), "{bits} bits, {channels} channels");
            for (n, sample) in sound.samples.iter().enumerate() {
                let off = (f64::from(*sample) - value(n) * mean).abs();
                assert!(off <= tolerance, "{bits} bits, {channels} channels, sample {n} is off by {off}");
            }
        }
    }
}

#[test]
fn the_length_is_told_as_it_is_decoded() {
    for (name, rate, _) in CLIPS {
        let file = clip(name);
        let decoded = Sound::decode(&file, "audio").unwrap().samples.len() as f64 / f64::from(rate);
        let told = Sound::seconds(&file).unwrap_or_else(|| panic!("{name}"));
        assert!((told - decoded).abs() < 0.04, "{name}: {told} s are told, {decoded} s decode");
        let heard = Sound::heard(&file, "audio").unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(heard, Heard { seconds: told, film: name.starts_with("film") }, "{name}");
    }
    assert_eq!(Sound::seconds(b"no sound"), None);
}

#[test]
fn decoding_at_a_rate_is_decoding_and_resampling() {
    for (name, ..) in CLIPS {
        let file = clip(name);
        let (one, two) = (
            Sound::decode(&file, "audio").unwrap().resampled(16_000),
            Sound::decode_at(&file, 16_000, "audio").unwrap(),
        );
        assert_eq!(one, two, "{name}");
    }
}

#[test]
fn a_tone_keeps_its_pitch_and_loudness_at_any_rate() {
    let rates =
        [(48_000, 16_000), (44_100, 16_000), (16_000, 24_000), (8_000, 48_000), (22_051, 16_000), (96_000, 8_000)];
    for (from, to) in rates {
        let sound = tone(from, 440.0, 1.0).resampled(to);
        assert_eq!((sound.rate, sound.samples.len()), (to, to as usize), "{from} to {to}");
        let (loud, rest) = heard_at(&sound, 440.0);
        assert!((loud - 0.5).abs() < 0.002 && rest < 0.001, "{from} to {to}: {loud} loud, {rest} beside it");
        let (wrong, _) = heard_at(&sound, 450.0);
        assert!(wrong < 0.01, "{from} to {to}: {wrong} at another pitch");
    }
}

#[test]
fn what_a_rate_cannot_hold_is_left_out_and_not_folded_back() {
    let sound = tone(48_000, 10_000.0, 1.0).resampled(16_000);
    let loudest = sound.samples[2000..14_000].iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
    assert!(loudest < 0.001, "{loudest}");
}

#[test]
fn a_resampled_sound_lasts_as_long_and_begins_where_it_did() {
    for length in [0, 1, 5, 1023, 1024, 1025, 4800, 48_001] {
        let samples = vec![0.25; length];
        let sound = Sound { rate: 48_000, samples }.resampled(16_000);
        assert_eq!(sound.samples.len(), length.div_ceil(3));
    }
    let mut click = vec![0.0; 48_000];
    click[24_000] = 1.0;
    let sound = Sound { rate: 48_000, samples: click }.resampled(16_000);
    let loudest = sound.samples.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    assert_eq!(loudest, 8000);
    let same = tone(16_000, 440.0, 0.1);
    assert_eq!(same.resampled(16_000), same);
    for odd in [0, 1, u32::MAX] {
        assert!(resample::RATES.contains(&same.resampled(odd).rate), "{odd}");
    }
}

#[test]
fn sixteen_bits_come_back_as_they_went() {
    let sound = Sound::decode(&clip("modern.wav"), "audio").unwrap();
    let file = sound.to_wav();
    assert_eq!(Sound::decode(&file, "audio").unwrap(), sound);
    assert_eq!(file[44..], sound.to_pcm16());
    assert_eq!(file[..44], wav_of((1, 1, 16_000, 16), &sound.to_pcm16())[..44]);
    let odd = Sound { rate: 8000, samples: vec![1.0, -1.0, 7.0, -7.0, f32::NAN, 0.5] };
    let expected: Vec<u8> =
        [32_767_i16, -32_768, 32_767, -32_768, 0, 16_384].iter().flat_map(|s| s.to_le_bytes()).collect();
    assert_eq!(odd.to_pcm16(), expected);
}

#[test]
fn what_is_no_number_or_too_loud_in_a_file_does_no_harm() {
    let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -3.0, 0.5];
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let sound = Sound::decode(&wav_of((3, 1, 8000, 32), &data), "audio").unwrap();
    assert_eq!(sound.samples, [0.0, 0.0, 0.0, 1.0, -1.0, 0.5]);
}

#[test]
fn what_holds_no_sound_is_refused_with_the_field() {
    let mut silent = clip("modern.wav");
    silent.truncate(44);
    let amr = b"#!AMR\n\x3c\x91\x17\x16\xbe".to_vec();
    let files = [b"".to_vec(), b"hello".to_vec(), vec![0; 100_000], clip("silent-film.mp4"), silent, amr];
    for file in files {
        for failure in [Sound::decode(&file, "audio").unwrap_err(), Sound::heard(&file, "audio").unwrap_err()] {
            assert!(matches!(&failure, Failure::Invalid { param: Some(param), .. } if param == "audio"), "{failure:?}");
        }
        assert_eq!(Sound::seconds(&file), None);
    }
}

#[test]
fn a_sound_of_more_than_four_hours_is_refused_with_both_numbers() {
    let file = wav_of((1, 1, 1000, 8), &vec![128; 14_460_000]);
    for failure in [Sound::decode(&file, "audio").unwrap_err(), Sound::heard(&file, "audio").unwrap_err()] {
        let message = "`audio` is 14460 s long; at most 14400 s are accepted".to_owned();
        assert_eq!(failure, Failure::TooBig { message });
    }
    let just = wav_of((1, 1, 1000, 8), &vec![128; 14_400_000]);
    assert_eq!(Sound::decode_at(&just, 1000, "audio").unwrap().samples.len(), 14_400_000);
}

#[test]
fn a_length_in_the_header_is_not_believed() {
    let file = clip("modern.wav");
    let due = Sound::decode(&file, "audio").unwrap();
    // What recorders and pipes write that do not know yet how long it will be.
    for (whole, claimed) in [(u32::MAX, u32::MAX), (u32::MAX, u32::MAX - 36), (u32::MAX / 2, u32::MAX / 2 - 100)] {
        let mut lying = file.clone();
        lying[4..8].copy_from_slice(&whole.to_le_bytes());
        let data = lying.windows(4).position(|four| four == b"data").unwrap() + 4;
        lying[data..data + 4].copy_from_slice(&claimed.to_le_bytes());
        assert_eq!(Sound::decode(&lying, "audio").unwrap(), due, "{claimed}");
        let told = Sound::seconds(&lying).unwrap();
        assert!((told - 1.9).abs() < 0.1, "{told} s by a claim of {claimed} bytes");
    }
}

#[test]
fn a_file_that_was_cut_off_gives_what_it_has() {
    // An MP4 that is not made for streaming has its table of contents at the end, and one that is made of fragments loses
    // the last of them, which here is the only one.
    let lost = ["modern.m4a", "modern-fragmented.mp4", "modern-opus.mp4", "film.mp4", "film.mov"];
    for (name, rate, _) in CLIPS {
        let whole = clip(name);
        let cut = &whole[..whole.len() * 2 / 3];
        let decoded = Sound::decode(cut, "audio");
        assert_eq!(decoded.is_err(), lost.contains(&name), "{name}: {decoded:?}");
        let Ok(sound) = decoded else { continue };
        let seconds = sound.samples.len() as f64 / f64::from(rate);
        assert!((0.4..1.7).contains(&seconds), "{name}: {seconds} s");
        let told = Sound::seconds(cut).unwrap();
        assert!((told - seconds).abs() < 0.15, "{name}: {told} s are told, {seconds} s decode");
    }
}

#[test]
fn an_ogg_that_was_cut_off_is_refused_at_the_door() {
    for name in ["modern-opus.ogg", "modern-vorbis.ogg", "modern-stereo.ogg"] {
        let whole = clip(name);
        assert!(Sound::heard(&whole, "audio").is_ok(), "{name}");
        let tagged = [&whole[..], b"TAG of another format"].concat();
        assert!(Sound::heard(&tagged, "audio").is_ok(), "{name}");
        for end in [whole.len() / 2, whole.len() * 2 / 3, whole.len() - 1] {
            let failure = Sound::heard(&whole[..end], "audio").expect_err("its end is missing");
            assert!(failure.to_string().contains("cut off, its end is missing"), "{name}, {end}: {failure}");
        }
        // Between two pages nothing tells that more should come: so end the recordings of what is still on air.
        let last = whole.windows(4).rposition(|four| four == b"OggS").unwrap();
        assert!(!ogg::is_cut_off(&whole[..last]), "{name}");
    }
}

/// A box of an MP4.
fn boxed(kind: &[u8; 4], inside: &[u8]) -> Vec<u8> {
    let length = u32::try_from(inside.len() + 8).unwrap();
    [&length.to_be_bytes(), kind.as_slice(), inside].concat()
}

#[test]
fn an_mp4_whose_tables_would_take_hours_is_refused_at_once() {
    let film = |lines: u32, packets: u32| {
        let durations = [&[0; 4][..], &lines.to_be_bytes(), &vec![1; lines as usize * 8]].concat();
        let sizes = [&[0; 4][..], &1_u32.to_be_bytes(), &packets.to_be_bytes()].concat();
        let tables = [boxed(b"stts", &durations), boxed(b"stsz", &sizes)].concat();
        let track =
            [b"stbl", b"minf", b"mdia", b"trak", b"moov"].iter().fold(tables, |inside, kind| boxed(kind, &inside));
        [boxed(b"ftyp", b"isom\0\0\0\0"), track].concat()
    };
    let fragment = |lines: u32| {
        let run = [&0x100_u32.to_be_bytes()[..], &lines.to_be_bytes(), &vec![0; lines as usize * 4]].concat();
        let fragment = boxed(b"moof", &boxed(b"traf", &boxed(b"trun", &run)));
        [boxed(b"ftyp", b"isom\0\0\0\0"), fragment].concat()
    };
    for (file, endless) in [
        (film(100_000, 1_000_000), true),
        (film(1, u32::MAX), false),
        (film(100_000, 400_000), false),
        (fragment(300_000), true),
        (fragment(100_000), false),
    ] {
        let failure = Sound::decode(&file, "audio").expect_err("it holds no sound");
        assert_eq!(failure.to_string().contains("take hours"), endless, "{failure}");
    }
    // A claim of more lines than there are costs nothing.
    let mut lying = film(10, u32::MAX);
    let at = lying.windows(4).position(|four| four == b"stts").unwrap() + 8;
    lying[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(!mp4::is_endless(&lying));
}

#[test]
fn damage_in_the_middle_costs_only_what_it_hit() {
    let original = original();
    for name in [
        "modern.mp3",
        "modern.aac",
        "modern.m4a",
        "modern-opus.ogg",
        "modern-vorbis.ogg",
        "modern-opus.webm",
        "modern.flac",
    ] {
        let mut file = clip(name);
        let middle = file.len() / 2;
        for (n, byte) in file[middle..middle + 300].iter_mut().enumerate() {
            *byte = (n * 89 % 251) as u8;
        }
        let sound = Sound::decode(&file, "audio").unwrap_or_else(|e| panic!("{name}: {e}")).resampled(16_000);
        let (seconds, due) = (sound.samples.len() as f64 / 16_000.0, original.len() as f64 / 16_000.0);
        assert!(seconds > due / 3.0 && seconds < due + 0.5, "{name}: {seconds} s");
        let (alike, _) = likeness(&original[..8000], &sound.samples);
        assert!(alike > 0.8, "{name}: {alike} before the damage");
    }
}

#[test]
fn chained_streams_follow_each_other_at_the_first_one_s_rate() {
    let file = [clip("modern-opus.ogg"), clip("modern-stereo.ogg")].concat();
    let sound = Sound::decode(&file, "audio").unwrap();
    let seconds = sound.samples.len() as f64 / f64::from(sound.rate);
    assert_eq!(sound.rate, 48_000);
    assert!((seconds - 2.0 * 1.8996).abs() < 0.01, "{seconds}");
    let second = Sound { rate: 48_000, samples: sound.samples[91_179..].to_vec() }.resampled(16_000);
    let (alike, _) = likeness(&original(), &second.samples);
    assert!(alike > 0.9, "{alike}");
}

/// Every way in, on bytes of any kind: nothing may panic, and what comes out may not be longer than what is accepted.
fn endured(bytes: &[u8]) {
    if let Ok(sound) = Sound::decode_at(bytes, 16_000, "audio") {
        assert!(sound.samples.len() <= 16_000 * MAX_SECONDS as usize && !sound.samples.is_empty());
        assert!(sound.samples.iter().all(|sample| sample.abs() < 2.0));
    }
    if let Some(seconds) = Sound::seconds(bytes) {
        assert!(seconds >= 0.0 && seconds.is_finite());
    }
    let _ = Sound::heard(bytes, "audio");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_endured(
        mark in prop::sample::select(vec![
            &b""[..], b"OggS\0\x02", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"fLaC\0\0\0\x22", b"ID3\x04\0\0", b"\xff\xfb\x90\x64",
            b"\xff\xf1\x50\x80", b"\0\0\0\x20ftypM4A ", b"\x1a\x45\xdf\xa3",
        ]),
        bytes in prop::collection::vec(any::<u8>(), 0..4000),
    ) {
        endured(&[mark, &bytes].concat());
    }

    #[test]
    fn any_damage_to_a_clip_is_endured(
        name in prop::sample::select(CLIPS.map(|(name, ..)| name).to_vec()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        in_header in any::<bool>(),
        kept in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut file = clip(name);
        let reach = if in_header { file.len().min(600) } else { file.len() };
        for (at, byte) in damage {
            file[at.index(reach)] = byte;
        }
        if cut {
            file.truncate(kept.index(file.len()));
        }
        endured(&file);
    }
}

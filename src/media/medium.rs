//! A picture, a sound or a film as a file: bytes and what they are by their content, whatever they were sent as.

use super::picture::Seen;
use super::sound::Heard;
use super::{Failure, Sound, picture};
use bytes::Bytes;

/// Largest sound accepted, in bytes (CONTRACT).
pub const MAX_SOUND_BYTES: usize = 200_000_000;

/// A file whose kind is known.
#[derive(Clone, PartialEq, Eq)]
pub struct Medium {
    /// The file.
    pub bytes: Bytes,
    /// Its media type, by content: `image/png`, `audio/ogg`, `video/mp4`.
    pub content_type: String,
}

impl std::fmt::Debug for Medium {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Medium({}, {} bytes)", self.content_type, self.bytes.len())
    }
}

impl Medium {
    /// A file that is known to be what it is called.
    pub fn new(bytes: impl Into<Bytes>, content_type: impl Into<String>) -> Self {
        Self { bytes: bytes.into(), content_type: content_type.into() }
    }

    /// A picture that decodes.
    ///
    /// # Errors
    /// [`Failure::TooBig`] over the limits of a picture, [`Failure::Invalid`] when it is none.
    pub fn picture(bytes: Bytes, param: &str) -> Result<Self, Failure> {
        let seen = Seen::of(&bytes, param)?;
        let seen =
            seen.ok_or_else(|| Failure::invalid(param, format!("`{param}` is not a picture that can be read")))?;
        Ok(Self::new(bytes, seen.content_type))
    }

    /// A sound, known by the first bytes of its container.
    ///
    /// # Errors
    /// [`Failure::TooBig`] over [`MAX_SOUND_BYTES`], [`Failure::Invalid`] when it is none that is known here.
    pub fn sound(bytes: Bytes, param: &str) -> Result<Self, Failure> {
        if bytes.len() > MAX_SOUND_BYTES {
            let message = format!("`{param}` has {} bytes; at most {MAX_SOUND_BYTES} are accepted", bytes.len());
            return Err(Failure::TooBig { message });
        }
        let kind = sound_type(&bytes);
        let kind = kind.ok_or_else(|| {
            Failure::invalid(param, format!("`{param}` is not OGG, MP3, WAV, FLAC, M4A, MP4, AAC, WebM or AMR"))
        })?;
        Ok(Self::new(bytes, kind))
    }

    /// A sound or a film whose sound decodes, called what it is: MP4 and WebM hold either. Not for an async thread.
    ///
    /// # Errors
    /// As [`Self::sound`] and [`Sound::heard`].
    pub fn heard(bytes: Bytes, param: &str) -> Result<(Self, Heard), Failure> {
        let mut medium = Self::sound(bytes, param)?;
        let heard = Sound::heard(&medium.bytes, param)?;
        let kind = match (medium.content_type.as_str(), heard.film) {
            ("audio/webm", true) => Some("video/webm"),
            ("video/mp4", false) => Some("audio/mp4"),
            _ => None,
        };
        if let Some(kind) = kind {
            kind.clone_into(&mut medium.content_type);
        }
        Ok((medium, heard))
    }

    /// What a file is, if it is of a kind that can be worked with here.
    ///
    /// # Errors
    /// As [`Self::picture`] and [`Self::sound`] for a file that is of a known kind and still cannot be used.
    pub fn of(bytes: Bytes, param: &str) -> Result<Option<Self>, Failure> {
        if is_sound(&bytes) {
            return Self::sound(bytes, param).map(Some);
        }
        if bytes.len() > picture::MAX_FILE_BYTES {
            let most = picture::MAX_FILE_BYTES;
            let message = format!("`{param}` has {} bytes; at most {most} are accepted for a picture", bytes.len());
            return Err(Failure::TooBig { message });
        }
        Ok(Seen::of(&bytes, param)?.map(|seen| Self::new(bytes, seen.content_type)))
    }

    /// How long its sound is; `None` for what has none that can be read. Not for an async thread: a file of 200 MB is
    /// read through.
    #[must_use]
    pub fn seconds(&self) -> Option<f64> {
        Sound::seconds(&self.bytes)
    }

    /// Its sound as a WAV of 16 bits and one channel, for services that take no other container. Not for an async
    /// thread: it is decoded.
    ///
    /// # Errors
    /// As [`Sound::decode`]; `audio` is the field at fault.
    pub fn to_wav(&self, rate: u32) -> Result<Self, Failure> {
        Ok(Self::new(Sound::decode_at(&self.bytes, rate, "audio")?.to_wav(), "audio/wav"))
    }

    /// Its sound as bare samples of 16 bits, one channel, without any header: `audio/l16;rate=16000;channels=1`. They
    /// are little-endian, as every service expects that takes such samples (RFC 2586, where the name is from, has them
    /// the other way round). Not for an async thread: it is decoded.
    ///
    /// # Errors
    /// As [`Sound::decode`]; `audio` is the field at fault.
    pub fn to_lpcm(&self, rate: u32) -> Result<Self, Failure> {
        let sound = Sound::decode_at(&self.bytes, rate, "audio")?;
        Ok(Self::new(sound.to_pcm16(), format!("audio/l16;rate={};channels=1", sound.rate)))
    }

    /// The usual ending of a file of this kind, without the dot; services tell formats by it.
    #[must_use]
    pub fn extension(&self) -> &'static str {
        match self.content_type.as_str() {
            "image/png" => "png",
            "image/jpeg" => "jpg",
            "image/webp" => "webp",
            "image/gif" => "gif",
            "image/bmp" => "bmp",
            "audio/ogg" => "ogg",
            "audio/mpeg" => "mp3",
            "audio/wav" => "wav",
            "audio/flac" => "flac",
            "audio/mp4" => "m4a",
            "audio/aac" => "aac",
            "audio/webm" | "video/webm" => "webm",
            "audio/amr" => "amr",
            "video/mp4" => "mp4",
            lpcm if lpcm.starts_with("audio/l16") => "pcm",
            _ => "bin",
        }
    }
}

/// Whether a file begins as a sound or a film does.
#[must_use]
pub fn is_sound(bytes: &[u8]) -> bool {
    sound_type(bytes).is_some()
}

/// The media type of a sound by its first bytes. A film counts by its sound: MP4 and WebM hold either.
fn sound_type(bytes: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, mark: &[u8]| bytes.get(offset..offset + mark.len()) == Some(mark);
    let kinds: [(usize, &[u8], &str); 8] = [
        (0, b"OggS", "audio/ogg"),
        (0, b"ID3", "audio/mpeg"),
        (0, b"fLaC", "audio/flac"),
        (8, b"WAVE", "audio/wav"),
        (4, b"ftypM4A", "audio/mp4"),
        (4, b"ftyp", "video/mp4"),
        (0, b"\x1a\x45\xdf\xa3", "audio/webm"),
        (0, b"#!AMR", "audio/amr"),
    ];
    let known = kinds.iter().find(|(offset, mark, _)| at(*offset, mark)).map(|(_, _, kind)| *kind);
    known.or_else(|| {
        // A frame of MPEG audio begins with eleven ones; the layer tells MP3 (1 to 3) from AAC (0).
        let (first, second) = (*bytes.first()?, *bytes.get(1)?);
        let frame = first == 0xff && second & 0xe0 == 0xe0;
        match (frame, second & 0x06) {
            (true, 0) if second & 0xf0 == 0xf0 => Some("audio/aac"),
            (true, 1..) => Some("audio/mpeg"),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_are_known_by_their_first_bytes() {
        let cases: [(&[u8], Option<&str>); 10] = [
            (b"OggS\0\x02", Some("audio/ogg")),
            (b"RIFF\x24\0\0\0WAVEfmt ", Some("audio/wav")),
            (b"ID3\x04", Some("audio/mpeg")),
            (b"\xff\xfb\x90\x64", Some("audio/mpeg")),
            (b"\xff\xf1\x50\x80", Some("audio/aac")),
            (b"fLaC\0\0\0\x22", Some("audio/flac")),
            (b"\0\0\0\x20ftypM4A ", Some("audio/mp4")),
            (b"\0\0\0\x20ftypisom", Some("video/mp4")),
            (b"\xff\xd8\xff\xe0", None),
            (b"", None),
        ];
        for (bytes, kind) in cases {
            assert_eq!(sound_type(bytes), kind, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_neither_picture_nor_sound_is_refused_with_the_field() {
        let failure = Medium::sound(Bytes::from_static(b"hello"), "file").expect_err("no sound");
        assert!(matches!(&failure, Failure::Invalid { param: Some(param), .. } if param == "file"), "{failure}");
        assert_eq!(Medium::of(Bytes::from_static(b"hello"), "file"), Ok(None));
    }

    fn clip(name: &str) -> Medium {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sound").join(name);
        Medium::sound(std::fs::read(path).unwrap().into(), "audio").unwrap()
    }

    #[test]
    fn a_sound_becomes_what_services_take() {
        let speech = clip("modern-opus.ogg");
        assert!((speech.seconds().unwrap() - 1.9).abs() < 0.02, "{:?}", speech.seconds());
        let wav = speech.to_wav(8000).unwrap();
        assert_eq!((wav.content_type.as_str(), wav.extension()), ("audio/wav", "wav"));
        let sound = Sound::decode(&wav.bytes, "audio").unwrap();
        assert_eq!((sound.rate, sound.samples.len()), (8000, 15_197));
        let bare = speech.to_lpcm(8000).unwrap();
        assert_eq!((bare.content_type.as_str(), bare.extension()), ("audio/l16;rate=8000;channels=1", "pcm"));
        assert_eq!(bare.bytes, wav.bytes[44..]);
    }

    #[test]
    fn containers_of_both_are_told_apart_by_what_is_in_them() {
        for (name, kind) in [
            ("modern-opus.webm", "audio/webm"),
            ("film.webm", "video/webm"),
            ("modern-opus.mp4", "audio/mp4"),
            ("film.mp4", "video/mp4"),
            ("film.mov", "video/mp4"),
            ("modern.flac", "audio/flac"),
        ] {
            let (medium, heard) = Medium::heard(clip(name).bytes, "file").unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!((medium.content_type.as_str(), heard.film), (kind, name.starts_with("film")), "{name}");
        }
        let failure = Medium::heard(clip("silent-film.mp4").bytes, "file").expect_err("no sound");
        assert!(failure.to_string().contains("there is no sound in it"), "{failure}");
    }

    #[test]
    fn what_does_not_decode_becomes_nothing() {
        let broken = Medium::sound(Bytes::from_static(b"OggS\0\x02 and nothing more"), "audio").unwrap();
        assert_eq!(broken.seconds(), None);
        for failure in [broken.to_wav(16_000).unwrap_err(), broken.to_lpcm(16_000).unwrap_err()] {
            assert!(matches!(&failure, Failure::Invalid { param: Some(param), .. } if param == "audio"), "{failure}");
        }
    }
}

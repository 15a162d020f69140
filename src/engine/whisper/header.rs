//! The head of a ggml file, read before whisper.cpp reads the file: it believes what a file says, and ends the process
//! over some of it.

use crate::engine::Result;
use crate::engine::weights::unusable;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// ggml's magic number.
pub(super) const MAGIC: u32 = 0x6767_6d6c;
/// Bounds of what any model has; larger numbers are those of a damaged file.
const MOST: u32 = 1 << 20;
/// Longest word of a vocabulary and longest name of a tensor, in bytes.
const LONGEST_NAME: u32 = 4096;
/// Values in a block and bytes of it, by ggml's number of the type.
const TYPES: [(u32, u64, u64); 13] = [
    (0, 1, 4),      // f32
    (1, 1, 2),      // f16
    (2, 32, 18),    // q4_0
    (3, 32, 20),    // q4_1
    (6, 32, 22),    // q5_0
    (7, 32, 24),    // q5_1
    (8, 32, 34),    // q8_0
    (10, 256, 84),  // q2_K
    (11, 256, 110), // q3_K
    (12, 256, 144), // q4_K
    (13, 256, 176), // q5_K
    (14, 256, 210), // q6_K
    (30, 1, 2),     // bf16
];

/// The shape of a model, in the order of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) vocabulary: u32,
    pub(super) audio_context: u32,
    pub(super) audio_state: u32,
    pub(super) audio_heads: u32,
    pub(super) audio_layers: u32,
    pub(super) text_context: u32,
    pub(super) text_state: u32,
    pub(super) text_heads: u32,
    pub(super) text_layers: u32,
    pub(super) mels: u32,
    /// How the large tensors are stored.
    pub(super) storage: u32,
}

impl Shape {
    /// As the file has it.
    pub(super) fn numbers(&self) -> [u32; 11] {
        [
            self.vocabulary,
            self.audio_context,
            self.audio_state,
            self.audio_heads,
            self.audio_layers,
            self.text_context,
            self.text_state,
            self.text_heads,
            self.text_layers,
            self.mels,
            self.storage,
        ]
    }

    fn of(numbers: [u32; 11]) -> Self {
        let [vocabulary, audio_context, audio_state, audio_heads, audio_layers, ..] = numbers;
        let [.., text_context, text_state, text_heads, text_layers, mels, storage] = numbers;
        Self {
            vocabulary,
            audio_context,
            audio_state,
            audio_heads,
            audio_layers,
            text_context,
            text_state,
            text_heads,
            text_layers,
            mels,
            storage,
        }
    }

    fn possible(&self) -> bool {
        let [shape @ .., _] = self.numbers();
        shape.iter().all(|number| (1..=MOST).contains(number))
            && self.audio_state == self.text_state
            && self.audio_state.is_multiple_of(self.audio_heads)
            && self.text_state.is_multiple_of(self.text_heads)
    }
}

/// What stands before the tensors.
pub(super) struct Header {
    pub(super) shape: Shape,
    /// The filters of the spectrogram and the vocabulary, as they lie in the file.
    pub(super) tables: Vec<u8>,
}

/// Reads the head of a file and makes sure that every tensor it names is there.
///
/// # Errors
/// [`super::FailureClass::Missing`] with what is wrong with the file.
pub(super) fn read(path: &Path) -> Result<Header> {
    let wrong = |why: String| unusable(format!("{} cannot be used as a Whisper model: {why}", path.display()));
    let cut = |e: io::Error| match e.kind() {
        io::ErrorKind::UnexpectedEof => wrong("it is cut short".to_owned()),
        _ => wrong(format!("it cannot be read ({e})")),
    };
    let file = File::open(path).map_err(cut)?;
    let length = file.metadata().map_err(cut)?.len();
    let mut file = BufReader::new(file);
    let header = head(&mut file).map_err(cut)?.map_err(|why| wrong(why.to_owned()))?;
    let tensors = tensors(&mut file, length).map_err(cut)?.map_err(wrong)?;
    if tensors == 0 {
        return Err(wrong("there are no weights in it".to_owned()));
    }
    Ok(header)
}

fn head(file: &mut (impl Read + Seek)) -> io::Result<std::result::Result<Header, &'static str>> {
    if number(file)? != MAGIC {
        return Ok(Err("it is not in ggml's format"));
    }
    let mut numbers = [0; 11];
    for each in &mut numbers {
        *each = number(file)?;
    }
    let shape = Shape::of(numbers);
    if !shape.possible() {
        return Ok(Err("its shape is none that a Whisper model has"));
    }
    let begin = file.stream_position()?;
    let (mels, bins) = (number(file)?, number(file)?);
    if mels != shape.mels || bins > MOST {
        return Ok(Err("its spectrogram is not that of its shape"));
    }
    forward(file, u64::from(mels) * u64::from(bins) * 4)?;
    let words = number(file)?;
    if words > shape.vocabulary {
        return Ok(Err("it has more words than its shape says"));
    }
    for _ in 0..words {
        let length = number(file)?;
        if length > LONGEST_NAME {
            return Ok(Err("a word of its vocabulary is longer than any is"));
        }
        forward(file, length.into())?;
    }
    let end = file.stream_position()?;
    let mut tables = vec![0; usize::try_from(end - begin).unwrap_or_default()];
    file.seek(SeekFrom::Start(begin))?;
    file.read_exact(&mut tables)?;
    Ok(Ok(Header { shape, tables }))
}

/// Counts the tensors.
fn tensors(file: &mut (impl Read + Seek), length: u64) -> io::Result<std::result::Result<u32, String>> {
    let mut count = 0;
    while file.stream_position()? < length {
        let (dimensions, name, kind) = (number(file)?, number(file)?, number(file)?);
        if !(1..=4).contains(&dimensions) || name > LONGEST_NAME {
            return Ok(Err(format!("what follows its tensor {count} is none")));
        }
        let mut values: u64 = 1;
        for _ in 0..dimensions {
            values = values.saturating_mul(number(file)?.into());
        }
        forward(file, name.into())?;
        let Some((_, block, bytes)) = TYPES.iter().find(|(number, ..)| *number == kind) else {
            return Ok(Err(format!("its tensor {count} is stored in a way that is not known here ({kind})")));
        };
        let end = file.stream_position()?.saturating_add((values / block).saturating_mul(*bytes));
        if end > length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.seek(SeekFrom::Start(end))?;
        count += 1;
    }
    Ok(Ok(count))
}

fn forward(file: &mut impl Seek, bytes: u64) -> io::Result<()> {
    file.seek_relative(i64::try_from(bytes).map_err(io::Error::other)?)
}

fn number(file: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::super::tests::demo;
    use super::*;

    fn reason(bytes: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), bytes).expect("it can be written");
        read(file.path()).err().expect("it is refused").message
    }

    #[test]
    fn the_demo_model_is_whole() {
        let header = read(&demo()).expect("it can be read");
        let shape = header.shape;
        assert_eq!((shape.vocabulary, shape.audio_state, shape.text_layers, shape.mels), (51_865, 64, 3, 80));
        assert_eq!(Shape::of(shape.numbers()), shape);
    }

    #[test]
    fn damaged_files_are_refused_with_the_reason() {
        let whole = std::fs::read(demo()).expect("the demo model");
        let header = 48 + read(&demo()).expect("it can be read").tables.len();
        let changed = |at: usize, number: u32| {
            let mut bytes = whole.clone();
            bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
            bytes
        };
        for (bytes, said) in [
            (Vec::new(), "cut short"),
            (b"GGUF and more".to_vec(), "not in ggml's format"),
            (whole[..whole.len() - 1].to_vec(), "cut short"),
            (whole[..20].to_vec(), "cut short"),
            (whole[..header].to_vec(), "no weights"),
            (changed(12, 7), "its shape is none"),
            (changed(4, u32::MAX), "its shape is none"),
            (changed(48, 81), "its spectrogram"),
            (changed(header, 9), "tensor 0 is none"),
            (changed(header + 8, 4), "not known here (4)"),
        ] {
            let reason = reason(&bytes);
            assert!(reason.contains(said), "{reason}");
        }
    }
}

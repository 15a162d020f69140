//! GGUF files: a header of metadata and tensor descriptions, then the tensors, quantised or not. The file is mapped:
//! nothing is copied before it is used. Source of the format: docs/gguf.md of ggml.

use super::mapping::Mapping;
use super::{Source, unusable};
use crate::engine::Result;
use crate::engine::nn::kernels::blocks::{Blocks, Bytes, Kind};
use crate::engine::nn::weight::{Origin, Stored};
use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where tensors start when the file does not say: at multiples of this.
const ALIGNMENT: u64 = 32;
/// Most dimensions a tensor has.
const MAX_DIMENSIONS: u32 = 8;

/// The tensors of one file.
pub struct GgufFile {
    path: PathBuf,
    mapping: Arc<Mapping>,
    tensors: HashMap<String, Entry>,
    /// What every tensor's name begins with, such as `model.diffusion_model.`; dropped from the names asked for.
    prefix: &'static str,
}

struct Entry {
    /// `None`: a type no layer here reads, by its number; an error only when asked for.
    kind: std::result::Result<Kind, u32>,
    /// Outermost first, as everywhere but in the file.
    shape: Vec<usize>,
    bytes: Range<usize>,
}

impl GgufFile {
    /// Maps a file and checks its header against its length. Names are the file's without `prefix`, where any has it.
    ///
    /// # Errors
    /// When it is absent, cut, or its header lies.
    pub fn open(path: &Path, prefix: &'static str) -> Result<Self> {
        let bad = |reason: &dyn std::fmt::Display| unusable(format!("{} cannot be used: {reason}", path.display()));
        let file = File::open(path).map_err(|e| bad(&e))?;
        let mapping = Mapping::of(&file).map_err(|e| bad(&e))?;
        let tensors = described(mapping.as_ref()).map_err(|e| bad(&e))?;
        let prefix = if tensors.keys().any(|name| name.starts_with(prefix)) { prefix } else { "" };
        Ok(Self { path: path.to_owned(), mapping: Arc::new(mapping), tensors, prefix })
    }

    /// The names of all tensors, without the prefix.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(|name| name.strip_prefix(self.prefix).unwrap_or(name))
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        if self.prefix.is_empty() {
            return self.tensors.get(name);
        }
        self.tensors.get(&format!("{}{name}", self.prefix))
    }
}

impl Source for GgufFile {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.entry(name).map(|e| e.shape.clone())
    }

    fn find(&self, name: &str, shape: &[usize]) -> Result<Origin> {
        let path = self.path.display();
        let entry = self.entry(name).ok_or_else(|| unusable(format!("{path} has no tensor {name}")))?;
        if entry.shape != shape {
            return Err(unusable(format!(
                "{path}: the config wants {name} as {shape:?}, the file has {:?}",
                entry.shape
            )));
        }
        let kind = entry
            .kind
            .map_err(|number| unusable(format!("{path}: {name} is of ggml's type {number}, which is not supported")))?;
        let bytes: Bytes = Arc::clone(&self.mapping) as Bytes;
        Ok(Stored::Blocks(Blocks::new(kind, bytes, entry.bytes.clone())?).into())
    }

    fn forget(&self, prefix: &str) {
        let prefix = format!("{}{prefix}", self.prefix);
        for (_, entry) in self.tensors.iter().filter(|(name, _)| name.starts_with(&prefix)) {
            self.mapping.forget(entry.bytes.clone());
        }
    }
}

/// The layout of a type by ggml's number for it (`enum ggml_type`).
fn kind(number: u32) -> std::result::Result<Kind, u32> {
    Ok(match number {
        0 => Kind::F32,
        1 => Kind::F16,
        2 => Kind::Q4_0,
        3 => Kind::Q4_1,
        6 => Kind::Q5_0,
        7 => Kind::Q5_1,
        8 => Kind::Q8_0,
        10 => Kind::Q2K,
        11 => Kind::Q3K,
        12 => Kind::Q4K,
        13 => Kind::Q5K,
        14 => Kind::Q6K,
        30 => Kind::Bf16,
        other => return Err(other),
    })
}

fn described(bytes: &[u8]) -> std::result::Result<HashMap<String, Entry>, String> {
    let mut header = Header { bytes, at: 0 };
    if header.take(4)? != b"GGUF" {
        return Err("it does not begin as a GGUF file does".to_owned());
    }
    let version = header.u32()?;
    if !(2..=3).contains(&version) {
        return Err(format!("it is GGUF of version {version}; 2 and 3 are supported"));
    }
    let (tensors, values) = (header.u64()?, header.u64()?);
    let mut alignment = ALIGNMENT;
    for _ in 0..values {
        let key = header.string()?;
        let kind = header.u32()?;
        match (key.as_str(), kind) {
            ("general.alignment", 4) => alignment = u64::from(header.u32()?).max(1),
            _ => header.skip(kind)?,
        }
    }
    let mut found = Vec::new();
    for _ in 0..tensors {
        found.push(header.tensor()?);
    }
    let data = (header.at as u64).next_multiple_of(alignment);
    found
        .into_iter()
        .map(|(name, shape, number, offset)| placed(bytes.len(), data, name, shape, number, offset))
        .collect()
}

fn placed(
    length: usize,
    data: u64,
    name: String,
    shape: Vec<usize>,
    number: u32,
    offset: u64,
) -> std::result::Result<(String, Entry), String> {
    let values = shape.iter().try_fold(1usize, |n, side| n.checked_mul(*side));
    let kind = kind(number);
    let size = match kind {
        Err(_) => Some(0),
        Ok(kind) => values.and_then(|n| kind.bytes(n)),
    };
    let size = size.ok_or_else(|| format!("tensor {name} of shape {shape:?} is no whole blocks of its type"))?;
    let start = data.checked_add(offset).and_then(|start| usize::try_from(start).ok());
    let range = start.and_then(|start| Some(start..start.checked_add(size)?)).filter(|range| range.end <= length);
    let bytes = range.ok_or_else(|| format!("it is cut off: tensor {name} should end behind its last byte"))?;
    Ok((name, Entry { kind, shape, bytes }))
}

/// Reads the header front to back; whatever would lie behind the end is an error.
struct Header<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Header<'_> {
    fn take(&mut self, n: usize) -> std::result::Result<&[u8], String> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| "its header is cut off".to_owned())?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn u32(&mut self) -> std::result::Result<u32, String> {
        let b = self.take(4)?;
        Ok(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    fn u64(&mut self) -> std::result::Result<u64, String> {
        let (low, high) = (self.u32()?, self.u32()?);
        Ok(u64::from(low) | (u64::from(high) << 32))
    }

    fn size(&mut self) -> std::result::Result<usize, String> {
        usize::try_from(self.u64()?).map_err(|_| "its header names an impossible size".to_owned())
    }

    fn string(&mut self) -> std::result::Result<String, String> {
        let n = self.size()?;
        Ok(String::from_utf8_lossy(self.take(n)?).into_owned())
    }

    /// Passes over a value of metadata of that type.
    fn skip(&mut self, kind: u32) -> std::result::Result<(), String> {
        match kind {
            8 => self.string().map(drop),
            9 => {
                let (of, n) = (self.u32()?, self.size()?);
                if let Some(bytes) = plain(of) {
                    return self.take(n.saturating_mul(bytes)).map(drop);
                }
                if of != 8 {
                    return Err(format!("its metadata holds a list of type {of}, which is not known"));
                }
                (0..n).try_for_each(|_| self.string().map(drop))
            }
            _ => {
                let bytes =
                    plain(kind).ok_or_else(|| format!("its metadata holds a type {kind}, which is not known"))?;
                self.take(bytes).map(drop)
            }
        }
    }

    /// Name, shape, type and offset of a tensor.
    fn tensor(&mut self) -> std::result::Result<(String, Vec<usize>, u32, u64), String> {
        let name = self.string()?;
        let dimensions = self.u32()?;
        if dimensions > MAX_DIMENSIONS {
            return Err(format!("tensor {name} claims {dimensions} dimensions"));
        }
        let mut shape = (0..dimensions).map(|_| self.size()).collect::<std::result::Result<Vec<_>, _>>()?;
        shape.reverse();
        Ok((name, shape, self.u32()?, self.u64()?))
    }
}

/// Bytes of a plain value of metadata.
fn plain(kind: u32) -> Option<usize> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::golden::{golden, root, values};
    use proptest::prelude::*;

    fn at(name: &str) -> PathBuf {
        root().join("tests/golden/flux/gguf").join(name)
    }

    /// A copy of kinds.gguf with some bytes replaced; the message of opening it and reading `name`.
    fn message(from: &[u8], to: &[u8], name: &str) -> String {
        let mut bytes = std::fs::read(at("kinds.gguf")).unwrap();
        let place = bytes.windows(from.len()).position(|window| window == from).unwrap();
        bytes[place..place + to.len()].copy_from_slice(to);
        let copy = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(copy.path(), bytes).unwrap();
        let file = GgufFile::open(copy.path(), "");
        let failure = file.and_then(|file| file.find(name, &[4, 512]).map(drop)).unwrap_err();
        assert!(failure.message.contains(copy.path().to_str().unwrap()), "{}", failure.message);
        failure.message
    }

    #[test]
    fn every_type_is_widened_as_the_gguf_package_does() {
        let file = GgufFile::open(&at("kinds.gguf"), "model.").unwrap();
        let theirs = golden("flux/gguf/kinds.safetensors");
        assert_eq!((theirs.len(), file.names().count()), (13, 13));
        for (name, theirs) in &theirs {
            assert_eq!(file.shape(name), Some(vec![4, 512]));
            let Origin::Memory(Stored::Blocks(blocks)) = file.find(name, &[4, 512]).unwrap() else { panic!("{name}") };
            // Equal, not near: the same operations on the same numbers.
            assert_eq!(blocks.to_f32(), values(theirs), "{name}");
            let Origin::Memory(Stored::Blocks(third)) = file.find(name, &[4, 512]).unwrap().rows(2..3, 512) else {
                panic!("{name}")
            };
            assert_eq!(third.to_f32(), values(theirs)[1024..1536], "{name}");
        }
        file.forget("Q4");
        let Origin::Memory(Stored::Blocks(again)) = file.find("Q4_K", &[4, 512]).unwrap() else { panic!("no blocks") };
        assert_eq!(again.to_f32(), values(&theirs["Q4_K"]));
    }

    #[test]
    fn what_is_missing_or_not_known_is_named() {
        let absent = message(b"Q4_K", b"Q4_X", "Q4_K");
        assert!(absent.contains("has no tensor Q4_K"), "{absent}");
        // Name, two dimensions, then the type.
        let description =
            |kind: u8| [b"Q4_K\x02\0\0\0\0\x02\0\0\0\0\0\0\x04\0\0\0\0\0\0\0".as_slice(), &[kind, 0, 0, 0]].concat();
        let unknown = message(&description(12), &description(39), "Q4_K");
        assert!(unknown.contains("Q4_K is of ggml's type 39, which is not supported"), "{unknown}");
        let shape = GgufFile::open(&at("kinds.gguf"), "").unwrap().find("Q4_K", &[4, 256]).err().unwrap();
        assert!(shape.message.contains("wants Q4_K as [4, 256], the file has [4, 512]"), "{}", shape.message);
        let version = message(b"GGUF\x03", b"GGUF\x09", "Q4_K");
        assert!(version.contains("GGUF of version 9"), "{version}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn damaged_files_are_errors(cut in 0usize..30_000, at_byte in 0usize..1_500, byte in any::<u8>()) {
            let mut bytes = std::fs::read(at("kinds.gguf")).unwrap();
            bytes[at_byte] = byte;
            for damaged in [&bytes[..], &bytes[..cut]] {
                // Whatever it says, it says it: no panic, no read beyond the end.
                if let Ok(tensors) = described(damaged) {
                    for entry in tensors.values() {
                        prop_assert!(entry.bytes.end <= damaged.len());
                    }
                }
            }
        }
    }
}

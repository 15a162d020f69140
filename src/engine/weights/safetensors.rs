//! safetensors files, read tensor by tensor, or by whoever needs some rows, with plain reads: a file that is cut or
//! changed under us is an error, where a mapping would be a signal that ends the process.

use super::{Source, unusable};
use crate::engine::Result;
use crate::engine::nn::kernels::blocks::Kind;
use crate::engine::nn::weight::{Origin, Unread};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest header accepted, as in the reference implementation.
const MAX_HEADER: u64 = 100_000_000;

/// The tensors of one or several files.
pub struct SafetensorsFiles {
    files: Vec<Arc<(PathBuf, File)>>,
    tensors: HashMap<String, Entry>,
}

struct Entry {
    file: usize,
    /// `None`: a type no layer here reads; an error only when asked for.
    kind: Option<Kind>,
    shape: Vec<usize>,
    offset: u64,
}

#[derive(Deserialize)]
struct Described {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

impl SafetensorsFiles {
    /// Opens files and checks their headers against their lengths.
    ///
    /// # Errors
    /// When a file is absent, cut, or its header lies.
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        let mut all = Self { files: Vec::new(), tensors: HashMap::new() };
        for path in paths {
            all.add(path).map_err(|reason| unusable(format!("{} cannot be used: {reason}", path.display())))?;
        }
        Ok(all)
    }

    fn add(&mut self, path: &Path) -> std::result::Result<(), String> {
        let mut file = File::open(path).map_err(|e| e.to_string())?;
        let length = file.metadata().map_err(|e| e.to_string())?.len();
        let mut size = [0; 8];
        file.read_exact(&mut size).map_err(|_| "it is too short for a safetensors file".to_owned())?;
        let size = u64::from_le_bytes(size);
        if size > MAX_HEADER || size + 8 > length {
            return Err(format!("its header claims {size} bytes but the file has {length}"));
        }
        let mut header = vec![0; usize::try_from(size).map_err(|e| e.to_string())?];
        file.read_exact(&mut header).map_err(|e| e.to_string())?;
        let described: HashMap<String, serde_json::Value> =
            serde_json::from_slice(&header).map_err(|e| format!("its header is not valid: {e}"))?;
        let index = self.files.len();
        for (name, value) in described {
            if name == "__metadata__" {
                continue;
            }
            let described: Described =
                serde_json::from_value(value).map_err(|e| format!("tensor {name} is not described: {e}"))?;
            let entry = checked(&name, described, index, 8 + size, length)?;
            self.tensors.insert(name, entry);
        }
        self.files.push(Arc::new((path.to_owned(), file)));
        Ok(())
    }

    /// The names of all tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    fn whereabouts(&self) -> String {
        self.files.iter().map(|file| file.0.display().to_string()).collect::<Vec<_>>().join(", ")
    }
}

fn checked(name: &str, d: Described, file: usize, data: u64, length: u64) -> std::result::Result<Entry, String> {
    let kind = match d.dtype.as_str() {
        "F32" => Some(Kind::F32),
        "F16" => Some(Kind::F16),
        "BF16" => Some(Kind::Bf16),
        // In which text encoders are published for ComfyUI.
        "F8_E4M3" => Some(Kind::F8E4m3),
        _ => None,
    };
    let (start, end) = d.data_offsets;
    if start > end || end.checked_add(data).is_none_or(|end| end > length) {
        return Err(format!("it is cut off: tensor {name} should end at byte {end} of the data, the file is shorter"));
    }
    let values = d.shape.iter().try_fold(1u64, |n, side| n.checked_mul(*side as u64));
    if let Some(kind) = kind
        && values.and_then(|n| n.checked_mul(kind.block().1 as u64)) != Some(end - start)
    {
        return Err(format!("tensor {name} of shape {:?} does not have {} bytes", d.shape, end - start));
    }
    Ok(Entry { file, kind, shape: d.shape, offset: data + start })
}

impl Source for SafetensorsFiles {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.get(name).map(|e| e.shape.clone())
    }

    fn find(&self, name: &str, shape: &[usize]) -> Result<Origin> {
        let Some(entry) = self.tensors.get(name) else {
            return Err(unusable(format!("{} has no tensor {name}", self.whereabouts())));
        };
        let file = Arc::clone(&self.files[entry.file]);
        let path = file.0.display();
        if entry.shape != shape {
            return Err(unusable(format!(
                "{path}: the config wants {name} as {shape:?}, the file has {:?}",
                entry.shape
            )));
        }
        let Some(kind) = entry.kind else {
            return Err(unusable(format!("{path}: {name} is of a type that is not supported")));
        };
        let (name, offset, values) = (name.to_owned(), entry.offset, shape.iter().product());
        let read = move |at: u64, bytes: &mut [u8]| {
            let (path, file) = &*file;
            file.read_exact_at(bytes, offset + at)
                .map_err(|e| io::Error::new(e.kind(), format!("{}: {name} could not be read: {e}", path.display())))
        };
        Ok(Origin::File(Unread::new(kind, values, Arc::new(read))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::nn::weight::{Place, Stored};
    use crate::engine::weights::{Renamed, Taken, Weights};
    use half::f16;
    use proptest::prelude::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn refusal(bytes: &[u8]) -> String {
        let file = file(bytes);
        let failure = SafetensorsFiles::open(&[file.path().to_owned()]).err().unwrap();
        assert!(failure.message.contains(&file.path().display().to_string()), "{}", failure.message);
        failure.message
    }

    const ONE: &str = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]}}"#;

    #[test]
    fn values_come_out_in_their_precision() {
        let data: Vec<u8> = (0..6u8).flat_map(|i| f16::from_f32(f32::from(i)).to_le_bytes()).collect();
        let file = file(&with_header(ONE, &data));
        let all = SafetensorsFiles::open(&[file.path().to_owned()]).unwrap();
        assert_eq!(all.shape("a"), Some(vec![2, 3]));
        let found = all.find("a", &[2, 3]).unwrap();
        let Stored::F16(second) = found.rows(1..2, 3).read().unwrap() else { panic!("not f16") };
        assert_eq!(second.iter().map(|v| v.to_f32()).collect::<Vec<_>>(), [3.0, 4.0, 5.0]);
        let Stored::F16(values) = found.read().unwrap() else { panic!("not f16") };
        assert_eq!(values.iter().map(|v| v.to_f32()).collect::<Vec<_>>(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let contradiction = all.find("a", &[3, 2]).err().unwrap().message;
        assert!(contradiction.contains("the config wants a as [3, 2], the file has [2, 3]"), "{contradiction}");
        assert!(all.find("b", &[1]).err().unwrap().message.contains("has no tensor b"));
    }

    #[test]
    fn a_file_that_is_cut_later_is_named_with_the_tensor() {
        let file = file(&with_header(ONE, &[0; 12]));
        let all = SafetensorsFiles::open(&[file.path().to_owned()]).unwrap();
        file.as_file().set_len(file.as_file().metadata().unwrap().len() - 1).unwrap();
        let whole = all.find("a", &[2, 3]).unwrap().read().err().unwrap().to_string();
        let renamed = Arc::new(Renamed::new(Arc::new(all), |_: &str| Taken::whole("a".to_owned())));
        for place in [Place::cpu(), Place::cpu_in_bytes()] {
            let weights = Weights::new(Arc::clone(&renamed) as Arc<dyn Source>, place);
            assert_eq!(weights.linear("layer", 3, 2, false).err().unwrap().message, whole);
        }
        assert!(whole.starts_with(&format!("{}: a could not be read: ", file.path().display())), "{whole}");
    }

    #[test]
    fn a_file_that_is_cut_or_lies_is_refused_in_a_sentence() {
        assert!(refusal(b"abc").contains("too short"));
        assert!(refusal(&with_header(ONE, &[0; 11])).contains("cut off"));
        assert!(refusal(&u64::MAX.to_le_bytes()).contains("claims"));
        assert!(refusal(&with_header("{\"a\":", &[])).contains("not valid"));
        assert!(refusal(&with_header(r#"{"a":{"dtype":"F16"}}"#, &[])).contains("not described"));
        let lie = ONE.replace("[2,3]", "[2,4]");
        assert!(refusal(&with_header(&lie, &[0; 12])).contains("does not have 12 bytes"));
        let overflow = ONE.replace("[2,3]", "[9223372036854775807,9]");
        assert!(refusal(&with_header(&overflow, &[0; 12])).contains("does not have 12 bytes"));
        let backwards = ONE.replace("[0,12]", "[12,0]");
        assert!(refusal(&with_header(&backwards, &[0; 12])).contains("cut off"));
        let far = ONE.replace("[0,12]", "[18446744073709551603,18446744073709551615]");
        assert!(refusal(&with_header(&far, &[0; 12])).contains("cut off"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let bare = file(&bytes);
            let _ = SafetensorsFiles::open(&[bare.path().to_owned()]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let wrapped = file(&with_header(&text, &bytes));
            let _ = SafetensorsFiles::open(&[wrapped.path().to_owned()]);
        }
    }
}

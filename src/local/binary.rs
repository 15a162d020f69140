//! Which engine binary is started, and on which device it computes.

use super::DeviceSetting;
use crate::engine::protocol::DeviceChoice;
use crate::media::Failure;
use std::path::{Path, PathBuf};

const CPU: &str = "samovar-engine";
/// The same, its speech models built for AVX-512 (scripts/build_engine_avx512.sh).
const AVX512: &str = "samovar-engine-avx512";
const CUDA: &str = "samovar-engine-cuda";

/// An engine to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// The binary.
    pub(super) path: PathBuf,
    /// What it computes on.
    pub(super) device: DeviceChoice,
    /// Whether the processor takes over when it cannot start.
    pub(super) optional: bool,
}

/// Where engines may lie, and what they may be.
pub(super) struct Beside {
    /// The folder of this executable and the one above, which is where cargo puts binaries when tests run.
    folders: Vec<PathBuf>,
    /// Whether this processor has AVX-512.
    avx512: bool,
}

/// Chooses by what was configured and what lies beside.
///
/// # Errors
/// [`Failure::Missing`] that says which file was looked for and where.
pub(super) fn choose(
    configured: Option<&Path>,
    device: DeviceSetting,
    cuda_refused: bool,
    beside: &Beside,
) -> Result<Choice, Failure> {
    let find = |name: &str| beside.folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    if let Some(path) = configured {
        if !path.is_file() {
            return Err(missing(&format!("SAMOVAR_ENGINE names {}, which is not there", path.display())));
        }
        let device = match device {
            DeviceSetting::Cuda(n) => DeviceChoice::Cuda(n),
            DeviceSetting::Auto if path.file_name().is_some_and(|name| name == CUDA) => DeviceChoice::Cuda(0),
            DeviceSetting::Auto | DeviceSetting::Cpu => DeviceChoice::Cpu,
        };
        return Ok(Choice { path: path.to_owned(), device, optional: false });
    }
    match device {
        DeviceSetting::Cuda(n) => {
            let path = find(CUDA).ok_or_else(|| missing(&format!("there is no {CUDA} beside samovar")))?;
            return Ok(Choice { path, device: DeviceChoice::Cuda(n), optional: false });
        }
        DeviceSetting::Auto if !cuda_refused => {
            if let Some(path) = find(CUDA) {
                return Ok(Choice { path, device: DeviceChoice::Cuda(0), optional: true });
            }
        }
        DeviceSetting::Auto | DeviceSetting::Cpu => {}
    }
    let wide = if beside.avx512 { find(AVX512) } else { None };
    let path = wide.or_else(|| find(CPU)).ok_or_else(|| missing(&format!("there is no {CPU} beside samovar")))?;
    Ok(Choice { path, device: DeviceChoice::Cpu, optional: false })
}

/// What lies beside this executable.
pub(super) fn beside() -> Beside {
    let executable = std::env::current_exe().unwrap_or_default();
    Beside { folders: executable.ancestors().skip(1).take(2).map(Path::to_owned).collect(), avx512: has_avx512() }
}

/// Whether this processor has all of AVX-512 that [`AVX512`] is built for.
#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx512() -> bool {
    false
}

fn missing(what: &str) -> Failure {
    Failure::Missing {
        message: format!(
            "the local engine is missing: {what}; build both binaries (scripts/run.sh does) or set SAMOVAR_ENGINE"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(files: &[&str]) -> (tempfile::TempDir, Beside) {
        let home = tempfile::tempdir().expect("a folder");
        for file in files {
            std::fs::write(home.path().join(file), "").expect("a file");
        }
        let folders = vec![home.path().join("deps"), home.path().to_owned()];
        (home, Beside { folders, avx512: false })
    }

    fn named(choice: Result<Choice, Failure>) -> (String, DeviceChoice, bool) {
        let choice = choice.expect("an engine");
        (choice.path.file_name().unwrap().to_string_lossy().into_owned(), choice.device, choice.optional)
    }

    #[test]
    fn a_card_is_tried_first_where_its_engine_lies_beside() {
        let (_home, beside) = home(&[CPU, CUDA]);
        let choose = |device, refused| choose(None, device, refused, &beside);
        assert_eq!(named(choose(DeviceSetting::Auto, false)), (CUDA.to_owned(), DeviceChoice::Cuda(0), true));
        assert_eq!(named(choose(DeviceSetting::Auto, true)), (CPU.to_owned(), DeviceChoice::Cpu, false));
        assert_eq!(named(choose(DeviceSetting::Cpu, false)), (CPU.to_owned(), DeviceChoice::Cpu, false));
        assert_eq!(named(choose(DeviceSetting::Cuda(2), true)), (CUDA.to_owned(), DeviceChoice::Cuda(2), false));
    }

    #[test]
    fn the_engine_for_avx512_is_for_processors_that_have_it() {
        let (_home, mut beside) = home(&[CPU, AVX512]);
        let choose = |beside: &Beside| named(choose(None, DeviceSetting::Cpu, false, beside)).0;
        assert_eq!(choose(&beside), CPU);
        beside.avx512 = true;
        assert_eq!(choose(&beside), AVX512);
        let (_home, mut without) = home(&[CPU]);
        without.avx512 = true;
        assert_eq!(choose(&without), CPU);
    }

    #[test]
    fn a_missing_engine_is_named() {
        let (home, beside) = home(&[CPU]);
        let nothing = Beside { folders: Vec::new(), avx512: true };
        let failure = choose(None, DeviceSetting::Cuda(0), false, &beside).expect_err("no such engine");
        assert!(failure.to_string().contains("there is no samovar-engine-cuda beside samovar"), "{failure}");
        let failure = choose(None, DeviceSetting::Auto, false, &nothing).expect_err("no engine");
        assert!(failure.to_string().contains("there is no samovar-engine beside samovar"), "{failure}");
        let absent = home.path().join("absent");
        let failure = choose(Some(&absent), DeviceSetting::Auto, false, &beside).expect_err("not there");
        assert!(failure.to_string().contains(absent.to_str().unwrap()), "{failure}");
    }

    #[test]
    fn a_configured_engine_wins() {
        let (home, beside) = home(&[CPU, CUDA, "mine"]);
        let nothing = Beside { folders: Vec::new(), avx512: false };
        let mine = home.path().join("mine");
        let choice = choose(Some(&mine), DeviceSetting::Auto, false, &beside);
        assert_eq!(named(choice), ("mine".to_owned(), DeviceChoice::Cpu, false));
        let cuda = home.path().join(CUDA);
        let choice = choose(Some(&cuda), DeviceSetting::Auto, false, &nothing);
        assert_eq!(named(choice), (CUDA.to_owned(), DeviceChoice::Cuda(0), false));
    }
}

//! Signed links: an expiry and an HMAC-SHA256 over it and the file's id, so that a link needs no key and no state.

use super::StorageError;
use crate::media::{AssetId, hex};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fs::{OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

const SECRET_BYTES: usize = 32;

/// What a link carries beside the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Seconds since 1970 after which it no longer works.
    pub expires: u64,
    /// HMAC-SHA256 in hexadecimal digits.
    pub signature: String,
}

/// The key of the signatures. Never printed.
pub(super) struct Secret([u8; SECRET_BYTES]);

/// Makes a secret that appears whole or not at all: of processes that start at once, all read that of the first.
fn make(file: &Path) -> std::io::Result<()> {
    let beside = file.with_extension(Uuid::new_v4().simple().to_string());
    let secret: [u8; SECRET_BYTES] = rand::random();
    let mut made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let linked =
        made.write_all(&secret).and_then(|()| made.sync_all()).and_then(|()| std::fs::hard_link(&beside, file));
    std::fs::remove_file(&beside)?;
    match linked {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

impl Secret {
    /// Reads the secret, or makes one with mode 0600.
    pub(super) fn open(file: &Path) -> Result<Self, StorageError> {
        let fail = |reason: String| StorageError::Secret { file: file.to_owned(), reason };
        let io = |e: std::io::Error| fail(e.to_string());
        if let Some(dir) = file.parent() {
            std::fs::create_dir_all(dir).map_err(io)?;
        }
        if !file.exists() {
            make(file).map_err(io)?;
        }
        std::fs::set_permissions(file, Permissions::from_mode(0o600)).map_err(io)?;
        let bytes = std::fs::read(file).map_err(io)?;
        let secret = bytes.try_into().map_err(|bytes: Vec<u8>| {
            fail(format!("it has {} bytes instead of {SECRET_BYTES}; delete it to have a new one", bytes.len()))
        })?;
        Ok(Self(secret))
    }

    pub(super) fn sign(&self, id: AssetId, until: SystemTime) -> Link {
        let expires = seconds(until);
        let signature = self.mac(id, expires).map(|mac| hex::encode(mac.finalize().into_bytes())).unwrap_or_default();
        Link { expires, signature }
    }

    pub(super) fn allows(&self, id: AssetId, link: &Link, now: SystemTime) -> bool {
        let Some(signature) = hex::decode(&link.signature) else { return false };
        // `verify_slice` compares in constant time.
        let genuine = self.mac(id, link.expires).is_some_and(|mac| mac.verify_slice(&signature).is_ok());
        genuine && seconds(now) <= link.expires
    }

    fn mac(&self, id: AssetId, expires: u64) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(id.0.as_bytes());
        mac.update(&expires.to_be_bytes());
        Some(mac)
    }
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_link_works_for_its_file_until_it_expires() {
        let dir = tempfile::tempdir().unwrap();
        let secret = Secret::open(&dir.path().join("secret")).unwrap();
        let (id, now) = (AssetId::fresh(), SystemTime::now());
        let link = secret.sign(id, now + MINUTE);
        assert!(secret.allows(id, &link, now));
        assert!(secret.allows(id, &link, now + Duration::from_secs(59)));
        assert!(!secret.allows(id, &link, now + Duration::from_secs(62)), "expired");
        assert!(!secret.allows(AssetId::fresh(), &link, now), "another file");
        let later = Link { expires: link.expires + 1, ..link.clone() };
        assert!(!secret.allows(id, &later, now), "a longer life");
        for signature in ["", "00", "zz", "é", &link.signature[1..]] {
            let forged = Link { expires: link.expires, signature: signature.to_owned() };
            assert!(!secret.allows(id, &forged, now), "{signature:?}");
        }
    }

    #[test]
    fn the_secret_is_private_and_outlives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("new/secret");
        let (id, now) = (AssetId::fresh(), SystemTime::now());
        let link = Secret::open(&file).unwrap().sign(id, now + MINUTE);
        let mode = || std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        assert!(Secret::open(&file).unwrap().allows(id, &link, now));
        assert_eq!(mode(), 0o600);
        std::fs::write(&file, b"short").unwrap();
        let refused = Secret::open(&file).err().unwrap();
        assert!(refused.to_string().contains("5 bytes instead of 32"), "{refused}");
    }
}

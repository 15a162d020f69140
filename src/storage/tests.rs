//! Bytes, links and expiry on a real folder.

use super::*;
use std::os::unix::fs::PermissionsExt;

const DAY: Duration = Duration::from_secs(86_400);

fn open(dir: &std::path::Path) -> Storage {
    Storage::open(settings(dir)).unwrap()
}

fn settings(dir: &std::path::Path) -> Settings {
    Settings {
        dir: dir.join("media"),
        secret_file: dir.join("link-secret"),
        retention: DAY,
        link_life: Duration::from_secs(60),
    }
}

#[tokio::test]
async fn bytes_come_back_whole_and_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let id = storage.put(Bytes::from_static(b"0123456789"), "image/png", "anna").await.unwrap();
    let meta = storage.meta(id).await.unwrap().unwrap();
    assert_eq!(meta, Meta { content_type: "image/png".into(), size: 10, owner: "anna".into() });
    assert_eq!(storage.bytes(id, None).await.unwrap().unwrap(), "0123456789");
    assert_eq!(storage.bytes(id, Some(2..5)).await.unwrap().unwrap(), "234");
    assert_eq!(storage.meta(AssetId::fresh()).await.unwrap(), None);
    assert_eq!(storage.bytes(AssetId::fresh(), None).await.unwrap(), None);
}

#[tokio::test]
async fn an_asset_without_its_description_does_not_exist() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let id = storage.put(Bytes::from_static(b"half"), "image/png", "anna").await.unwrap();
    std::fs::remove_file(dir.path().join(format!("media/{id}.json"))).unwrap();
    assert_eq!(storage.meta(id).await.unwrap(), None);
}

#[tokio::test]
async fn the_sweep_takes_only_what_is_too_old() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let id = storage.put(Bytes::from_static(b"x"), "image/png", "anna").await.unwrap();
    let now = SystemTime::now();
    assert_eq!(storage.sweep(now).await.unwrap(), 0);
    assert!(storage.meta(id).await.unwrap().is_some());
    assert_eq!(storage.sweep(now + DAY + Duration::from_secs(60)).await.unwrap(), 2);
    assert_eq!(storage.meta(id).await.unwrap(), None);
    assert_eq!(std::fs::read_dir(dir.path().join("media")).unwrap().count(), 0);
}

#[test]
fn a_link_works_for_its_file_until_it_expires() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let (id, now) = (AssetId::fresh(), SystemTime::now());
    let link = storage.link(id, now);
    assert!(storage.allows(id, &link, now));
    assert!(storage.allows(id, &link, now + Duration::from_secs(59)));
    assert!(!storage.allows(id, &link, now + Duration::from_secs(62)), "expired");
    assert!(!storage.allows(AssetId::fresh(), &link, now), "another file");
    let later = Link { expires: link.expires + 1, ..link.clone() };
    assert!(!storage.allows(id, &later, now), "a longer life");
    for signature in ["", "00", "zz", "é", &link.signature[1..]] {
        let forged = Link { expires: link.expires, signature: signature.to_owned() };
        assert!(!storage.allows(id, &forged, now), "{signature:?}");
    }
}

#[test]
fn the_secret_is_private_and_outlives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (id, now) = (AssetId::fresh(), SystemTime::now());
    let link = open(dir.path()).link(id, now);
    let file = dir.path().join("link-secret");
    let mode = || std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(open(dir.path()).allows(id, &link, now));
    assert_eq!(mode(), 0o600);
    std::fs::write(&file, b"short").unwrap();
    let refused = Storage::open(settings(dir.path())).err().unwrap();
    assert!(refused.to_string().contains("5 bytes instead of 32"), "{refused}");
}

#[tokio::test]
async fn the_probe_notices_a_folder_that_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    storage.probe().await.unwrap();
    assert_eq!(std::fs::read_dir(dir.path().join("media")).unwrap().count(), 0);
    std::fs::remove_dir(dir.path().join("media")).unwrap();
    std::fs::write(dir.path().join("media"), b"a file where the folder was").unwrap();
    assert!(storage.probe().await.is_err());
}

//! `samovar doctor`: what works here and what is missing, one line each.

use super::say;
use crate::accounts::{Accounts, Keys};
use crate::app::Studio;
use crate::config::Config;
use crate::db::{Clock, Db, DbError};
use crate::lettering::Letterer;
use crate::local::catalogue::{Catalogue, human_bytes};
use crate::storage::Place;
use anyhow::Result;
use rustix::fs::{Access, access, statvfs};
use secrecy::ExposeSecret;
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use url::Url;

/// Less than this on the disk of the results is worth a warning.
const LITTLE_DISK: u64 = 2_000_000_000;
/// A shorter key can be guessed.
const SHORT_KEY: usize = 16;
/// How long the database may take to answer.
const DATABASE_PATIENCE: Duration = Duration::from_secs(10);

/// What was found.
enum Finding {
    Ok(String),
    Warn(String),
    Fail(String),
}

/// Looks at everything and tells; ends with 1 when something fails.
///
/// # Errors
/// When stdout is gone.
pub async fn run(config: &Config) -> Result<ExitCode> {
    let studio = Studio::open(config, false, None).await;
    let (said, keys) = accounts(config.database()).await;
    let findings = [
        ("device", device()),
        ("memory", memory(config, &studio)),
        ("engine", engine(&studio).await),
        ("models", models(config, &studio)),
        ("fonts", fonts(config)),
        ("data", folder(&config.data_dir, "SAMOVAR_DATA_DIR")),
        ("storage", storage(&config.storage_place).await),
        ("database", database(config.database()).await),
        ("accounts", said),
        ("listen", listen(config, keys)),
        ("telegram", telegram(config).await),
    ];
    let mut code = ExitCode::SUCCESS;
    for (subject, finding) in findings {
        let (verdict, text) = match finding {
            Finding::Ok(text) => ("ok", text),
            Finding::Warn(text) => ("warn", text),
            Finding::Fail(text) => ("fail", text),
        };
        if verdict == "fail" {
            code = ExitCode::FAILURE;
        }
        say(&format!("{verdict:<5} {subject:<8} {text}"))?;
    }
    Ok(code)
}

fn device() -> Finding {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = processors.lines().find_map(|l| l.strip_prefix("model name")?.split_once(": "));
    let name = named.map_or(std::env::consts::ARCH, |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let said = format!("{name}, {cores} threads, {}", instructions());
    if fast_instructions() { Finding::Ok(said) } else { Finding::Warn(format!("{said}: drawing will be slow")) }
}

#[cfg(target_arch = "x86_64")]
fn instructions() -> String {
    let all = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("f16c", is_x86_feature_detected!("f16c")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512vnni", is_x86_feature_detected!("avx512vnni")),
        ("avx512bf16", is_x86_feature_detected!("avx512bf16")),
    ];
    let here: Vec<&str> = all.iter().filter(|(_, here)| *here).map(|(name, _)| *name).collect();
    if here.is_empty() { "no avx2".to_owned() } else { here.join(" ") }
}

#[cfg(target_arch = "x86_64")]
fn fast_instructions() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(not(target_arch = "x86_64"))]
fn instructions() -> String {
    std::env::consts::ARCH.to_owned()
}

#[cfg(not(target_arch = "x86_64"))]
fn fast_instructions() -> bool {
    cfg!(target_arch = "aarch64")
}

fn memory(config: &Config, studio: &Result<Studio>) -> Finding {
    let Ok(studio) = studio else { return Finding::Warn("not looked at: see models".to_owned()) };
    let bytes = studio.memory();
    let limit = config.memory_limit.map_or(String::new(), |l| format!(" (SAMOVAR_MEMORY_LIMIT is {})", human_bytes(l)));
    let said = format!("{} for the engine{limit}", human_bytes(bytes));
    let catalogue = Catalogue::read(&config.catalogue());
    let installed = catalogue.iter().flat_map(|c| c.entries().iter().filter(|e| c.installed(e)));
    let large: Vec<&str> = installed.filter(|e| e.memory.is_some_and(|m| m > bytes)).map(|e| e.name.as_str()).collect();
    if large.is_empty() {
        Finding::Ok(said)
    } else {
        Finding::Warn(format!("{said}: less than {} wants; something will be given up", large.join(", ")))
    }
}

async fn engine(studio: &Result<Studio>) -> Finding {
    let Ok(studio) = studio else { return Finding::Warn("not looked at: see models".to_owned()) };
    let said = studio.engine().await;
    studio.close().await;
    said.map_or_else(|failure| Finding::Fail(failure.to_string()), Finding::Ok)
}

/// Also fails when the route names a model that does not exist.
fn models(config: &Config, studio: &Result<Studio>) -> Finding {
    if let Err(error) = studio {
        return Finding::Fail(error.to_string());
    }
    let catalogue = match Catalogue::read(&config.catalogue()) {
        Ok(catalogue) => catalogue,
        Err(error) => return Finding::Fail(error.to_string()),
    };
    let here: Vec<_> = catalogue.entries().iter().filter(|e| catalogue.installed(e)).collect();
    let names: Vec<&str> = here.iter().map(|e| e.name.as_str()).collect();
    if here.is_empty() {
        Finding::Fail("none is here, not even the bundled demo: the models folder is not complete".to_owned())
    } else if here.iter().all(|e| e.bundled) {
        let names = names.join(", ");
        let how = "`scripts/fetch_models.sh sdxl-turbo` brings one that draws well";
        Finding::Warn(format!("only what is bundled ({names}); {how}"))
    } else {
        Finding::Ok(names.join(", "))
    }
}

/// Without fonts only one task is missing.
fn fonts(config: &Config) -> Finding {
    match Letterer::new(config.lettering()).probe() {
        Ok(()) => Finding::Ok(format!("{}, for texts on pictures", config.fonts_dir.display())),
        Err(failure) => Finding::Warn(format!("{failure}; SAMOVAR_FONTS_DIR names another folder")),
    }
}

/// Looks at the place of results and uploads.
async fn storage(place: &Place) -> Finding {
    match place {
        Place::Folder(at) => folder(at, "SAMOVAR_STORAGE_URL"),
        Place::S3(_) => {
            let said = place.check().await.map(|()| place.to_string());
            said.map_or_else(|error| Finding::Fail(error.to_string()), Finding::Ok)
        }
    }
}

fn folder(folder: &Path, variable: &str) -> Finding {
    let shown = folder.display();
    // A folder that is not there yet is made by `serve`: then what counts is the nearest one that is.
    let here = folder.ancestors().find(|f| f.exists() || f.as_os_str().is_empty()).unwrap_or(folder);
    let here = if here.as_os_str().is_empty() { Path::new(".") } else { here };
    if !here.is_dir() || access(here, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return Finding::Fail(format!("{shown} cannot be written; {variable} names another folder"));
    }
    match statvfs(here) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let said = format!("{shown}, {} free", human_bytes(free));
            if free < LITTLE_DISK { Finding::Warn(said) } else { Finding::Ok(said) }
        }
        Err(error) => Finding::Warn(format!("{shown}, free space unknown: {error}")),
    }
}

/// Looks at a database that is there; a file is made by `serve`.
async fn database(url: &str) -> Finding {
    let place = match (url.strip_prefix("sqlite://"), Url::parse(url)) {
        (Some(path), _) => path.to_owned(),
        (None, Ok(url)) => format!("{}{}", url.host_str().unwrap_or_default(), url.path()),
        (None, Err(error)) => return Finding::Fail(format!("DATABASE_URL cannot be understood: {error}")),
    };
    if url.starts_with("sqlite://") && !Path::new(&place).exists() {
        return Finding::Ok(format!("{place} does not exist yet; the first start makes it"));
    }
    let asked = async { Db::open(url, Clock::system()).await?.about().await };
    match tokio::time::timeout(DATABASE_PATIENCE, asked).await {
        Ok(Ok(about)) => {
            Finding::Ok(format!("{} {}, {place}, {}", about.program, about.version, human_bytes(about.bytes)))
        }
        Ok(Err(error)) => Finding::Fail(format!("{place}: {error}")),
        Err(_) => Finding::Fail(format!("{place} does not answer within {} s", DATABASE_PATIENCE.as_secs())),
    }
}

/// Whether the money adds up, and how many keys there are in the database.
async fn accounts(url: &str) -> (Finding, usize) {
    if url.strip_prefix("sqlite://").is_some_and(|path| !Path::new(path).exists()) {
        return (Finding::Ok("none yet".to_owned()), 0);
    }
    let asked = async {
        let db = Db::open(url, Clock::system()).await?;
        let keys = Keys::list(&db).await?.iter().filter(|key| key.revoked_at.is_none()).count();
        Ok::<_, DbError>((keys, Accounts::audit(&db).await?))
    };
    match tokio::time::timeout(DATABASE_PATIENCE, asked).await {
        Ok(Ok((keys, wrong))) if wrong.is_empty() => {
            (Finding::Ok("every balance is the sum of its ledger".into()), keys)
        }
        Ok(Ok((keys, wrong))) => {
            let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            (Finding::Fail(wrong.join("; ")), keys)
        }
        Ok(Err(_)) | Err(_) => (Finding::Warn("not looked at: see database".to_owned()), 0),
    }
}

#[cfg(feature = "telegram")]
async fn telegram(config: &Config) -> Finding {
    match crate::app::telegram::probe(config).await {
        Ok(None) => Finding::Ok("no bot: TELEGRAM_BOT_TOKEN is not set".to_owned()),
        Ok(Some(said)) => Finding::Ok(said),
        Err(error) => Finding::Fail(error.to_string()),
    }
}

#[cfg(not(feature = "telegram"))]
async fn telegram(_: &Config) -> Finding {
    Finding::Ok("this program was built without the bot".to_owned())
}

fn listen(config: &Config, stored_keys: usize) -> Finding {
    if let Err(error) = config.http() {
        return Finding::Fail(error.to_string());
    }
    let keys = config.api_keys.len() + stored_keys;
    if keys == 0 && !config.listen.ip().is_loopback() {
        let listen = config.listen;
        return Finding::Fail(format!("{listen} can be reached from other machines, and there are no API keys"));
    }
    let who = if keys == 0 { "no keys, only this machine may ask".to_owned() } else { format!("{keys} keys") };
    let said = format!("{}, {who}", config.listen);
    let short = config.api_keys.iter().find(|k| k.key.expose_secret().len() < SHORT_KEY);
    if let Some(short) = short {
        return Finding::Warn(format!("{said}; the key of {} is shorter than {SHORT_KEY} characters", short.name));
    }
    match TcpListener::bind(config.listen) {
        Ok(_) => Finding::Ok(said),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Finding::Warn(format!("{said}; something listens there already (a running samovar?)"))
        }
        Err(error) => Finding::Fail(format!("{said}; the address cannot be used: {error}")),
    }
}

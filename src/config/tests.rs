//! The configuration as a whole, on folders and environments of its own.

use super::*;
use std::fs;

fn read(folder: &Path, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(folder, environment.iter().map(|(k, v)| (OsString::from(k), OsString::from(v))))
}

fn read_alone(environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    read(tempfile::tempdir().unwrap().path(), environment)
}

fn error(environment: &[(&str, &str)]) -> String {
    read_alone(environment).unwrap_err().to_string()
}

#[test]
fn nothing_set_gives_the_defaults() {
    let config = read_alone(&[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.weights_dir, Path::new("./models/weights"));
    assert_eq!(config.device, DeviceSetting::Auto);
    assert_eq!(config.routes["image.generate"].first().unwrap().to_string(), "local:sdxl-turbo");
    assert_eq!(config.routes["image.generate"].last().unwrap().to_string(), "local:demo");
    assert_eq!(config.local().idle_unload, Duration::from_secs(600));
    assert!(config.api_keys.is_empty() && config.warnings.is_empty(), "{config:?}");
    config.http().unwrap();
}

#[test]
fn the_environment_wins_over_dotenv_and_dotenv_over_toml() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), "SAMOVAR_THREADS=2\nSAMOVAR_DEVICE=cuda:1\n").unwrap();
    let toml = "[engine]\nthreads = 3\ndevice = \"auto\"\nmemory_limit = \"6GiB\"\n[route]\nimage_generate = [\"local:a\", \"hf\"]\n";
    fs::write(folder.path().join("samovar.toml"), toml).unwrap();
    let config = read(folder.path(), &[("SAMOVAR_THREADS", "1")]).unwrap();
    assert_eq!(config.threads, Some(1));
    assert_eq!(config.device, DeviceSetting::Cuda(1));
    assert_eq!(config.memory_limit, Some(6 << 30));
    let route: Vec<_> = config.routes["image.generate"].iter().map(ToString::to_string).collect();
    assert_eq!(route, ["local:a", "hf"]);
}

#[test]
fn the_database_is_a_file_of_the_data_folder_unless_said_otherwise() {
    assert_eq!(read_alone(&[]).unwrap().database(), "sqlite://./data/samovar.db");
    assert_eq!(read_alone(&[("SAMOVAR_DATA_DIR", "/var/x")]).unwrap().database(), "sqlite:///var/x/samovar.db");
    let config = read_alone(&[("DATABASE_URL", "postgres://me:hunter2@db/samovar")]).unwrap();
    assert_eq!(config.database(), "postgres://me:hunter2@db/samovar");
    assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
    for wrong in ["mysql://me:hunter2@db/samovar", "samovar.db", "sqlite://", "postgres:hunter2"] {
        let error = error(&[("DATABASE_URL", wrong)]);
        assert!(error.starts_with("DATABASE_URL is not usable: sqlite://PATH or postgres://"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn an_empty_value_is_no_value() {
    let config = read_alone(&[("SAMOVAR_THREADS", ""), ("SAMOVAR_LISTEN", "")]).unwrap();
    assert_eq!((config.threads, config.listen.port()), (None, 8080));
}

#[test]
fn an_alias_is_read_and_the_first_name_wins() {
    let config = read_alone(&[("HF_API_KEY", "second")]).unwrap();
    assert_eq!(config.hf_token.unwrap().expose_secret(), "second");
    let config = read_alone(&[("HF_API_KEY", "second"), ("HF_TOKEN", "first")]).unwrap();
    assert_eq!(config.hf_token.unwrap().expose_secret(), "first");
}

#[test]
fn an_error_names_the_variable_and_what_is_accepted() {
    let wrong = [
        ("SAMOVAR_LISTEN", "8080", "an address with a port"),
        ("SAMOVAR_PUBLIC_URL", "ftp://x", "http://"),
        ("SAMOVAR_THREADS", "0", "from 1 to 1024"),
        ("SAMOVAR_DEVICE", "cuda:x", "auto, cpu, cuda or cuda:N"),
        ("SAMOVAR_MEMORY_LIMIT", "much", "GiB"),
        ("SAMOVAR_IDLE_UNLOAD", "never", "seconds"),
        ("SAMOVAR_STALL_TIMEOUT", "0", "seconds"),
        ("SAMOVAR_RETENTION_DAYS", "-1", "from 1 to"),
        ("SAMOVAR_ROUTE_IMAGE_GENERATE", ",", "PROVIDER:MODEL"),
        ("HF_ENDPOINT", "hub", "https://"),
    ];
    for (name, value, accepted) in wrong {
        let error = error(&[(name, value)]);
        assert!(error.starts_with(&format!("{name} is '{value}'")) && error.contains(accepted), "{error}");
    }
}

#[test]
fn an_error_in_a_file_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), "SAMOVAR_THREADS=many\n").unwrap();
    let error = read(folder.path(), &[]).unwrap_err().to_string();
    assert!(error.starts_with("SAMOVAR_THREADS (in .env) is 'many'"), "{error}");
    fs::write(folder.path().join(".env"), "").unwrap();
    for (toml, part) in [
        ("[engine]\nthread = 3\n", "`engine.thread` is not known"),
        ("threads = 3\n", "stands outside of a table"),
        ("[engine]\nthreads = 1.5\n", "must be a text, a number or a list"),
        ("[engine\n", "samovar.toml cannot be used"),
    ] {
        fs::write(folder.path().join("samovar.toml"), toml).unwrap();
        let error = read(folder.path(), &[]).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("samovar.toml"), "{error}");
    }
}

#[test]
fn keys_are_parsed_and_never_shown() {
    let config =
        read_alone(&[("SAMOVAR_API_KEYS", "a:s3cret-one, b:s3cret-two:admin"), ("HF_TOKEN", "s3cret-three")]).unwrap();
    let parsed: Vec<_> = config.api_keys.iter().map(|k| (k.name.as_str(), k.key.expose_secret(), k.level)).collect();
    assert_eq!(parsed, [("a", "s3cret-one", Level::User), ("b", "s3cret-two", Level::Admin)]);
    assert!(!format!("{config:?}").contains("s3cret"));
    for wrong in ["s3cret", "a:", ":s3cret", "a:s3cret:king", "a:s3cret,a:s3cret2"] {
        let error = error(&[("SAMOVAR_API_KEYS", wrong)]);
        assert!(error.starts_with("SAMOVAR_API_KEYS is not usable") && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn files_lie_in_a_folder_or_in_a_bucket_with_keys() {
    use storage::{Place, S3};
    let place = |set: &[(&str, &str)]| read_alone(set).unwrap().storage().place;
    assert_eq!(place(&[("SAMOVAR_DATA_DIR", "/d")]).folder(), Some(Path::new("/d/media")));
    assert_eq!(place(&[("SAMOVAR_STORAGE_URL", "file:///srv/files")]).folder(), Some(Path::new("/srv/files")));
    let keys = [("SAMOVAR_S3_ACCESS_KEY", "s3cret-one"), ("SAMOVAR_S3_SECRET_KEY", "s3cret-two")];
    let s3 = |url: &'static str| [("SAMOVAR_STORAGE_URL", url), keys[0], keys[1]];
    let Place::S3(S3 { bucket, prefix, endpoint, region, secret_key, .. }) = place(&s3("s3://pictures/a/b/")) else {
        panic!("not S3")
    };
    assert_eq!((bucket.as_str(), prefix.as_str(), endpoint, region.as_str()), ("pictures", "a/b", None, "us-east-1"));
    assert_eq!(secret_key.expose_secret(), "s3cret-two");
    let config = read_alone(&s3("s3://pictures")).unwrap();
    assert!(!format!("{config:?} {}", config.storage_place).contains("s3cret"));
    for wrong in ["media", "file://", "s3://", "s3:///a", "s3://Pictures/a", "s3://a_b", "ftp://x/y", "s3://u:p@host/x"]
    {
        let error = error(&s3(wrong));
        assert!(error.starts_with(&format!("SAMOVAR_STORAGE_URL is '{wrong}'")), "{error}");
    }
    let error = error(&[("SAMOVAR_STORAGE_URL", "s3://pictures"), keys[0]]);
    assert!(error.contains("SAMOVAR_S3_SECRET_KEY") && !error.contains("s3cret"), "{error}");
}

#[test]
fn an_open_address_needs_keys() {
    let folder = tempfile::tempdir().unwrap();
    let data = ("SAMOVAR_DATA_DIR", folder.path().to_str().unwrap());
    let open = ("SAMOVAR_LISTEN", "0.0.0.0:80");
    let error = read_alone(&[open, data]).unwrap().http().unwrap_err().to_string();
    assert!(error.contains("SAMOVAR_LISTEN") && error.contains("SAMOVAR_API_KEYS"), "{error}");
    read_alone(&[open, data, ("SAMOVAR_API_KEYS", "a:b")]).unwrap().http().unwrap();
    // A database that is there may hold keys; the server looks.
    fs::write(folder.path().join("samovar.db"), "").unwrap();
    read_alone(&[open, data]).unwrap().http().unwrap();
}

#[test]
fn likely_mistakes_are_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let dotenv = folder.path().join(".env");
    fs::write(&dotenv, "HF_TOKEN=x\nSAMOVAR_THRAEDS=2\n").unwrap();
    fs::set_permissions(&dotenv, fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = read(folder.path(), &[]).unwrap().warnings.join("\n");
    assert!(
        warnings.contains("chmod 600") && warnings.contains("SAMOVAR_THRAEDS is set but nothing reads it"),
        "{warnings}"
    );
    fs::set_permissions(&dotenv, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&dotenv, "HF_TOKEN=x\n").unwrap();
    assert!(read(folder.path(), &[]).unwrap().warnings.is_empty());
}

#[test]
fn every_default_and_example_of_the_table_is_accepted() {
    for variable in variables::ALL.iter() {
        let values = [
            Some(variable.example),
            match variable.default {
                Default::Value(value) => Some(value),
                Default::Words(_) => None,
            },
        ];
        for value in values.into_iter().flatten() {
            let mut set = vec![(variable.name, value)];
            // A webhook is nothing without its secret.
            if variable.name == "TELEGRAM_WEBHOOK_URL" {
                set.push(("TELEGRAM_WEBHOOK_SECRET", "s3cret"));
            }
            let read = read_alone(&set);
            assert!(read.is_ok(), "{}: {}", variable.name, read.unwrap_err());
        }
    }
}

#[test]
fn every_variable_is_in_the_table() {
    let sources = [include_str!("variables.rs"), include_str!("variables/telegram.rs")];
    let constants: usize = sources.iter().map(|source| source.matches(": Variable =").count()).sum();
    assert_eq!(
        vars::ALL.len(),
        constants + TASKS.len(),
        "a variable that is read must be listed, or nobody learns of it"
    );
}

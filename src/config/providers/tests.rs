//! Keys of providers from every place, on folders and environments of their own.

use super::*;
use crate::config::Config;
use crate::providers::Key;
use secrecy::ExposeSecret;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn var(names: &[&str]) -> WantedVar {
    WantedVar { names: names.iter().map(ToString::to_string).collect(), ..WantedVar::default() }
}

fn wanted() -> Vec<Wanted> {
    let provider = |id: &str, keys: &[&str], vars: &[(&str, WantedVar)]| Wanted {
        provider: id.to_owned(),
        keys: keys.iter().map(ToString::to_string).collect(),
        vars: vars.iter().map(|(name, var)| ((*name).to_owned(), var.clone())).collect(),
        concurrency: 4,
    };
    let optional = WantedVar { optional: true, ..var(&["OPENAI_PROJECT"]) };
    let region = WantedVar { default: Some("ru-central1".to_owned()), ..var(&["YC_REGION"]) };
    vec![
        provider("fal-ai", &["FAL_KEY", "fal_api_key"], &[]),
        provider("hf", &["HF_TOKEN"], &[]),
        provider("mine", &[], &[("room", var(&["MINE_ROOM"]))]),
        provider("openai", &["OPENAI_API_KEY"], &[("project", optional)]),
        provider("yandex", &["YC_API_KEY"], &[("folder", var(&["YC_FOLDER_ID", "YC_FOLDER"])), ("region", region)]),
    ]
}

/// Writes a file that others may read.
fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
}

/// What is read of an environment, a `.env` and a `samovar.toml`.
fn read_all(environment: &[(&str, &str)], dotenv: &str, toml: &str) -> Result<Providers, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [(".env", dotenv), ("samovar.toml", toml)] {
        write(&folder.path().join(name), text);
    }
    let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let read = Config::read(folder.path(), environment).and_then(|config| config.providers(&wanted()));
    read.map_err(|error| error.to_string())
}

fn read_with(environment: &[(&str, &str)]) -> Result<Providers, String> {
    read_all(environment, "", "")
}

impl Providers {
    fn keys(&self, provider: &str) -> &[Key] {
        &self.supplies.iter().find(|supply| supply.provider == provider).unwrap().keys
    }

    /// Each key with its variables, as text.
    fn shown(&self, provider: &str) -> Vec<String> {
        let text = |key: &Key| {
            let vars = key.vars.iter().map(|(name, value)| format!(" {name}={}", value.expose_secret()));
            format!("{}{}", key.value.expose_secret(), vars.collect::<String>())
        };
        self.keys(provider).iter().map(text).collect()
    }
}

#[test]
fn nothing_set_gives_no_keys_but_a_place_for_those_who_want_none() {
    let providers = read_with(&[]).unwrap();
    let keys: Vec<_> = providers.supplies.iter().map(|s| (s.provider.as_str(), s.keyed, s.keys.len())).collect();
    let expected = [("fal-ai", true, 0), ("hf", true, 0), ("mine", false, 1), ("openai", true, 0), ("yandex", true, 0)];
    assert_eq!(keys, expected);
    assert!(providers.bases.is_empty() && providers.warnings.is_empty());
}

#[test]
fn the_first_variable_that_is_set_counts_and_may_hold_several_keys() {
    let both = read_with(&[("fal_api_key", "second"), ("FAL_KEY", " one, two,,three ")]).unwrap();
    assert_eq!(both.shown("fal-ai"), ["one", "two", "three"]);
    assert_eq!(read_with(&[("fal_api_key", "second"), ("FAL_KEY", "")]).unwrap().shown("fal-ai"), ["second"]);
}

#[test]
fn keys_of_the_table_come_after_those_of_the_variables() {
    let toml = "[providers.fal-ai]\nkeys = [\"toml-1\", \"toml-2\"]\n[models]\nhf_token = \"hf-of-toml\"\n";
    let providers = read_all(&[("FAL_KEY", "set")], "FAL_KEY=dotenv\n", toml).unwrap();
    assert_eq!(providers.shown("fal-ai"), ["set", "toml-1", "toml-2"]);
    assert_eq!(providers.shown("hf"), ["hf-of-toml"]);
    assert_eq!(read_all(&[], "FAL_KEY=dotenv\n", toml).unwrap().shown("fal-ai"), ["dotenv", "toml-1", "toml-2"]);
}

#[test]
fn what_goes_with_keys_is_paired_by_position() {
    let two = [("YC_API_KEY", "key-1,key-2"), ("YC_FOLDER", "room-1,room-2")];
    let expected = ["key-1 folder=room-1 region=ru-central1", "key-2 folder=room-2 region=ru-central1"];
    assert_eq!(read_with(&two).unwrap().shown("yandex"), expected);
    let toml = "[providers.yandex]\nkeys = \"key-3\"\nfolder = \"room-3\"\nregion = \"kz1\"\n";
    let three = read_all(&two, "", toml).unwrap_err();
    assert_eq!(
        three,
        "YC_API_KEY has 2 keys and providers.yandex.region (in samovar.toml) has 1 value: \
         one is wanted for each key, in the same order"
    );
    let one = read_all(&[("YC_API_KEY", "key-1"), ("YC_FOLDER_ID", "room-1")], "", toml).unwrap();
    assert_eq!(one.shown("yandex"), ["key-1 folder=room-1 region=kz1", "key-3 folder=room-3 region=kz1"]);
    assert_eq!(read_with(&[("MINE_ROOM", "attic")]).unwrap().shown("mine"), [" room=attic"]);
    assert_eq!(read_with(&[("OPENAI_API_KEY", "a,b")]).unwrap().shown("openai"), ["a", "b"]);
}

#[test]
fn other_numbers_of_values_are_an_error_that_names_both() {
    for (name, value) in [("YC_FOLDER_ID", "room"), ("YC_FOLDER_ID", "a,b,c")] {
        let error = read_with(&[("YC_API_KEY", "s3cret-1,s3cret-2"), (name, value)]).unwrap_err();
        assert!(error.starts_with("YC_API_KEY has 2 keys and YC_FOLDER_ID has "), "{error}");
        assert!(error.ends_with(": one is wanted for each key, in the same order"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    let error = read_with(&[("OPENAI_API_KEY", "s3cret-1,s3cret-2"), ("OPENAI_PROJECT", "one")]).unwrap_err();
    assert!(error.contains("OPENAI_PROJECT has 1 value"), "{error}");
    assert_eq!(read_with(&[("MINE_ROOM", "a,b")]).unwrap_err(), "MINE_ROOM has 2 values: one is wanted");
}

#[test]
fn a_key_without_what_it_needs_is_left_out_with_a_warning() {
    let providers = read_with(&[("YC_API_KEY", "s3cret")]).unwrap();
    assert!(providers.keys("yandex").is_empty());
    assert_eq!(providers.warnings, ["YC_API_KEY is set, but yandex is not used: YC_FOLDER_ID is not set"]);
}

#[test]
fn what_no_key_can_hold_is_refused_without_being_shown() {
    for wrong in ["s3cret key", "s3cr\u{435}t", "s3cret\u{7}"] {
        let error = read_with(&[("FAL_KEY", wrong)]).unwrap_err();
        assert!(error.starts_with("FAL_KEY is not usable: ") && !error.contains(wrong), "{error}");
    }
}

#[test]
fn names_that_nobody_reads_are_errors() {
    for (toml, part) in [
        (
            "[providers.opnai]\nkeys = \"s3cret\"\n",
            "[providers.opnai] (in samovar.toml) names no provider; there are fal-ai,",
        ),
        (
            "[providers.yandex]\nkey = \"s3cret\"\n",
            "`providers.yandex.key` (in samovar.toml) is not known; keys, base_url, folder, region are",
        ),
        ("[providers]\nfal = \"s3cret\"\n", "`providers.fal` must be a table"),
        ("providers = \"s3cret\"\n", "`providers` must hold a table for each provider"),
        ("[providers.hf]\nkeys = [1]\n", "`providers.hf.keys` must be a text, a number or a list of texts"),
        ("[providers.hf]\nkeys = [\"s3cret\n", "line 2"),
    ] {
        let error = read_all(&[], "", toml).unwrap_err();
        assert!(error.contains(part) && !error.contains("s3cret"), "{error}");
    }
    for (dotenv, part) in
        [("s3cret hf_token\n", "its first line is not"), ("A=1\ns3cret key=1\n", "the line after A is")]
    {
        let error = read_all(&[], dotenv, "").unwrap_err();
        assert!(error.contains(part) && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn a_provider_may_answer_elsewhere() {
    let toml = "[providers.hf]\nbase_url = \"https://hf.example/v1\"\n";
    let providers = read_all(&[("FAL_AI_BASE_URL", "http://127.0.0.1:9/x/")], "", toml).unwrap();
    let bases: Vec<_> = providers.bases.iter().map(|(id, url)| (id.as_str(), url.as_str())).collect();
    assert_eq!(bases, [("fal-ai", "http://127.0.0.1:9/x/"), ("hf", "https://hf.example/v1")]);
    let error = read_with(&[("HF_BASE_URL", "hf.example")]).unwrap_err();
    assert!(error.starts_with("HF_BASE_URL is 'hf.example': an address with http://"), "{error}");
}

#[test]
fn proxies_are_known_by_their_hosts() {
    let set = [("HTTPS_PROXY", "http://me:s3cret@proxy.lan:3128"), ("all_proxy", "gate:1080")];
    let providers = read_with(&set).unwrap();
    assert_eq!(providers.proxies, ["proxy.lan", "gate"]);
    assert!(!format!("{providers:?}").contains("s3cret"));
}

#[test]
fn files_with_keys_that_others_may_read_are_warned_of() {
    let of_dotenv = read_all(&[], "FAL_KEY=s3cret\n", "").unwrap();
    assert!(of_dotenv.warnings[0].contains("chmod 600"), "{:?}", of_dotenv.warnings);
    assert!(read_all(&[], "OTHER_KEY=s3cret\n", "").unwrap().warnings.is_empty());
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("samovar.toml"), "[providers.hf]\nkeys = \"s3cret\"\n");
    let config = Config::read(folder.path(), []).unwrap();
    assert!(config.warnings[0].contains("chmod 600"), "{:?}", config.warnings);
    assert!(!format!("{config:?} {:?}", config.providers(&wanted()).unwrap()).contains("s3cret"));
}

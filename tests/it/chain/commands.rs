//! `samovar keys add-provider`, `keys list`, `providers list` and `providers test` as an administrator meets them.

use crate::support::desk::{Desk, stderr, stdout};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Runs a command with that on stdin: its exit code, what it said on stdout, and what on stderr.
fn run(desk: &Desk, arguments: &[&str], stdin: &str) -> (Option<i32>, String, String) {
    let mut command = desk.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may have ended already, without reading.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(!stdout(&output).contains("s3cret") && !stderr(&output).contains("s3cret"), "{arguments:?}: {output:?}");
    (output.status.code(), stdout(&output), stderr(&output))
}

fn said(desk: &Desk, arguments: &[&str], stdin: &str) -> String {
    let (code, said, error) = run(desk, arguments, stdin);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{arguments:?}: {said}");
    said.trim_end().to_owned()
}

fn refused(desk: &Desk, arguments: &[&str], stdin: &str, part: &str) {
    let (code, said, error) = run(desk, arguments, stdin);
    assert_eq!((code, said.as_str()), (Some(2), ""), "{arguments:?}: {error}");
    assert!(error.starts_with("error: ") && error.contains(part), "{arguments:?}: {error}");
}

#[test]
fn keys_of_providers_are_kept_listed_and_taken_away() {
    let desk = Desk::new();
    let add = |provider: &'static str| ["keys", "add-provider", provider];
    let kept = said(&desk, &add("openai"), "sk-s3cret-value-9f3a\n");
    assert_eq!(kept, "openai has the key …9f3a now; samovar providers test openai tells whether it works");
    assert!(said(&desk, &add("gemini"), "  AIza-s3cret-value-0001  ").starts_with("google has the key …0001"));
    said(&desk, &add("yandex"), "AQVN-s3cret-value-abcd\nfolder = b1g-s3cret\n");
    let file = desk.path("data/provider-keys.toml");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(&file).unwrap().contains("folder = \"b1g-s3cret\""));

    let list = said(&desk, &["keys", "list"], "");
    for (provider, tail) in [("openai", "…9f3a"), ("google", "…0001"), ("yandex", "…abcd")] {
        let line = list.lines().find(|line| line.starts_with(provider)).unwrap_or_else(|| panic!("{provider}: {list}"));
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), [provider, tail, "ready"]);
    }

    assert_eq!(
        said(&desk, &["keys", "remove-provider", "openai", "9f3a"], ""),
        "the key …9f3a of openai is taken away"
    );
    assert!(!said(&desk, &["keys", "list"], "").contains("9f3a"));
    let again = ["keys", "remove-provider", "openai", "9f3a"];
    refused(&desk, &again, "", "no key of openai that ends in 9f3a");
}

#[test]
fn what_is_no_key_is_refused() {
    let desk = Desk::new();
    let add = |provider: &'static str, stdin: &str, part: &str| {
        refused(&desk, &["keys", "add-provider", provider], stdin, part);
    };
    add("opnai", "sk-s3cret\n", "there is no provider 'opnai'; there are bfl,");
    add("openai", "", "the key is empty");
    add("openai", "s3cret key\n", "the key is not usable");
    add("openai", "sk-s3cret-1\nsk-s3cret-2\n", "after its key openai takes NAME=VALUE for organization, project");
    add("yandex", "AQVN-s3cret\n", "yandex needs folder (YC_FOLDER_ID) beside its key");
    assert!(!desk.path("data").exists());
    said(&desk, &["keys", "add-provider", "fal"], "fal-s3cret-value-1\n");
    add("fal", "fal-s3cret-value-1\n", "fal has this key already");
}

#[test]
fn keys_that_others_may_read_are_not_used() {
    let desk = Desk::new();
    said(&desk, &["keys", "add-provider", "fal"], "fal-s3cret-value-1\n");
    fs::set_permissions(desk.path("data/provider-keys.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    for arguments in [&["keys", "list"][..], &["providers", "list"], &["keys", "add-provider", "hf"]] {
        let (code, _, error) = run(&desk, arguments, "hf_s3cret\n");
        assert!(code == Some(1) && error.contains("others may read it: chmod 600 "), "{arguments:?}: {error}");
    }
}

#[test]
fn providers_are_listed_with_their_keys_and_who_is_skipped() {
    let desk = Desk::new();
    fs::write(desk.path("samovar.toml"), "[providers.fal]\nkeys = [\"fal-s3cret-value-2\"]\n").unwrap();
    fs::set_permissions(desk.path("samovar.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(desk.path(".env"), "FAL_KEY=fal-s3cret-value-1\nSAMOVAR_ROUTE_TEXT_WRITE=openai,fal\n").unwrap();
    fs::set_permissions(desk.path(".env"), fs::Permissions::from_mode(0o600)).unwrap();
    let list = said(&desk, &["providers", "list"], "");
    let line = |provider: &str| {
        let line = list.lines().find(|line| line.split_whitespace().next() == Some(provider));
        line.unwrap_or_else(|| panic!("{provider}: {list}")).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("fal"), "fal 2 ready");
    let openai = line("openai");
    assert!(openai.starts_with("openai 0 no key, skipped for ") && openai.contains("text.write"), "{openai}");
    assert!(openai.ends_with(": set OPENAI_API_KEY"), "{openai}");
    assert_eq!(line("bfl"), "bfl 0 no key: set BFL_API_KEY");

    fs::write(desk.path("samovar.toml"), "[providers.fall]\nkeys = \"fal-s3cret-value-2\"\n").unwrap();
    let (code, _, error) = run(&desk, &["providers", "list"], "");
    assert!(code == Some(1) && error.contains("[providers.fall] (in samovar.toml) names no provider"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_tested_by_the_cheapest_call_and_what_was_found_out_is_kept() {
    let openai = MockServer::start().await;
    let answers = [
        ("0001", ResponseTemplate::new(200).set_body_json(serde_json::json!({"data": []}))),
        ("0002", ResponseTemplate::new(401).set_body_json(serde_json::json!({"error": {"message": "sk-s3cret?"}}))),
    ];
    for (tail, answer) in answers {
        let by_key = header("authorization", format!("Bearer sk-s3cret-key-{tail}").as_str());
        Mock::given(method("GET")).and(path("/v1/models")).and(by_key).respond_with(answer).mount(&openai).await;
    }
    let desk = Desk::new();
    let set = format!("OPENAI_API_KEY=sk-s3cret-key-0001,sk-s3cret-key-0002\nOPENAI_BASE_URL={}\n", openai.uri());
    fs::write(desk.path(".env"), set).unwrap();
    fs::set_permissions(desk.path(".env"), fs::Permissions::from_mode(0o600)).unwrap();
    tokio::task::spawn_blocking(move || {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for arguments in [&["providers", "test"][..], &["providers", "test", "openai"]] {
            let (code, said, error) = run(&desk, arguments, "");
            assert_eq!((code, error.as_str()), (Some(1), ""), "{said}");
            let lines: Vec<_> = said.lines().map(words).collect();
            assert_eq!(lines.len(), 2, "{said}");
            assert_eq!(lines[0], ["openai", "…0001", "ok"]);
            assert_eq!(lines[1][..3], ["openai", "…0002", "bad_key:"]);
        }
        let list = said(&desk, &["keys", "list"], "");
        let stands = |row: &str| list.lines().any(|line| words(line).join(" ").starts_with(row));
        assert!(stands("openai …0001 ready"), "{list}");
        assert!(stands("openai …0002 retired (bad_key), tried"), "{list}");
        let (code, said, _) = run(&desk, &["providers", "test", "bfl"], "");
        assert_eq!((code, words(&said).join(" ").as_str()), (Some(1), "bfl no key: set BFL_API_KEY"));
        refused(&desk, &["providers", "test", "opnai"], "", "there is no provider 'opnai'");
    })
    .await
    .unwrap();
    assert_eq!(openai.received_requests().await.unwrap().len(), 4);
}

#[test]
fn without_any_key_there_is_nothing_to_test() {
    let said = said(&Desk::new(), &["providers", "test"], "");
    assert_eq!(said, "no provider has a key: samovar keys add-provider PROVIDER");
}

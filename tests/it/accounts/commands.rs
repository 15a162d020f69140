//! `samovar users`, `balance` and `keys` as an administrator meets them.

use crate::support::database::on_every_url;
use crate::support::desk::{Desk, stderr, stdout};

/// Runs a command on that database: its exit code, what it said on stdout, and what on stderr.
fn run(desk: &Desk, url: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = desk.command(arguments).env("DATABASE_URL", url).output().unwrap();
    (output.status.code(), stdout(&output), stderr(&output))
}

fn said(desk: &Desk, url: &str, arguments: &[&str]) -> String {
    let (code, said, error) = run(desk, url, arguments);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{arguments:?}: {said}");
    said.trim_end().to_owned()
}

fn refused(desk: &Desk, url: &str, arguments: &[&str], part: &str) {
    let (code, said, error) = run(desk, url, arguments);
    assert_eq!((code, said.as_str()), (Some(2), ""), "{arguments:?}: {error}");
    assert!(error.starts_with("error: ") && error.contains(part), "{arguments:?}: {error}");
}

#[tokio::test]
async fn balances_are_changed_by_hand_once_and_never_below_zero() {
    on_every_url(async |url, _, _folder| {
        let desk = Desk::new();
        let tell = |arguments: &[&str]| said(&desk, &url, arguments);
        refused(&desk, &url, &["balance", "show", "tg:42"], "there is no account tg:42 yet");
        let add = ["balance", "add", "tg:42", "50", "--reason", "invoice", "--once", "7"];
        assert_eq!(tell(&add), "tg:42: +50.00 ₽; the balance is 80.00 ₽");
        assert_eq!(tell(&add), "tg:42: '7' was done before, nothing was changed; the balance is 80.00 ₽");
        assert_eq!(
            tell(&["balance", "add", "tg:42", "-79.5", "--reason", "a mistake"]),
            "tg:42: -79.50 ₽; the balance is 0.50 ₽"
        );
        assert_eq!(tell(&["balance", "show", "tg:42"]), "0.50 ₽");
        let refuse = |arguments: &[&str], part| refused(&desk, &url, arguments, part);
        refuse(&["balance", "add", "tg:42", "-1", "--reason", "x"], "the balance is 0.50 ₽, so 1.00 ₽ cannot be taken");
        refuse(&["balance", "add", "tg:42", "1.234", "--reason", "x"], "12.50");
        refuse(&["balance", "add", "tg:42", "1"], "--reason");
        refuse(&["balance", "add", "42", "1", "--reason", "x"], "tg:NUMBER, key:NAME or local");
        refuse(&["balance", "add", "key:nobody", "1", "--reason", "x"], "no API key named nobody");

        let history = tell(&["balance", "history", "tg:42"]);
        let lines: Vec<&str> = history.lines().collect();
        assert_eq!(lines.len(), 3, "{history}");
        for (line, words) in lines.iter().zip([
            ["MSK", "-79.50 ₽", "0.50 ₽", "topup", "a mistake"],
            ["MSK", "+50.00 ₽", "80.00 ₽", "topup", "invoice"],
            ["MSK", "+30.00 ₽", "30.00 ₽", "start", ""],
        ]) {
            assert!(words.iter().all(|word| line.contains(word)), "{words:?} in {line}");
        }
    })
    .await;
}

#[tokio::test]
async fn levels_are_set_and_shown() {
    on_every_url(async |url, _, _folder| {
        let desk = Desk::new();
        let tell = |arguments: &[&str]| said(&desk, &url, arguments);
        assert_eq!(tell(&["users"]), "there are no accounts yet");
        assert_eq!(tell(&["users", "level", "tg:42", "subscriber"]), "tg:42 has the level subscriber now");
        let shown = tell(&["users", "show", "tg:42"]);
        assert!(shown.starts_with("tg:42  subscriber (set)  30.00 ₽\nsince 20"), "{shown}");
        assert!(shown.contains("\nimage.generate: 0 free used today, 5 left, then 3.00 ₽ each"), "{shown}");
        tell(&["users", "level", "tg:42", "default"]);
        tell(&["users", "level", "local", "default"]);
        let listed = tell(&["users", "list"]);
        let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().take(3).collect()).collect();
        assert_eq!(rows, [["ID", "LEVEL", "BALANCE"], ["local", "admin", "30.00"], ["tg:42", "user", "30.00"]]);
        refused(&desk, &url, &["users", "level", "tg:42", "king"], "user, subscriber, admin, default");
        refused(&desk, &url, &["users", "show", "tg:43"], "there is no account tg:43 yet");
    })
    .await;
}

#[tokio::test]
async fn a_key_is_printed_once_and_never_again() {
    on_every_url(async |url, _, _folder| {
        let desk = Desk::new();
        let (code, key, note) = run(&desk, &url, &["keys", "add", "anna", "--level", "subscriber", "--rate", "7"]);
        let key = key.trim_end();
        assert_eq!((code, key.len()), (Some(0), 51), "{note}");
        assert_eq!(note, "this is the only time that the key is shown\n");
        refused(&desk, &url, &["keys", "add", "anna"], "there is a key named anna already");
        refused(&desk, &url, &["keys", "add", "anna", "--level", "king"], "'king' is not one of user");
        let row = |state: &str| {
            let listed = said(&desk, &url, &["keys", "list"]);
            let row = listed.lines().nth(1).unwrap().to_owned();
            assert!(!listed.contains(&key[8..]), "the key itself is listed");
            assert!(["anna", "subscriber", " 7 ", "MSK", state].iter().all(|word| row.contains(word)), "{row}");
        };
        row("in force");
        assert_eq!(said(&desk, &url, &["keys", "revoke", "anna"]), "the key of anna is revoked");
        row("revoked 20");
        refused(&desk, &url, &["keys", "revoke", "anna"], "was revoked on 20");
        // An account of the name is known to the other commands.
        said(&desk, &url, &["balance", "add", "key:anna", "1", "--reason", "x"]);
    })
    .await;
}

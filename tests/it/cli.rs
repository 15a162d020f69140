//! The command line as a person meets it: the real program, in a folder of its own, with an environment of its own.

use crate::support::database::postgres_of_the_tests;
use crate::support::desk::{Desk, stderr, stdout};

#[test]
fn every_command_has_help() {
    let desk = Desk::new();
    let commands: &[(&[&str], &[&str])] = &[
        (
            &[],
            &[
                "serve",
                "draw",
                "upscale",
                "models",
                "users",
                "balance",
                "keys",
                "stats",
                "bench",
                "doctor",
                "--verbose",
            ],
        ),
        (&["users"], &["list", "show", "level"]),
        (&["users", "level"], &["<ID>", "<LEVEL>"]),
        (&["balance"], &["add", "show", "history"]),
        (&["balance", "add"], &["<ID>", "<ROUBLES>", "--reason", "--once"]),
        (&["keys"], &["add", "list", "revoke"]),
        (&["keys", "add"], &["<NAME>", "--level", "--rate"]),
        (&["models"], &["list", "fetch", "verify", "path"]),
        (&["models", "fetch"], &["<NAMES>"]),
        (&["providers", "check"], &["<FILES>"]),
        (
            &["bench"],
            &["--synthetic", "--mode", "--decoder", "--steps", "--width", "--height", "--runs", "--json", "<MODEL>"],
        ),
        (&["serve"], &["--listen", "--no-bot", "--no-worker"]),
        (&["doctor"], &["--verbose"]),
        (&["stats"], &["--days", "--json"]),
        (&["upscale"], &["<FILE>", "--scale", "--out", "--model", "--provider", "--local-only"]),
        (
            &["draw"],
            &[
                "--model",
                "--provider",
                "--seed",
                "--steps",
                "--width",
                "--height",
                "--negative",
                "--guidance",
                "--scheduler",
                "--decoder",
                "--image",
                "--strength",
                "--mask",
                "--count",
                "--mode",
                "--out",
                "--local-only",
            ],
        ),
    ];
    for (command, words) in commands {
        let output = desk.run(&[*command, &["--help"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let help = stdout(&output);
        for word in *words {
            assert!(help.contains(word), "{command:?} --help does not tell of {word}:\n{help}");
        }
    }
    assert!(stdout(&desk.run(&["--version"])).starts_with("samovar "));
}

#[test]
fn a_wrong_command_ends_with_two() {
    let desk = Desk::new();
    assert_eq!(desk.run(&[]).status.code(), Some(2));
    desk.refused(&["paint"], 2, "unrecognized subcommand");
    desk.refused(&["draw"], 2, "<PROMPT>");
    desk.refused(&["draw", "a cat", "--seed", "abc"], 2, "--seed");
    desk.refused(&["draw", "a cat", "--seed=-1"], 2, "--seed");
    desk.refused(&["draw", "a cat", "--scheduler", "magic"], 2, "'magic' is not one of euler_a, euler");
    desk.refused(&["draw", "a cat", "--decoder", "jpeg"], 2, "vae, taesd");
    desk.refused(&["draw", "a cat", "--mode", "turbo"], 2, "auto, exact, fast");
    desk.refused(&["bench", "demo", "--runs", "0"], 2, "--runs");
    desk.refused_in_one_line(&["bench", "no-such-model"], 2, "samovar models list");
    desk.refused_in_one_line(&["bench", "realesrgan", "--synthetic"], 2, "--synthetic knows the shapes of");
    desk.refused(&["draw", "a cat", "--strength", "0.5"], 2, "--image");
    desk.refused(&["draw", "a cat", "--mask", "m.png"], 2, "--image");
}

#[test]
fn a_provider_file_is_checked_with_the_lines_of_its_mistakes() {
    let desk = Desk::new();
    let right = "id = \"cup\"\nextends = \"openai\"\nbase = \"https://cup.example/v1\"\nkeys = [\"CUP_KEY\"]\n";
    std::fs::write(desk.path("cup.toml"), right).unwrap();
    std::fs::write(desk.path("pot.toml"), "id = \"pot\"\ncolour = 1\nauth = { in = \"none\" }\n").unwrap();
    let checked = desk.run(&["providers", "check", "cup.toml"]);
    assert!(checked.status.success() && stdout(&checked).starts_with("cup.toml: right: cup"), "{}", stderr(&checked));
    let wrong = desk.run(&["providers", "check", "cup.toml", "pot.toml"]);
    let told: Vec<String> = stderr(&wrong).lines().map(str::to_owned).collect();
    assert_eq!((wrong.status.code(), told.len()), (Some(1), 3), "{told:?}");
    assert!(told.iter().any(|line| line.starts_with("pot.toml:2: a provider file has no key `colour`")), "{told:?}");
    desk.refused_in_one_line(&["providers", "check", "no.toml"], 1, "no.toml cannot be read");
}

#[test]
fn values_out_of_bounds_are_refused_by_name() {
    let desk = Desk::new();
    for (arguments, part) in [
        (["", "--count", "1"], "the prompt is empty"),
        ([" \u{7} ", "--count", "1"], "the prompt is empty"),
        (["a cat", "--width", "0"], "width"),
        (["a cat", "--height", "7"], "height"),
        (["a cat", "--width", "100000"], "from 64 to 2048"),
        (["a cat", "--width", "100"], "divisible by 8"),
        (["a cat", "--steps", "0"], "steps"),
        (["a cat", "--steps", "51"], "from 1 to 50"),
        (["a cat", "--count", "0"], "from 1 to 8"),
        (["a cat", "--count", "9"], "from 1 to 8"),
        (["a cat", "--seed", "9223372036854775808"], "seed"),
        (["a cat", "--guidance", "NaN"], "guidance"),
        (["a cat", "--guidance", "51"], "guidance"),
    ] {
        desk.refused_in_one_line(&[&["draw"], &arguments[..]].concat(), 2, part);
    }
    desk.refused_in_one_line(&["draw", &"я".repeat(10_001)], 2, "10001 characters");
}

#[test]
fn a_place_that_takes_no_picture_is_said_before_drawing() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("folder.png")).unwrap();
    desk.refused_in_one_line(&["draw", "a cat", "--out", "no/cat.png"], 1, "the folder no does not exist");
    desk.refused_in_one_line(&["draw", "a cat", "--out", "folder.png"], 1, "folder.png is a folder");
    desk.refused_in_one_line(&["draw", "a cat", "--out", "cat.jpg"], 2, "written as PNG");
}

#[test]
fn a_picture_to_start_from_must_be_one() {
    let desk = Desk::new();
    desk.refused_in_one_line(&["draw", "a cat", "--image", "no.png"], 1, "no.png cannot be read");
    desk.refused_in_one_line(&["draw", "a cat", "--image", "."], 1, "cannot be read");
    std::fs::write(desk.path("text.png"), "not a picture").unwrap();
    desk.refused_in_one_line(&["draw", "a cat", "--image", "text.png"], 2, "image");
    std::fs::write(desk.path("bomb.png"), png_that_claims(50_000, 50_000)).unwrap();
    desk.refused_in_one_line(&["draw", "a cat", "--image", "bomb.png"], 2, "megapixels");
    let large = std::fs::File::create(desk.path("large.png")).unwrap();
    large.set_len(20_000_001).unwrap();
    desk.refused_in_one_line(&["draw", "a cat", "--image", "large.png"], 2, "at most 20000000");
}

/// The first bytes of a PNG of that size, with right checksums and almost no pixels behind them.
fn png_that_claims(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_chunk(png::chunk::IDAT, &[0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01]).unwrap();
    drop(writer);
    bytes
}

#[test]
fn a_model_that_is_not_here_is_never_replaced_by_another() {
    let desk = Desk::new();
    desk.refused(&["draw", "a cat", "--model", "sdxl-turbo"], 1, "sdxl-turbo");
    desk.refused(&["draw", "a cat", "--model", "no-such-model"], 1, "no-such-model");
    desk.refused(&["draw", "a cat", "--provider", "nobody"], 2, "nobody");
}

#[test]
fn a_wrong_setting_names_the_variable_and_ends_with_one() {
    let desk = Desk::new();
    let output = desk.command(&["doctor"]).env("SAMOVAR_THREADS", "many").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error: SAMOVAR_THREADS is 'many'"), "{}", stderr(&output));
    let output = desk.command(&["doctor"]).env("RUST_LOG", "samovar=loud").output().unwrap();
    assert!(stderr(&output).starts_with("error: RUST_LOG is 'samovar=loud'"), "{}", stderr(&output));
    desk.refused_in_one_line(&["serve", "--listen", "8080"], 1, "--listen is '8080'");
    desk.refused(&["serve", "--listen", "0.0.0.0:0"], 1, "SAMOVAR_API_KEYS");
}

#[test]
fn verbose_prints_what_caused_an_error() {
    let desk = Desk::new();
    let plain = stderr(&desk.run(&["draw", "a cat", "--image", "no.png"]));
    let verbose = stderr(&desk.run(&["draw", "a cat", "--image", "no.png", "--verbose"]));
    assert!(!plain.contains("No such file") && verbose.contains("No such file"), "{plain}{verbose}");
}

#[test]
fn doctor_tells_of_a_database_but_makes_none() {
    let desk = Desk::new();
    let told = |url: &str| {
        let output = desk.command(&["doctor"]).env("DATABASE_URL", url).output().unwrap();
        let line = stdout(&output).lines().find(|l| l.contains(" database ")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{}{}", stdout(&output), stderr(&output)))
    };
    let line = told("sqlite://a.db");
    assert!(line.starts_with("ok ") && line.contains("the first start makes it"), "{line}");
    assert!(desk.files().is_empty(), "{:?}", desk.files());
    std::fs::write(desk.path("a.db"), "").unwrap();
    let line = told("sqlite://a.db");
    assert!(line.starts_with("ok ") && line.contains("SQLite 3.") && line.contains("a.db, "), "{line}");
    std::fs::write(desk.path("b.db"), "this is no database, and long enough to be seen as none".repeat(20)).unwrap();
    assert!(told("sqlite://b.db").starts_with("fail "), "{}", told("sqlite://b.db"));
    if let Some(server) = postgres_of_the_tests() {
        let line = told(&server.replace("samovar@", "samovar:hunter2@"));
        assert!(line.starts_with("ok ") && line.contains("PostgreSQL ") && !line.contains("hunter2"), "{line}");
    }
}

#[test]
fn doctor_has_a_line_for_each_thing_it_looks_at() {
    let desk = Desk::new();
    let output = desk.run(&["doctor"]);
    let told = stdout(&output);
    for subject in
        ["device", "memory", "engine", "models", "fonts", "data", "storage", "database", "accounts", "listen"]
    {
        let line = told.lines().find(|l| l.split_whitespace().nth(1) == Some(subject));
        let verdict = line.and_then(|l| l.split_whitespace().next());
        assert!(
            verdict.is_some_and(|v| ["ok", "warn", "fail"].contains(&v)),
            "{subject} in:\n{told}{}",
            stderr(&output)
        );
    }
    let failed = told.lines().any(|l| l.starts_with("fail"));
    assert_eq!(output.status.code(), Some(i32::from(failed)), "{told}");
}

//! What clippy cannot see: who may know whom, how long a file may be, and what may stand where.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may name. `local::catalogue` after a room's name narrows it to that part.
const ROOMS: &[(&str, &[&str])] = &[
    ("media", &[]),
    ("db", &["media"]),
    ("engine", &["media"]),
    ("local", &["media", "engine::protocol"]),
    ("lettering", &["media"]),
    ("queue", &["media", "db"]),
    ("accounts", &["media", "db"]),
    ("storage", &["media", "db"]),
    ("statistics", &["media", "db"]),
    ("providers", &["media", "local", "lettering"]),
    ("chain", &["media", "db", "providers"]),
    ("intake", &["media", "db", "queue", "accounts", "storage"]),
    ("http", &["media", "db", "intake", "accounts", "statistics", "storage"]),
    ("telegram", &["media", "db", "intake", "accounts", "storage"]),
    ("pipeline", &["media", "db", "queue", "chain", "storage", "accounts", "statistics"]),
    ("telemetry", &[]),
    ("config", &["media", "accounts", "local", "lettering", "chain", "storage", "queue", "http", "telemetry"]),
    (
        "cli",
        &[
            "media",
            "db",
            "intake",
            "accounts",
            "statistics",
            "storage",
            "local::catalogue",
            "lettering",
            "providers::declarative",
            "config",
            "telemetry",
            "app",
        ],
    ),
    (
        "app",
        &[
            "media",
            "db",
            "local",
            "lettering",
            "providers",
            "chain",
            "db",
            "queue",
            "accounts",
            "statistics",
            "storage",
            "intake",
            "http",
            "telegram",
            "pipeline",
            "config",
            "telemetry",
        ],
    ),
];

/// Files in which `unsafe` may stand, and why it must.
const UNSAFE_ALLOWED: &[(&str, &str)] = &[
    ("src/engine/nn/kernels", "instructions of one processor"),
    ("src/engine/whisper/instructions.rs", "asks whisper.cpp which instructions it was built for"),
    ("src/engine/weights/mapping.rs", "files mapped into memory"),
];

const LONGEST_FILE: usize = 400;
const LONGEST_MAIN: usize = 60;
const LONGEST_ENGINE_MAIN: usize = 40;

struct Source {
    /// Relative to the repository's root.
    path: String,
    text: String,
}

impl Source {
    /// The code before the tests, without comments and without what stands in quotes.
    fn code(&self) -> String {
        let body = self.text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
        body.lines().map(without_comment_and_quotes).collect::<Vec<_>>().join("\n")
    }

    /// `["local", "catalogue", "fetch"]` for `src/local/catalogue/fetch.rs`.
    fn module(&self) -> Vec<String> {
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        inside.split('/').map(str::to_owned).collect()
    }

    fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
            || self.path.contains("/tests/")
    }
}

fn without_comment_and_quotes(line: &str) -> String {
    let mut kept = String::new();
    let mut quoted = false;
    let mut previous = ' ';
    for (at, c) in line.char_indices() {
        match c {
            '"' if previous != '\\' && previous != '\'' => quoted = !quoted,
            '/' if !quoted && line[at..].starts_with("//") => break,
            _ if quoted => {}
            _ => kept.push(c),
        }
        previous = if previous == '\\' && c == '\\' { ' ' } else { c };
    }
    kept
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    let relative = |p: &PathBuf| p.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    let read = |p: PathBuf| Source { path: relative(&p), text: fs::read_to_string(&p).unwrap() };
    let found: Vec<Source> = files.into_iter().filter(|p| p.extension().is_some_and(|e| e == "rs")).map(read).collect();
    assert!(!found.is_empty(), "no sources under {folder}");
    found
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

/// Every path into the crate that the code names, as `room::part::…`, with groups taken apart.
fn paths_named(source: &Source) -> BTreeSet<String> {
    let code = source.code();
    let module = source.module();
    let mut named = BTreeSet::new();
    for (prefix, up) in [("crate::", module.len()), ("super::", 1), ("super::super::", 2), ("super::super::super::", 3)]
    {
        for (at, _) in code.match_indices(prefix) {
            let follows_a_path = code[..at].ends_with("::")
                || code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
            // `super` climbs out of the crate's top level only in a module that is no deeper.
            if follows_a_path || up < module.len() {
                continue;
            }
            expand("", &code[at + prefix.len()..], &mut named);
        }
    }
    named
}

/// Takes `a::{b, c::d}` apart into `a::b` and `a::c::d`.
fn expand(before: &str, rest: &str, named: &mut BTreeSet<String>) {
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
    let path = format!("{before}{}", &rest[..end]);
    if !rest[end..].starts_with('{') || !(path.is_empty() || path.ends_with("::")) {
        named.insert(path.trim_end_matches(':').to_owned());
        return;
    }
    for item in items_of_group(&rest[end..]) {
        expand(&path, item.trim_start(), named);
    }
}

/// The items between the brace that opens `text` and the one that closes it.
fn items_of_group(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut items) = (0, 1, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if (c == ',' && depth == 1) || depth == 0 {
            items.push(&text[from..at]);
            from = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    items.retain(|i| !i.trim().is_empty());
    items
}

/// Whether `path` lies within `allowed` (`engine::protocol` allows `engine::protocol::Order`).
fn within(path: &str, allowed: &str) -> bool {
    path == allowed || path.strip_prefix(allowed).is_some_and(|rest| rest.starts_with("::"))
}

fn edges() -> BTreeMap<String, BTreeSet<(String, String)>> {
    let mut edges: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for source in sources("src").iter().filter(|s| !s.is_test()) {
        let room = source.module()[0].clone();
        if ["main", "lib", "bin"].contains(&room.as_str()) {
            continue;
        }
        let inside = |p: &String| within(p, &room);
        for path in paths_named(source).into_iter().filter(|p| !inside(p)) {
            edges.entry(room.clone()).or_default().insert((path, source.path.clone()));
        }
        edges.entry(room).or_default();
    }
    edges
}

#[test]
fn rooms_know_only_whom_they_may() {
    let table: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (room, paths) in edges() {
        let Some(allowed) = table.get(room.as_str()) else {
            wrong.push(format!("room {room} is not in the table of DESIGN: add it with what it may know"));
            continue;
        };
        for (path, file) in paths {
            // Macros exported by the crate stand at its top level and belong to no room.
            let of_a_room = table.contains_key(path.split("::").next().unwrap_or_default());
            if of_a_room && !allowed.iter().any(|a| within(&path, a)) {
                wrong.push(format!("{file} names {path}, but {room} may know only {allowed:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_no_cycle() {
    let mut settled: BTreeSet<&str> = BTreeSet::new();
    let mut left: Vec<_> = ROOMS.to_vec();
    while !left.is_empty() {
        let ready = |needs: &[&str]| needs.iter().all(|n| settled.contains(n.split("::").next().unwrap_or_default()));
        let (now, later): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, needs)| ready(needs));
        assert!(!now.is_empty(), "these rooms know each other in a circle: {later:?}");
        settled.extend(now.iter().map(|(room, _)| *room));
        left = later;
    }
}

#[test]
fn every_module_says_what_it_is() {
    let silent: Vec<_> = sources("src")
        .into_iter()
        .chain(sources("tests"))
        .filter(|s| !s.text.starts_with("//! "))
        .map(|s| s.path)
        .collect();
    assert!(silent.is_empty(), "these files do not open with `//!`: {silent:?}");
}

#[test]
fn files_stay_short() {
    let mut long = Vec::new();
    for source in sources("src").iter().filter(|s| !s.is_test()) {
        let limit = match source.path.as_str() {
            "src/main.rs" => LONGEST_MAIN,
            "src/bin/samovar-engine.rs" => LONGEST_ENGINE_MAIN,
            _ => LONGEST_FILE,
        };
        let lines = source.text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default().lines().count();
        if lines > limit {
            long.push(format!("{}: {lines} lines before its tests, at most {limit}", source.path));
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn nothing_is_left_undone() {
    let marks = [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("FIX", "ME"), concat!("TO", "DO:")];
    let unfinished: Vec<_> = sources("src")
        .into_iter()
        .chain(sources("tests"))
        .filter(|s| marks.iter().any(|m| s.text.contains(m)))
        .map(|s| s.path)
        .collect();
    assert!(unfinished.is_empty(), "unfinished: {unfinished:?}");
}

#[test]
fn unsafe_stands_only_where_it_must() {
    let is_unsafe = |code: &str| code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
    let allowed = |path: &str| UNSAFE_ALLOWED.iter().any(|(prefix, _)| path.starts_with(prefix));
    let wrong: Vec<_> =
        sources("src").into_iter().filter(|s| is_unsafe(&s.code()) && !allowed(&s.path)).map(|s| s.path).collect();
    assert!(wrong.is_empty(), "unsafe code outside of {UNSAFE_ALLOWED:?}: {wrong:?}");
}

#[test]
fn only_config_reads_the_environment() {
    let reads = ["env::var(", "env::var_os(", "env::vars(", "env::vars_os(", "env::set_var(", "env::remove_var("];
    let wrong: Vec<_> = sources("src")
        .into_iter()
        .filter(|s| !s.path.starts_with("src/config/") && reads.iter().any(|r| s.code().contains(r)))
        .map(|s| s.path)
        .collect();
    assert!(wrong.is_empty(), "the environment is read outside of config: {wrong:?}");
}

#[test]
fn names_say_something() {
    let vague = ["utils", "util", "common", "helpers", "helper", "misc"];
    let wrong: Vec<_> = sources("src")
        .into_iter()
        .chain(sources("tests"))
        .filter(|s| s.path.split(['/', '.']).any(|part| vague.contains(&part)))
        .map(|s| s.path)
        .collect();
    assert!(wrong.is_empty(), "names that say nothing: {wrong:?}");
}

#[test]
fn paths_are_found_in_every_form() {
    let text = "//! x\nuse crate::{local::{Local, catalogue::Entry}, media};\nfn f() { crate::queue::go(); }\n// crate::http\n";
    let nested = Source {
        path: "src/a/b.rs".to_owned(),
        text: format!("{text}use super::super::chain::Chain;\nuse super::near;\n"),
    };
    let found = paths_named(&nested);
    let expected = ["chain::Chain", "local::Local", "local::catalogue::Entry", "media", "queue::go"];
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

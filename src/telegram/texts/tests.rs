//! Both languages say the same things, completely, and Telegram can read them.

use super::*;
use crate::telegram::words::{cut, html};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Tags that Telegram knows.
const TAGS: [&str; 9] = ["b", "i", "u", "s", "code", "pre", "a", "blockquote", "tg-spoiler"];

/// What is put into texts here. Other names get their own name, with what must be escaped around it.
const SAMPLES: &[(&str, &str)] = &[
    ("amount", "+500 ₽"),
    ("available", "model, size, seed"),
    ("balance", "27 ₽"),
    ("duration", "1 мин 5 с"),
    ("eta", "около 40 секунд"),
    ("from", "4000×3000"),
    ("job", "123"),
    ("label", "A<B>&C"),
    ("left", "3"),
    ("model", "SDXL-Turbo"),
    ("name", "Аня <3 & Ко"),
    ("price", "3 ₽"),
    ("prompt", "рыжий кот <3"),
    ("provider", "Hugging Face"),
    ("reset", "5 ч 20 мин"),
    ("seed", "9223372036854775807"),
    ("style", "Акварель"),
    ("time", "12 с"),
    ("to", "1024×768"),
    ("wait", "40 с"),
    ("when", "20 ноя, 19:20"),
];

fn source(lang: Lang) -> &'static str {
    match lang {
        Lang::Ru => include_str!("ru.ftl"),
        Lang::En => include_str!("en.ftl"),
    }
}

/// Each key with what is written after it.
fn entries(lang: Lang) -> BTreeMap<String, String> {
    let head = Regex::new("^([a-z][a-z0-9-]*) =(.*)$").unwrap();
    let mut entries: BTreeMap<String, String> = BTreeMap::new();
    let mut key = None;
    for line in source(lang).lines().filter(|line| !line.starts_with('#')) {
        if let Some(found) = head.captures(line) {
            let before = entries.insert(found[1].to_owned(), found[2].to_owned());
            assert!(before.is_none(), "{} stands in {lang} twice", &found[1]);
            key = Some(found[1].to_owned());
        } else if let Some(body) = key.as_ref().and_then(|key| entries.get_mut(key)) {
            body.push('\n');
            body.push_str(line);
        }
    }
    entries
}

static VARIABLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$([a-z]+)").unwrap());
static COUNTED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$([a-z]+) ->").unwrap());

fn variables(body: &str) -> BTreeSet<String> {
    VARIABLE.captures_iter(body).map(|found| found[1].to_owned()).collect()
}

/// Variables by which a text chooses a plural.
fn counted(body: &str) -> BTreeSet<String> {
    COUNTED.captures_iter(body).map(|found| found[1].to_owned()).collect()
}

/// Arguments for a text; `count` for what it counts.
fn samples(body: &str, count: i64) -> Args {
    let counts = counted(body);
    let one = |name: String| -> (&'static str, Value) {
        let known = SAMPLES.iter().find(|(known, _)| *known == name);
        let text = known.map_or_else(|| format!("<{name}>"), |(_, text)| (*text).to_owned());
        let value = if counts.contains(&name) { Value::from(count) } else { Value::Text(text) };
        (name.leak(), value)
    };
    Args(variables(body).into_iter().map(one).collect())
}

fn is_plain(key: &str) -> bool {
    PLAIN.iter().any(|prefix| key.starts_with(prefix))
}

fn shown(lang: Lang, key: &str, args: Args) -> String {
    if is_plain(key) { lang.plain(key, args) } else { lang.html(key, args) }
}

#[test]
fn both_files_can_be_read_to_the_end() {
    for lang in Lang::ALL {
        let resource = FluentResource::try_new(source(lang).to_owned()).map_err(|(_, errors)| errors);
        let resource = resource.unwrap_or_else(|errors| panic!("{lang}: {errors:?}"));
        assert_eq!(resource.entries().count(), entries(lang).len(), "{lang}");
        let mut bundle = FluentBundle::new_concurrent(vec![]);
        assert!(bundle.add_resource(resource).is_ok(), "{lang}");
    }
}

#[test]
fn both_languages_have_the_same_texts_with_the_same_things_in_them() {
    let (ru, en) = (entries(Lang::Ru), entries(Lang::En));
    assert_eq!(ru.keys().collect::<Vec<_>>(), en.keys().collect::<Vec<_>>());
    for (key, body) in &ru {
        assert_eq!(variables(body), variables(&en[key]), "{key}");
        assert!(counted(&en[key]).is_subset(&variables(body)), "{key}");
    }
}

#[test]
fn every_plural_has_its_forms() {
    for (lang, forms) in [(Lang::Ru, 2..=3), (Lang::En, 2..=2)] {
        for (key, body) in entries(lang) {
            let plurals = body.matches("[one]").count();
            let found = body.lines().filter(|line| line.trim_start().trim_start_matches('*').starts_with('[')).count();
            let exact = body.matches("[1]").count();
            assert!(exact == counted(&body).len() - plurals, "{lang} {key}: a number that chooses nothing");
            assert!(plurals == 0 || forms.contains(&(found / plurals)), "{lang} {key}: {found} forms");
        }
    }
}

#[test]
fn plurals_follow_each_language() {
    let requests = |lang: Lang| {
        let label = |cost: i64| lang.plain("button-variations-cost", args! { "cost" => cost });
        [1, 2, 5, 11, 21, 22, 101, 112].map(|n| label(n).split(" · ").last().unwrap_or_default().to_owned())
    };
    assert_eq!(
        requests(Lang::Ru),
        ["1 запрос", "2 запроса", "5 запросов", "11 запросов", "21 запрос", "22 запроса", "101 запрос", "112 запросов"]
    );
    assert_eq!(requests(Lang::En)[..3], ["1 request", "2 requests", "5 requests"]);
}

#[test]
fn what_people_wrote_is_escaped_in_html_and_nowhere_else() {
    let name = "<b>Ann</b> & \"Co\"";
    let html = Lang::En.html("unknown-key-<b>", args! { "name" => name });
    assert_eq!(html, "unknown-key-<b>");
    let html = Lang::En.html("level-changed", args! { "level" => name });
    assert!(html.contains("&lt;b&gt;Ann&lt;/b&gt; &amp; &quot;Co&quot;"), "{html}");
    let html = Lang::En.html("level-changed", args! { "level" => Html("<i>x</i>".to_owned()) });
    assert!(html.contains("<i>x</i>"), "{html}");
    assert_eq!(Lang::En.plain("button-chosen", args! { "label" => name }), format!("✓ {name}"));
}

#[test]
fn what_is_missing_is_no_panic() {
    assert_eq!(Lang::Ru.html("nothing-of-that-name", args! {}), "nothing-of-that-name");
    let without = Lang::Ru.plain("button-chosen", args! {});
    assert!(without.starts_with('✓'), "{without}");
}

#[test]
fn languages_follow_what_telegram_tells() {
    for (code, lang) in [
        ("ru", Lang::Ru),
        ("RU-ru", Lang::Ru),
        ("be", Lang::Ru),
        ("kk", Lang::Ru),
        ("uk", Lang::Ru),
        ("uz_UZ", Lang::Ru),
        ("en", Lang::En),
        ("pt-br", Lang::En),
        ("", Lang::En),
    ] {
        assert_eq!(Lang::of(Some(code)), lang, "{code}");
    }
    assert_eq!(Lang::of(None), Lang::Ru);
    assert_eq!("en".parse(), Ok(Lang::En));
    assert_eq!((Lang::Ru.word(), Lang::Ru.other()), ("ru", Lang::En));
}

#[test]
fn html_is_what_telegram_reads() {
    let tag = Regex::new("<(/?)([^<>]*)>").unwrap();
    for lang in Lang::ALL {
        for (key, body) in entries(lang).into_iter().filter(|(key, _)| !is_plain(key)) {
            let text = lang.html(&key, samples(&body, 5));
            let mut open: Vec<String> = Vec::new();
            for found in tag.captures_iter(&text) {
                let name = found[2].split(' ').next().unwrap_or_default().to_owned();
                assert!(TAGS.contains(&name.as_str()), "{lang} {key}: <{name}>");
                match &found[1] {
                    "" => open.push(name),
                    _ => assert_eq!(open.pop(), Some(name), "{lang} {key}"),
                }
            }
            assert!(open.is_empty(), "{lang} {key}: {open:?} stays open");
            let length = html::units(&text);
            assert!((1..=cut::MESSAGE).contains(&length), "{lang} {key}: {length} units");
            let bare = tag.replace_all(&text, "");
            assert!(!bare.contains(['<', '>']), "{lang} {key}: {bare}");
            for (at, _) in bare.match_indices('&') {
                let known = ["&amp;", "&lt;", "&gt;", "&quot;"].iter().any(|entity| bare[at..].starts_with(entity));
                assert!(known, "{lang} {key}: {bare}");
            }
        }
    }
}

#[test]
fn plain_texts_have_no_markup_and_fit_where_they_stand() {
    for lang in Lang::ALL {
        for (key, body) in entries(lang).into_iter().filter(|(key, _)| is_plain(key)) {
            assert!(!body.contains('<') && !body.contains("&amp;"), "{lang} {key} holds markup");
            let length = cut::units(&lang.plain(&key, samples(&body, 21)));
            let most = match key.split('-').next().unwrap_or_default() {
                "button" => cut::LABEL,
                "toast" => cut::TOAST,
                "ask" => cut::PLACEHOLDER,
                "command" => 256,
                "about" if key == "about-bot-short" => 120,
                "about" => 512,
                "file" => 60,
                _ => cut::TOAST,
            };
            assert!((1..=most).contains(&length), "{lang} {key}: {length} units, at most {most}");
        }
    }
}

#[test]
fn every_text_is_as_it_was_agreed() {
    for lang in Lang::ALL {
        let mut all = String::new();
        for (key, body) in entries(lang) {
            let counts: &[i64] = if counted(&body).is_empty() { &[5] } else { &[1, 2, 5, 21] };
            writeln!(all, "[{key}]").unwrap();
            for count in counts {
                writeln!(all, "{}", shown(lang, &key, samples(&body, *count))).unwrap();
            }
            all.push('\n');
        }
        insta::assert_snapshot!(format!("texts_{lang}"), all);
    }
}

/// The code of the door, without tests.
fn code() -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned();
                found.push((path, code));
            }
        }
    }
    let mut found = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/telegram"), &mut found);
    assert!(found.len() > 10, "the code of the door was not found");
    found
}

/// What stands between the brace that `text` begins with and its other end, without what stands in inner ones.
fn outermost(text: &str) -> String {
    let mut depth = 0;
    let mut kept = String::new();
    for c in text.chars() {
        match c {
            '{' | '(' => depth += 1,
            '}' | ')' => depth -= 1,
            _ if depth == 1 => kept.push(c),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    kept
}

#[test]
fn the_code_asks_only_for_texts_that_are_there_and_puts_in_what_belongs_there() {
    let call = Regex::new(r#"\.(html|plain)\(\s*"([a-z0-9-]+)",\s*args! (\{)"#).unwrap();
    let name = Regex::new(r#""([a-z]+)" =>"#).unwrap();
    let ru = entries(Lang::Ru);
    let mut seen = 0;
    for (path, code) in code() {
        for found in call.captures_iter(&code) {
            let (method, key) = (&found[1], &found[2]);
            let place = format!("{}: {key}", path.display());
            let body = ru.get(key).unwrap_or_else(|| panic!("{place} is no text"));
            assert_eq!(method == "plain", is_plain(key), "{place} is asked for by the wrong method");
            let given = outermost(&code[found.get(3).unwrap().start()..]);
            let given: BTreeSet<String> = name.captures_iter(&given).map(|found| found[1].to_owned()).collect();
            assert_eq!(given, variables(body), "{place} gets other things than it shows");
            seen += 1;
        }
    }
    assert!(seen > 15, "only {seen} calls were found");
}

#[test]
fn every_text_is_shown_somewhere_and_every_text_that_is_named_is_there() {
    let literal = Regex::new(r#""([a-z][a-z0-9-]*[a-z0-9])""#).unwrap();
    let made = Regex::new(r#"format!\("([a-z-]+-)\{"#).unwrap();
    let ru = entries(Lang::Ru);
    // The first words of keys: what begins with one of them in the code is a key.
    let heads: BTreeSet<&str> = ru.keys().filter_map(|key| key.split_once('-')).map(|(head, _)| head).collect();
    let (mut named, mut begun) = (BTreeSet::new(), BTreeSet::new());
    for (path, code) in code() {
        begun.extend(made.captures_iter(&code).map(|found| found[1].to_owned()));
        for found in literal.captures_iter(&code) {
            let key = found[1].to_owned();
            let is_key = key.split_once('-').is_some_and(|(head, _)| heads.contains(head));
            assert!(!is_key || ru.contains_key(&key), "{}: {key} is no text", path.display());
            named.insert(key);
        }
    }
    let shown = |key: &&String| named.contains(*key) || begun.iter().any(|head| key.starts_with(head.as_str()));
    let unused: Vec<&String> = ru.keys().filter(|key| !shown(key)).collect();
    assert!(unused.is_empty(), "texts that nothing shows: {unused:?}");
}

//! Provider files: what is read, what is wrong and in which line, and that no text makes the reader panic.

use super::*;
use proptest::prelude::*;
use std::path::Path;

fn nobody(_: &str) -> Option<String> {
    None
}

/// A whole file that is right, one line a thing.
const RIGHT: &str = r#"id = "tea"
title = "Tea"
base = "https://api.tea.example/v1"
keys = ["TEA_KEY"]
vars = { folder = { env = ["TEA_FOLDER"], optional = true } }
hosts = ["cdn.tea.example"]
auth = { in = "header", name = "Authorization", value = "Bearer {{key}}" }
headers = { X-Folder = "{{folder}}" }
message = ["$.error.message"]
renamed = { "old" = "new" }

[[model]]
id = "new"
tasks = ["image.generate"]
not_after = "2027-01-06"
sizes = ["1024x1024"]
params = { quality = "low" }

[op."image.generate"]
limits = { prompt_chars = 100 }
output = { kind = "b64", path = "$.data[*].b64_json" }

[[op."image.generate".step]]
name = "submit"
method = "POST"
url = "/images"
body = "json"
json = '''
{
  "model": "{{model}}",
  "prompt": "{{prompt}}",
  "quality?": "{{quality}}"
}'''
extract = { id = { path = "$.id" } }

[[op."image.generate".step]]
name = "poll"
url = "/images/{{id|urlenc}}"
poll = { every_s = 1, state = "$.status", pending = ["wait"], done = ["done"], tolerate = [429, "5xx"] }

[[error]]
status = 403
path = "$.detail"
match = "(?i)balance"
class = "payment"
retry_after = [{ header = "Retry-After" }, { default_s = 20 }]
step = "submit"
"#;

fn mistakes(text: &str) -> Vec<String> {
    let found = parse(text, "tea", &nobody).err().unwrap_or_default();
    found.iter().map(ToString::to_string).collect()
}

/// The mistakes of the right file with one text replaced by another.
fn spoilt(from: &str, to: &str) -> Vec<String> {
    assert_eq!(RIGHT.matches(from).count(), 1, "{from}");
    mistakes(&RIGHT.replace(from, to))
}

#[test]
fn a_right_file_is_read() {
    let file = parse(RIGHT, "tea", &nobody).unwrap_or_else(|found| panic!("{found:?}"));
    let op = file.op(file.model("new"), "image.generate").expect("an op");
    assert_eq!((op.steps.len(), op.limits.prompt_chars, file.concurrency), (2, Some(100), 4));
    assert!(op.sends.contains("quality") && !op.sends.contains("seed"));
    assert_eq!(op.steps[1].method, Method::GET);
    let poll = op.steps[1].poll.as_ref().expect("a poll");
    assert!(poll.tolerate[1].covers(503) && !poll.tolerate[1].covers(429));
    assert!(file.op(file.model("new"), "image.edit").is_none());
}

#[test]
fn mistakes_are_told_with_their_lines() {
    let cases = [
        (
            "title = \"Tea\"",
            "titel = \"Tea\"",
            "line 2: a provider file has no key `titel`; it has aliases, any_model, auth",
        ),
        ("id = \"tea\"", "id = \"Tea\"", "line 1: the id `Tea` may have small letters"),
        ("https://api.tea.example/v1", "http://x", "line 3: `base` must begin with https://"),
        ("{{folder}}", "{{fodler}}", "line 8: the provider has no placeholder `fodler` here; it has folder, model"),
        ("Bearer {{key}}", "Bearer", "line 7: the `value` of `auth` must show the key"),
        ("in = \"header\"", "scheme = \"aws_sigv4\"", "line 7: `scheme = \"aws_sigv4\"` is known, but not built yet"),
        ("\"$.error.message\"", "\"error\"", "line 9: `error` is no JSONPath"),
        ("\"old\" = \"new\"", "\"old\" = \"never\"", "line 10: `old` is renamed to `never`, which is no model here"),
        ("2027-01-06", "6.1.2027", "line 15: `6.1.2027` is no date such as 2027-01-06"),
        ("tasks = [\"image.generate\"]", "tasks = [\"image.draw\"]", "line 14: there is no task `image.draw`"),
        (
            "tasks = [\"image.generate\"]",
            "tasks = [\"image.edit\"]",
            "line 12: `new` does image.edit, but there is no op",
        ),
        ("not_after", "op = \"x\"\nnot_after", "line 12: `new` names the op `x`, which does not exist"),
        ("1024x1024", "square", "line 16: `square` is no size"),
        ("\"{{prompt}}\"", "\"{{promt}}\"", "line 31: image.generate has no placeholder `promt` here; it has aspect"),
        ("\"{{prompt}}\"", "\"{{prompt|upper}}\"", "line 31: there is no filter `upper`; there are int"),
        ("\"{{prompt}}\"", "\"{{key}}\"", "line 31: `{{key}}` may stand in `auth`, headers and queries only"),
        ("\"{{prompt}}\"", "\"{{prompt|b64}}\"", "line 31: `{{prompt}}` is no picture or sound"),
        ("\"{{prompt}}\"", "\"{{item}}\"", "line 31: `{{item}}` stands only within the \"as\""),
        ("\"{{prompt}}\",", "\"{{prompt}}\"", "line 32: this is no JSON: expected `,` or `}`"),
        ("/{{id|urlenc}}", "/{{prompt}}", "line 38: `prompt` in a url needs the filter urlenc"),
        ("/images/{{id|urlenc}}", "{{id}}", "line 38: a url can begin with `id` only where it was extracted with"),
        ("{ id =", "{ prompt =", "line 34: `extract` of `prompt` hides the placeholder of that name"),
        ("state = \"$.status\", ", "", "line 39: `poll` needs a `state` to look at, or `http_pending`"),
        ("(?i)balance", "(balance", "line 44: `(balance` is no regular expression: unclosed group"),
        ("class = \"payment\"", "class = \"poor\"", "line 45: there is no such class: 'poor' is not one of bad_key"),
        ("step = \"submit\"", "step = \"send\"", "line 47: no op has a step `send`"),
        ("status = 403", "status = \"many\"", "line 42: `status`: \"many\" is no status"),
        ("kind = \"b64\"", "kind = \"png\"", "line 21: there is no output `png`: raw, b64"),
        ("limits = {", "inputs = { image = {} }\nlimits = {", "line 20: image.generate has no input `image`"),
        ("url = \"/images\"", "url = \"images\"", "line 26: the url `images` must begin with `/`"),
        ("body = \"json\"", "body = \"form\"", "line 28: `json` is not sent with `body = \"form\"`"),
        ("[[model]]", "[[model]", "line 12: this is no TOML"),
    ];
    for (from, to, expected) in cases {
        let found = spoilt(from, to);
        assert!(
            found.iter().any(|mistake| mistake.starts_with(expected)),
            "{to}\n expected {expected}\n found {found:#?}"
        );
    }
}

#[test]
fn every_mistake_is_told_at_once() {
    let text =
        RIGHT.replace("title", "titel").replace("2027-01-06", "never").replace("\"{{prompt}}\"", "\"{{a|b}} {{c\"");
    let found = mistakes(&text);
    let lines: Vec<&str> = found.iter().filter_map(|mistake| mistake.split(':').next()).collect();
    assert_eq!(lines, ["line 2", "line 15", "line 31", "line 31"], "{found:#?}");
}

#[test]
fn media_stand_where_they_can() {
    let edit = |inputs: &str, body: &str| {
        let text = RIGHT.replace("image.generate", "image.edit").replace("limits =", &format!("{inputs}\nlimits ="));
        mistakes(&text.replace("\"{{prompt}}\"", body))
    };
    let none: [String; 0] = [];
    assert_eq!(edit("inputs = { image = { deliver = \"b64\" } }", "\"{{image}}\""), none);
    assert_eq!(edit("", r#"[{"each": "images", "as": {"url": "{{item|data_url}}"}}]"#), none);
    let bare = edit("", "\"{{image}}\"");
    assert!(bare.iter().any(|m| m.contains("needs the filter b64 or data_url")), "{bare:?}");
    let upload = edit("inputs = { image = { deliver = \"https\" } }", "\"{{image}}\"");
    assert!(upload.iter().any(|m| m.contains("needs the steps of an `upload`")), "{upload:?}");
}

#[test]
fn a_file_takes_from_another_what_it_does_not_give() {
    let child = "id = \"cup\"\nextends = \"tea\"\nbase = \"https://cup.example\"\nkeys = [\"CUP_KEY\"]\n\
        vars = { folder = { default = \"x\" } }\n[[model]]\nid = \"m\"\ntasks = [\"image.generate\"]\n";
    let tea = |id: &str| (id == "tea").then(|| RIGHT.to_owned());
    let file = parse(child, "cup", &tea).unwrap_or_else(|found| panic!("{found:?}"));
    assert!(file.op(file.model("m"), "image.generate").is_some());
    assert!(matches!(file.auth, Auth::Header(..)) && file.errors.len() == 1 && file.message.len() == 1);
    assert!(file.model("new").is_none() && file.keys == ["CUP_KEY"]);
    let found = parse(child, "cup", &nobody).expect_err("no parent");
    assert_eq!(found[0].to_string(), "line 2: there is no provider file `tea.toml` to extend");
    let circle = child.replace("extends = \"tea\"", "extends = \"cup\"");
    assert!(parse(&circle, "cup", &|_| Some(circle.clone())).is_err());
}

#[test]
fn the_bundled_files_are_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/providers");
    let read = |id: &str| std::fs::read_to_string(folder.join(format!("{id}.toml"))).ok();
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("the folder of provider files") {
        let stem = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        let found = parse(&read(&stem).unwrap(), &stem, &read).err().unwrap_or_default();
        wrong.extend(found.iter().map(|mistake| format!("{stem}.toml {mistake}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>(), near in "[a-z\"'{}\\[\\]=.,|$@*?0-9\n ]{0,200}") {
        let _ = parse(&text, "tea", &nobody);
        let _ = parse(&near, "tea", &nobody);
    }

    /// Files that are nearly right reach further than noise does.
    #[test]
    fn no_spoilt_file_makes_the_parser_panic(
        from in 0usize..RIGHT.len(), length in 0usize..80, put in "[a-z\"'{}\\[\\]=.,|$@*?0-9ы\n ]{0,12}"
    ) {
        let to = (from + length).min(RIGHT.len());
        let text = format!("{}{put}{}", &RIGHT[..from], &RIGHT[to..]);
        let lines = text.lines().count() + 1;
        for mistake in parse(&text, "tea", &nobody).err().unwrap_or_default() {
            prop_assert!(mistake.line >= 1 && mistake.line <= lines, "{}", mistake);
        }
    }
}

/// The reference and the walk-through are what people copy from.
#[test]
fn the_document_is_right() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/adding-a-provider.md");
    let document = std::fs::read_to_string(document).expect("the document");
    let example = document.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let file = parse(example, "kettle", &nobody).unwrap_or_else(|found| panic!("{found:#?}"));
    assert!(file.op(file.model("steam-1"), "image.generate").is_some());

    let odd = "\nodd = 1\n";
    let everywhere = [
        format!("odd = 1\n{RIGHT}"),
        RIGHT.replace("id = \"new\"\n", "id = \"new\"\nodd = 1\n"),
        RIGHT.replace("limits = { ", "inputs = { odd = 1 }\nodd = 1\nlimits = { odd = 1, "),
        RIGHT.replace("name = \"submit\"", "name = \"submit\"\nodd = 1"),
        RIGHT.replace("every_s = 1", "odd = 1, every_s = 1"),
        RIGHT.replace("kind = \"b64\"", "odd = 1, kind = \"b64\""),
        RIGHT.replace("id = { path", "id = { odd = 1, path"),
        format!("{RIGHT}{odd}"),
    ];
    let mut words = 0;
    for text in everywhere {
        let found = mistakes(&text);
        let lists: Vec<&str> =
            found.iter().filter_map(|mistake| mistake.split("has no key `odd`; it has ").nth(1)).collect();
        assert!(!lists.is_empty(), "{found:?}");
        for word in lists.iter().flat_map(|list| list.split(", ")) {
            words += 1;
            let told = [format!("`{word}`"), format!("`{word} = "), format!(" {word} = ")];
            assert!(told.iter().any(|told| document.contains(told)), "the document does not tell of `{word}`");
        }
    }
    assert!(words > 60, "{words}");
}

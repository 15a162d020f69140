//! Templates: what each filter does, and what no text of a person may ever do.

use super::json::Body;
use super::value::{Deliver, Scope, Value, Values};
use super::*;
use crate::media::Medium;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn values(json: Json) -> Values {
    let Json::Object(map) = json else { panic!("an object") };
    map.into_iter().map(|(name, value)| (name, Value::Json(value))).collect()
}

fn fill(template: &str, json: Json) -> String {
    Text::parse(template).expect("a template").fill(Scope::new(&values(json))).0
}

fn body(template: &str, values: &Values) -> Json {
    let text = Body::parse(template).expect("a body").fill(Scope::new(values));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn picture(deliver: Deliver) -> Value {
    let medium = Medium { bytes: Bytes::from_static(b"abc"), content_type: "image/jpeg".to_owned() };
    Value::Medium(medium, deliver)
}

#[test]
fn words_and_filters_fill_in() {
    let cases = [
        ("/{{model}}/x", json!({"model": "fal-ai/flux"}), "/fal-ai/flux/x"),
        ("{{ seed | int }}", json!({"seed": "42"}), "42"),
        ("{{seed|int}}", json!({"seed": 3.0}), "3"),
        ("{{seed|int}}", json!({"seed": "x"}), ""),
        ("{{a|default:b}}", json!({}), "b"),
        ("{{a|default:b}}", json!({"a": "c"}), "c"),
        ("{{a|map:en=en-US,*=ru-RU}}", json!({"a": "en"}), "en-US"),
        ("{{a|map:en=en-US,*=ru-RU}}", json!({"a": "de"}), "ru-RU"),
        ("{{a|map:en=en-US}}", json!({"a": "de"}), "de"),
        ("{{a|trunc:8}}", json!({"a": "three little pigs"}), "three"),
        ("{{a|trunc:3}}", json!({"a": "четыре"}), "чет"),
        ("{{a|mod:10}}", json!({"a": "123"}), "3"),
        ("{{size|wxh:*}}", json!({"size": "1024x768"}), "1024*768"),
        ("{{size|ratio}}", json!({"size": "1024x768"}), "4:3"),
        ("{{size|ratio:1:1,16:9}}", json!({"size": "1920x1088"}), "16:9"),
        ("{{a|urlenc}}", json!({"a": "a b/ы"}), "a%20b%2F%D1%8B"),
        ("{{a|json}}", json!({"a": ["x", 1]}), r#"["x",1]"#),
        ("{{a}} {{b}}", json!({"a": true, "b": null}), "true "),
        ("a }} b", json!({}), "a }} b"),
    ];
    for (template, values, expected) in cases {
        assert_eq!(fill(template, values), expected, "{template}");
    }
}

#[test]
fn bodies_keep_types_and_leave_out_what_is_empty() {
    let template = r#"{
        "model": "{{model}}", "width": "{{width|int}}", "n": 1, "seed?": "{{seed}}", "text": "a {{x}} b",
        "image?": { "kind": "file", "data": "{{picture}}", "type": "{{picture|mime}}" },
        "tags?": [ {"each": "tags", "as": {"t": "{{item}}"}} ],
        "list": [ "first", {"each": "model", "as": "{{item}}"}, {"each": "absent", "as": "{{item}}"} ]
    }"#;
    let mut given = values(json!({"model": "m", "width": "64", "x": "\"}", "tags": ["a", "{{model}}"]}));
    let expected = json!({"model": "m", "width": 64, "n": 1, "text": "a \"} b", "tags": [{"t": "a"}, {"t": "{{model}}"}],
        "list": ["first", "m"]});
    assert_eq!(body(template, &given), expected);

    given.insert("seed".to_owned(), Value::Json(json!(u64::MAX)));
    given.insert("picture".to_owned(), picture(Deliver::DataUrl));
    let filled = body(template, &given);
    assert_eq!(filled["seed"], json!(u64::MAX));
    assert_eq!(filled["image"], json!({"kind": "file", "data": "data:image/jpeg;base64,YWJj", "type": "image/jpeg"}));
}

#[test]
fn media_go_as_they_are_to_be_delivered() {
    let both = Value::List(vec![picture(Deliver::B64), picture(Deliver::B64)]);
    let given: Values = [("images".to_owned(), both), ("image".to_owned(), picture(Deliver::B64))].into();
    assert_eq!(body(r#""{{images}}""#, &given), json!(["YWJj", "YWJj"]));
    let each = r#"[{"each": "images", "as": {"url": "{{item|data_url}}", "name": "{{item|name}}"}}]"#;
    assert_eq!(body(each, &given)[1], json!({"url": "data:image/jpeg;base64,YWJj", "name": "image.jpg"}));
    assert_eq!(body(r#""{{image|mime|map:image/jpeg=JPEG}}""#, &given), json!("JPEG"));
}

#[test]
fn a_body_keeps_the_order_of_its_keys() {
    let text = Body::parse(r#"{"model": "{{z}}", "a": 1, "0": 1.0}"#).unwrap().fill(Scope::new(&Values::new()));
    assert_eq!(text, r#"{"model":null,"a":1,"0":1.0}"#);
}

#[test]
fn flaws_tell_where_they_are() {
    let flaws =
        Body::parse("{\n \"a\": \"{{x|nix}}\",\n \"b\": \"{{}}\", \"b?\": 1,\n \"{{c}}\": [{\"each\": \"x\"}] }");
    let flaws = flaws.expect_err("flaws");
    let lines: Vec<usize> = flaws.iter().map(|flaw| flaw.at).collect();
    assert_eq!(flaws.len(), 5, "{flaws:?}");
    assert!(lines.is_sorted() && flaws[0].message.contains("no filter `nix`"), "{flaws:?}");
    let broken = Body::parse("{\n \"a\": 1,\n}").expect_err("broken");
    assert_eq!((broken.len(), broken[0].at), (1, 11), "{broken:?}");
    for wrong in ["{{", "{{1a}}", "{{a|}}", "{{a|trunc}}", "{{a|trunc:0}}", "{{a|int:1}}", "{{a|map:x}}", "{{a b}}"] {
        assert!(Text::parse(wrong).is_err(), "{wrong}");
    }
}

/// JSON values of every kind, strings with what could be taken for a template among them.
fn anything() -> impl Strategy<Value = Json> {
    let words = prop_oneof![any::<String>(), "[{}|\"\\\\:a-z ]{0,20}", Just("{{model}}".to_owned())];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        words.prop_map(Json::from)
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            proptest::collection::btree_map("[a-z{}?]{1,4}", inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), near in "[{}|:a-z0-9\" ,\\[\\]\\\\ы\n]{0,60}") {
        for text in [text.as_str(), near.as_str()] {
            for result in [Text::parse(text).map(|_| ()), Body::parse(text).map(|_| ())] {
                for flaw in result.err().unwrap_or_default() {
                    prop_assert!(flaw.at <= text.len());
                }
            }
        }
    }

    #[test]
    fn a_lone_placeholder_gives_the_value_back(value in anything()) {
        let blank = Value::Json(value.clone()).is_blank();
        let given = values(json!({"x": value.clone()}));
        prop_assert_eq!(body(r#""{{x}}""#, &given), if blank { Json::Null } else { value });
    }

    #[test]
    fn what_a_person_wrote_stays_one_string(prompt in any::<String>(), near in "[{}|\"\\\\:a-z,]{0,30}") {
        for prompt in [prompt, near] {
            let given = values(json!({"prompt": prompt.clone(), "key": "secret"}));
            let filled = body(r#"{"p": "{{prompt}}", "q": "a{{prompt}}b", "r": [{"t": "{{prompt|str}}"}], "z": 1}"#, &given);
            let whole = if prompt.is_empty() { Json::Null } else { json!(prompt) };
            prop_assert_eq!(filled, json!({"p": whole, "q": format!("a{prompt}b"), "r": [{"t": whole}], "z": 1}));
        }
    }

    #[test]
    fn any_values_make_valid_json_and_lose_only_optional_keys(a in anything(), b in anything()) {
        let given = values(json!({"a": a, "b": b}));
        let template = r#"{"x": "{{a|str}}", "y?": {"z": ["{{b}}", {"each": "a", "as": ["{{item|json}}", "{{b|int}}"]}]},
            "w?": "{{a|trunc:5|urlenc}}", "v": "{{b|ratio}} {{a|wxh:/}} {{b|map:x=y}}", "u?": "{{b|default:d}}"}"#;
        let filled = body(template, &given);
        let keys: Vec<&str> = filled.as_object().unwrap().keys().map(String::as_str).collect();
        prop_assert!(keys.contains(&"x") && keys.contains(&"v") && keys.contains(&"u"), "{:?}", keys);
    }

    #[test]
    fn a_cut_is_a_beginning_and_not_too_long(text in any::<String>(), count in 1usize..40) {
        let cut = filters::cut_at_word(&text, count);
        prop_assert!(text.starts_with(cut) && cut.chars().count() <= count);
        prop_assert_eq!(cut == text, text.chars().count() <= count);
    }
}

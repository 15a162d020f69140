//! Finds the wanted part of the last answer and turns it into bytes or words: paths, JSON within strings, joining,
//! base64, WAV headers. Urls are only found here; who fetches them is `session`.

use super::file::{Join, Output, OutputKind};
use super::reply::{self, Reply};
use crate::media::text::{Segment, Text};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde_json::Value as Json;

/// Base64 as services write it: with padding or without.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// Files, with their media type where it was told.
    Files(Vec<(Bytes, Option<String>)>),
    /// Where files lie.
    Urls(Vec<String>),
    /// Words.
    Words(Text),
}

/// Finds it. `None` where it is not there, or not what the file says.
#[must_use]
pub fn found(output: &Output, reply: &Reply) -> Option<Found> {
    if output.kind == OutputKind::Raw {
        let body = wrapped(output, reply.body.clone());
        return (!body.is_empty()).then(|| Found::Files(vec![(body, reply.content_type())]));
    }
    let values = values(output, &reply.json)?;
    match output.kind {
        OutputKind::Raw | OutputKind::B64 | OutputKind::DataUrl => files(output, &values).map(Found::Files),
        OutputKind::Url => {
            let urls: Option<Vec<String>> = values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
            urls.filter(|urls| !urls.is_empty()).map(Found::Urls)
        }
        OutputKind::Text => words(output, &values, &reply.json).map(Found::Words),
        OutputKind::Json => {
            let whole = if let [one] = values.as_slice() { one.to_string() } else { Json::Array(values).to_string() };
            Some(Found::Words(Text { text: whole, ..Text::default() }))
        }
    }
}

/// What the paths lead to. Lists are taken apart, except for `json`.
fn values(output: &Output, json: &Json) -> Option<Vec<Json>> {
    let mut values = if output.path.is_empty() { vec![json.clone()] } else { reply::find(json, &output.path) };
    if output.decode_json {
        let decoded = values.iter().map(|value| serde_json::from_str(value.as_str()?).ok());
        values = decoded.collect::<Option<_>>()?;
        if !output.then.is_empty() {
            values = values.iter().flat_map(|value| reply::find(value, &output.then)).collect();
        }
    }
    if let Some(first_with) = &output.first_with {
        let paths = [first_with.clone()];
        let first = values.iter().map(|value| reply::find(value, &paths)).find(|found| !found.is_empty());
        values = first.unwrap_or_default();
    }
    if output.kind != OutputKind::Json {
        values = values
            .into_iter()
            .flat_map(|value| match value {
                Json::Array(list) => list,
                one => vec![one],
            })
            .collect();
    }
    Some(values)
}

fn files(output: &Output, values: &[Json]) -> Option<Vec<(Bytes, Option<String>)>> {
    let mut files: Vec<(Bytes, Option<String>)> = Vec::new();
    for value in values {
        files.push(file(value.as_str()?)?);
    }
    if output.join == Some(Join::Bytes) {
        let kind = files.first()?.1.clone();
        let whole: Vec<u8> = files.iter().flat_map(|(bytes, _)| bytes.iter().copied()).collect();
        files = vec![(Bytes::from(whole), kind)];
    }
    let files: Vec<_> = files.into_iter().map(|(bytes, kind)| (wrapped(output, bytes), kind)).collect();
    (!files.is_empty() && files.iter().all(|(bytes, _)| !bytes.is_empty())).then_some(files)
}

/// Base64, or a `data:` url of it.
#[must_use]
pub fn file(text: &str) -> Option<(Bytes, Option<String>)> {
    let (kind, data) = match text.strip_prefix("data:") {
        Some(rest) => {
            let (head, data) = rest.split_once(',')?;
            let kind = head.strip_suffix(";base64")?;
            (Some(kind.split(';').next().unwrap_or_default().to_owned()).filter(|kind| !kind.is_empty()), data)
        }
        None => (None, text),
    };
    let clean: Vec<u8> = data.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    Some((Bytes::from(LENIENT.decode(clean).ok()?), kind))
}

fn words(output: &Output, values: &[Json], json: &Json) -> Option<Text> {
    let between = match &output.join {
        Some(Join::Words(between)) => between.as_str(),
        _ => "",
    };
    let plain: Option<Vec<String>> =
        values.iter().map(|value| (!value.is_object()).then(|| reply::words_of(value))).collect();
    let plain = plain?;
    let text = match (plain.is_empty(), &output.empty) {
        (true, Some(empty)) => empty.clone(),
        (true, None) => return None,
        (false, _) => plain.join(between),
    };
    let language = reply::find(json, &output.language).first().and_then(Json::as_str).map(str::to_owned);
    Some(Text { text, language, segments: segments(output, json), ..Text::default() })
}

fn segments(output: &Output, json: &Json) -> Vec<Segment> {
    let Some(parts) = &output.segments else { return Vec::new() };
    let segment = |value: &Json| {
        let one = |path: &serde_json_path::JsonPath| path.query(value).first().cloned();
        let seconds = |path| {
            let found = one(path)?;
            found.as_f64().or_else(|| found.as_str()?.trim_end_matches('s').parse().ok())
        };
        let text = one(&parts.text)?.as_str()?.to_owned();
        Some(Segment { start: seconds(&parts.start)?, end: seconds(&parts.end)?, text, sureness: None })
    };
    parts.path.query(json).all().into_iter().filter_map(segment).collect()
}

/// Puts the header of a WAV file before raw sound, where the file says that it is such.
fn wrapped(output: &Output, bytes: Bytes) -> Bytes {
    match output.wrap_pcm {
        Some(rate) if !bytes.starts_with(b"RIFF") && !bytes.is_empty() => wav(rate, &bytes),
        _ => bytes,
    }
}

/// A WAV file of one channel of 16 bits.
fn wav(rate: u32, samples: &[u8]) -> Bytes {
    let length = u32::try_from(samples.len()).unwrap_or(u32::MAX - 36);
    let mut file = Vec::with_capacity(samples.len() + 44);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&length.saturating_add(36).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend_from_slice(&rate.to_le_bytes());
    file.extend_from_slice(&rate.saturating_mul(2).to_le_bytes());
    file.extend_from_slice(b"\x02\0\x10\0data");
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(samples);
    Bytes::from(file)
}

/// The media type that the file tells for its output: fixed, or a path into the answer.
#[must_use]
pub fn told_type(output: &Output, reply: &Reply) -> Option<String> {
    let told = output.mime.as_deref()?;
    if !told.starts_with('$') {
        return Some(told.to_owned());
    }
    let path = serde_json_path::JsonPath::parse(told).ok()?;
    let found = path.query(&reply.json).first().and_then(Json::as_str)?;
    Some(found.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::super::file::{Download, Parse, Segments};
    use super::*;
    use reqwest::header::HeaderMap;
    use serde_json::json;
    use serde_json_path::JsonPath;

    fn output(kind: OutputKind, path: &str) -> Output {
        let path = JsonPath::parse(path).unwrap();
        let download = Download { same_auth: false, max_bytes: 1000 };
        Output {
            kind,
            path: vec![path],
            mime: None,
            decode_json: false,
            then: vec![],
            join: None,
            first_with: None,
            wrap_pcm: None,
            empty: None,
            language: vec![],
            segments: None,
            download,
        }
    }

    fn reply(text: &str, parse: Parse) -> Reply {
        Reply::read(200, HeaderMap::new(), Bytes::copy_from_slice(text.as_bytes()), parse, true)
    }

    fn text(output: &Output, answer: &str, parse: Parse) -> Option<String> {
        match found(output, &reply(answer, parse))? {
            Found::Words(text) => Some(text.text),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pieces_are_joined_with_and_without_lines_between_documents() {
        let mut speech = output(OutputKind::Text, "$[*].result.final.text");
        speech.join = Some(Join::Words(" ".to_owned()));
        let one = r#"{"result":{"final":{"text":"one"}}}"#;
        let two = r#"{"result":{"final":{"text":"two"}}}"#;
        for answer in [format!("{one}{two}"), format!("{one}\n{two}\n"), format!("{one}{{\"other\":1}}{two}")] {
            assert_eq!(text(&speech, &answer, Parse::ConcatJson).as_deref(), Some("one two"), "{answer}");
        }
        assert!(!reply(r#"{"a":1}{"#, Parse::ConcatJson).readable);

        let mut sound = output(OutputKind::B64, "$[*].data");
        (sound.join, sound.wrap_pcm) = (Some(Join::Bytes), Some(24_000));
        let Some(Found::Files(files)) = found(&sound, &reply(r#"{"data":"AAE="}{"data":"AgM"}"#, Parse::ConcatJson))
        else {
            panic!("files")
        };
        let wav = &files[0].0;
        assert_eq!(
            (files.len(), &wav[..4], &wav[24..28], &wav[40..]),
            (1, &b"RIFF"[..], &24_000u32.to_le_bytes()[..], &[4, 0, 0, 0, 0, 1, 2, 3][..])
        );
    }

    #[test]
    fn json_within_a_string_and_the_first_part_that_has_it() {
        let mut kie = output(OutputKind::Url, "$.data.resultJson");
        (kie.decode_json, kie.then) = (true, vec![JsonPath::parse("$.resultUrls[*]").unwrap()]);
        let answer = json!({"data": {"resultJson": "{\"resultUrls\":[\"https://a/1\",\"https://a/2\"]}"}}).to_string();
        let urls = vec!["https://a/1".to_owned(), "https://a/2".to_owned()];
        assert_eq!(found(&kie, &reply(&answer, Parse::Json)), Some(Found::Urls(urls)));
        assert_eq!(found(&kie, &reply(r#"{"data":{"resultJson":"no"}}"#, Parse::Json)), None);

        let mut gemini = output(OutputKind::B64, "$.parts[*]");
        gemini.first_with = Some(JsonPath::parse("$.inlineData.data").unwrap());
        let answer = r#"{"parts":[{"text":"here"},{"inlineData":{"data":"YWJj"}},{"inlineData":{"data":"eHl6"}}]}"#;
        let file = (Bytes::from_static(b"abc"), None);
        assert_eq!(found(&gemini, &reply(answer, Parse::Json)), Some(Found::Files(vec![file])));
        assert_eq!(found(&gemini, &reply(r#"{"parts":[{"text":"no"}]}"#, Parse::Json)), None);
    }

    #[test]
    fn words_may_be_absent_only_where_the_file_says() {
        let mut words = output(OutputKind::Text, "$.text");
        assert_eq!(text(&words, "{}", Parse::Json), None);
        assert_eq!(text(&words, r#"{"text":{"a":1}}"#, Parse::Json), None);
        words.empty = Some(String::new());
        assert_eq!(text(&words, "{}", Parse::Json).as_deref(), Some(""));
        let part = |path: &str| JsonPath::parse(path).unwrap();
        words.segments =
            Some(Segments { path: part("$.s[*]"), start: part("$.t[0]"), end: part("$.t[1]"), text: part("$.w") });
        words.language = vec![part("$.none"), part("$.l")];
        let answer = r#"{"text":"a b","l":"ru","s":[{"t":[0,"1.5s"],"w":"a"},{"t":[1.5,null],"w":"b"}]}"#;
        let Some(Found::Words(found)) = found(&words, &reply(answer, Parse::Json)) else { panic!("words") };
        assert_eq!((found.language.as_deref(), found.segments.len(), found.segments[0].end), (Some("ru"), 1, 1.5));
    }

    #[test]
    fn a_data_url_tells_its_type() {
        assert_eq!(
            file("data:image/png;base64,YW Jj\n"),
            Some((Bytes::from_static(b"abc"), Some("image/png".to_owned())))
        );
        assert_eq!(file("data:text/plain,abc"), None);
        assert_eq!(file("§"), None);
    }
}

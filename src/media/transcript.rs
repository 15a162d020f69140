//! A transcript in the forms that people and programs want: OpenAI's JSON, plain text, subtitles. Pure functions.

use super::text::{Segment, Text};
use super::{language, words};
use serde::Serialize;
use serde_json::{Value, json};

/// A form of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `{"text"}`.
    #[default]
    Json,
    /// The words alone.
    Text,
    /// With language, length, segments and words.
    VerboseJson,
    /// SubRip subtitles.
    Srt,
    /// Web subtitles.
    Vtt,
}

words!(Format {
    "json" => Format::Json,
    "text" => Format::Text,
    "verbose_json" => Format::VerboseJson,
    "srt" => Format::Srt,
    "vtt" => Format::Vtt,
});

impl Format {
    /// Its media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json | Self::VerboseJson => "application/json",
            Self::Text => "text/plain; charset=utf-8",
            Self::Srt => "application/x-subrip; charset=utf-8",
            Self::Vtt => "text/vtt; charset=utf-8",
        }
    }
}

/// What a detailed answer holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Details {
    /// Whether it was translated into English.
    pub translated: bool,
    /// The temperature that was asked for.
    pub temperature: f32,
    /// When the parts were said.
    pub segments: bool,
    /// When the words were said.
    pub words: bool,
}

/// OpenAI's short answer.
#[must_use]
pub fn json(text: &Text) -> Value {
    json!({ "text": text.text })
}

/// OpenAI's detailed answer. What nobody told is null.
#[must_use]
pub fn verbose(text: &Text, details: Details) -> Value {
    let mut whole = json!({
        "task": if details.translated { "translate" } else { "transcribe" },
        "language": text.language.as_deref().map(language::name),
        "duration": text.duration.map(thousandths),
        "text": text.text,
    });
    if details.segments {
        whole["segments"] = text.segments.iter().enumerate().map(|(id, part)| segment(id, part, details)).collect();
    }
    if details.words {
        let word = |word: &super::Word| json!({ "word": word.word, "start": thousandths(word.start), "end": thousandths(word.end) });
        whole["words"] = text.words.iter().map(word).collect();
    }
    whole
}

/// OpenAI's tokens and seek are those of one model of theirs and mean nothing outside of it: they are empty and 0.
fn segment(id: usize, part: &Segment, details: Details) -> Value {
    json!({
        "id": id,
        "seek": 0,
        "start": thousandths(part.start),
        "end": thousandths(part.end),
        "text": part.text,
        "tokens": [],
        "temperature": thousandths(details.temperature.into()),
        "avg_logprob": part.sureness.map(|sure| sure.avg_logprob),
        "compression_ratio": compression(&part.text),
        "no_speech_prob": part.sureness.map(|sure| sure.no_speech_prob),
    })
}

/// How much shorter a text becomes by deflating it, as OpenAI measures whether a model repeats itself.
fn compression(text: &str) -> f64 {
    let shorter = miniz_oxide::deflate::compress_to_vec_zlib(text.as_bytes(), 6).len();
    text.len() as f64 / shorter.max(1) as f64
}

/// SubRip subtitles.
#[must_use]
pub fn srt(text: &Text) -> String {
    let cue = |(number, part): (usize, Segment)| {
        let (start, end) = (clock(part.start, ','), clock(part.end, ','));
        format!("{}\n{start} --> {end}\n{}\n\n", number + 1, one_line(&part.text))
    };
    cues(text).into_iter().enumerate().map(cue).collect()
}

/// Web subtitles.
#[must_use]
pub fn vtt(text: &Text) -> String {
    let cue = |part: Segment| {
        let (start, end) = (clock(part.start, '.'), clock(part.end, '.'));
        let words = one_line(&part.text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        format!("{start} --> {end}\n{words}\n\n")
    };
    let cues: String = cues(text).into_iter().map(cue).collect();
    format!("WEBVTT\n\n{cues}")
}

/// The parts that say something; without any, the whole text as one that lasts as long as the sound.
fn cues(text: &Text) -> Vec<Segment> {
    let mut parts: Vec<Segment> = text.segments.clone();
    if parts.is_empty() {
        let end = text.duration.unwrap_or_default();
        parts.push(Segment { start: 0.0, end, text: text.text.clone(), sureness: None });
    }
    parts.retain(|part| !part.text.trim().is_empty());
    parts
}

/// An empty line ends a cue, and an arrow makes a line one of times.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("-->", "→")
}

/// `00:01:02,345`.
fn clock(seconds: f64, point: char) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let all = (seconds.max(0.0) * 1000.0).round() as u64;
    let (hours, minutes, seconds) = (all / 3_600_000, all / 60_000 % 60, all / 1000 % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}{point}{:03}", all % 1000)
}

fn thousandths(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::super::{Sureness, Word};
    use super::*;
    use proptest::prelude::*;

    fn said() -> Text {
        let sureness = Sureness { avg_logprob: -0.25, no_speech_prob: 0.01 };
        let part = |start, end, text: &str| Segment { start, end, text: text.to_owned(), sureness: Some(sureness) };
        let word = |word: &str, start, end| Word { word: word.to_owned(), start, end };
        Text {
            text: "Да будет свет. A --> B & <C>".to_owned(),
            language: Some("ru".to_owned()),
            duration: Some(3_725.5),
            segments: vec![part(0.0, 1.2, " Да будет свет."), part(3_723.456, 3_725.5, " A --> B\n\n& <C>")],
            words: vec![word("Да", 0.0, 0.3), word("будет", 0.3, 0.800_000_1)],
        }
    }

    #[test]
    fn subtitles_have_clocks_and_nothing_that_breaks_a_cue() {
        let (first, second) = ("Да будет свет.", "A → B & <C>");
        let srt_due =
            format!("1\n00:00:00,000 --> 00:00:01,200\n{first}\n\n2\n01:02:03,456 --> 01:02:05,500\n{second}\n\n");
        assert_eq!(srt(&said()), srt_due);
        let vtt_due = "WEBVTT\n\n00:00:00.000 --> 00:00:01.200\nДа будет свет.\n\n\
            01:02:03.456 --> 01:02:05.500\nA → B &amp; &lt;C&gt;\n\n";
        assert_eq!(vtt(&said()), vtt_due);
    }

    #[test]
    fn words_without_times_are_one_subtitle_and_silence_is_none() {
        let text = Text { text: "Да.".to_owned(), duration: Some(2.0), ..Text::default() };
        assert_eq!(srt(&text), "1\n00:00:00,000 --> 00:00:02,000\nДа.\n\n");
        assert_eq!((srt(&Text::default()).as_str(), vtt(&Text::default()).as_str()), ("", "WEBVTT\n\n"));
    }

    #[test]
    fn the_detailed_answer_has_what_was_asked_for() {
        insta::assert_json_snapshot!(verbose(
            &said(),
            Details { translated: false, temperature: 0.0, segments: true, words: true }
        ));
        let short = verbose(&said(), Details { translated: true, temperature: 0.5, segments: false, words: false });
        assert_eq!(short["task"], "translate");
        assert!(short.get("segments").is_none() && short.get("words").is_none());
        let untold = Text { text: "Да.".to_owned(), segments: vec![Segment::default()], ..Text::default() };
        let untold = verbose(&untold, Details { translated: false, temperature: 0.0, segments: true, words: true });
        assert_eq!((&untold["language"], &untold["segments"][0]["avg_logprob"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn repetition_compresses() {
        assert!(compression(&"спасибо за просмотр ".repeat(30)) > 10.0);
        assert!(compression("Какая погода в Москве?") < 1.5);
    }

    proptest! {
        #[test]
        fn any_text_keeps_the_shape_of_subtitles(
            parts in proptest::collection::vec((0.0..20_000.0_f64, 0.0..30.0_f64, "\\PC{0,40}|(-->|\n|\r| |<|&){0,20}"), 0..6),
        ) {
            let segments: Vec<Segment> = parts
                .into_iter()
                .map(|(start, long, text)| Segment { start, end: start + long, text, sureness: None })
                .collect();
            let text = Text { segments, ..Text::default() };
            let due = cues(&text).len();
            let blocks: Vec<String> = srt(&text).split_terminator("\n\n").map(str::to_owned).collect();
            prop_assert_eq!(blocks.len(), due);
            for block in blocks {
                let lines: Vec<&str> = block.split('\n').collect();
                prop_assert!(lines.len() == 3 && lines[1].matches("-->").count() == 1, "{:?}", lines);
                prop_assert!(!lines[2].contains("-->"));
            }
            prop_assert_eq!(vtt(&text).matches("-->").count(), due);
        }
    }
}

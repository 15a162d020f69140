//! The filters of placeholders: `{{seed|int}}`, `{{size|ratio:1:1,16:9}}`. Each turns one value into another; none
//! can fail on a request: what cannot be turned becomes nothing.

use super::value::{self, Value};
use crate::media::Medium;
use serde_json::Value as Json;

/// Shapes that services name, for `ratio` without a list of its own.
const SHAPES: &[(u32, u32)] =
    &[(1, 1), (4, 3), (3, 4), (3, 2), (2, 3), (16, 9), (9, 16), (21, 9), (9, 21), (5, 4), (4, 5)];

/// One filter with its argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// A whole number.
    Int,
    /// Text, whatever it was.
    Str,
    /// A medium in base64.
    B64,
    /// A medium as a `data:` url.
    DataUrl,
    /// A medium's media type.
    Mime,
    /// A medium's file name, such as `image.png`.
    Name,
    /// Percent-encoded, slashes included.
    UrlEnc,
    /// Written as JSON, into a string.
    Json,
    /// This, where there is nothing.
    Default(String),
    /// The word at the right of the pair whose left is the value; `*` is any other.
    Map(Vec<(String, String)>),
    /// At most so many characters, cut at a word.
    Trunc(usize),
    /// What is left of a whole number after dividing by this, for seeds.
    Mod(i64),
    /// A size with this between its numbers instead of `x`.
    WxH(String),
    /// The nearest of these shapes, as `16:9`.
    Ratio(Vec<(u32, u32)>),
}

impl Filter {
    /// Reads `name` or `name:argument`.
    ///
    /// # Errors
    /// One sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, argument) = match text.split_once(':') {
            Some((name, argument)) => (name.trim(), Some(argument)),
            None => (text.trim(), None),
        };
        let plain = match name {
            "int" => Some(Self::Int),
            "str" => Some(Self::Str),
            "b64" => Some(Self::B64),
            "data_url" => Some(Self::DataUrl),
            "mime" => Some(Self::Mime),
            "name" => Some(Self::Name),
            "urlenc" => Some(Self::UrlEnc),
            "json" => Some(Self::Json),
            _ => None,
        };
        match (plain, argument) {
            (Some(filter), None) => Ok(filter),
            (Some(_), Some(_)) => Err(format!("the filter `{name}` takes no argument")),
            (None, argument) => Self::with_argument(name, argument),
        }
    }

    fn with_argument(name: &str, argument: Option<&str>) -> Result<Self, String> {
        let given = || argument.ok_or_else(|| format!("the filter `{name}` needs an argument: `{name}:…`"));
        match name {
            "default" => Ok(Self::Default(given()?.to_owned())),
            "map" => pairs(given()?).map(Self::Map),
            "trunc" => {
                let count = given()?.trim().parse().ok().filter(|count| *count > 0);
                count.map(Self::Trunc).ok_or_else(|| "the filter `trunc` needs a number of characters".to_owned())
            }
            "mod" => {
                let by = given()?.trim().parse().ok().filter(|by| *by > 0);
                by.map(Self::Mod).ok_or_else(|| "the filter `mod` needs a whole number above 0".to_owned())
            }
            "wxh" => Ok(Self::WxH(argument.unwrap_or("x").to_owned())),
            "ratio" => argument.map_or_else(|| Ok(SHAPES.to_vec()), shapes).map(Self::Ratio),
            "" => Err("a filter is missing after `|`".to_owned()),
            _ => Err(format!(
                "there is no filter `{name}`; there are int, str, b64, data_url, mime, name, urlenc, json, default:x, \
                 map:a=b, trunc:n, mod:n, wxh and ratio"
            )),
        }
    }

    /// Whether it makes sense of a picture, sound or film only.
    #[must_use]
    pub fn wants_a_medium(&self) -> bool {
        matches!(self, Self::B64 | Self::DataUrl | Self::Mime | Self::Name)
    }

    /// The value after this filter. A list is filtered element by element.
    #[must_use]
    pub fn apply(&self, value: Option<Value>) -> Option<Value> {
        let value = value.filter(|value| !value.is_blank());
        let Some(value) = value else {
            return match self {
                Self::Default(text) => Some(Value::text(text.as_str())),
                _ => None,
            };
        };
        match (self, value) {
            (Self::Default(_), value) => Some(value),
            (Self::Json, value) => Some(Value::text(value.to_json().to_string())),
            (_, Value::List(list)) => {
                Some(Value::List(list.into_iter().filter_map(|one| self.apply(Some(one))).collect()))
            }
            (_, Value::Medium(medium, deliver)) => match self.of_medium(&medium) {
                Some(text) => Some(Value::text(text)),
                None => Some(Value::Medium(medium, deliver)),
            },
            (_, value) => self.of_json(value),
        }
    }

    fn of_medium(&self, medium: &Medium) -> Option<String> {
        match self {
            Self::B64 | Self::Str => Some(value::b64(medium)),
            Self::DataUrl => Some(value::data_url(medium)),
            Self::Mime => Some(medium.content_type.clone()),
            Self::Name => Some(file_name(medium)),
            _ => None,
        }
    }

    fn of_json(&self, value: Value) -> Option<Value> {
        let text = |text: String| Some(Value::text(text));
        match self {
            Self::Int => whole(&value.to_json()).map(|number| Value::Json(Json::from(number))),
            Self::Mod(by) => whole(&value.to_json()).map(|number| Value::Json(Json::from(number.rem_euclid(*by)))),
            Self::Str => text(value.to_words()),
            Self::UrlEnc => text(percent_encoded(&value.to_words())),
            Self::Map(pairs) => {
                let word = value.to_words();
                let found = pairs.iter().find(|(from, _)| *from == word || from == "*");
                found.map_or(Some(value), |(_, to)| text(to.clone()))
            }
            Self::Trunc(count) => text(cut_at_word(&value.to_words(), *count).to_owned()),
            Self::WxH(between) => {
                let (width, height) = two_numbers(&value.to_words())?;
                text(format!("{width}{between}{height}"))
            }
            Self::Ratio(shapes) => {
                let (width, height) = two_numbers(&value.to_words())?;
                nearest_shape(width, height, shapes).map(|(w, h)| Value::text(format!("{w}:{h}")))
            }
            _ => Some(value),
        }
    }
}

/// A name for the file of a medium, with the ending that fits what it is.
#[must_use]
pub fn file_name(medium: &Medium) -> String {
    let kind = medium.content_type.split('/').next().filter(|kind| ["image", "audio", "video"].contains(kind));
    format!("{}.{}", kind.unwrap_or("file"), medium.extension())
}

/// The longest beginning of at most `count` characters, ended at a word where there is one to end at.
#[must_use]
pub fn cut_at_word(text: &str, count: usize) -> &str {
    let Some((end, next)) = text.char_indices().nth(count) else { return text };
    let kept = &text[..end];
    if next.is_whitespace() {
        return kept.trim_end();
    }
    let cut = kept.rfind(char::is_whitespace).map_or(kept, |at| kept[..at].trim_end());
    if cut.is_empty() { kept } else { cut }
}

/// The shape of a size, as `4:3`: the nearest that services know.
#[must_use]
pub fn aspect(width: u32, height: u32) -> String {
    nearest_shape(width, height, SHAPES).map_or_else(|| "1:1".to_owned(), |(w, h)| format!("{w}:{h}"))
}

/// The shape nearest to that of a size; the first of equally near ones.
#[must_use]
pub fn nearest_shape(width: u32, height: u32, shapes: &[(u32, u32)]) -> Option<(u32, u32)> {
    let log = |(w, h): (u32, u32)| (f64::from(w.max(1)) / f64::from(h.max(1))).ln();
    let wanted = log((width, height));
    let far = |shape: &(u32, u32)| (log(*shape) - wanted).abs();
    shapes.iter().copied().min_by(|a, b| far(a).total_cmp(&far(b)))
}

/// `1024x768`, `16:9` and the like.
#[must_use]
pub fn two_numbers(text: &str) -> Option<(u32, u32)> {
    let (left, right) = text.split_once(['x', 'X', ':', '*', '×'])?;
    let (left, right) = (left.trim().parse().ok()?, right.trim().parse().ok()?);
    (left > 0 && right > 0).then_some((left, right))
}

fn whole(json: &Json) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation)]
    let rounded = |number: f64| (number.is_finite() && number.abs() < 9e18).then(|| number.round() as i64);
    match json {
        Json::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(rounded)),
        Json::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| text.parse().ok().and_then(rounded))
        }
        Json::Bool(yes) => Some(i64::from(*yes)),
        _ => None,
    }
}

fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encoded).collect()
}

fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |pair: &str| {
        let halves = pair.split_once('=').map(|(from, to)| (from.trim().to_owned(), to.trim().to_owned()));
        halves.ok_or_else(|| format!("the filter `map` needs pairs such as `a=b,c=d`; `{pair}` is none"))
    };
    text.split(',').map(pair).collect()
}

fn shapes(text: &str) -> Result<Vec<(u32, u32)>, String> {
    let shape = |shape: &str| {
        two_numbers(shape)
            .ok_or_else(|| format!("the filter `ratio` needs shapes such as `1:1,16:9`; `{shape}` is none"))
    };
    text.split(',').map(shape).collect()
}

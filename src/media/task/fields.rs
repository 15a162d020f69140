//! The named values of a request, for provider files.

use serde::Serialize;
use serde_json::{Map, Value};

/// Named values; what was not asked is absent.
#[derive(Debug, Default)]
pub struct Fields(Map<String, Value>);

/// Shapes of pictures and films that services name by two small numbers.
const ASPECTS: [(u32, u32); 11] =
    [(1, 1), (4, 3), (3, 4), (3, 2), (2, 3), (16, 9), (9, 16), (5, 4), (4, 5), (21, 9), (9, 21)];

impl Fields {
    /// Adds a value that is always there.
    #[must_use]
    pub fn with(self, name: &str, value: impl Serialize) -> Self {
        self.maybe(name, Some(value))
    }

    /// Adds a value where there is one.
    #[must_use]
    pub fn maybe(mut self, name: &str, value: Option<impl Serialize>) -> Self {
        if let Some(value) = value.and_then(|value| serde_json::to_value(value).ok()) {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    /// Adds `width`, `height`, `size` (`1024x768`) and `aspect` (`4:3`, the nearest that services know), where a size was
    /// asked.
    #[must_use]
    pub fn with_size(self, width: Option<u32>, height: Option<u32>) -> Self {
        let (Some(width), Some(height)) = (width.or(height), height.or(width)) else { return self };
        self.with("width", width)
            .with("height", height)
            .with("size", format!("{width}x{height}"))
            .with("aspect", aspect(width, height))
    }

    /// All of them.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

/// The nearest shape that services know, such as `4:3`.
#[must_use]
pub fn aspect(width: u32, height: u32) -> String {
    let asked = (f64::from(width) / f64::from(height.max(1))).ln();
    let distance = |(w, h): &(u32, u32)| (asked - (f64::from(*w) / f64::from(*h)).ln()).abs();
    let nearest = ASPECTS.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    nearest.map_or_else(|| "1:1".to_owned(), |(w, h)| format!("{w}:{h}"))
}

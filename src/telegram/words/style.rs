//! Styles that have a button: a few words that are added to a prompt. It must not know models.

use super::super::texts::{Lang, args};
use crate::media::words;

/// A style.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// As the prompt says.
    #[default]
    None,
    /// A photograph.
    Photo,
    /// Japanese animation.
    Anime,
    /// Watercolour.
    Water,
    /// Oil on canvas.
    Oil,
    /// Pixel art.
    Pixel,
    /// A rendered scene.
    #[serde(rename = "3d")]
    Render,
    /// Pencil.
    Sketch,
    /// A still of a film.
    Cinema,
    /// A logo, flat.
    Flat,
    /// A comic.
    Comic,
    /// A fantasy book.
    Fantasy,
}

words!(Style {
    "none" => Style::None, "photo" => Style::Photo, "anime" => Style::Anime, "water" => Style::Water,
    "oil" => Style::Oil, "pixel" => Style::Pixel, "3d" => Style::Render, "sketch" => Style::Sketch,
    "cinema" => Style::Cinema, "flat" => Style::Flat, "comic" => Style::Comic, "fantasy" => Style::Fantasy,
});

/// What a style adds.
struct Added {
    ru: &'static str,
    en: &'static str,
    negative: &'static str,
}

/// What each style adds, in Russian and in English, and what is to be avoided.
const ADDED: [(Style, Added); 11] = [
    (
        Style::Photo,
        Added {
            ru: "фотография, естественный свет, высокая детализация",
            en: "photograph, natural light, highly detailed",
            negative: "drawing, painting, cartoon, render",
        },
    ),
    (
        Style::Anime,
        Added {
            ru: "в стиле аниме, чёткие контуры, яркие цвета",
            en: "anime style, clean lines, vivid colours",
            negative: "photograph, realistic",
        },
    ),
    (
        Style::Water,
        Added {
            ru: "акварель, мягкие переходы, фактура бумаги",
            en: "watercolour painting, soft washes, paper texture",
            negative: "photograph, render",
        },
    ),
    (
        Style::Oil,
        Added {
            ru: "картина маслом, заметные мазки, холст",
            en: "oil painting, visible brush strokes, canvas",
            negative: "photograph, render",
        },
    ),
    (
        Style::Pixel,
        Added {
            ru: "пиксель-арт, крупные пиксели, ограниченная палитра",
            en: "pixel art, large pixels, limited palette",
            negative: "blurry, photograph, smooth shading",
        },
    ),
    (
        Style::Render,
        Added {
            ru: "3D-рендер, мягкий студийный свет",
            en: "3D render, soft studio light",
            negative: "photograph, flat drawing",
        },
    ),
    (
        Style::Sketch,
        Added {
            ru: "рисунок карандашом, штриховка, белая бумага",
            en: "pencil drawing, hatching, white paper",
            negative: "colour, photograph",
        },
    ),
    (
        Style::Cinema,
        Added {
            ru: "кадр из фильма, драматичный свет, малая глубина резкости",
            en: "film still, dramatic light, shallow depth of field",
            negative: "drawing, cartoon",
        },
    ),
    (
        Style::Flat,
        Added {
            ru: "плоский логотип, простые формы, белый фон",
            en: "flat logo, simple shapes, white background",
            negative: "photograph, shading, clutter",
        },
    ),
    (
        Style::Comic,
        Added {
            ru: "в стиле комикса, жирный контур, полутоновые точки",
            en: "comic book style, bold outlines, halftone dots",
            negative: "photograph",
        },
    ),
    (
        Style::Fantasy,
        Added {
            ru: "фэнтези-иллюстрация, волшебный свет, тонкие детали",
            en: "fantasy illustration, magical light, intricate details",
            negative: "photograph",
        },
    ),
];

impl Style {
    /// All of them, in the order of their buttons.
    pub const ALL: [Self; 12] = [
        Self::None,
        Self::Photo,
        Self::Anime,
        Self::Water,
        Self::Oil,
        Self::Pixel,
        Self::Render,
        Self::Sketch,
        Self::Cinema,
        Self::Flat,
        Self::Comic,
        Self::Fantasy,
    ];

    /// What stands on its button.
    #[must_use]
    pub fn label(self, lang: Lang) -> String {
        let key = match self {
            Self::None => "name-style-none",
            Self::Photo => "name-style-photo",
            Self::Anime => "name-style-anime",
            Self::Water => "name-style-water",
            Self::Oil => "name-style-oil",
            Self::Pixel => "name-style-pixel",
            Self::Render => "name-style-3d",
            Self::Sketch => "name-style-sketch",
            Self::Cinema => "name-style-cinema",
            Self::Flat => "name-style-flat",
            Self::Comic => "name-style-comic",
            Self::Fantasy => "name-style-fantasy",
        };
        lang.plain(key, args! {})
    }

    /// The prompt in this style, in the prompt's own language: one that has a Cyrillic letter is taken for Russian.
    #[must_use]
    pub fn applied(self, prompt: &str) -> String {
        let Some(added) = self.added() else { return prompt.to_owned() };
        let russian = prompt.chars().any(|c| matches!(c, '\u{400}'..='\u{4ff}'));
        let words = if russian { added.ru } else { added.en };
        let prompt = prompt.trim_end();
        let pause = if prompt.ends_with(['.', ',', '!', '?', ';', ':', '…']) { "" } else { "," };
        format!("{prompt}{pause} {words}")
    }

    /// What to avoid in this style, in English.
    #[must_use]
    pub fn negative(self) -> Option<&'static str> {
        self.added().map(|added| added.negative)
    }

    fn added(self) -> Option<&'static Added> {
        ADDED.iter().find(|(style, _)| *style == self).map(|(_, added)| added)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_speak_the_language_of_the_prompt() {
        assert_eq!(Style::None.applied(" кот "), " кот ");
        assert_eq!(Style::Oil.applied("рыжий кот"), "рыжий кот, картина маслом, заметные мазки, холст");
        assert_eq!(Style::Oil.applied("a cat."), "a cat. oil painting, visible brush strokes, canvas");
        assert_eq!(Style::Flat.applied("кот Tom, "), "кот Tom, плоский логотип, простые формы, белый фон");
    }

    #[test]
    fn every_style_has_a_short_word_and_names() {
        for style in Style::ALL {
            let word = style.word();
            assert!((1..=8).contains(&word.len()) && word.is_ascii(), "{word}");
            assert_eq!(word.parse(), Ok(style));
            let [ru, en] = Lang::ALL.map(|lang| style.label(lang));
            assert!(!ru.starts_with("name-") && !en.starts_with("name-"), "{ru} {en}");
            assert_eq!(style.negative().is_none(), style == Style::None);
            let json = serde_json::to_string(&style).unwrap();
            assert_eq!(json, format!("\"{word}\""), "one word everywhere");
        }
    }
}

//! How a text is to look, as a person would say it: nothing here is a pixel of a certain picture yet.

/// Red, green and blue, each 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub [u8; 3]);

impl Colour {
    /// White.
    pub const WHITE: Self = Self([255; 3]);
    /// Black.
    pub const BLACK: Self = Self([0; 3]);

    /// A part of the way to another colour: 0 stays, 1 arrives.
    #[must_use]
    pub fn towards(self, other: Self, part: f32) -> Self {
        let mut mixed = self.0;
        for (channel, to) in mixed.iter_mut().zip(other.0) {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two bytes")]
            let value = (f32::from(*channel) + (f32::from(to) - f32::from(*channel)) * part).round() as u8;
            *channel = value;
        }
        Self(mixed)
    }
}

/// A length. Of what a percentage is, each field says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// Pixels of the picture.
    Px(f32),
    /// Hundredths.
    Percent(f32),
}

impl Length {
    /// Pixels, where a percentage is one of `whole`.
    #[must_use]
    pub fn of(self, whole: f32) -> f32 {
        match self {
            Self::Px(px) => px,
            Self::Percent(percent) => whole * percent / 100.0,
        }
    }
}

/// Sizes that have a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Step {
    /// «Крошечный».
    Tiny,
    /// «Маленький».
    Small,
    /// «Обычный».
    #[default]
    Normal,
    /// «Крупный».
    Large,
    /// «Огромный».
    Huge,
}

/// The size of letters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Size {
    /// In a word: it grows with the picture, and shrinks before a word is broken.
    Word(Step),
    /// Exactly, unless the text would not fit the picture; percent are of the picture's shorter side.
    Exact(Length),
}

/// Where in the height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Vertical {
    /// At the upper edge.
    Top,
    /// In the middle.
    Middle,
    /// At the lower edge.
    #[default]
    Bottom,
}

/// Where in the width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Horizontal {
    /// At the left edge.
    Left,
    /// In the middle.
    #[default]
    Centre,
    /// At the right edge.
    Right,
}

/// Distances from the edges; `None` is the usual one. Percent are of the width for left and right, of the height for
/// top and bottom.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Margins {
    /// From above.
    pub top: Option<Length>,
    /// From the right.
    pub right: Option<Length>,
    /// From below.
    pub bottom: Option<Length>,
    /// From the left.
    pub left: Option<Length>,
}

/// A line around the letters.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Outline {
    /// A thin one where the text could not be read otherwise.
    #[default]
    Automatic,
    /// Never.
    Without,
    /// As wished.
    Of {
        /// `None`: what can be told from the text's colour.
        colour: Option<Colour>,
        /// Percent are of the letters' size; `None` is the usual.
        width: Option<Length>,
    },
}

/// A shadow behind the letters.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Shadow {
    /// `None`: what can be told from the text's colour.
    pub colour: Option<Colour>,
    /// How far to the right and down; percent are of the letters' size.
    pub distance: Option<Length>,
    /// How soft; percent are of the letters' size.
    pub blur: Option<Length>,
}

/// A plate behind the text.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Plate {
    /// `None`: what the text is read on best.
    pub colour: Option<Colour>,
    /// Percent; `None`: all of it, or half where the picture beneath is blurred, which could not be seen otherwise.
    pub opacity: Option<u8>,
    /// Blurs the picture beneath; percent are of the picture's shorter side.
    pub blur: Option<Length>,
    /// Radius of the corners; percent are of the plate's shorter side.
    pub corner: Option<Length>,
    /// Distance from the text to the plate's edge; percent are of the picture's shorter side.
    pub padding: Option<Length>,
}

/// How a text is to look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    /// Where in the height.
    pub vertical: Vertical,
    /// Where in the width.
    pub horizontal: Horizontal,
    /// How lines stand below each other; `None`: at the side where the text is.
    pub align: Option<Horizontal>,
    /// Distances from the edges.
    pub margins: Margins,
    /// The size of the letters.
    pub size: Size,
    /// `None`: white or black, whichever is read better on what is beneath.
    pub colour: Option<Colour>,
    /// Percent, for letters, outline and shadow.
    pub opacity: u8,
    /// Bold letters.
    pub bold: bool,
    /// The line around the letters.
    pub outline: Outline,
    /// The shadow behind the letters.
    pub shadow: Option<Shadow>,
    /// The plate behind the text.
    pub plate: Option<Plate>,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            vertical: Vertical::default(),
            horizontal: Horizontal::default(),
            align: None,
            margins: Margins::default(),
            size: Size::Word(Step::Normal),
            colour: None,
            opacity: 100,
            bold: false,
            outline: Outline::Automatic,
            shadow: None,
            plate: None,
        }
    }
}

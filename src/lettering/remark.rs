//! What should be said about a picture with a text, in the language of the wish.

/// Something that the one who asked should know.
#[derive(Debug, Clone, PartialEq)]
pub enum Remark {
    /// Words of the wish that said nothing known.
    NotUnderstood(Vec<String>),
    /// The letters are smaller than was wished, or than can be read well.
    Smaller {
        /// Their size in pixels.
        px: f32,
    },
    /// No font here has a shape for these.
    Shapeless(String),
}

/// Words that are told at most.
const MOST_WORDS: usize = 12;

impl Remark {
    /// One sentence, in Russian or in English.
    #[must_use]
    pub fn sentence(&self, russian: bool) -> String {
        match (self, russian) {
            (Self::NotUnderstood(words), true) => format!("Не понял: {}", few(words)),
            (Self::NotUnderstood(words), false) => format!("not understood: {}", few(words)),
            (Self::Smaller { px }, true) => {
                format!("текст поместился только мелкими буквами, {:.0} пикс.", px.max(1.0))
            }
            (Self::Smaller { px }, false) => format!("the text fits only with small letters, {:.0} px", px.max(1.0)),
            (Self::Shapeless(signs), true) => format!("в шрифтах нет знаков: {signs}"),
            (Self::Shapeless(signs), false) => format!("no font here has these signs: {signs}"),
        }
    }
}

fn few(words: &[String]) -> String {
    let shown = words.iter().take(MOST_WORDS).map(String::as_str).collect::<Vec<_>>().join(", ");
    if words.len() > MOST_WORDS { format!("{shown} …") } else { shown }
}

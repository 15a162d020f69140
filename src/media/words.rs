//! Closed sets of words: each value of such a type has one word on the command line, in the API and in answers.

/// Gives a type its words: `word()`, `FromStr`, `Display`.
macro_rules! words {
    ($type:ty { $($word:literal => $value:expr),+ $(,)? }) => {
        impl $type {
            /// Its word on the command line, in the API and in answers.
            #[must_use]
            pub fn word(self) -> &'static str {
                $(if self == $value { return $word; })+
                ""
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok($value),)+
                    other => Err(format!("'{other}' is not one of {}", [$($word),+].join(", "))),
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

pub(crate) use words;

//! The placeholders that each task gives to provider files, and what kind of value each is.

/// What a placeholder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What a person wrote.
    Words,
    /// What a service answered.
    Answer,
    /// A word or number of ours: a size, a seed, a model.
    Plain,
    /// A url that was checked when it was extracted.
    Url,
    /// One picture or sound.
    Medium,
    /// Several of them.
    Media,
    /// The key.
    Key,
}

use Kind::{Media, Medium, Plain, Words};

type Task = (&'static str, &'static [(&'static str, Kind)]);

const TASKS: &[Task] = &[
    (
        "image.generate",
        &[
            ("prompt", Words),
            ("negative", Words),
            ("seed", Plain),
            ("steps", Plain),
            ("width", Plain),
            ("height", Plain),
            ("size", Plain),
            ("aspect", Plain),
            ("guidance", Plain),
            ("n", Plain),
        ],
    ),
    (
        "image.edit",
        &[
            ("prompt", Words),
            ("negative", Words),
            ("seed", Plain),
            ("steps", Plain),
            ("width", Plain),
            ("height", Plain),
            ("size", Plain),
            ("aspect", Plain),
            ("guidance", Plain),
            ("n", Plain),
            ("images", Media),
            ("image", Medium),
            ("mask", Medium),
            ("strength", Plain),
        ],
    ),
    ("image.upscale", &[("image", Medium), ("scale", Plain)]),
    ("image.letter", &[("image", Medium), ("text", Words), ("style", Words)]),
    ("image.describe", &[("image", Medium), ("prompt", Words), ("language", Words)]),
    (
        "speech.transcribe",
        &[
            ("audio", Medium),
            ("language", Words),
            ("prompt", Words),
            ("translate", Plain),
            ("temperature", Plain),
            ("words", Plain),
        ],
    ),
    (
        "speech.synthesize",
        &[
            ("text", Words),
            ("voice", Words),
            ("format", Words),
            ("speed", Plain),
            ("language", Words),
            ("instructions", Words),
        ],
    ),
    ("text.write", &[("system", Words), ("prompt", Words)]),
    ("text.translate", &[("text", Words), ("target", Words), ("source", Words)]),
    (
        "video.generate",
        &[
            ("prompt", Words),
            ("image", Medium),
            ("seconds", Plain),
            ("aspect", Plain),
            ("width", Plain),
            ("height", Plain),
            ("seed", Plain),
        ],
    ),
];

/// The placeholders of a task. `None` where there is no such task.
#[must_use]
pub fn of_task(task: &str) -> Option<&'static [(&'static str, Kind)]> {
    TASKS.iter().find(|(name, _)| *name == task).map(|(_, words)| *words)
}

/// Every task.
pub fn tasks() -> impl Iterator<Item = &'static str> {
    TASKS.iter().map(|(name, _)| *name)
}

/// Whether some task has a placeholder of this name, or every one does.
#[must_use]
pub fn taken(name: &str) -> bool {
    matches!(name, "model" | "key" | "item")
        || TASKS.iter().any(|(_, words)| words.iter().any(|(word, _)| *word == name))
}

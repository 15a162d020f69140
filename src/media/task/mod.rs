//! Every task: what is asked, how it is checked, what a provider file may say about it. A task is one file here and one
//! line in `tasks!`; no other room names them all. It must not know who answers.

mod fields;
mod image_describe;
mod image_edit;
mod image_generate;
mod image_letter;
mod image_upscale;
mod speech_synthesize;
mod speech_transcribe;
mod text_translate;
mod text_write;
mod video_generate;

pub use fields::Fields;
pub use image_describe::ImageDescribe;
pub use image_edit::ImageEdit;
pub use image_letter::ImageLetter;
pub use image_upscale::ImageUpscale;
pub use speech_synthesize::{SoundFormat, SpeechSynthesize};
pub use speech_transcribe::SpeechTranscribe;
pub use text_translate::TextTranslate;
pub use text_write::TextWrite;
pub use video_generate::VideoGenerate;

use super::{Content, Failure, ImageRequest, Level, Medium};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Who is to answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Choice {
    /// A manifest name, a provider's model, or (from the command line only) a path.
    pub model: Option<String>,
    /// Answered by this provider or not at all.
    pub provider: Option<String>,
    /// Never ask a remote provider.
    pub local_only: bool,
    /// Only these models may answer; `None`: any. Set by the rules of the caller's level, not by the caller.
    #[schema(ignore)]
    pub allowed_models: Option<Vec<String>>,
    /// The caller's level, which some models are not for; `None`: any. Set as the former.
    #[schema(ignore)]
    pub level: Option<Level>,
}

impl Choice {
    /// This provider's model, whoever else has one of that name.
    pub fn of(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self { provider: Some(provider.into()), model: Some(model.into()), ..Self::default() }
    }
}

/// One task: the type is what is asked.
pub trait Task: Clone + std::fmt::Debug + Serialize + DeserializeOwned + Send + Sync {
    /// Its name in routes, prices, jobs and provider files.
    const NAME: &'static str;

    /// Who is to answer.
    fn choice(&self) -> &Choice;

    /// The same, to be changed.
    fn choice_mut(&mut self) -> &mut Choice;

    /// Checks every field against CONTRACT's limits. Returns the cleaned request and a notice for each thing that was
    /// changed. `elsewhere` names the files that belong to it and are not here yet.
    ///
    /// # Errors
    /// [`Failure::Invalid`] with the first field that is out of bounds.
    fn checked(self, elsewhere: &[&str]) -> Result<(Self, Vec<String>), Failure>;

    /// What is paid for: pictures, or one of anything else.
    fn units(&self) -> u32 {
        1
    }

    /// How much work it is, compared with others of its task: what takes twice the number takes about twice the time.
    fn effort(&self) -> u64 {
        u64::from(self.units())
    }

    /// What provider files may put into a call, by name; what was not asked is absent.
    fn fields(&self) -> Fields;

    /// Its files, by the names that provider files use. Several of one name are in order.
    ///
    /// # Errors
    /// [`Failure::Internal`] when one cannot be written.
    fn media(&self) -> Result<Vec<(&'static str, Medium)>, Failure>;

    /// The same, taken out: the rest is small and can be written down.
    ///
    /// # Errors
    /// As [`Self::media`].
    fn detach(&mut self) -> Result<Vec<(&'static str, Medium)>, Failure>;

    /// Puts a file back, or a first one in.
    ///
    /// # Errors
    /// [`Failure::Invalid`] when there is no place for it, or it is not what it should be.
    fn attach(&mut self, name: &str, medium: Medium) -> Result<(), Failure>;

    /// The prompt that some models want in English; `None` where there is none.
    fn prompt(&self) -> Option<&str> {
        None
    }

    /// The same in other words.
    fn set_prompt(&mut self, _prompt: String) {}

    /// Whether it is what such a task gives.
    fn fits(content: &Content) -> bool;
}

macro_rules! tasks {
    ($($name:ident($type:ty) = $route:literal),+ $(,)?) => {
        /// A request of any task.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Request {
            $(#[doc = concat!("`", stringify!($type), "`.")] $name($type),)+
        }

        /// Every task, and who is asked for it when nobody says otherwise: `*` stands for every other provider with a key.
        pub const TASKS: &[(&str, &str)] = &[$((<$type as Task>::NAME, $route)),+];

        $(impl From<$type> for Request {
            fn from(request: $type) -> Self {
                Self::$name(request)
            }
        })+

        impl Request {
            /// The name of its task.
            #[must_use]
            pub fn task(&self) -> &'static str {
                match self { $(Self::$name(_) => <$type as Task>::NAME),+ }
            }

            /// Reads what [`Self::to_json`] wrote.
            ///
            /// # Errors
            /// One sentence, for an unknown task and for what is no request of it.
            pub fn from_json(task: &str, json: Value) -> Result<Self, String> {
                $(if task == <$type as Task>::NAME {
                    return serde_json::from_value(json).map(Self::$name).map_err(|e| e.to_string());
                })+
                Err(format!("there is no task {task}"))
            }

            /// Everything but the files.
            ///
            /// # Errors
            /// [`Failure::Internal`], which does not happen.
            pub fn to_json(&self) -> Result<Value, Failure> {
                let json = match self { $(Self::$name(request) => serde_json::to_value(request)),+ };
                json.map_err(|e| Failure::internal(format!("the request cannot be written down: {e}")))
            }

            /// As [`Task::choice`].
            #[must_use]
            pub fn choice(&self) -> &Choice {
                match self { $(Self::$name(request) => request.choice()),+ }
            }

            /// As [`Task::choice_mut`].
            pub fn choice_mut(&mut self) -> &mut Choice {
                match self { $(Self::$name(request) => request.choice_mut()),+ }
            }

            /// As [`Task::checked`].
            ///
            /// # Errors
            /// As [`Task::checked`].
            pub fn checked(self, elsewhere: &[&str]) -> Result<(Self, Vec<String>), Failure> {
                match self {
                    $(Self::$name(request) => Task::checked(request, elsewhere).map(|(checked, notices)| (checked.into(), notices)),)+
                }
            }

            /// As [`Task::units`].
            #[must_use]
            pub fn units(&self) -> u32 {
                match self { $(Self::$name(request) => request.units()),+ }
            }

            /// As [`Task::effort`].
            #[must_use]
            pub fn effort(&self) -> u64 {
                match self { $(Self::$name(request) => request.effort()),+ }
            }

            /// As [`Task::fields`].
            #[must_use]
            pub fn values(&self) -> Map<String, Value> {
                match self { $(Self::$name(request) => request.fields().into_map()),+ }
            }

            /// As [`Task::media`].
            ///
            /// # Errors
            /// As [`Task::media`].
            pub fn media(&self) -> Result<Vec<(&'static str, Medium)>, Failure> {
                match self { $(Self::$name(request) => request.media()),+ }
            }

            /// As [`Task::detach`].
            ///
            /// # Errors
            /// As [`Task::detach`].
            pub fn detach(&mut self) -> Result<Vec<(&'static str, Medium)>, Failure> {
                match self { $(Self::$name(request) => request.detach()),+ }
            }

            /// As [`Task::attach`].
            ///
            /// # Errors
            /// As [`Task::attach`].
            pub fn attach(&mut self, name: &str, medium: Medium) -> Result<(), Failure> {
                match self { $(Self::$name(request) => request.attach(name, medium)),+ }
            }

            /// As [`Task::prompt`].
            #[must_use]
            pub fn prompt(&self) -> Option<&str> {
                match self { $(Self::$name(request) => request.prompt()),+ }
            }

            /// As [`Task::set_prompt`].
            pub fn set_prompt(&mut self, prompt: String) {
                match self { $(Self::$name(request) => request.set_prompt(prompt)),+ }
            }

            /// As [`Task::fits`].
            #[must_use]
            pub fn fits(&self, content: &Content) -> bool {
                match self { $(Self::$name(_) => <$type as Task>::fits(content)),+ }
            }
        }
    };
}

tasks! {
    ImageGenerate(ImageRequest) = "local:sdxl-turbo,local:flux-schnell,hf,openai,yandex,*,local:demo",
    ImageEdit(ImageEdit) = "local:sdxl-turbo,openai,fal,google,*,local:demo",
    ImageUpscale(ImageUpscale) = "local:realesrgan,fal,*",
    ImageLetter(ImageLetter) = "local:lettering",
    ImageDescribe(ImageDescribe) = "openai,google,hf,yandex,*",
    SpeechTranscribe(SpeechTranscribe) = "local:whisper,openai,yandex,hf,*,local:demo-whisper",
    SpeechSynthesize(SpeechSynthesize) = "yandex,openai,google,*",
    TextWrite(TextWrite) = "openai,yandex,google,hf,*",
    TextTranslate(TextTranslate) = "yandex,openai,google,hf,*",
    VideoGenerate(VideoGenerate) = "fal,kie,hf,*",
}

/// Refuses a file that a task has no place for.
fn no_place<T>(task: &str, name: &str) -> Result<T, Failure> {
    Err(Failure::invalid(name, format!("{task} has no place for a file called `{name}`")))
}

/// Checks a text that must be there.
fn required(param: &str, text: &str, most: usize) -> Result<(), Failure> {
    if text.trim().is_empty() {
        return Err(Failure::invalid(param, format!("`{param}` is empty")));
    }
    bounded(param, text, most)
}

/// Checks the length of a text, in characters.
fn bounded(param: &str, text: &str, most: usize) -> Result<(), Failure> {
    let chars = text.chars().count();
    if chars > most {
        return Err(Failure::invalid(param, format!("`{param}` has {chars} characters; at most {most} are accepted")));
    }
    Ok(())
}

/// Checks a language: `ru`, `ru-RU`.
fn language(param: &str, language: Option<&String>) -> Result<(), Failure> {
    let fine =
        |text: &str| (2..=12).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if language.is_some_and(|text| !fine(text)) {
        return Err(Failure::invalid(param, format!("`{param}` must be a code such as ru or en-US")));
    }
    Ok(())
}

/// Checks that a request has its file, or as many of them as it may have: `own` are here, others elsewhere.
fn files(name: &str, own: usize, elsewhere: &[&str], most: usize) -> Result<(), Failure> {
    match own + elsewhere.iter().filter(|other| **other == name).count() {
        0 => Err(Failure::invalid(name, format!("`{name}` is missing: send a file"))),
        n if n > most => {
            Err(Failure::invalid(name, format!("`{name}` is there {n} times; at most {most} are possible")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;

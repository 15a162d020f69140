//! A painter that does what a test tells it, and remembers what it was asked.

use async_trait::async_trait;
use samovar::lettering::{Letterer, Settings};
use samovar::media::models::ModelCard;
use samovar::media::task::TASKS;
use samovar::media::{
    Answered, Content, Decoder, Drawing, DrawnPicture, Failure, ImageRequest, ImageResult, Medium, Mode, Picture,
    Progress, Provenance, Request, Segment, Text, Timings, Watch,
};
use samovar::providers::lettering::Lettering;
use samovar::providers::{Call, Key, Manners, Provider};
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::Notify;

/// What the painter does when asked.
pub enum Turn {
    /// Paints: one colour, of the size asked, else of the given picture, else 64x64.
    Paints,
    /// Fails.
    Fails(Failure),
    /// Tells of step 1 of 4 and goes on only when cancelled.
    Waits,
    /// Panics.
    Panics,
}

/// Stands where local models do: `demo` is ready, `sdxl-turbo` is not installed.
pub struct Painter {
    id: &'static str,
    turn: Turn,
    /// Every request that reached it.
    pub asked: Mutex<Vec<ImageRequest>>,
    /// Every request that reached it and was not for a picture.
    pub others: Mutex<Vec<Request>>,
    /// Told when a request reaches it.
    pub started: Notify,
    /// Told when a request was cancelled.
    pub cancelled: Notify,
}

/// The colour it paints in.
pub const COLOR: u8 = 120;
/// The seed it takes where none is asked.
pub const SEED: u64 = 7;

impl Painter {
    pub fn new(turn: Turn) -> Self {
        Self {
            id: "local",
            turn,
            asked: Mutex::default(),
            others: Mutex::default(),
            started: Notify::new(),
            cancelled: Notify::new(),
        }
    }

    /// Stands where a remote provider does.
    pub fn elsewhere(id: &'static str) -> Self {
        Self { id, ..Self::new(Turn::Paints) }
    }

    async fn take_turn(&self, watch: &Watch, made: impl FnOnce() -> Answered + Send) -> Result<Answered, Failure> {
        self.started.notify_one();
        watch.tell(Progress { step: 1, of: 4, percent: 0, preview: None });
        match &self.turn {
            Turn::Paints => Ok(made()),
            Turn::Fails(failure) => Err(failure.clone()),
            Turn::Panics => panic!("the painter was told to panic"),
            Turn::Waits => {
                watch.cancel.cancelled().await;
                self.cancelled.notify_one();
                Err(Failure::Cancelled)
            }
        }
    }

    /// The only request that reached it.
    pub fn only_request(&self) -> ImageRequest {
        let asked = self.asked.lock().unwrap();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked[0].clone()
    }
}

#[async_trait]
impl Provider for Painter {
    fn id(&self) -> &str {
        self.id
    }

    fn title(&self) -> &str {
        "this machine"
    }

    fn manners(&self) -> Manners {
        Manners { keyed: false, concurrency: 64, own_policy: false, patience: Duration::MAX }
    }

    async fn probe(&self, _: Option<&Key>) -> Result<(), Failure> {
        Ok(())
    }

    fn models(&self) -> Vec<ModelCard> {
        let card = |name: &str, title: &str, ready| ModelCard {
            name: name.to_owned(),
            title: title.to_owned(),
            provider: self.id.to_owned(),
            tasks: TASKS.iter().map(|(task, _)| (*task).to_owned()).collect(),
            ready,
            created: 1_700_000_000,
            languages: Vec::new(),
            elsewhere: Vec::new(),
            levels: Vec::new(),
            canvas: None,
        };
        vec![card("sdxl-turbo", "SDXL-Turbo", false), card("demo", "Emoji (demo)", true)]
    }

    async fn answer(&self, call: Call<'_>) -> Result<Answered, Failure> {
        let (model, watch) = (call.model, call.watch);
        if model != "demo" {
            let message = format!("the model {model} is not installed: scripts/fetch_models.sh {model}");
            return Err(Failure::Missing { message });
        }
        let request = match call.request {
            Request::ImageGenerate(request) => request.clone(),
            Request::ImageEdit(edit) => edit.as_drawing()?,
            // Text on pictures needs no model: here is the real one.
            Request::ImageLetter(request) => {
                let folder = "/usr/share/fonts/truetype/noto".into();
                return Lettering::new(Letterer::new(Settings { folder })).answer(request, watch).await;
            }
            other => {
                self.others.lock().unwrap().push(other.clone());
                return self.take_turn(watch, || worded(other)).await;
            }
        };
        self.asked.lock().unwrap().push(request.clone());
        self.take_turn(watch, || painted(&request)).await
    }
}

/// What it says to tasks without pictures.
fn worded(request: &Request) -> Answered {
    let content = match request {
        Request::SpeechSynthesize(_) => Content::Sound(Medium::new(&b"OggS of a voice"[..], "audio/ogg")),
        Request::VideoGenerate(_) => Content::Video(Medium::new(&b"\0\0\0\x20ftypisom"[..], "video/mp4")),
        other => Content::Text(Text {
            text: format!("the answer to {}", other.task()),
            language: Some("ru".into()),
            segments: vec![Segment { start: 0.0, end: 1.5, text: "the answer".into(), sureness: None }],
            ..Text::default()
        }),
    };
    answered(content)
}

fn answered(content: Content) -> Answered {
    let provenance = Provenance { provider: "local".into(), model: "demo".into(), fallback_reason: None };
    Answered { content, provenance, notices: Vec::new(), bytes: 0 }
}

fn painted(request: &ImageRequest) -> Answered {
    let init = request.init.as_ref().map_or((64, 64), |init| (init.width, init.height));
    let (width, height) = (request.width.unwrap_or(init.0), request.height.unwrap_or(init.1));
    let picture = Picture { width, height, rgb: vec![COLOR; (width * height * 3) as usize] };
    let seeds = (0..u64::from(request.count)).map(|k| request.seed.unwrap_or(SEED) + k);
    let drawing = Drawing {
        steps: request.steps.unwrap_or(1),
        guidance: 0.0,
        mode: Mode::Exact,
        decoder: Decoder::Vae,
        timings: Timings::default(),
        peak_rss_bytes: 0,
    };
    let pictures = seeds.map(|seed| DrawnPicture { picture: picture.clone(), seed: Some(seed) }).collect();
    answered(Content::Pictures(ImageResult { pictures, drawing: Some(drawing), upscaling: None }))
}

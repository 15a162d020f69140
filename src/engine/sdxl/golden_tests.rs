//! Held against what diffusers computes (tests/golden), part by part and picture by picture.

use super::config::ScheduleConfig;
use super::files::Files;
use super::schedule::Schedule;
use super::text::Text;
use super::unet::Conditioning;
use super::{Sdxl, config};
use crate::engine::autoencoder::Strips;
use crate::engine::clip::ClipTokenizer;
use crate::engine::nn::FeatureMap;
use crate::engine::nn::weight::Place;
use crate::engine::noise::TorchRng;
use crate::engine::protocol::{DeviceChoice, DrawJob, FailureClass, ModelSpec};
use crate::engine::{Painter, Watcher};
use crate::media::image::MAX_STEPS;
use crate::media::{Decoder, Mask, Mode, Picture, Progress, Scheduler};
use candle_core::{DType, Device, Tensor};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

pub(super) type Tensors = HashMap<String, Tensor>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

pub(super) fn golden(name: &str) -> Tensors {
    candle_core::safetensors::load(root().join("tests/golden").join(name), &Device::Cpu).unwrap()
}

fn spec(path: &str) -> ModelSpec {
    ModelSpec {
        name: path.to_owned(),
        path: root().join(path),
        vae: None,
        taesd: Some(root().join("tests/golden/tiny-a/taesd")),
        clip_vocabulary: root().join("models/tokenizers/clip"),
        synthetic: false,
        device: DeviceChoice::Cpu,
    }
}

pub(super) fn tiny() -> Files {
    Files::find(&spec("tests/golden/tiny-a/sdxl")).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| if a == b { 0.0 } else { (a - b).abs() })
        .fold(0.0, |m, d| if d > m || d.is_nan() { d } else { m })
}

pub(super) fn close(ours: &Tensor, theirs: &Tensor, tolerance: f32, what: &str) {
    let worst = worst(&values(ours), &values(theirs));
    assert!(worst <= tolerance, "{what}: off by {worst}");
}

pub(super) fn map(tensor: &Tensor) -> FeatureMap {
    FeatureMap::from_nchw(tensor).unwrap()
}

struct Nobody;

impl Watcher for Nobody {
    fn progress(&mut self, _progress: Progress) {}

    fn cancelled(&self) -> bool {
        false
    }
}

#[test]
fn noise_is_torchs() {
    let mut seen = 0;
    for file in ["tiny-a/golden.safetensors", "more/more.safetensors"] {
        for (name, tensor) in golden(file) {
            let Some(rest) = name.strip_prefix("randn.seed") else { continue };
            let (seed, sizes) = rest.split_once('.').unwrap();
            let mut random = TorchRng::new(seed.parse().unwrap());
            let sizes = sizes.trim_start_matches("row").trim_start_matches('n');
            let ours: Vec<f32> = sizes.split('-').flat_map(|n| random.normal(n.parse().unwrap())).collect();
            let worst = worst(&ours, &values(&tensor));
            assert!(worst <= 1e-6, "{name}: off by {worst}");
            seen += 1;
        }
    }
    assert!(seen > 30);
}

#[test]
fn token_ids_are_transformers() {
    #[derive(Deserialize)]
    struct Case {
        prompt: String,
        ids1: Vec<u32>,
        ids2: Vec<u32>,
    }
    let folder = root().join("tests/golden/tiny-a/sdxl");
    let tokenizers = ["tokenizer", "tokenizer_2"].map(|n| ClipTokenizer::read(&folder.join(n)).unwrap());
    let text = std::fs::read_to_string(root().join("tests/golden/more/tokens.json")).unwrap();
    let prompts: Vec<Case> = serde_json::from_str(&text).unwrap();
    assert!(prompts.len() > 30);
    for case in prompts {
        for (tokenizer, theirs) in tokenizers.iter().zip([&case.ids1, &case.ids2]) {
            let ours = tokenizer.encode(&case.prompt).unwrap();
            assert_eq!(ours.ids.len(), 77);
            // We cut after a word, transformers after a token: what is before the cut is the same.
            let shown =
                if ours.cut { ours.ids.iter().zip(theirs).take_while(|(a, b)| a == b).count() } else { theirs.len() };
            assert_eq!(ours.ids[..shown], theirs[..shown], "{:?}", case.prompt);
            assert!(shown > 60 || !ours.cut, "{:?} cut after {shown}", case.prompt);
        }
    }
    let tensors = golden("tiny-a/golden.safetensors");
    let cases: Cases = cases("tiny-a/cases.json");
    for (i, prompt) in cases.prompts.unwrap().iter().enumerate() {
        for (n, tokenizer) in (1..).zip(&tokenizers) {
            let theirs = values(&tensors[&format!("sdxl.prompt{i}.ids{n}")]);
            #[allow(clippy::cast_precision_loss)]
            let ours: Vec<f32> = tokenizer.encode(prompt).unwrap().ids.iter().map(|id| *id as f32).collect();
            assert_eq!(ours, theirs, "{prompt}");
        }
    }
}

#[test]
fn our_own_vocabulary_makes_the_same_ids() {
    let ours = ClipTokenizer::with_padding(&root().join("models/tokenizers/clip"), "!").unwrap();
    let theirs = ClipTokenizer::read(&root().join("tests/golden/tiny-a/sdxl/tokenizer_2")).unwrap();
    for prompt in ["a red apple!", "Рыжий кот в скафандре, акварель!", "", "🚀 ёлка 123"]
    {
        assert_eq!(ours.encode(prompt).unwrap(), theirs.encode(prompt).unwrap());
    }
}

#[test]
fn a_long_prompt_is_cut_after_a_word() {
    let tokenizer = ClipTokenizer::read(&root().join("tests/golden/tiny-a/sdxl/tokenizer")).unwrap();
    let tokens = tokenizer.encode(&"антиконституционный ".repeat(60)).unwrap();
    assert!(tokens.cut);
    let one = tokenizer.encode("антиконституционный").unwrap().ids.iter().position(|id| *id == 49407).unwrap() - 1;
    let kept = tokens.ids.iter().position(|id| *id == 49407).unwrap() - 1;
    assert_eq!(kept % one, 0, "{kept} tokens of words of {one}");
    assert!(kept + one > 75);
}

#[test]
fn text_encoders_match() {
    let files = tiny();
    let place = Place::cpu();
    let tensors = golden("tiny-a/golden.safetensors");
    let mut text = Text::new(&files, &place).unwrap();
    let cases: Cases = cases("tiny-a/cases.json");
    for (i, prompt) in cases.prompts.unwrap().iter().enumerate() {
        let ours = text.embed(prompt, &files, &place).unwrap();
        let part = |name: &str| tensors[&format!("sdxl.prompt{i}.{name}")].clone();
        let theirs = Tensor::cat(&[part("te1"), part("te2")], 2).unwrap();
        close(&ours.prompt, &theirs, 1e-4, prompt);
        close(&ours.pooled, &part("pooled"), 1e-4, prompt);
    }
}

#[test]
fn unet_matches() {
    let tensors = golden("tiny-a/golden.safetensors");
    let more = golden("more/more.safetensors");
    let unet = tiny().unet(&Place::cpu()).unwrap();
    let prompt = Tensor::cat(&[&tensors["sdxl.prompt0.te1"], &tensors["sdxl.prompt0.te2"]], 2).unwrap();
    let run = |input: &Tensor, timestep: f32, (h, w): (f32, f32)| {
        let conditioning = Conditioning {
            prompt: prompt.clone(),
            pooled: tensors["sdxl.prompt0.pooled"].clone(),
            sizes: [h, w, 0.0, 0.0, h, w],
        };
        unet.forward(&map(input), timestep, &conditioning, &|| Ok(())).unwrap().to_nchw().unwrap()
    };
    for (size, sides) in [("64x64", (64.0, 64.0)), ("96x64", (64.0, 96.0))] {
        let input = &tensors[&format!("sdxl.unet.{size}.in")];
        for timestep in [999.0, 499.0, 1.0] {
            let name = format!("sdxl.unet.{size}.t{timestep}");
            close(&run(input, timestep, sides), &tensors[&name], 1e-4, &name);
        }
    }
    // Odd sides at the lower levels, and a timestep between two.
    close(&run(&more["unet.72x104.in"], 333.25, (104.0, 72.0)), &more["unet.72x104.t333.25"], 1e-4, "odd sides");
}

#[test]
fn autoencoder_matches_whole_and_in_strips() {
    let tensors = golden("tiny-a/golden.safetensors");
    let vae = tiny().own_vae(&Place::cpu()).unwrap();
    for size in ["64x64", "96x64"] {
        let latent = (&tensors[&format!("sdxl.unet.{size}.in")] * 8.0).unwrap();
        let theirs = &tensors[&format!("sdxl.vae.{size}.decode")];
        let pixels = map(&tensors[&format!("sdxl.vae.{size}.pixels")]);
        for strips in [Strips::Whole, Strips::Pixels(500), Strips::Pixels(1)] {
            let ours = vae.decode(&map(&latent), strips, &|| Ok(())).unwrap().to_nchw().unwrap();
            close(&ours, theirs, 1e-3, &format!("decode {size}, {strips:?}"));
            let (mean, _) = vae.encode(&pixels, strips).unwrap();
            let theirs = &tensors[&format!("sdxl.vae.{size}.mode")];
            close(&mean.to_nchw().unwrap(), theirs, 1e-3, &format!("encode {size}, {strips:?}"));
        }
    }
}

#[test]
fn tiny_autoencoder_matches() {
    let tensors = golden("tiny-a/golden.safetensors");
    let tiny = tiny().tiny(&Place::cpu()).unwrap().unwrap();
    let decoded = tiny.decode(&map(&tensors["taesd.in"]), &|| Ok(())).unwrap().to_nchw().unwrap();
    close(&decoded, &tensors["taesd.decode"], 1e-4, "decode");
    let encoded = tiny.encode(&map(&tensors["taesd.pixels"])).unwrap().to_nchw().unwrap();
    close(&encoded, &tensors["taesd.encode"], 1e-4, "encode");
}

#[test]
fn schedules_match() {
    let folder = root().join("tests/golden/tiny-a/sdxl/scheduler/scheduler_config.json");
    let own: ScheduleConfig = config::read(&folder).unwrap();
    let tensors = golden("tiny-a/golden.safetensors");
    let check = |ours: &[f32], theirs: &[f32], name: &str| {
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{name}: {a} against {b}");
        }
        assert_eq!(ours.len(), theirs.len(), "{name}");
    };
    for n in 1..=8 {
        let ours = Schedule::new(&own, None, n).unwrap();
        check(&ours.timesteps, &values(&tensors[&format!("sdxl.sched{n}.timesteps")]), &format!("timesteps {n}"));
        check(&ours.sigmas, &values(&tensors[&format!("sdxl.sched{n}.sigmas")]), &format!("sigmas {n}"));
    }
    let more = golden("more/more.safetensors");
    let mut seen = 0;
    for (name, theirs) in &more {
        let Some((stem, "sigmas")) = name.strip_prefix("sched.").and_then(|n| n.rsplit_once('.')) else { continue };
        let parts: Vec<&str> = stem.split('.').collect();
        let [sampler, spacing, steps] = parts[..] else { panic!("{name}") };
        let config = ScheduleConfig { timestep_spacing: spacing.to_owned(), ..own.clone() };
        let steps: usize = steps.trim_start_matches('n').parse().unwrap();
        if steps > MAX_STEPS as usize {
            continue;
        }
        let ours = Schedule::new(&config, Some(sampler.parse().unwrap()), steps).unwrap();
        check(&ours.sigmas, &values(theirs), name);
        check(&ours.timesteps, &values(&more[&format!("sched.{stem}.timesteps")]), name);
        check(&[ours.init_noise_sigma], &values(&more[&format!("sched.{stem}.init_noise_sigma")]), name);
        seen += 1;
    }
    assert!(seen >= 50, "only {seen} tables");
}

#[derive(Deserialize)]
pub(super) struct Cases {
    pub(super) prompts: Option<Vec<String>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    file: String,
    prompt: String,
    seed: u64,
    steps: u32,
    width: Option<u32>,
    height: Option<u32>,
    negative: Option<String>,
    guidance: Option<f32>,
    strength: Option<f32>,
    scheduler: Option<Scheduler>,
    spacing: Option<String>,
    image: Option<String>,
    mask: Option<String>,
    model: Option<String>,
    decoder: Option<Decoder>,
}

pub(super) fn cases(file: &str) -> Cases {
    serde_json::from_str(&std::fs::read_to_string(root().join("tests/golden").join(file)).unwrap()).unwrap()
}

impl Case {
    fn job(&self, folder: &Path) -> DrawJob {
        let bytes = |name: &String| std::fs::read(folder.join(name)).unwrap();
        DrawJob {
            prompt: self.prompt.clone(),
            negative: self.negative.clone(),
            seeds: vec![self.seed],
            steps: Some(self.steps),
            width: self.width,
            height: self.height,
            guidance: self.guidance,
            scheduler: self.scheduler,
            decoder: self.decoder.unwrap_or_default(),
            mode: Mode::Exact,
            init: self.image.as_ref().map(|n| Picture::decode(&bytes(n), "image").unwrap()),
            strength: self.strength,
            mask: self.mask.as_ref().map(|n| Mask::decode(&bytes(n), "mask").unwrap()),
            tiled: false,
            drop_text_encoders: false,
            previews: false,
        }
    }
}

/// Peak signal to noise ratio of two pictures, dB.
fn psnr(a: &Picture, b: &Picture) -> f64 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let sum: f64 = a.rgb.iter().zip(&b.rgb).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    #[allow(clippy::cast_precision_loss)]
    let mean = sum / a.rgb.len() as f64;
    if mean == 0.0 { f64::INFINITY } else { 10.0 * (255.0 * 255.0 / mean).log10() }
}

/// Draws every case of a folder and holds it to `least` dB.
pub(super) fn pictures_match(place: &Place, folder: &str, default_model: &str, least: f64) -> usize {
    let at = root().join("tests/golden").join(folder);
    let cases = cases(&format!("{folder}/cases.json")).cases;
    let mut models: HashMap<String, Sdxl> = HashMap::new();
    let mut bad = Vec::new();
    for case in &cases {
        let path = if case.model.as_deref() == Some("demo") { "models/demo" } else { default_model };
        let model = models.entry(path.to_owned()).or_insert_with(|| Sdxl::load(&spec(path), place.clone()).unwrap());
        let published = model.files.schedule().timestep_spacing.clone();
        model.files.set_spacing(case.spacing.as_deref().unwrap_or(&published));
        let mut job = case.job(&at);
        // These cases were drawn without guidance unless they name it.
        job.guidance = job.guidance.or(Some(0.0));
        let output = model.draw(&job, &mut Nobody).unwrap();
        model.files.set_spacing(&published);
        let theirs = Picture::decode(&std::fs::read(at.join(&case.file)).unwrap(), "golden").unwrap();
        let psnr = psnr(&output.pictures[0].picture, &theirs);
        println!("{folder}/{}: {psnr:.1} dB", case.file);
        if psnr < least {
            bad.push(format!("{}: {psnr:.1} dB", case.file));
        }
    }
    assert!(bad.is_empty(), "below {least} dB: {bad:?}");
    cases.len()
}

#[test]
fn tiny_pictures_match() {
    assert_eq!(pictures_match(&Place::cpu(), "tiny-a", "tests/golden/tiny-a/sdxl", 55.0), 11);
}

#[test]
fn more_pictures_match() {
    assert!(pictures_match(&Place::cpu(), "more", "tests/golden/tiny-a/sdxl", 55.0) >= 30);
}

#[test]
fn demo_pictures_match() {
    assert_eq!(pictures_match(&Place::cpu(), "demo", "models/demo", 50.0), 24);
}

#[test]
fn a_single_file_draws_the_same_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let golden = root().join("tests/golden/tiny-a");
    // Only its configs are tiny: they lie in a folder of the file's name.
    let file = folder.path().join("checkpoint.safetensors");
    std::os::unix::fs::symlink(golden.join("sdxl-single.safetensors"), &file).unwrap();
    std::os::unix::fs::symlink(golden.join("sdxl"), folder.path().join("checkpoint")).unwrap();
    let mut spec = spec("tests/golden/tiny-a/sdxl");
    spec.path = file;
    let mut model = Sdxl::load(&spec, Place::cpu()).unwrap();
    for case in cases("tiny-a/cases.json").cases.iter().take(3) {
        let output = model.draw(&case.job(&golden), &mut Nobody).unwrap();
        let theirs = Picture::decode(&std::fs::read(golden.join(&case.file)).unwrap(), "golden").unwrap();
        assert!(psnr(&output.pictures[0].picture, &theirs) > 55.0, "{}", case.file);
    }
}

#[test]
fn a_single_file_that_contradicts_sdxls_configs_is_named() {
    let mut spec = spec("tests/golden/tiny-a/sdxl-single.safetensors");
    spec.name = "tiny".to_owned();
    let failure = Sdxl::load(&spec, Place::cpu()).err().unwrap();
    assert_eq!(failure.class, FailureClass::Missing);
    assert!(failure.message.contains("sdxl-single.safetensors"), "{}", failure.message);
    assert!(failure.message.contains("the config wants"), "{}", failure.message);
}

#[test]
fn weights_that_are_not_numbers_give_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    let golden = root().join("tests/golden/tiny-a/sdxl");
    for entry in std::fs::read_dir(&golden).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "unet" {
            std::os::unix::fs::symlink(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    std::fs::create_dir(folder.path().join("unet")).unwrap();
    std::fs::copy(golden.join("unet/config.json"), folder.path().join("unet/config.json")).unwrap();
    let name = "unet/diffusion_pytorch_model.fp16.safetensors";
    let mut bytes = std::fs::read(golden.join(name)).unwrap();
    let end = bytes.len();
    // The last value of the last tensor, in f16.
    bytes[end - 2..].copy_from_slice(&half::f16::NAN.to_le_bytes());
    std::fs::write(folder.path().join(name), bytes).unwrap();
    let mut spec = spec("tests/golden/tiny-a/sdxl");
    spec.path = folder.path().to_owned();
    let case = &cases("tiny-a/cases.json").cases[0];
    let job = case.job(&root().join("tests/golden/tiny-a"));
    let failure = Sdxl::load(&spec, Place::cpu()).unwrap().draw(&job, &mut Nobody).unwrap_err();
    assert_eq!(failure.class, FailureClass::BadOutput);
}

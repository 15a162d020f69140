//! Held against what numpy computes in f64 (tests/golden/upscale), tiles against the whole, and against files that are
//! no such network.

use super::Upscaler;
use super::canvas::Canvas;
use super::network::Network;
use super::tiles::{Rect, tiles};
use crate::engine::Watcher;
use crate::engine::golden::candles_device;
use crate::engine::nn::weight::Place;
use crate::engine::noise::TorchRng;
use crate::engine::protocol::{Architecture, DeviceChoice, FailureClass, ModelSpec, UpscaleJob};
use crate::engine::weights::{SafetensorsFiles, Weights};
use crate::media::{Picture, Progress};
use candle_core::DType;
use proptest::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Larger than any picture here.
const WHOLE: u32 = 4096;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn load(path: &Path) -> crate::engine::Result<Upscaler> {
    let spec = ModelSpec {
        name: "upscaler".to_owned(),
        path: path.to_owned(),
        architecture: Architecture::CompactEsrgan,
        device: DeviceChoice::Cpu,
    };
    Upscaler::load(&spec, Place::cpu())
}

fn published() -> &'static Upscaler {
    static UPSCALER: OnceLock<Upscaler> = OnceLock::new();
    UPSCALER.get_or_init(|| load(&weights()).unwrap())
}

fn weights() -> PathBuf {
    root().join("models/realesrgan/realesr-general-x4v3.safetensors")
}

/// Looks on, and cancels once so many tiles are done.
struct Onlooker {
    told: Vec<Progress>,
    cancel_at: u32,
}

impl Onlooker {
    fn patient() -> Self {
        Self { told: Vec::new(), cancel_at: u32::MAX }
    }
}

impl Watcher for Onlooker {
    fn progress(&mut self, progress: Progress) {
        self.told.push(progress);
    }

    fn cancelled(&self) -> bool {
        self.told.last().is_some_and(|progress| progress.step >= self.cancel_at)
    }
}

fn job(picture: &Picture, scale: u32, tile: u32) -> UpscaleJob {
    UpscaleJob { picture: picture.clone(), scale, tile }
}

fn upscaled(picture: &Picture, scale: u32, tile: u32) -> Picture {
    published().upscale(&job(picture, scale, tile), &mut Onlooker::patient()).unwrap().picture
}

fn photo() -> Picture {
    Picture::decode(&std::fs::read(root().join("tests/golden/upscale/photo.png")).unwrap(), "photo").unwrap()
}

/// Values of 0 to 1 of a PNG of 16 bits a channel.
fn golden(name: &str) -> Vec<f32> {
    let picture = image::open(root().join("tests/golden/upscale").join(name)).unwrap().into_rgb16();
    picture.into_raw().into_iter().map(|value| f32::from(value) / 65535.0).collect()
}

/// A picture of any colours, by its size.
fn noise(width: u32, height: u32) -> Picture {
    let values = TorchRng::new(u64::from(width * 1000 + height)).normal((width * height * 3) as usize);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let rgb = values.iter().map(|value| (value * 60.0 + 128.0) as u8).collect();
    Picture { width, height, rgb }
}

/// What the network adds to a part of a picture.
fn added(upscaler: &Upscaler, picture: &Picture, part: Rect) -> Vec<f32> {
    let job = job(picture, 4, WHOLE);
    let canvas = Canvas::new(&job, 4).unwrap();
    let pixels = canvas.pixels(part.grown(upscaler.network.reach(), canvas.size()), &upscaler.place).unwrap();
    let added = upscaler.network.forward(pixels, (part, canvas.size()), &mut || Ok(())).unwrap();
    canvas.enlarged(part, &added).unwrap()
}

fn whole(picture: &Picture) -> Rect {
    Rect { x: 0, y: 0, width: picture.width as usize, height: picture.height as usize }
}

#[test]
fn a_photo_becomes_what_the_reference_makes_of_it() {
    let (photo, theirs) = (photo(), golden("photo_x4.png"));
    // Candle's operations are what a card runs.
    let candle = Place { device: candles_device(), compute: DType::F64, bytes: false };
    let file = Arc::new(SafetensorsFiles::open(&[weights()]).unwrap());
    let network = Network::load(&Weights::new(file, candle.clone()), "weights").unwrap();
    for upscaler in [published(), &Upscaler { network, place: candle }] {
        let ours = added(upscaler, &photo, whole(&photo));
        assert_eq!(ours.len(), theirs.len());
        let worst = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{:?}: off by {worst}", upscaler.place.compute);
        assert!(worst <= 5e-5, "{:?}: off by {worst}", upscaler.place.compute);
    }
}

#[test]
fn the_pictures_are_the_reference_rounded() {
    for (scale, name) in [(4, "photo_x4.png"), (2, "photo_x2.png")] {
        let (ours, theirs) = (upscaled(&photo(), scale, WHOLE), golden(name));
        assert_eq!((ours.width, ours.height), (49 * scale, 43 * scale));
        assert_eq!(ours.rgb.len(), theirs.len());
        let worst = ours.rgb.iter().zip(&theirs).map(|(a, b)| (f32::from(*a) - b * 255.0).abs()).fold(0.0, f32::max);
        assert!(worst <= 0.52, "{name}: off by {worst} of 255");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same to 1e-5, of values from 0 to 1: only the order of additions may differ.
    #[test]
    fn a_part_is_the_same_as_of_the_whole(width in 1u32..64, height in 1u32..64, at in any::<[prop::sample::Index; 4]>()) {
        let picture = noise(width, height);
        let all = whole(&picture);
        let (x, y) = (at[0].index(all.width), at[1].index(all.height));
        let part = Rect { x, y, width: 1 + at[2].index(all.width - x), height: 1 + at[3].index(all.height - y) };
        let (ours, theirs) = (added(published(), &picture, part), added(published(), &picture, all));
        let (inner, stride) = (part.times(4), all.times(4).width * 3);
        for (row, values) in ours.chunks_exact(inner.width * 3).enumerate() {
            let from = (inner.y + row) * stride + inner.x * 3;
            for (a, b) in values.iter().zip(&theirs[from..]) {
                prop_assert!((a - b).abs() <= 1e-5, "{part:?} of {width}x{height}: {a} against {b}");
            }
        }
    }

    /// Within the one level that rounding may turn.
    #[test]
    fn tiles_leave_no_seam(width in 1u32..50, height in 1u32..50, tile in 5u32..40, double: bool) {
        let picture = noise(width, height);
        let scale = if double { 2 } else { 4 };
        let (tiled, at_once) = (upscaled(&picture, scale, tile), upscaled(&picture, scale, WHOLE));
        prop_assert_eq!((tiled.width, tiled.height), (width * scale, height * scale));
        let apart = tiled.rgb.iter().zip(&at_once.rgb).map(|(a, b)| a.abs_diff(*b));
        prop_assert!(apart.clone().all(|levels| levels <= 1));
        let turned = apart.filter(|levels| *levels > 0).count();
        prop_assert!(turned <= 1 + tiled.rgb.len() / 1000, "{turned} of {}", tiled.rgb.len());
    }
}

#[test]
fn pictures_of_one_pixel_and_of_one_row_are_enlarged() {
    let grey = Picture { width: 1, height: 1, rgb: vec![128; 3] };
    let large = upscaled(&grey, 4, 64);
    assert_eq!((large.width, large.height, large.rgb.len()), (4, 4, 48));
    let row = upscaled(&noise(700, 1), 2, 64);
    assert_eq!((row.width, row.height, row.rgb.len()), (1400, 2, 8400));
}

#[test]
fn tiles_are_told_and_looked_at_for_an_end() {
    let picture = noise(40, 20);
    let mut patient = Onlooker::patient();
    published().upscale(&job(&picture, 4, 20), &mut patient).unwrap();
    let mut steps: Vec<_> = patient.told.iter().map(|progress| (progress.step, progress.of)).collect();
    assert!(steps.len() > 60, "signs of life between layers: {}", steps.len());
    steps.dedup();
    assert_eq!(steps, [(0, 2), (1, 2), (2, 2)]);
    assert_eq!(tiles((40, 20), 20).len(), 2);
    let mut hurried = Onlooker { cancel_at: 1, ..Onlooker::patient() };
    let failure = published().upscale(&job(&picture, 4, 20), &mut hurried).unwrap_err();
    assert_eq!((failure.class, hurried.told.last().unwrap().step), (FailureClass::Cancelled, 1));
}

#[test]
fn more_than_the_model_does_is_refused() {
    let failure = published().upscale(&job(&noise(4, 4), 8, 64), &mut Onlooker::patient()).unwrap_err();
    assert_eq!(failure.class, FailureClass::Invalid);
    assert!(failure.message.contains("up to 4 times larger, not 8"), "{}", failure.message);
    let lying = Picture { width: 5, ..noise(4, 4) };
    let failure = published().upscale(&job(&lying, 4, 64), &mut Onlooker::patient()).unwrap_err();
    assert_eq!(failure.class, FailureClass::Invalid);
}

/// A file of a small network: tensors by name, shape and the value of every number.
fn file(tensors: &[(&str, &[usize], f32)]) -> tempfile::NamedTempFile {
    let bytes: HashMap<&str, Vec<u8>> = tensors
        .iter()
        .map(|(name, shape, value)| (*name, value.to_le_bytes().repeat(shape.iter().product())))
        .collect();
    let views = tensors
        .iter()
        .map(|(name, shape, _)| (name.to_string(), TensorView::new(Dtype::F32, shape.to_vec(), &bytes[name]).unwrap()));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), safetensors::serialize(views, None).unwrap()).unwrap();
    file
}

const SMALL: [(&str, &[usize], f32); 5] = [
    ("body.0.weight", &[4, 3, 3, 3], 0.01),
    ("body.0.bias", &[4], 0.0),
    ("body.1.weight", &[4], 0.25),
    ("body.2.weight", &[12, 4, 3, 3], 0.01),
    ("body.2.bias", &[12], 0.0),
];

#[test]
fn the_tensors_say_how_large_the_network_is() {
    let small = load(file(&SMALL).path()).unwrap();
    assert_eq!((small.network.scale(), small.network.reach()), (2, 2));
    let large = small.upscale(&job(&noise(3, 5), 2, 64), &mut Onlooker::patient()).unwrap().picture;
    assert_eq!((large.width, large.height), (6, 10));
}

#[test]
fn numbers_that_are_not_finite_are_no_picture() {
    let mut broken = SMALL;
    broken[0].2 = f32::NAN;
    let failure = load(file(&broken).path()).unwrap().upscale(&job(&noise(3, 5), 2, 64), &mut Onlooker::patient());
    assert_eq!(failure.unwrap_err().class, FailureClass::BadOutput);
}

#[test]
fn files_of_something_else_are_refused_with_the_reason() {
    let reason = |path: &Path| {
        let failure = load(path).err().unwrap();
        assert_eq!(failure.class, FailureClass::Missing);
        assert!(failure.message.contains(&path.display().to_string()), "{}", failure.message);
        failure.message
    };
    let another = file(&[("conv_first.weight", &[64, 3, 3, 3], 0.0)]);
    assert!(reason(another.path()).contains("SRVGGNetCompact"));
    // Ten channels are no pixels of three colours.
    let mut uneven = SMALL;
    (uneven[3].1, uneven[4].1) = (&[10, 4, 3, 3], &[10]);
    assert!(reason(file(&uneven).path()).contains("SRVGGNetCompact"));
    let mut contradiction = SMALL;
    contradiction[3].1 = &[12, 5, 3, 3];
    assert!(reason(file(&contradiction).path()).contains("body.2.weight"));
    assert!(reason(file(&SMALL[..4]).path()).contains("body.2.bias"));
    let cut = tempfile::NamedTempFile::new().unwrap();
    let bytes = std::fs::read(file(&SMALL).path()).unwrap();
    std::fs::write(cut.path(), &bytes[..bytes.len() - 8]).unwrap();
    assert!(reason(cut.path()).contains("cut off"));
    assert!(reason(Path::new("/nowhere/upscaler.safetensors")).contains("No such file"));
}

//! Other files for the same networks: GGUF under every name there is, and f8 as text encoders are published in.

use super::super::Flux;
use super::{at, files, parts, spec};
use crate::engine::Painter;
use crate::engine::golden::{Nobody, candles_device, cases, psnr};
use crate::engine::nn::weight::Place;
use crate::engine::protocol::{FluxParts, Keep};
use crate::engine::t5::{T5Config, T5Encoder, T5Tokenizer, llama_names};
use crate::engine::weights::{GgufFile, Renamed, SafetensorsFiles, Source, Weights};
use crate::media::Picture;
use candle_core::{DType, Tensor};
use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use std::path::Path;
use std::sync::Arc;

/// The four cases that schnell draws from text.
fn draw(path: &str, parts: &FluxParts, keep: Keep) -> Vec<Picture> {
    draw_at(Place::cpu(), path, parts, keep)
}

fn draw_at(place: Place, path: &str, parts: &FluxParts, keep: Keep) -> Vec<Picture> {
    let mut model = Flux::load(&spec(at(path), parts), parts, place).unwrap();
    let cases = cases("flux/cases.json").cases;
    let schnell = cases.iter().filter(|case| case.model.as_deref() == Some("schnell") && case.image.is_none());
    schnell
        .map(|case| {
            let mut job = case.job(&at(""));
            job.keep = keep;
            model.draw(&job, &mut Nobody).unwrap().pictures.remove(0).picture
        })
        .collect()
}

fn worst_psnr(a: &[Picture], b: &[Picture]) -> f64 {
    a.iter().zip(b).map(|(a, b)| psnr(a, b)).fold(f64::INFINITY, f64::min)
}

#[test]
fn a_quantised_transformer_draws_nearly_the_same_pictures() {
    let exact = draw("schnell", &parts("schnell"), Keep::All);
    for (file, least) in [("gguf/transformer-q8_0.gguf", 30.0), ("gguf/transformer-q4_0.gguf", 15.0)] {
        let kept = draw(file, &parts("schnell"), Keep::All);
        let near = worst_psnr(&kept, &exact);
        println!("{file}: {near:.1} dB");
        assert!(near >= least, "{file}: {near:.1} dB");
        let in_bytes = FluxParts { bytes: true, ..parts("schnell") };
        let near = worst_psnr(&draw(file, &in_bytes, Keep::All), &kept);
        println!("{file} in bytes: {near:.1} dB against the same exactly");
        assert!(near >= 30.0, "{file} in bytes: {near:.1} dB");
        // Candle's operations widen the same blocks.
        let candle = Place { device: candles_device(), compute: DType::F64, bytes: false };
        let near = worst_psnr(&draw_at(candle, file, &parts("schnell"), Keep::All), &kept);
        assert!(near >= 55.0, "{file} by candle's operations: {near:.1} dB");
        // From disk block by block nothing changes.
        assert_eq!(draw(file, &parts("schnell"), Keep::OneBlock), kept);
    }
}

#[test]
fn t5_in_gguf_encodes_the_same() {
    let exact = draw("schnell", &parts("schnell"), Keep::All);
    let quantised = FluxParts { t5: at("gguf/t5.gguf"), ..parts("schnell") };
    // Most of the tiny T5 is too narrow for blocks and stays f16.
    let near = worst_psnr(&draw("schnell", &quantised, Keep::OneBlock), &exact);
    assert!(near >= 40.0, "{near:.1} dB");
    // Without a config its size is read from shapes.
    let source = Renamed::new(Arc::new(GgufFile::open(&at("gguf/t5.gguf"), "").unwrap()), llama_names);
    let (read, told) = (T5Config::of_shapes(&source).unwrap(), files("schnell").t5_config().unwrap().unwrap());
    assert_eq!(format!("{read:?}"), format!("{told:?}"));
}

/// T5 of a file with its matrices in another type.
fn rewritten(folder: &Path, dtype: Dtype, convert: impl Fn(f32) -> Vec<u8>) -> T5Encoder {
    written(folder, (dtype, 1.0), convert)
}

/// The same with the matrices of layers divided by `scale`, which stands beside them.
fn written(folder: &Path, (dtype, scale): (Dtype, f32), convert: impl Fn(f32) -> Vec<u8>) -> T5Encoder {
    let bytes = std::fs::read(at("schnell/text_encoder_2/model.fp16.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut converted = Vec::new();
    for (name, view) in tensors.iter() {
        let in_layer = name.contains(".layer.") && view.shape().len() == 2 && !name.contains("relative_attention_bias");
        let divisor = if in_layer { scale } else { 1.0 };
        let values = view.data().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32() / divisor);
        converted.push((name.to_owned(), dtype, view.shape().to_vec(), values.flat_map(&convert).collect::<Vec<u8>>()));
        if divisor < 1.0 {
            let beside = name.replace(".weight", ".scale_weight");
            converted.push((beside, Dtype::F32, vec![1], divisor.to_le_bytes().to_vec()));
        }
    }
    let views = converted
        .iter()
        .map(|(name, dtype, shape, data)| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    let path = folder.join(format!("{dtype:?}.safetensors"));
    safetensors::serialize_to_file(views, None, &path).unwrap();
    let source: Arc<dyn Source> = Arc::new(SafetensorsFiles::open(&[path]).unwrap());
    let config = T5Config::of_shapes(&*source).unwrap();
    T5Encoder::load(&Weights::new(source, Place::cpu()), &config, false, &|| Ok(())).unwrap()
}

/// The nearest f8 e4m3 number, as its byte: found among all of them.
fn nearest_f8(value: f32) -> u8 {
    let of = |byte: u8| {
        let (exponent, mantissa) = (i32::from((byte >> 3) & 15), f32::from(byte & 7));
        let size = if exponent == 0 {
            mantissa / 8.0 * 2f32.powi(-6)
        } else {
            (1.0 + mantissa / 8.0) * 2f32.powi(exponent - 7)
        };
        if byte >> 7 == 1 { -size } else { size }
    };
    let numbers = (0..=255u8).filter(|byte| byte & 127 != 127);
    numbers.min_by(|a, b| (of(*a) - value).abs().total_cmp(&(of(*b) - value).abs())).unwrap()
}

#[test]
fn t5_in_other_types_encodes_what_its_numbers_say() {
    let folder = tempfile::tempdir().unwrap();
    let ids = T5Tokenizer::read(&parts("schnell").t5_vocabulary).unwrap().encode("a red apple", 32).unwrap().ids;
    let encode = |encoder: &T5Encoder| encoder.encode(&ids, &|| Ok(())).unwrap();
    let far =
        |a: &Tensor, b: &Tensor| -> f32 { (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap() };
    let wide = encode(&rewritten(folder.path(), Dtype::F32, |v| v.to_le_bytes().to_vec()));
    let same = encode(&rewritten(folder.path(), Dtype::F16, |v| f16::from_f32(v).to_le_bytes().to_vec()));
    assert!(far(&wide, &same) <= 1e-5);
    // Rounded to bf16 and to f8, and then kept in that type or widened: the same numbers.
    let bf16 = |v: f32| half::bf16::from_f32(v);
    let short = encode(&rewritten(folder.path(), Dtype::BF16, |v| bf16(v).to_le_bytes().to_vec()));
    let rounded = encode(&rewritten(folder.path(), Dtype::F32, |v| bf16(v).to_f32().to_le_bytes().to_vec()));
    assert!(far(&short, &rounded) <= 1e-5 && far(&short, &wide) > 0.0);
    let table: Vec<u8> =
        (0..=u16::MAX).map(|bits| nearest_f8(f16::from_bits(bits).to_f32().clamp(-448.0, 448.0))).collect();
    let byte = |v: f32| table[usize::from(f16::from_f32(v).to_bits())];
    let tiny = encode(&rewritten(folder.path(), Dtype::F8_E4M3, |v| vec![byte(v)]));
    assert!(far(&tiny, &wide) < 1.5, "off by {}", far(&tiny, &wide));
    // Left as they are, matrices with a scale beside them would be 64 times too large.
    let scaled = encode(&written(folder.path(), (Dtype::F8_E4M3, 1.0 / 64.0), |v| vec![byte(v)]));
    assert!(far(&scaled, &wide) < 1.5, "off by {}", far(&scaled, &wide));
}

//! Candle's side of every layer held against our kernels' on random shapes, in f64, which our kernels do not serve. It
//! is what runs on CUDA, and in a build for CUDA it runs there.

use super::attention::by_candle;
use super::weight::{Origin, Place, Stored};
use super::{Activation, Around, Attend, Bend, FeatureMap, Padding, RmsNorm, Rope};
use super::{add_gated, attend, attend_biased, geglu};
use crate::engine::Result;
use crate::engine::golden::{candles_device, root};
use crate::engine::noise::TorchRng;
use crate::engine::weights::{ConvShape, GgufFile, Renamed, Source, Taken, Weights};
use candle_core::{DType, Device, Tensor};
use proptest::prelude::*;
use std::sync::Arc;

/// Tensors of every name and shape, the same each time.
struct Random;

impl Source for Random {
    fn shape(&self, _name: &str) -> Option<Vec<usize>> {
        None
    }

    fn find(&self, name: &str, shape: &[usize]) -> Result<Origin> {
        let seed = name.bytes().map(u64::from).sum();
        let n = shape.iter().product();
        Ok(Stored::F32(TorchRng::new(seed).normal(n).iter().map(|v| v * 0.3).collect()).into())
    }
}

/// The same weights for our kernels and for candle.
fn both() -> [Weights; 2] {
    let candle = Place { device: candles_device(), compute: DType::F64, bytes: false };
    [Place::cpu(), candle].map(|place| Weights::new(Arc::new(Random), place))
}

/// Random values for our kernels and the same for candle.
fn input(seed: u64, shape: &[usize]) -> [Tensor; 2] {
    let values = TorchRng::new(seed).normal(shape.iter().product());
    let ours = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
    let candle = ours.to_dtype(DType::F64).unwrap().to_device(&candles_device()).unwrap();
    [ours, candle]
}

fn maps(seed: u64, shape: [usize; 4]) -> [FeatureMap; 2] {
    input(seed, &shape).map(|x| FeatureMap::from_nchw(&x).unwrap())
}

fn agree(both: [Tensor; 2]) {
    let [ours, candle] = both;
    assert_eq!((ours.dtype(), candle.dtype()), (DType::F32, DType::F64));
    assert_eq!(ours.dims(), candle.dims());
    let values = |t: &Tensor| {
        let t = t.to_dtype(DType::F64).unwrap().to_device(&Device::Cpu).unwrap();
        t.flatten_all().unwrap().to_vec1::<f64>().unwrap()
    };
    for (a, b) in values(&ours).iter().zip(values(&candle)) {
        assert!((a - b).abs() <= 1e-4 * b.abs().max(1.0), "{a} against {b}");
    }
}

fn maps_agree(both: [FeatureMap; 2]) {
    let [(a, b), (c, d)] = both.each_ref().map(|m| ((m.batch(), m.channels()), (m.height(), m.width())));
    assert_eq!((a, b), (c, d));
    agree(both.map(|m| m.to_nchw().unwrap()));
}

/// Applies one function to our side and candle's.
fn each<A, B>([a, b]: &[A; 2], f: impl Fn(&A) -> candle_core::Result<B>) -> [B; 2] {
    [f(a).unwrap(), f(b).unwrap()]
}

fn shapes() -> impl Strategy<Value = [usize; 4]> {
    (1..3usize, 1..4usize, 2..9usize, 2..9usize).prop_map(|(batch, groups, h, w)| [batch, 4 * groups, h, w])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn convolutions(shape in shapes(), outputs in 1..9usize, one: bool, stride in 1..3usize, after: bool, bias: bool) {
        let size = if one { 1 } else { 3 };
        let padding = if after && !one { Padding::AfterOnly } else { Padding::Same };
        let shape_of = ConvShape { inputs: shape[1], outputs, size, stride, padding, bias };
        let [x, y] = maps(1, shape);
        let [ours, candle] = both().map(|w| w.conv("conv", shape_of).unwrap());
        maps_agree([ours.forward(&x).unwrap(), candle.forward(&y).unwrap()]);
    }

    #[test]
    fn convolutions_with_all_around_them(shape in shapes(), outputs in 1..9usize, norm: bool, doubled: bool, prelu: bool) {
        let x = maps(1, shape);
        let [batch, channels, height, width] = shape;
        let scale = if doubled { 2 } else { 1 };
        let plus = maps(11, [batch, outputs, scale * height, scale * width]);
        let added = input(12, &[batch, outputs]);
        let layers = both().map(|w| {
            let conv = w.conv("conv", ConvShape::three(channels, outputs)).unwrap();
            (conv, w.group_norm("norm", channels, 4, 1e-6).unwrap(), w.prelu("slopes", outputs).unwrap())
        });
        maps_agree([0, 1].map(|i| {
            let (conv, before, slopes) = &layers[i];
            let around = Around {
                norm_silu: norm.then_some(before),
                doubled,
                per_channel: Some(&added[i]),
                plus: Some(&plus[i]),
                then: Some(if prelu { Bend::PRelu(slopes) } else { Bend::Same(Activation::Gelu) }),
                exact: false,
            };
            conv.forward_with(&x[i], around).unwrap()
        }));
    }

    #[test]
    fn group_norms(shape in shapes(), silu: bool) {
        let [x, y] = maps(2, shape);
        let [ours, candle] = both().map(|w| w.group_norm("norm", shape[1], 4, 1e-6).unwrap());
        let apply = |norm: &super::GroupNorm, x| if silu { norm.norm_silu(x) } else { norm.norm(x) };
        maps_agree([apply(&ours, &x).unwrap(), apply(&candle, &y).unwrap()]);
    }

    #[test]
    fn linears_and_layer_norms(batch in 1..3usize, n in 1..9usize, inputs in 1..33usize, outputs in 1..67usize) {
        let outputs = 2 * outputs;
        let [x, y] = input(3, &[batch, n, inputs]);
        let [ours, candle] = both().map(|w| w.linear("linear", inputs, outputs, true).unwrap());
        agree([ours.forward(&x).unwrap(), candle.forward(&y).unwrap()]);
        agree([ours.forward_geglu(&x).unwrap(), candle.forward_geglu(&y).unwrap()]);
        agree([(&ours, &x), (&candle, &y)].map(|(layer, x)| layer.forward_then(x, Activation::Silu).unwrap()));
        let [p, q] = input(13, &[batch, n, outputs]);
        agree([ours.forward_plus(&x, &p).unwrap(), candle.forward_plus(&y, &q).unwrap()]);
        let [ours, candle] = both().map(|w| w.layer_norm("norm", inputs, 1e-5).unwrap());
        agree([ours.forward(&x).unwrap(), candle.forward(&y).unwrap()]);
    }

    #[test]
    fn attentions(batch in 1..3usize, queries in 1..20usize, keys in 1..20usize, heads in 1..4usize, causal: bool) {
        let kind = Attend { heads, causal, rounded: false };
        let token = 8 * heads;
        let (q, k, v) = (input(4, &[batch, queries, token]), input(5, &[batch, keys, token]), input(6, &[batch, keys, token]));
        let ours = attend(kind, &q[0], &k[0], &v[0]).unwrap();
        agree([ours.clone(), attend(kind, &q[1], &k[1], &v[1]).unwrap()]);
        // The same in blocks of few queries.
        agree([ours, by_candle(kind, (&q[1], &k[1], &v[1]), 8f64.sqrt().recip(), None, 40).unwrap()]);
        let bias = input(10, &[heads, queries, keys]);
        agree([0, 1].map(|i| attend_biased(kind, &q[i], &k[i], &v[i], &bias[i]).unwrap()));
    }

    #[test]
    fn tokens_that_are_turned_normalised_and_gated(n in 1..9usize, heads in 1..4usize, half in 1..9usize) {
        let width = 2 * half * heads;
        let (x, y) = (input(11, &[1, n, width]), input(12, &[1, n, width]));
        #[allow(clippy::cast_precision_loss)]
        let positions: Vec<Vec<f64>> = (0..n).map(|i| vec![i as f64 * 1.5]).collect();
        agree(each(&x, |x| Rope::new(&positions, &[2 * half], 10_000.0, x.device())?.turn(x)));
        let (scale, gate) = (input(13, &[2 * half]), input(14, &[width]));
        agree([0, 1].map(|i| RmsNorm::new(scale[i].clone(), 1e-6).forward(&x[i]).unwrap()));
        agree([0, 1].map(|i| add_gated(&x[i], &gate[i], &y[i]).unwrap()));
    }

    #[test]
    fn activations(n in 1..9usize, width in 1..40usize) {
        let x = input(7, &[n, 2 * width]);
        for name in ["silu", "gelu", "gelu_new", "quick_gelu", "relu"] {
            agree(each(&x, |x| Activation::named(name).unwrap().forward(x)));
        }
        agree(each(&x, geglu));
    }

    #[test]
    fn map_operations(shape in shapes(), y in 0..2usize, x in 0..2usize) {
        let [batch, channels, height, width] = shape;
        let map = maps(8, shape);
        let other = maps(9, shape);
        let tokens = each(&map, FeatureMap::to_tokens);
        agree(tokens.clone());
        maps_agree([0, 1].map(|i| map[i].with_tokens(&tokens[i]).unwrap()));
        maps_agree([0, 1].map(|i| map[i].add(&other[i]).unwrap()));
        maps_agree([0, 1].map(|i| map[i].cat_channels(&other[i]).unwrap()));
        maps_agree(each(&map, |m| m.channels_range(1, channels - 2)));
        maps_agree(each(&map, |m| m.crop(y, x, height - y, width - x)));
        maps_agree(each(&map, FeatureMap::upsample2x));
        let values = input(10, &[batch, channels]);
        maps_agree([0, 1].map(|i| map[i].add_per_channel(&values[i]).unwrap()));
        maps_agree(each(&map, |m| {
            let mut stack = FeatureMap::stack(height);
            stack.push(&m.crop(0, 0, 1, width)?)?;
            stack.push(&m.crop(1, 0, height - 1, width)?)?;
            stack.finish()
        }));
    }
}

#[test]
fn embeddings() {
    let tables = both().map(|w| w.embedding("table", 11, 6).unwrap());
    agree(each(&tables, |t| t.forward(&[3, 0, 10, 3])));
}

#[test]
fn linears_of_quantised_weights() {
    let file = GgufFile::open(&root().join("tests/golden/flux/gguf/kinds.gguf"), "model.").unwrap();
    let names: Vec<String> = file.names().map(str::to_owned).collect();
    let bare = |name: &str| Taken::whole(name.trim_end_matches(".weight").to_owned());
    let file: Arc<dyn Source> = Arc::new(Renamed::new(Arc::new(file), bare));
    let [x, y] = input(15, &[3, 512]);
    for name in &names {
        let [ours, candle] = both().map(|w| Weights::new(Arc::clone(&file), w.place().clone()));
        let [ours, candle] = [ours, candle].map(|w| w.linear(name, 512, 4, false).unwrap());
        println!("{name}");
        agree([ours.forward(&x).unwrap(), candle.forward(&y).unwrap()]);
    }
    assert_eq!(names.len(), 13);
}

/// In the precision a card computes in, by the kernel that only it has: queries and keys that fill their blocks and
/// that do not, one and many heads, in every size of head that it serves.
#[cfg(feature = "cuda")]
#[test]
fn attention_of_cards() {
    let sizes = [(1, 1), (77, 77), (64, 128), (129, 63), (300, 1), (130, 517), (1024, 1024)];
    for (compute, off) in [(DType::F16, 4e-3), (DType::BF16, 3.2e-2)] {
        for (i, (queries, keys)) in sizes.into_iter().enumerate() {
            for (dim, heads, batch) in [(64, 3, 2), (128, 2, 1), (64, 1, 1)] {
                for causal in [false, true] {
                    let kind = Attend { heads, causal, rounded: false };
                    let part = |seed: u64, n: usize| {
                        let shape = (batch, n, heads * dim);
                        let values = TorchRng::new(seed + 3 * i as u64).normal(batch * n * heads * dim);
                        let half = Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(compute).unwrap();
                        [half.to_dtype(DType::F32).unwrap(), half.to_device(&candles_device()).unwrap()]
                    };
                    let (q, k, v) = (part(21, queries), part(22, keys), part(23, keys));
                    assert!(super::kernels::cuda::attention_serves(&q[1], dim).unwrap());
                    let ours = attend(kind, &q[0], &k[0], &v[0]).unwrap();
                    let theirs = attend(kind, &q[1], &k[1], &v[1]).unwrap();
                    let values = |t: &Tensor| crate::engine::golden::values(t);
                    let worst = crate::engine::golden::worst(&values(&ours), &values(&theirs));
                    let what = format!("{compute:?} {queries} over {keys}, {batch} x {heads} of {dim}, {causal}");
                    assert!(worst <= off, "{what}: off by {worst}");
                }
            }
        }
    }
}

/// In every precision the kernels that only cards have know.
#[cfg(feature = "cuda")]
#[test]
fn tokens_of_cards() {
    use super::LayerNorm;
    use crate::engine::golden::{values, worst};
    for (compute, off) in [(DType::F32, 1e-5), (DType::F16, 4e-3), (DType::BF16, 4e-2)] {
        for (n, heads, half) in [(1, 1, 4), (5, 3, 20), (77, 2, 64), (300, 24, 64)] {
            let width = 2 * half * heads;
            let part = |seed: u64, shape: &[usize]| {
                let values = TorchRng::new(seed).normal(shape.iter().product());
                let rounded = Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(compute).unwrap();
                [rounded.to_dtype(DType::F32).unwrap(), rounded.to_device(&candles_device()).unwrap()]
            };
            let agree = |[ours, theirs]: [Tensor; 2], what: &str| {
                assert_eq!((theirs.dtype(), theirs.dims()), (compute, ours.dims()));
                let worst = worst(&values(&ours), &values(&theirs));
                assert!(worst <= off, "{compute:?} {what} of {n} x {heads} x {half}: off by {worst}");
            };
            let (x, y) = (part(31, &[1, n, width]), part(32, &[1, n, width]));
            let (gate, shift, scale) = (part(33, &[width]), part(34, &[width]), part(35, &[2 * half]));
            #[allow(clippy::cast_precision_loss)]
            let positions: Vec<Vec<f64>> = (0..n).map(|i| vec![i as f64 * 1.5]).collect();
            let turned = each(&x, |x| Rope::new(&positions, &[2 * half], 10_000.0, x.device())?.turn(x));
            agree(turned, "angles");
            agree([0, 1].map(|i| RmsNorm::new(scale[i].clone(), 1e-6).forward(&x[i]).unwrap()), "rms norm");
            let norm = |i: usize| LayerNorm::new(gate[i].clone(), shift[i].clone(), 1e-6);
            agree([0, 1].map(|i| norm(i).forward(&x[i]).unwrap()), "layer norm");
            agree([0, 1].map(|i| add_gated(&x[i], &gate[i], &y[i]).unwrap()), "gate");
        }
    }
}

/// Maps of a card in every precision, held against our kernels.
#[cfg(feature = "cuda")]
#[test]
fn maps_of_cards() {
    use crate::engine::golden::{values, worst};
    for (compute, off) in [(DType::F32, 5e-3), (DType::F16, 2e-2), (DType::BF16, 1.5e-1)] {
        for (batch, channels, height, width) in [(1, 4, 2, 3), (2, 12, 17, 5), (1, 64, 40, 56)] {
            let values_of = |seed: u64, shape: &[usize], shift: f64| {
                let values = TorchRng::new(seed).normal(shape.iter().product());
                let values = (Tensor::from_vec(values, shape, &Device::Cpu).unwrap() + shift).unwrap();
                let rounded = values.to_dtype(compute).unwrap();
                [rounded.to_dtype(DType::F32).unwrap(), rounded.to_device(&candles_device()).unwrap()]
            };
            let agree = |both: [FeatureMap; 2], what: &str| {
                let [ours, theirs] = both.map(|m| m.to_nchw().unwrap());
                assert_eq!((theirs.dtype(), theirs.dims()), (compute, ours.dims()));
                let worst = worst(&values(&ours), &values(&theirs));
                assert!(
                    worst <= off,
                    "{compute:?} {what} of {batch} x {channels} x {height} x {width}: off by {worst}"
                );
            };
            // Far from 0, where squares are large and their differences small.
            let maps =
                values_of(41, &[batch, channels, height, width], 20.0).map(|x| FeatureMap::from_nchw(&x).unwrap());
            let (scale, shift) = (values_of(42, &[channels], 0.0), values_of(43, &[channels], 0.0));
            let norms = [0, 1].map(|i| super::GroupNorm::new(scale[i].clone(), shift[i].clone(), 4, 1e-6).unwrap());
            // f32 is left with 2e-6 of 20, a rounded one with what its precision has of that.
            agree([0, 1].map(|i| norms[i].norm(&maps[i]).unwrap()), "norm");
            agree([0, 1].map(|i| norms[i].norm_silu(&maps[i]).unwrap()), "norm and silu");
            let small =
                values_of(44, &[batch, channels, height, width], 0.0).map(|x| FeatureMap::from_nchw(&x).unwrap());
            for (stride, padding) in [(1, Padding::Same), (2, Padding::Same), (2, Padding::AfterOnly)] {
                let card = Place { device: candles_device(), compute, bytes: false };
                let shape = ConvShape { inputs: channels, outputs: 6, size: 3, stride, padding, bias: true };
                let convs = [Place::cpu(), card].map(|place| {
                    let weights = Weights::new(Arc::new(Small), place);
                    weights.conv("conv", shape).unwrap()
                });
                agree([0, 1].map(|i| convs[i].forward(&small[i]).unwrap()), "convolution");
            }
        }
    }
}

/// Weights that keep what a convolution adds up at the size of what it is given.
#[cfg(feature = "cuda")]
struct Small;

#[cfg(feature = "cuda")]
impl Source for Small {
    fn shape(&self, _name: &str) -> Option<Vec<usize>> {
        None
    }

    fn find(&self, name: &str, shape: &[usize]) -> Result<Origin> {
        #[allow(clippy::cast_precision_loss)]
        let scale = (1.0 / shape[1..].iter().product::<usize>() as f32).sqrt();
        let Origin::Memory(Stored::F32(values)) = Random.find(name, shape)? else { unreachable!() };
        // Exactly as every precision has them.
        Ok(Stored::F32(values.iter().map(|v| half::bf16::from_f32(v / 0.3 * scale).to_f32()).collect()).into())
    }
}

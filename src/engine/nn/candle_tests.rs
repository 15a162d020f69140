//! Candle's side of every layer held against our kernels' on random shapes. It is what runs on CUDA; here it runs on
//! the CPU in f64, which our kernels do not serve.

use super::attention::by_candle;
use super::weight::{Place, Stored};
use super::{Activation, Around, Attend, Bend, FeatureMap, Padding, RmsNorm, Rope};
use super::{add_gated, attend, attend_biased, geglu};
use crate::engine::Result;
use crate::engine::noise::TorchRng;
use crate::engine::weights::{ConvShape, Source, Weights};
use candle_core::{DType, Device, Tensor};
use proptest::prelude::*;
use std::sync::Arc;

/// Tensors of every name and shape, the same each time.
struct Random;

impl Source for Random {
    fn shape(&self, _name: &str) -> Option<Vec<usize>> {
        None
    }

    fn read(&self, name: &str, shape: &[usize]) -> Result<Stored> {
        let seed = name.bytes().map(u64::from).sum();
        let n = shape.iter().product();
        Ok(Stored::F32(TorchRng::new(seed).normal(n).iter().map(|v| v * 0.3).collect()))
    }
}

/// The same weights for our kernels and for candle.
fn both() -> [Weights; 2] {
    let candle = Place { device: Device::Cpu, compute: DType::F64, bytes: false };
    [Place::cpu(), candle].map(|place| Weights::new(Arc::new(Random), place))
}

/// Random values for our kernels and the same for candle.
fn input(seed: u64, shape: &[usize]) -> [Tensor; 2] {
    let values = TorchRng::new(seed).normal(shape.iter().product());
    let ours = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
    let candle = ours.to_dtype(DType::F64).unwrap();
    [ours, candle]
}

fn maps(seed: u64, shape: [usize; 4]) -> [FeatureMap; 2] {
    input(seed, &shape).map(|x| FeatureMap::from_nchw(&x).unwrap())
}

fn agree(both: [Tensor; 2]) {
    let [ours, candle] = both;
    assert_eq!((ours.dtype(), candle.dtype()), (DType::F32, DType::F64));
    assert_eq!(ours.dims(), candle.dims());
    let values = |t: &Tensor| t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
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
        let kind = Attend { heads, causal };
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
        agree(each(&x, |x| Rope::new(&positions, &[2 * half], 10_000.0, &Device::Cpu)?.turn(x)));
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

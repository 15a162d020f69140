//! How near the processor's kernels come to what it can do, on SDXL's shapes: `cargo bench --bench kernels`.
//!
//! Every level the processor has, in turn, the best of several rounds, beside the f32 peak measured in the same round.
//! Convolutions are told in operations of the plain way, so Winograd's may be over 100 %.
//! `-- 1` measures with one thread.

use half::f16;
use samovar_kernels::attention::{Shape, attention};
use samovar_kernels::conv::{Input, Window, convolve};
use samovar_kernels::gemm::{Plain, Wide, multiply, multiply_gated};
use samovar_kernels::in_bytes::{BytePanels, Bytes};
use samovar_kernels::level::Level;
use samovar_kernels::norm::{Affine, group_factors};
use samovar_kernels::output::Finish;
use samovar_kernels::panels::Panels;
use samovar_kernels::peak::peak;
use samovar_kernels::stored::Stored;
use samovar_kernels::threads;
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 5;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    if let Some(number) = std::env::args().skip(1).find_map(|word| word.parse().ok()) {
        threads::start(number);
    }
    println!("{} threads, best level {}", threads::count(), Level::best().name());
    for (rows, inputs, outputs) in [
        (1024, 640, 640),
        (1024, 640, 5120),
        (1024, 2560, 640),
        (77, 2048, 640),
        (256, 1280, 1280),
        (256, 1280, 10240),
        (256, 5120, 1280),
        (77, 2048, 1280),
    ] {
        linear(rows, inputs, outputs);
    }
    for (side, channels, outputs) in [
        (64, 320, 320),
        (64, 960, 320),
        (32, 640, 640),
        (32, 1920, 640),
        (16, 1280, 1280),
        (16, 2560, 1280),
        (64, 512, 512),
        (128, 512, 512),
        (256, 512, 256),
        (256, 256, 256),
        (512, 128, 128),
        (512, 128, 3),
    ] {
        convolution(side, channels, outputs, 1);
    }
    convolution(64, 320, 320, 2);
    for (queries, keys, heads, dim) in
        [(1024, 1024, 10, 64), (1024, 77, 10, 64), (256, 256, 20, 64), (4096, 4096, 1, 512)]
    {
        #[allow(clippy::cast_precision_loss)]
        let scale = 1.0 / (dim as f32).sqrt();
        for rounded in [false, true] {
            attend(Shape { batch: 1, queries, keys, heads, dim, causal: false, scale, rounded });
        }
    }
    norm(512 * 512, 128);
}

/// Times each level in turn and prints what each comes to.
fn measure(name: &str, operations: usize, work: impl Fn(Level)) {
    let levels: Vec<Level> = Level::all().filter(|level| *level > Level::Portable || Level::best() == *level).collect();
    let mut best = vec![f64::MAX; levels.len()];
    let mut peaks = vec![0.0f64; levels.len()];
    for _ in 0..ROUNDS {
        for (i, level) in levels.iter().enumerate() {
            peaks[i] = peaks[i].max(peak(*level));
            let started = Instant::now();
            work(*level);
            best[i] = best[i].min(started.elapsed().as_secs_f64());
        }
    }
    for ((level, seconds), peak) in levels.iter().zip(best).zip(peaks) {
        #[allow(clippy::cast_precision_loss)]
        let rate = operations as f64 / seconds / 1e9;
        println!(
            "{name:<32} {:<12} {:>8.2} ms {rate:>8.1} GFLOP/s {:>4.0} % of {peak:.0}",
            level.name(),
            seconds * 1e3,
            100.0 * rate / peak
        );
    }
}

fn linear(rows: usize, inputs: usize, outputs: usize) {
    let x = numbers(rows * inputs);
    let w = halves(outputs * inputs);
    let name = format!("{rows} x {inputs} -> {outputs}");
    let operations = 2 * rows * inputs * outputs;
    let bytes = BytePanels::round(outputs, inputs, Stored::F16(w.clone())).expect("the right number of weights");
    let panels = Panels::pack(outputs, inputs, 1, Stored::F16(w)).expect("the right number of weights");
    let plain = Plain { values: &x, width: inputs };
    let gated = outputs > 4 * inputs;
    let product = Wide { x: &plain, weight: &panels };
    measure(&format!("linear f32 {name}"), operations, |level| {
        black_box(if gated {
            multiply_gated(level, &product, None)
        } else {
            multiply(level, &product, Finish::default())
        });
    });
    let product = Bytes { x: &x, weight: &bytes };
    measure(&format!("linear int8 {name}"), operations, |level| {
        black_box(if gated {
            multiply_gated(level, &product, None)
        } else {
            multiply(level, &product, Finish::default())
        });
    });
}

fn convolution(side: usize, channels: usize, outputs: usize, stride: usize) {
    let x = numbers(side * side * channels);
    let w = Stored::F16(halves(outputs * channels * 9));
    let panels = Panels::pack(outputs, channels, 9, w).expect("the right number of weights");
    let norm = (&numbers(channels)[..], &numbers(channels)[..]);
    let input =
        Input { values: &x, height: side, width: side, channels, norm: Some(norm), doubled: false, rounded: false };
    let window = Window { size: 3, stride, before: 1, after: 1 };
    let pixels = window.outputs(side) * window.outputs(side);
    measure(&format!("conv/{stride} {side}² {channels} -> {outputs}"), 18 * pixels * channels * outputs, |level| {
        black_box(convolve(level, &input, window, &panels, Finish::default()));
    });
}

fn attend(shape: Shape) {
    let token = shape.heads * shape.dim;
    let (q, k, v) = (numbers(shape.queries * token), numbers(shape.keys * token), numbers(shape.keys * token));
    let how = if shape.rounded { "rounded " } else { "" };
    let name = format!("{how}attention {} of {}, {} x {}", shape.queries, shape.keys, shape.heads, shape.dim);
    measure(&name, 4 * shape.queries * shape.keys * token, |level| {
        black_box(attention(level, shape, (&q, &k, &v), None));
    });
}

fn norm(pixels: usize, channels: usize) {
    let x = numbers(pixels * channels);
    let (scale, shift) = (vec![1.0; channels], vec![0.0; channels]);
    measure(&format!("group statistics {pixels} x {channels}"), 3 * pixels * channels, |_| {
        black_box(group_factors(&x, 32, Affine { scale: &scale, shift: &shift, eps: 1e-6 }));
    });
}

/// Values in ±1.
fn numbers(n: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        #[allow(clippy::cast_precision_loss)]
        let value = (state >> 8) as f32 / 8_388_608.0 - 1.0;
        value
    };
    (0..n).map(|_| next()).collect()
}

fn halves(n: usize) -> Vec<f16> {
    numbers(n).into_iter().map(|v| f16::from_f32(0.05 * v)).collect()
}

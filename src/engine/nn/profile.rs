//! Where the time goes: layers report how long they took and how much they multiplied, while somebody wants to know.
//! One thread calls the layers, so a table of that thread is enough.

use super::kernels::level::Level;
use super::kernels::peak::peak;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Instant;

/// Kinds of layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Linear layers in f32.
    Linear,
    /// Linear layers in bytes.
    Bytes,
    /// 3×3 convolutions by Winograd's way, with norm and activation where they are done in one go.
    Winograd,
    /// Other convolutions.
    Convolution,
    /// Attention.
    Attention,
    /// Statistics of group norms, and norms that are done by themselves.
    Norm,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear, f32",
            Self::Bytes => "linear, int8",
            Self::Winograd => "conv 3x3, winograd",
            Self::Convolution => "other convs",
            Self::Attention => "attention",
            Self::Norm => "norms",
        }
    }
}

#[derive(Default, Clone, Copy)]
struct Spent {
    calls: u32,
    seconds: f64,
    /// Multiplications and additions of the plain way.
    operations: f64,
}

thread_local! {
    static TABLE: RefCell<Option<BTreeMap<Part, Spent>>> = const { RefCell::new(None) };
}

/// Does a stage's work and, where that is `wanted`, adds a line to `lines` for each kind of layer in it.
pub fn of<T>(wanted: bool, stage: &str, lines: &mut Vec<String>, work: impl FnOnce() -> T) -> T {
    if !wanted {
        return work();
    }
    TABLE.set(Some(BTreeMap::new()));
    let started = Instant::now();
    let result = work();
    lines.extend(finish(stage, started.elapsed().as_secs_f64()));
    result
}

/// Does a layer's work, which comes to that many multiplications the plain way, and counts it if somebody wants to know.
pub fn counted<T>(part: Part, multiplications: usize, work: impl FnOnce() -> T) -> T {
    if TABLE.with_borrow(Option::is_none) {
        return work();
    }
    let started = Instant::now();
    let result = work();
    let seconds = started.elapsed().as_secs_f64();
    TABLE.with_borrow_mut(|table| {
        let spent = table.get_or_insert_default().entry(part).or_default();
        spent.calls += 1;
        spent.seconds += seconds;
        #[allow(clippy::cast_precision_loss)]
        {
            spent.operations += 2.0 * multiplications as f64;
        }
    });
    result
}

/// What was counted, a line for each kind of layer, with the rest of `stage`, which took `seconds` in all.
fn finish(stage: &str, seconds: f64) -> Vec<String> {
    let Some(table) = TABLE.take() else { return Vec::new() };
    let best = peak(Level::best());
    let mut lines = Vec::new();
    let mut rest = seconds;
    for (part, spent) in table {
        rest -= spent.seconds;
        let mut line =
            format!("{stage:<8} {:<19} {:>8.1} ms in {:>4} calls", part.name(), spent.seconds * 1e3, spent.calls);
        if spent.operations > 0.0 {
            let rate = spent.operations / spent.seconds / 1e9;
            // Writing to a string does not fail.
            let _ = write!(line, ", {rate:>7.1} GFLOP/s = {:>3.0} % of the f32 peak", 100.0 * rate / best);
        }
        lines.push(line);
    }
    lines.push(format!("{stage:<8} {:<19} {:>8.1} ms; f32 peak {best:.0} GFLOP/s", "the rest", rest * 1e3));
    lines
}

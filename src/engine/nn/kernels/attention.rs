//! Attention over heads that lie side by side in each token, a block of queries at a time: the scores of one block
//! and one head are all that exists at once.

use super::activation::exp;
use super::level::{Level, per_level};
use gemm::Parallelism;
use rayon::prelude::*;

/// Queries a task takes.
const QUERIES: usize = 128;

/// The shape of an attention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Pictures.
    pub batch: usize,
    /// Tokens that ask.
    pub queries: usize,
    /// Tokens that answer.
    pub keys: usize,
    /// Heads.
    pub heads: usize,
    /// Values a head and token; a token has `heads * dim`.
    pub dim: usize,
    /// Whether a token sees only itself and those before it.
    pub causal: bool,
    /// What scores are multiplied by: usually 1 / √dim.
    pub scale: f32,
}

struct Output(*mut f32);

// SAFETY: each task writes only the rows of its block and the columns of its head.
unsafe impl Sync for Output {}

/// `out = softmax(scale · q · kᵀ + bias) · v`, every head for itself. `q` and `out` are `(batch, queries, heads * dim)`,
/// `k` and `v` are `(batch, keys, heads * dim)`, `bias` is `(heads, queries, keys)` or empty.
///
/// # Panics
/// When a slice is shorter than its shape says.
pub fn attention(shape: Shape, q: &[f32], k: &[f32], v: &[f32], bias: &[f32], out: &mut [f32]) {
    let token = shape.heads * shape.dim;
    assert_eq!(q.len(), shape.batch * shape.queries * token);
    assert_eq!(k.len(), shape.batch * shape.keys * token);
    assert_eq!(v.len(), k.len());
    assert_eq!(out.len(), q.len());
    assert!(bias.is_empty() || bias.len() == shape.heads * shape.queries * shape.keys);
    let out = Output(out.as_mut_ptr());
    let blocks = shape.queries.div_ceil(QUERIES);
    (0..shape.batch * shape.heads * blocks).into_par_iter().for_each_init(Vec::new, |scores, task| {
        let (block, rest) = (task % blocks, task / blocks);
        let (head, batch) = (rest % shape.heads, rest / shape.heads);
        let first = block * QUERIES;
        let rows = QUERIES.min(shape.queries - first);
        let at = (batch * shape.queries + first) * token + head * shape.dim;
        let keys = batch * shape.keys * token + head * shape.dim;
        scores.resize(rows * shape.keys, 0.0);
        let q = Strided { values: &q[at..], row: token, column: 1 };
        let transposed = Strided { values: &k[keys..], row: 1, column: token };
        // SAFETY: `scores` has rows × keys values and belongs to this task.
        unsafe { product(rows, shape.keys, shape.dim, q, transposed, shape.scale, scores.as_mut_ptr(), shape.keys) };
        if !bias.is_empty() {
            let first = (head * shape.queries + first) * shape.keys;
            let added = &bias[first..first + rows * shape.keys];
            scores.iter_mut().zip(added).for_each(|(score, added)| *score += added);
        }
        softmax(Level::best(), scores, shape.keys, if shape.causal { first } else { usize::MAX });
        let scores = Strided { values: scores, row: shape.keys, column: 1 };
        let v = Strided { values: &v[keys..], row: token, column: 1 };
        let _ = &out;
        // SAFETY: rows `first..first + rows` of this head's columns lie inside `out` (its length was checked) and
        // belong to this task alone.
        unsafe { product(rows, shape.dim, shape.keys, scores, v, 1.0, out.0.add(at), token) };
    });
}

#[derive(Clone, Copy)]
struct Strided<'a> {
    values: &'a [f32],
    row: usize,
    column: usize,
}

impl Strided<'_> {
    fn holds(&self, rows: usize, columns: usize) -> bool {
        self.values.len() > (rows - 1) * self.row + (columns - 1) * self.column
    }
}

/// `out = factor · a · b`, where a is m × k, b is k × n and out has `stride` values a row.
///
/// # Safety
/// `out` must be valid for writes of m rows of n values at `stride`, and nobody else may touch them meanwhile.
#[allow(clippy::too_many_arguments)]
unsafe fn product(m: usize, n: usize, k: usize, a: Strided, b: Strided, factor: f32, out: *mut f32, stride: usize) {
    assert!(a.holds(m, k) && b.holds(k, n));
    // SAFETY: a and b hold their matrices (asserted); `out` is the caller's promise.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out,
            1,
            stride.cast_signed(),
            false,
            a.values.as_ptr(),
            a.column.cast_signed(),
            a.row.cast_signed(),
            b.values.as_ptr(),
            b.column.cast_signed(),
            b.row.cast_signed(),
            0.0f32,
            factor,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

per_level! {
    /// Softmax of each row of `n` scores, in place. Row `r` sees its first `first + r + 1` scores where `first` is
    /// not `usize::MAX`; the others become 0.
    pub fn softmax(scores: &mut [f32], n: usize, first: usize) {
        for (r, row) in scores.chunks_exact_mut(n).enumerate() {
            let seen = if first == usize::MAX { n } else { n.min(first + r + 1) };
            let (row, hidden) = row.split_at_mut(seen);
            hidden.fill(0.0);
            let mut largest = f32::NEG_INFINITY;
            for v in row.iter() {
                largest = if *v > largest { *v } else { largest };
            }
            let mut sums = [0.0f32; 16];
            for chunk in row.chunks_mut(16) {
                for (v, sum) in chunk.iter_mut().zip(sums.iter_mut()) {
                    *v = exp(*v - largest);
                    *sum += *v;
                }
            }
            let factor = 1.0 / sums.iter().sum::<f32>();
            for v in row.iter_mut() {
                *v *= factor;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(shape: Shape, q: &[f32], k: &[f32], v: &[f32], bias: &[f32]) -> Vec<f64> {
        let token = shape.heads * shape.dim;
        let mut out = vec![0.0; q.len()];
        for batch in 0..shape.batch {
            for head in 0..shape.heads {
                for i in 0..shape.queries {
                    let seen = if shape.causal { shape.keys.min(i + 1) } else { shape.keys };
                    let q_at = (batch * shape.queries + i) * token + head * shape.dim;
                    let key_at = |j: usize| (batch * shape.keys + j) * token + head * shape.dim;
                    let scores: Vec<f64> = (0..seen)
                        .map(|j| {
                            let dot: f64 =
                                (0..shape.dim).map(|d| f64::from(q[q_at + d]) * f64::from(k[key_at(j) + d])).sum();
                            let added = bias.get((head * shape.queries + i) * shape.keys + j).copied().unwrap_or(0.0);
                            (dot * f64::from(shape.scale) + f64::from(added)).exp()
                        })
                        .collect();
                    let total: f64 = scores.iter().sum();
                    for d in 0..shape.dim {
                        let sum: f64 = scores.iter().enumerate().map(|(j, s)| s * f64::from(v[key_at(j) + d])).sum();
                        out[q_at + d] = sum / total;
                    }
                }
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn equals_the_plain_one(
            (batch, queries, keys) in (1usize..3, 1usize..200, 1usize..90),
            (heads, dim) in (1usize..5, 1usize..20),
            (causal, biased) in any::<(bool, bool)>(),
            values in proptest::collection::vec(-2.0f32..2.0, 97..400),
        ) {
            let keys = if causal { queries } else { keys };
            #[allow(clippy::cast_precision_loss)]
            let shape = Shape { batch, queries, keys, heads, dim, causal, scale: 1.0 / (dim as f32).sqrt() };
            let token = heads * dim;
            let fill = |n: usize, from: usize| -> Vec<f32> {
                (0..n).map(|i| values[(i * 7 + i / 13 + from) % values.len()]).collect()
            };
            let q = fill(batch * queries * token, 0);
            let (k, v) = (fill(batch * keys * token, 31), fill(batch * keys * token, 57));
            let bias = if biased { fill(heads * queries * keys, 5) } else { Vec::new() };
            let mut out = vec![f32::NAN; q.len()];
            attention(shape, &q, &k, &v, &bias, &mut out);
            for (a, b) in out.iter().zip(plain(shape, &q, &k, &v, &bias)) {
                prop_assert!((f64::from(*a) - b).abs() <= 2e-5, "{a} against {b}");
            }
        }

        #[test]
        fn softmax_is_the_same_at_every_level(mut row in proptest::collection::vec(-9.0f32..9.0, 1..130)) {
            let (n, mut other) = (row.len(), row.clone());
            softmax(Level::Portable, &mut row, n, usize::MAX);
            softmax(Level::best(), &mut other, n, usize::MAX);
            for (a, b) in row.iter().zip(&other) {
                prop_assert!((a - b).abs() <= 1e-6);
            }
        }
    }
}

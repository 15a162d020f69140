//! A view of one checkpoint under the names of another: names are translated, and parts of a tensor stand for whole ones.

use super::Source;
use crate::engine::Result;
use crate::engine::nn::weight::Origin;
use std::ops::Range;
use std::sync::Arc;

/// Where a tensor is in the checkpoint underneath.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its name there.
    pub name: String,
    /// What of it is wanted.
    pub take: Take,
}

/// What of a tensor is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Take {
    /// All of it.
    Whole,
    /// Rows `from..from + n`, where n is as many as are asked for.
    RowsFrom(usize),
    /// All of it, the second half of the rows first.
    HalvesSwapped,
}

impl Taken {
    /// All of a tensor.
    #[must_use]
    pub fn whole(name: String) -> Self {
        Self { name, take: Take::Whole }
    }
}

/// A view whose names are translated by `place`.
pub struct Renamed<F> {
    source: Arc<dyn Source>,
    place: F,
}

impl<F: Fn(&str) -> Taken + Send + Sync> Renamed<F> {
    /// A view of `source`.
    pub fn new(source: Arc<dyn Source>, place: F) -> Self {
        Self { source, place }
    }

    fn rows(&self, taken: &Taken, shape: &[usize], rows: Range<usize>) -> Result<Origin> {
        // The whole tensor has the asked shape but for its rows.
        let mut all = shape.to_vec();
        if let (Some(first), Some(there)) = (all.first_mut(), self.source.shape(&taken.name)) {
            *first = there.first().copied().unwrap_or(*first).max(rows.end);
        }
        Ok(self.source.find(&taken.name, &all)?.rows(rows, shape[1..].iter().product()))
    }
}

impl<F: Fn(&str) -> Taken + Send + Sync> Source for Renamed<F> {
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.source.shape(&(self.place)(name).name)
    }

    fn find(&self, name: &str, shape: &[usize]) -> Result<Origin> {
        let taken = (self.place)(name);
        match taken.take {
            Take::Whole => self.source.find(&taken.name, shape),
            Take::RowsFrom(first) => self.rows(&taken, shape, first..first + shape[0]),
            Take::HalvesSwapped => {
                let whole = self.source.find(&taken.name, shape)?.read()?;
                let (n, columns) = (shape[0], shape[1..].iter().product());
                Ok(whole.rows(n / 2..n, columns).followed_by(whole.rows(0..n / 2, columns))?.into())
            }
        }
    }

    fn forget(&self, prefix: &str) {
        self.source.forget(&(self.place)(prefix).name);
    }
}

//! A network's blocks, one after the other: all kept in memory, or each read anew for every use, so that a network
//! larger than memory computes, slower but alive.

use super::Weights;
use crate::engine::Result;

/// Reads a block.
type Load<B> = Box<dyn Fn(&Weights) -> Result<B>>;

/// Blocks of one kind.
pub enum Stack<B> {
    /// All in memory.
    Kept(Vec<B>),
    /// Each read when it is used, and dropped after it.
    Streamed {
        /// Where each block's tensors are.
        at: Vec<Weights>,
        /// Reads one.
        load: Load<B>,
    },
}

impl<B> Stack<B> {
    /// The blocks whose tensors are at those places, kept or `streamed`. `go_on` is asked before each that is read.
    ///
    /// # Errors
    /// When `go_on` says so, or a block that is kept cannot be read.
    pub fn load(
        at: Vec<Weights>,
        streamed: bool,
        go_on: &dyn Fn() -> Result<()>,
        load: impl Fn(&Weights) -> Result<B> + 'static,
    ) -> Result<Self> {
        if streamed {
            return Ok(Self::Streamed { at, load: Box::new(load) });
        }
        at.iter().map(|at| go_on().and_then(|()| load(at))).collect::<Result<_>>().map(Self::Kept)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Kept(blocks) => blocks.len(),
            Self::Streamed { at, .. } => at.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Uses block `i`.
    ///
    /// # Errors
    /// When it cannot be read, or `work` fails.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn with<T>(&self, i: usize, work: impl FnOnce(&B) -> Result<T>) -> Result<T> {
        match self {
            Self::Kept(blocks) => work(&blocks[i]),
            Self::Streamed { at, load } => {
                let done = work(&load(&at[i])?);
                at[i].forget();
                done
            }
        }
    }
}

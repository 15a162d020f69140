//! The chain with its real neighbours.

mod keys;

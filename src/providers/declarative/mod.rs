//! Providers that are data: one TOML file each, read, checked and carried out here. It owns the vocabulary of these
//! files (docs/adding-a-provider.md) and must not know routes, key pools, jobs or other providers.

pub mod file;
pub mod folder;
pub mod template;

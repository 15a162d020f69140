//! How the providers stand, for administrators. It must not change anything.

use super::Chain;
use super::route::LOCAL;
use crate::media::providers::{ProviderView, Providers};
use std::collections::BTreeSet;
use tokio::time::Instant;

impl Providers for Chain {
    fn standings(&self) -> Vec<ProviderView> {
        let (now, keys) = (Instant::now(), self.keys.view());
        let elsewhere = self.providers.iter().filter(|provider| provider.id() != LOCAL);
        let mut views: Vec<ProviderView> = elsewhere
            .map(|provider| {
                let tasks: BTreeSet<String> = provider.models().into_iter().flat_map(|card| card.tasks).collect();
                ProviderView {
                    id: provider.id().to_owned(),
                    title: provider.title().to_owned(),
                    keyed: provider.manners().keyed,
                    tasks: tasks.into_iter().collect(),
                    keys: keys.iter().filter(|key| key.provider == provider.id()).cloned().collect(),
                    breaker: self.breakers.view(provider.id(), now),
                }
            })
            .collect();
        views.sort_by(|one, other| one.id.cmp(&other.id));
        views
    }
}

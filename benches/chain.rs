//! What the chain itself costs: a request that its provider answers at once, without a network. `cargo bench
//! --no-default-features --bench chain` prints medians in microseconds.

use async_trait::async_trait;
use samovar::chain::keys::{KeyPools, Supply};
use samovar::chain::{Chain, Settings, Unwritten, route};
use samovar::media::models::ModelCard;
use samovar::media::{
    Answered, Content, DrawnPicture, Failure, ImageRequest, ImageResult, Picture, Provenance, Refusal, Request, Watch,
};
use samovar::providers::{Call, Key, Manners, Provider};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Requests measured in each case.
const ROUNDS: usize = 20_000;

/// Answers at once, or refuses at once.
struct AtOnce {
    id: String,
    refuses: bool,
}

#[async_trait]
impl Provider for AtOnce {
    fn id(&self) -> &str {
        &self.id
    }

    fn title(&self) -> &str {
        &self.id
    }

    fn models(&self) -> Vec<ModelCard> {
        vec![ModelCard {
            name: format!("{}-large", self.id),
            title: "Large".to_owned(),
            provider: self.id.clone(),
            tasks: vec!["image.generate".to_owned()],
            ready: true,
            created: 0,
            languages: vec!["en".to_owned()],
            elsewhere: Vec::new(),
            levels: Vec::new(),
            canvas: None,
        }]
    }

    fn manners(&self) -> Manners {
        Manners { keyed: true, concurrency: 4, own_policy: false, patience: Duration::from_secs(60) }
    }

    async fn answer(&self, call: Call<'_>) -> Result<Answered, Failure> {
        if self.refuses {
            // The one class that changes nothing: neither key nor provider rests after it.
            return Err(Failure::remote(&self.id, Refusal::Invalid));
        }
        let picture = Picture { width: 1, height: 1, rgb: vec![0; 3] };
        let pictures = vec![DrawnPicture { picture, seed: None }];
        let provenance = Provenance { provider: self.id.clone(), model: call.model.to_owned(), fallback_reason: None };
        let content = Content::Pictures(ImageResult { pictures, drawing: None, upscaling: None });
        Ok(Answered { content, provenance, notices: Vec::new(), bytes: 0 })
    }

    async fn probe(&self, _: Option<&Key>) -> Result<(), Failure> {
        Ok(())
    }
}

async fn chain(providers: usize, keys: usize) -> Chain {
    let provider = |n: usize| AtOnce { id: format!("p{n}"), refuses: n + 1 < providers };
    let all: Vec<Arc<dyn Provider>> = (0..providers).map(|n| Arc::new(provider(n)) as Arc<dyn Provider>).collect();
    let supply = |n: usize| {
        let id = format!("p{n}");
        let key = |k: usize| Key::new(&id, format!("a-key-of-the-bench-{n}-{k}").into(), BTreeMap::new());
        Supply { provider: id.clone(), keyed: true, concurrency: 4, keys: (0..keys).map(key).collect() }
    };
    let pools = KeyPools::open(None, (0..providers).map(supply).collect(), None).await.expect("no file");
    let links: Vec<String> = (0..providers).map(|n| format!("p{n}")).collect();
    let route = route::parse(&links.join(",")).expect("a route");
    let routes = BTreeMap::from([("image.generate".to_owned(), route)]);
    let settings = Settings { routes, allow_paths: false, local_queue: 2, budget: Duration::from_secs(600) };
    Chain::new(settings, all, pools).expect("a chain")
}

async fn measure(name: &str, providers: usize, keys: usize) {
    let chain = chain(providers, keys).await;
    let request = Request::from(ImageRequest::new("a red apple on a wooden table, oil painting"));
    let watch = Watch::nobody();
    let mut took: Vec<Duration> = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let reply = chain.ask(black_box(&request), &watch, &Unwritten).await;
        took.push(start.elapsed());
        assert!(reply.result.is_ok(), "{:?}", reply.result);
    }
    took.sort_unstable();
    let at = |part: usize| took[ROUNDS * part / 100].as_secs_f64() * 1e6;
    println!("{name}: median {:.1} µs, p99 {:.1} µs", at(50), at(99));
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        measure("the first link answers, one key", 1, 1).await;
        measure("the first link answers, ten keys", 1, 10).await;
        measure("the fifth link answers, four refuse", 5, 2).await;
    });
}

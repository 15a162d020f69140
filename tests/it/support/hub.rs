//! A model hub on this machine, with the real one's shapes (listing, redirects, `x-linked-etag`, ranges) and with the
//! faults of a bad day: connections that are cut or stand still, lies, refusals, overload.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream::{self, StreamExt};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::Url;

/// The commit of every repository.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// One thing that goes wrong at the next request for a file's bytes.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The connection is cut after so many bytes.
    Cut(usize),
    /// The connection stays open but silent after so many bytes.
    Hang(usize),
    /// So many bytes at a time, with a pause after each piece.
    Trickle(usize, Duration),
    /// The range asked for is ignored.
    WholeFile,
    /// As [`Fault::WholeFile`], and the length is not told.
    NoLength,
    /// This status, with a header.
    Refuse(u16, &'static str, &'static str),
}

/// A request that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `listing`, `file` (at the hub) or `bytes` (at the storage behind it).
    pub at: &'static str,
    /// Path of the file, or name of the repository.
    pub path: String,
    /// The range asked for.
    pub range: Option<String>,
    /// The `Authorization` header.
    pub authorisation: Option<String>,
}

#[derive(Clone)]
struct Stored {
    bytes: Bytes,
    large: bool,
    declared_digest: String,
    declared_size: u64,
}

#[derive(Default)]
struct Shelf {
    files: HashMap<(String, String), Stored>,
    faults: HashMap<String, VecDeque<Fault>>,
    /// A refusal for every request of a repository, until it is taken away.
    gates: HashMap<String, (StatusCode, &'static str)>,
    seen: Vec<Seen>,
    without_listing: bool,
    listing_fault: VecDeque<Fault>,
}

struct Shared {
    shelf: Mutex<Shelf>,
    storage: String,
}

/// The running hub. Its server ends with the test's runtime.
pub struct Hub {
    shared: Arc<Shared>,
    /// What `HF_ENDPOINT` is set to.
    pub endpoint: Url,
}

impl Hub {
    /// Starts a hub and the storage behind it, on ports of their own.
    pub async fn start() -> Self {
        let hub = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let storage = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Url::parse(&format!("http://{}", hub.local_addr().unwrap())).unwrap();
        let storage_address = format!("http://{}", storage.local_addr().unwrap());
        let shared = Arc::new(Shared { shelf: Mutex::default(), storage: storage_address });
        let routes = Router::new()
            .route("/api/models/{owner}/{name}/revision/{revision}", get(listing))
            .route("/{owner}/{name}/resolve/{revision}/{*path}", get(resolve))
            .route("/api/resolve-cache/models/{owner}/{name}/{revision}/{*path}", get(small))
            .with_state(Arc::clone(&shared));
        let behind = Router::new().route("/{owner}/{name}/{*path}", get(large)).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(hub, routes).await });
        tokio::spawn(async move { axum::serve(storage, behind).await });
        Self { shared, endpoint }
    }

    /// Puts a large file (kept in the storage behind the hub) into a repository.
    pub fn put_large(&self, repo: &str, path: &str, bytes: Vec<u8>) {
        let digest = hexadecimal(&Sha256::digest(&bytes));
        self.put(repo, path, bytes, digest, true);
    }

    /// Puts a small file (kept in git) into a repository.
    pub fn put_small(&self, repo: &str, path: &str, bytes: Vec<u8>) {
        let mut hash = Sha1::new();
        hash.update(format!("blob {}\0", bytes.len()));
        hash.update(&bytes);
        let digest = hexadecimal(&hash.finalize());
        self.put(repo, path, bytes, digest, false);
    }

    fn put(&self, repo: &str, path: &str, bytes: Vec<u8>, declared_digest: String, large: bool) {
        let stored = Stored { declared_size: bytes.len() as u64, bytes: bytes.into(), large, declared_digest };
        self.shelf(|shelf| shelf.files.insert((repo.to_owned(), path.to_owned()), stored));
    }

    /// Declares another hash than the file has.
    pub fn lie_about_hash(&self, repo: &str, path: &str) {
        self.edit(repo, path, |file| file.declared_digest = "f".repeat(64));
    }

    /// Declares another size than the file has.
    pub fn lie_about_size(&self, repo: &str, path: &str, size: u64) {
        self.edit(repo, path, |file| file.declared_size = size);
    }

    fn edit(&self, repo: &str, path: &str, change: impl FnOnce(&mut Stored)) {
        self.shelf(|shelf| change(shelf.files.get_mut(&(repo.to_owned(), path.to_owned())).unwrap()));
    }

    /// Lets the next requests for a file's bytes fail, in this order.
    pub fn fail(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        self.shelf(|shelf| shelf.faults.entry(path.to_owned()).or_default().extend(faults));
    }

    /// Lets the next request for a listing fail.
    pub fn fail_listing(&self, fault: Fault) {
        self.shelf(|shelf| shelf.listing_fault.push_back(fault));
    }

    /// Refuses every file of a repository with this status and `x-error-code`.
    pub fn gate(&self, repo: &str, status: u16, code: &'static str) {
        let status = StatusCode::from_u16(status).unwrap();
        self.shelf(|shelf| shelf.gates.insert(repo.to_owned(), (status, code)));
    }

    /// Serves files only, as plain mirrors do.
    pub fn without_listing(&self) {
        self.shelf(|shelf| shelf.without_listing = true);
    }

    /// What was asked so far, forgetting it.
    pub fn seen(&self) -> Vec<Seen> {
        self.shelf(|shelf| std::mem::take(&mut shelf.seen))
    }

    /// The ranges of the requests for a file's bytes so far.
    pub fn ranges(&self, path: &str) -> Vec<Option<String>> {
        let bytes = self.shelf(|shelf| shelf.seen.clone());
        bytes.into_iter().filter(|seen| seen.at == "bytes" && seen.path == path).map(|seen| seen.range).collect()
    }

    fn shelf<T>(&self, look: impl FnOnce(&mut Shelf) -> T) -> T {
        look(&mut self.shared.shelf.lock().unwrap())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn note(shelf: &mut Shelf, at: &'static str, path: &str, headers: &HeaderMap) {
    let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let (range, authorisation) = (text(header::RANGE), text(header::AUTHORIZATION));
    shelf.seen.push(Seen { at, path: path.to_owned(), range, authorisation });
}

fn refusal(status: StatusCode, name: &'static str, value: &'static str) -> Response {
    (status, [(name, value)], "no").into_response()
}

async fn listing(
    State(shared): State<Arc<Shared>>,
    Path((owner, name, _revision)): Path<(String, String, String)>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let repo = format!("{owner}/{name}");
    let mut shelf = shared.shelf.lock().unwrap();
    note(&mut shelf, "listing", &repo, &headers);
    if let Some(Fault::Refuse(status, name, value)) = shelf.listing_fault.pop_front() {
        return refusal(StatusCode::from_u16(status).unwrap(), name, value);
    }
    if shelf.without_listing || !shelf.files.keys().any(|(of, _)| *of == repo) {
        return refusal(StatusCode::NOT_FOUND, "x-error-code", "RepoNotFound");
    }
    let blobs = query.get("blobs").is_some_and(|blobs| blobs == "true");
    let sibling = |((_, path), file): (&(String, String), &Stored)| match (blobs, file.large) {
        (false, _) => serde_json::json!({"rfilename": path}),
        (true, false) => {
            serde_json::json!({"rfilename": path, "size": file.declared_size, "blobId": file.declared_digest})
        }
        (true, true) => serde_json::json!({
            "rfilename": path,
            "size": file.declared_size,
            "blobId": "1".repeat(40),
            "lfs": {"sha256": file.declared_digest, "size": file.declared_size, "pointerSize": 135},
        }),
    };
    let siblings: Vec<_> = shelf.files.iter().filter(|((of, _), _)| *of == repo).map(sibling).collect();
    axum::Json(serde_json::json!({"id": repo, "sha": COMMIT, "siblings": siblings})).into_response()
}

async fn resolve(
    State(shared): State<Arc<Shared>>,
    Path((owner, name, revision, path)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let repo = format!("{owner}/{name}");
    let mut shelf = shared.shelf.lock().unwrap();
    note(&mut shelf, "file", &path, &headers);
    if let Some((status, code)) = shelf.gates.get(&repo) {
        return refusal(*status, "x-error-code", code);
    }
    if revision != "main" && revision != COMMIT {
        return refusal(StatusCode::NOT_FOUND, "x-error-code", "RevisionNotFound");
    }
    let Some(file) = shelf.files.get(&(repo.clone(), path.clone())) else {
        let known = shelf.files.keys().any(|(of, _)| *of == repo);
        return refusal(StatusCode::NOT_FOUND, "x-error-code", if known { "EntryNotFound" } else { "RepoNotFound" });
    };
    if !file.large {
        let to = format!("/api/resolve-cache/models/{repo}/{COMMIT}/{path}");
        return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response();
    }
    let quoted = format!("\"{}\"", file.declared_digest);
    let to = format!("{}/{repo}/{path}?signature=secret", shared.storage);
    let said = [
        ("location", to),
        ("x-linked-etag", quoted),
        ("x-linked-size", file.declared_size.to_string()),
        ("x-repo-commit", COMMIT.to_owned()),
    ];
    (StatusCode::FOUND, said).into_response()
}

async fn small(
    State(shared): State<Arc<Shared>>,
    Path((owner, name, _revision, path)): Path<(String, String, String, String)>,
    request: Request,
) -> Response {
    let mut response = send(&shared, &format!("{owner}/{name}"), &path, request.headers());
    let shelf = shared.shelf.lock().unwrap();
    let digest = &shelf.files[&(format!("{owner}/{name}"), path)].declared_digest;
    let headers = response.headers_mut();
    headers.insert("etag", HeaderValue::from_str(&format!("\"{digest}\"")).unwrap());
    headers.insert("x-repo-commit", HeaderValue::from_static(COMMIT));
    response
}

async fn large(
    State(shared): State<Arc<Shared>>,
    Path((owner, name, path)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    let mut response = send(&shared, &format!("{owner}/{name}"), &path, request.headers());
    // The storage has etags of its own, which say nothing of the content.
    response.headers_mut().insert("etag", HeaderValue::from_static("\"5d41402abc4b2a76b9719d911017c592-1\""));
    response
}

/// Sends the bytes of a file, or of the range asked for, with whatever goes wrong next.
fn send(shared: &Shared, repo: &str, path: &str, headers: &HeaderMap) -> Response {
    let mut shelf = shared.shelf.lock().unwrap();
    note(&mut shelf, "bytes", path, headers);
    let fault = shelf.faults.get_mut(path).and_then(VecDeque::pop_front);
    let bytes = shelf.files[&(repo.to_owned(), path.to_owned())].bytes.clone();
    drop(shelf);
    if let Some(Fault::Refuse(status, name, value)) = fault {
        return refusal(StatusCode::from_u16(status).unwrap(), name, value);
    }
    let range = headers.get(header::RANGE).filter(|_| !matches!(fault, Some(Fault::WholeFile | Fault::NoLength)));
    let total = bytes.len();
    let Some(range) = range else { return answer(StatusCode::OK, None, bytes, fault) };
    let (from, to) = range.to_str().unwrap().strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let from: usize = from.parse().unwrap();
    let to = to.parse().map_or(total, |to: usize| (to + 1).min(total));
    if from >= total {
        return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    }
    let told = format!("bytes {from}-{}/{total}", to - 1);
    answer(StatusCode::PARTIAL_CONTENT, Some(told), bytes.slice(from..to), fault)
}

fn answer(status: StatusCode, range: Option<String>, bytes: Bytes, fault: Option<Fault>) -> Response {
    let length = bytes.len();
    let tells_length = !matches!(fault, Some(Fault::NoLength));
    let body = match fault {
        Some(Fault::Cut(after)) => {
            let end = std::io::Error::other("cut");
            Body::from_stream(pieces(bytes.slice(..after.min(length))).chain(stream::iter([Err(end)])))
        }
        Some(Fault::Hang(after)) => Body::from_stream(pieces(bytes.slice(..after)).chain(stream::pending())),
        Some(Fault::Trickle(piece, pause)) => {
            let slices: Vec<Bytes> = bytes.chunks(piece).map(Bytes::copy_from_slice).collect();
            Body::from_stream(stream::iter(slices).then(move |slice| async move {
                tokio::time::sleep(pause).await;
                Ok::<_, std::io::Error>(slice)
            }))
        }
        _ => Body::from_stream(pieces(bytes)),
    };
    let mut response = Response::builder().status(status);
    if tells_length {
        response = response.header(header::CONTENT_LENGTH, length);
    }
    if let Some(range) = range {
        response = response.header(header::CONTENT_RANGE, range);
    }
    response.body(body).unwrap()
}

fn pieces(bytes: Bytes) -> stream::Iter<std::vec::IntoIter<Result<Bytes, std::io::Error>>> {
    const PIECE: usize = 1 << 16;
    let piece = |at: usize| Ok(bytes.slice(at..(at + PIECE).min(bytes.len())));
    stream::iter((0..bytes.len()).step_by(PIECE).map(piece).collect::<Vec<_>>())
}

//! The sockets of a fake: a thread with a runtime of its own, so that tests with and without one can use it.

use super::reply::Reply;
use super::{Asked, Behaviour, House, Kind, bytes};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures::stream;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// More than any cap on a download of a film.
const TOO_MUCH: usize = 300 << 20;

/// A socket that is bound but does not answer yet.
pub struct Listener(std::net::TcpListener);

/// A server that ends with this value.
pub struct Running {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    pub fn bind() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub fn origin(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    pub fn serve(self, house: Arc<House>) -> Running {
        self.run(Router::new().fallback(respond).with_state(house))
    }

    /// Keeps what reaches it, and answers as if it were the real thing.
    pub fn serve_strays(self, house: Arc<House>) -> Running {
        self.run(Router::new().fallback(stray).with_state(house))
    }

    fn run(self, router: Router) -> Running {
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(self.0).unwrap();
                tokio::select! {
                    ended = async { axum::serve(listener, router).await } => ended.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Running { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "a fake's server panicked");
        }
    }
}

async fn stray(State(house): State<Arc<House>>, request: Request) -> Response {
    let asked = Asked::read(request).await;
    house.strayed.lock().unwrap().push(asked);
    Reply::file("image/png", bytes::png()).into_response()
}

async fn respond(State(house): State<Arc<House>>, request: Request) -> Response {
    let mut asked = Asked::read(request).await;
    asked.kind = if asked.path.starts_with("/cdn/") { Kind::Download } else { house.character.kind(&asked) };
    asked.key = house.character.key(&asked);
    house.asked.lock().unwrap().push(asked.clone());
    if asked.path.starts_with("/cdn/") {
        return download(&house, &asked).await;
    }
    let behaviour = house.behaviour(asked.key.as_deref());
    if asked.kind == Kind::Submit {
        match behaviour {
            Behaviour::Hang => hang(&house).await,
            Behaviour::Cut => cut(),
            _ => {}
        }
    }
    answer(&house, &asked, behaviour).into_response()
}

fn answer(house: &House, asked: &Asked, behaviour: Behaviour) -> Reply {
    let character = &house.character;
    let bad_key = || character.refusal(Behaviour::BadKey, asked).expect("every provider refuses a bad key");
    if asked.key.is_none() {
        house.complain(format!("no key where it belongs: {} {}", asked.method, asked.path));
        return bad_key();
    }
    if behaviour == Behaviour::BadKey {
        return bad_key();
    }
    if asked.kind == Kind::Submit {
        if behaviour == Behaviour::Malformed {
            return Reply::malformed();
        }
        if let Some(refusal) = character.refusal(behaviour, asked) {
            return refusal;
        }
    }
    let reply = character.answer(house, asked);
    let in_place = reply.last && !String::from_utf8_lossy(&reply.body).contains("/cdn/");
    match behaviour {
        Behaviour::WrongType if in_place => Reply::page(),
        // A job that is done and has nothing to show is the provider's own to tell.
        Behaviour::Empty if reply.last && asked.kind != Kind::Poll => Reply::json(200, &serde_json::json!({})),
        _ => reply,
    }
}

async fn download(house: &House, asked: &Asked) -> Response {
    let (_, path) = asked.line();
    let behaviour = path.get(1).and_then(|word| Behaviour::named(word)).unwrap_or(Behaviour::Ok);
    let film = asked.path.ends_with(".mp4");
    match behaviour {
        Behaviour::Redirect => Reply::text(302, "text/plain", "").with("location", format!("{}/x", house.elsewhere)),
        Behaviour::Expired => Reply::json(404, &serde_json::json!({ "detail": "Not Found" })),
        Behaviour::WrongType => Reply::page(),
        Behaviour::Oversized => return oversized(film),
        _ if film => Reply::file("video/mp4", bytes::mp4()),
        _ => Reply::file("image/png", bytes::png()),
    }
    .into_response()
}

/// A file that begins well and does not end, and whose length is not told.
fn oversized(film: bool) -> Response {
    let beginning = if film { bytes::mp4() } else { bytes::png() };
    let piece = vec![0_u8; 1 << 20];
    let pieces = std::iter::once(beginning).chain(std::iter::repeat_n(piece, TOO_MUCH >> 20));
    let body = Body::from_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)));
    let sort = if film { "video/mp4" } else { "image/png" };
    Response::builder().header("content-type", sort).body(body).unwrap()
}

/// Stands still until it is let go, and closes the connection.
async fn hang(house: &House) -> ! {
    let mut released = house.released.subscribe();
    let _ended = released.wait_for(|released| *released).await;
    cut()
}

/// Closes the connection without a word. Only an end of the connection's task does that; this way without a message.
fn cut() -> ! {
    std::panic::resume_unwind(Box::new("the connection is cut"))
}

//! The socket of a fake: a thread with a runtime of its own, so that a test may block, or stop its own clock.

use super::faults::Fault;
use super::history::Event;
use super::methods;
use super::polling;
use super::postman;
use super::recorder::{Call, Outcome};
use super::refusal::Refusal;
use super::request::Request;
use super::world::World;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request as Http, State};
use axum::response::Response;
use serde_json::Value;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Largest body read; what is above the limits of the Bot API is refused after that.
const MOST: usize = 160 << 20;

const GATEWAY: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway\
                       </h1></center>\r\n<hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n";

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

    pub fn serve(self, world: Arc<World>) -> Running {
        let router = Router::new().fallback(respond).with_state(world.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(self.0).unwrap();
                tokio::select! {
                    ended = async { axum::serve(listener, router).await } => ended.unwrap(),
                    () = postman::deliver(world) => {}
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

async fn respond(State(world): State<Arc<World>>, http: Http) -> Response {
    let path = http.uri().path().replace("%3A", ":");
    if let Some(rest) = path.strip_prefix("/file/bot") {
        return download(&world, rest).await;
    }
    let Some((token, method)) = path.strip_prefix("/bot").and_then(|rest| rest.split_once('/')) else {
        return refused(&Refusal::new(404, "Not Found"));
    };
    let method = method.to_ascii_lowercase();
    if world.change(|state| state.script.takes_unread(&method)) {
        cut();
    }
    let request = match read(&method, http).await {
        Ok(request) => request,
        Err(refusal) => return refused(&refusal),
    };
    if !world.look(|state| state.token == token) {
        let shaped = token.split_once(':').is_some_and(|(id, _)| id.parse::<u64>().is_ok());
        let why = if shaped { "Unauthorized" } else { "Unauthorized: invalid token specified" };
        return refused(&Refusal::new(401, why));
    }
    answer(world, request).await
}

async fn read(method: &str, http: Http) -> Result<Request, Refusal> {
    let (head, body) = http.into_parts();
    let too_large = |_| Refusal::new(413, "Request Entity Too Large");
    let body = to_bytes(body, MOST).await.map_err(too_large)?;
    let sort = head.headers.get("content-type").and_then(|sort| sort.to_str().ok()).unwrap_or_default();
    Request::read(method, head.uri.query().unwrap_or_default(), body, sort).await
}

/// Writes a call down, and treats it as the script says.
async fn answer(world: Arc<World>, request: Request) -> Response {
    let (call, fault) = world.change(|state| {
        let query = state.taps.get(&request.text("callback_query_id"));
        let chat = request.chat().or(query.map(|query| query.chat));
        state.calls.push(Call::new(&request, chat));
        if let Some(chat) = chat {
            state.updates.reacted(chat);
        }
        (state.calls.len() - 1, state.script.take(&request.method, chat))
    });
    match fault {
        None | Some(Fault::Mute | Fault::DropAfter) => {}
        Some(Fault::Hang) => {
            settle(&world, call, Outcome::Lost);
            release(&world).await;
            cut();
        }
        Some(Fault::DropBefore) => {
            settle(&world, call, Outcome::Lost);
            cut();
        }
        Some(Fault::Hold) => release(&world).await,
        Some(Fault::Slow(time)) => tokio::time::sleep(time).await,
        Some(Fault::TooMany(seconds)) => {
            let chat = world.look(|state| state.calls[call].chat).unwrap_or_default();
            world.change(|state| state.limiter.count(chat, |tally| tally.too_many += 1));
            return refuse(&world, call, Refusal::too_many(seconds));
        }
        Some(Fault::Refused(refusal)) => return refuse(&world, call, refusal),
        Some(Fault::Server) => return refuse(&world, call, Refusal::new(500, "Internal Server Error")),
        Some(Fault::Gateway) => {
            settle(&world, call, Outcome::Refused(Refusal::new(502, "Bad Gateway")));
            let page = Response::builder().status(502).header("content-type", "text/html");
            return page.body(Body::from(GATEWAY)).expect("a header that can be sent");
        }
    }
    let body = match done(&world, request).await {
        Ok(body) => body,
        Err(refusal) => return refuse(&world, call, refusal),
    };
    if matches!(fault, Some(Fault::Mute | Fault::DropAfter)) {
        settle(&world, call, Outcome::Unheard);
        if fault == Some(Fault::DropAfter) {
            cut();
        }
        release(&world).await;
    } else {
        settle(&world, call, Outcome::Done(body["result"].clone()));
    }
    json(200, &body)
}

/// Pictures are looked at on another thread, so that a poll is answered meanwhile.
async fn done(world: &Arc<World>, request: Request) -> Result<Value, Refusal> {
    if request.method == "getupdates" {
        return polling::get_updates(world, &request).await.map(|done| done.body());
    }
    let (method, busy) = (request.method.clone(), world.clone());
    let ended = tokio::task::spawn_blocking(move || methods::done(&busy, &request).map(|done| done.body())).await;
    ended.unwrap_or_else(|error| {
        world.change(|state| state.complain(format!("the fake panicked in {method}: {error}")));
        Err(Refusal::new(500, "Internal Server Error"))
    })
}

fn settle(world: &World, call: usize, outcome: Outcome) {
    world.change(|state| {
        let (chat, method) = (state.calls[call].chat, state.calls[call].method.clone());
        let why = match &outcome {
            Outcome::Refused(refusal) => Some(refusal.description.clone()),
            Outcome::Unheard => Some("done, but the answer did not come".to_owned()),
            Outcome::Lost => Some("cut off, not done".to_owned()),
            Outcome::Open | Outcome::Done(_) => None,
        };
        state.calls[call].outcome = outcome;
        if let (Some(chat), Some(why)) = (chat, why) {
            state.note(chat, Event::Failed { method, why });
        }
    });
}

fn refuse(world: &World, call: usize, refusal: Refusal) -> Response {
    let response = refused(&refusal);
    settle(world, call, Outcome::Refused(refusal));
    response
}

fn refused(refusal: &Refusal) -> Response {
    let mut response = json(refusal.code, &refusal.body());
    let seconds = refusal.parameters.as_ref().and_then(|parameters| parameters["retry_after"].as_u64());
    if let Some(seconds) = seconds {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}

fn json(status: u16, body: &Value) -> Response {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(Body::from(body.to_string())).expect("a header that can be sent")
}

/// A file by the path that `getFile` gave. Faults of `"file"` concern it.
async fn download(world: &World, rest: &str) -> Response {
    let gone = || refused(&Refusal::new(404, "Not Found"));
    let Some((token, path)) = rest.split_once('/') else { return gone() };
    if !world.look(|state| state.token == token) {
        return refused(&Refusal::new(401, "Unauthorized"));
    }
    let fault = world.change(|state| state.script.take("file", None));
    match fault {
        None => {}
        Some(Fault::Hang | Fault::Mute) => {
            release(world).await;
            cut();
        }
        Some(Fault::Hold) => release(world).await,
        Some(Fault::Slow(time)) => tokio::time::sleep(time).await,
        Some(Fault::DropBefore | Fault::DropAfter) => cut(),
        Some(Fault::TooMany(seconds)) => return refused(&Refusal::too_many(seconds)),
        Some(Fault::Refused(refusal)) => return refused(&refusal),
        Some(Fault::Server | Fault::Gateway) => return refused(&Refusal::new(500, "Internal Server Error")),
    }
    let Some(bytes) = world.look(|state| state.files.by_path(path).map(|stored| stored.bytes.clone())) else {
        return gone();
    };
    let response = Response::builder().header("content-type", "application/octet-stream");
    response.body(Body::from(bytes)).expect("a header that can be sent")
}

/// Stands still until it is let go.
async fn release(world: &World) {
    let mut released = world.released.subscribe();
    // The test is gone when the sender is.
    let _ended = released.changed().await;
}

/// Closes the connection without a word. Only an end of the connection's task does that; this way without a message.
fn cut() -> ! {
    std::panic::resume_unwind(Box::new("the connection is cut"))
}

//! A server with a bot, and the Telegram it talks with.

use crate::support::desk::Desk;
use crate::support::server::Server;
use crate::telegram::{FakeTelegram, Person};
use rustix::process::Signal;
use std::time::Duration;

/// Nothing here takes as long; a test that waits longer hangs. Several engines may draw on one machine at once.
const HANG: Duration = Duration::from_secs(600);

/// The label of a button in Russian.
pub const CANCEL: &str = "✖ Отменить";

/// A server with a bot, and its Telegram.
pub struct Stage {
    /// Where people write.
    pub telegram: FakeTelegram,
    desk: Desk,
    set: Vec<(String, String)>,
    server: Option<Server>,
}

impl Stage {
    /// With nothing but what is shipped.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With more in the environment.
    pub async fn with(set: &[(&str, &str)]) -> Self {
        let mut stage = Self::closed(set).await;
        stage.open().await;
        stage
    }

    /// As [`Self::with`], without the server.
    pub async fn closed(set: &[(&str, &str)]) -> Self {
        let telegram = FakeTelegram::start().await;
        telegram.set_patience(HANG);
        let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { telegram, desk: Desk::new(), set, server: None }
    }

    /// Sets one thing more for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.set.push((name.to_owned(), value.to_owned()));
    }

    /// Starts the server, where it was left.
    pub async fn open(&mut self) {
        let mut command = self.desk.command(&["serve", "--listen", "127.0.0.1:0"]);
        command
            .env("TELEGRAM_BOT_TOKEN", self.telegram.token())
            .env("TELEGRAM_API_URL", self.telegram.url())
            .env("SAMOVAR_GRACE", "0")
            .env("RUST_LOG", "info,samovar=debug")
            .envs(self.set.iter().map(|(name, value)| (name, value)));
        let server = tokio::task::spawn_blocking(move || Server::started(command)).await.unwrap();
        self.server = Some(server);
    }

    /// Ends the server as a power cut would. What it logged.
    pub fn kill(&mut self) -> String {
        self.server.take().unwrap().end(Signal::KILL).1
    }

    /// Tells the server to end, and waits until it has. What it logged.
    pub async fn close(&mut self) -> String {
        let server = self.server.take().unwrap();
        let (code, log) = tokio::task::spawn_blocking(move || server.end(Signal::TERM)).await.unwrap();
        assert_eq!(code, Some(0), "{log}");
        log
    }

    /// The server.
    pub fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// Runs a command of the program beside the server.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.desk.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Kopecks of somebody's balance, as the books have them.
    pub fn balance(&self, person: &Person) -> i64 {
        let shown = self.run(&["balance", "show", &format!("tg:{}", person.id)]);
        let line = shown.lines().next().unwrap_or_default();
        let digits: String = line.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
        let amount = digits.trim_start_matches(&person.id.to_string());
        (amount.trim_matches('.').parse::<f64>().unwrap_or_else(|_| panic!("{shown}")) * 100.0).round() as i64
    }

    /// Ends the test well: the books are right, and Telegram had nothing to complain of.
    pub async fn ends_well(mut self) {
        let log = self.close().await;
        assert!(!log.contains(&self.telegram.token()), "the token is in the log");
        let doctor = self.desk.command(&["doctor"]).output().unwrap();
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        assert!(said.contains("every balance is the sum of its ledger"), "{said}");
        assert_eq!(self.telegram.complaints(), Vec::<String>::new());
    }
}

/// The width and height of a picture.
pub fn sides(bytes: &[u8]) -> (u32, u32) {
    let picture = image::load_from_memory(bytes).unwrap();
    (picture.width(), picture.height())
}

/// A picture to send: `width` by `height`, in colours that differ from place to place.
pub fn picture(width: u32, height: u32) -> Vec<u8> {
    let shade = |x: u32, y: u32| image::Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 128]);
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_fn(width, height, shade).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

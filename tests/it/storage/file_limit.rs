//! The real server where the system lets no file grow beyond a limit: as a full disk does, and without being root.

use super::files;
use crate::support::desk::Desk;
use crate::support::server::Server;
use rustix::process::Signal;
use serde_json::Value;
use std::io::Cursor;
use std::process::Command;

fn bmp(side: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image::RgbImage::new(side, side).write_to(&mut bytes, image::ImageFormat::Bmp).unwrap();
    bytes.into_inner()
}

#[tokio::test]
async fn a_file_that_the_system_refuses_to_write_is_not_there_and_the_server_lives() {
    let desk = Desk::new();
    let serve = desk.command(&["serve", "--listen", "127.0.0.1:0"]);
    // 1 or 2 MiB, as the shell counts; without the trap a file over the limit ends the process.
    let mut limited = Command::new("/bin/sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\""]);
    limited.arg(serve.get_program()).args(serve.get_args()).current_dir(serve.get_current_dir().unwrap());
    limited.env_clear().envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let server = Server::started(limited);
    let url = format!("http://{}/v1/assets", server.address);
    let client = reqwest::Client::new();
    let send = async |bytes: Vec<u8>| {
        let answer = client.post(&url).body(bytes).send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap())
    };
    let media = desk.path("data/media");
    let (status, json) = send(bmp(1000)).await;
    assert_eq!((status, &json["error"]["code"]), (503, &Value::from("unavailable")), "{json}");
    assert_eq!(files(&media), Vec::<std::path::PathBuf>::new(), "half a file stayed");
    let (status, json) = send(bmp(100)).await;
    assert_eq!((status, &json["content_type"]), (201, &Value::from("image/bmp")), "{json}");
    assert_eq!(files(&media).len(), 1);
    let (code, log) = server.end(Signal::TERM);
    assert!(code == Some(0) && log.contains("File too large"), "{code:?} {log}");
}

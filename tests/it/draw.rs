//! `samovar draw` and `samovar bench` with the real programs and the bundled demo model.

use crate::support::desk::{Desk, stderr, stdout};
use crate::support::server::Server;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;

/// Draws and gives the line of JSON.
fn draw(desk: &Desk, arguments: &[&str]) -> Value {
    let output = desk.run(&[&["draw", "красное яблоко"], arguments].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let told = stdout(&output);
    assert_eq!(told.lines().count(), 1, "{told}");
    serde_json::from_str(&told).unwrap()
}

fn texts(path: &Path) -> Vec<(String, String)> {
    let file = BufReader::new(std::fs::File::open(path).unwrap());
    let reader = png::Decoder::new(file).read_info().unwrap();
    let chunks = &reader.info().utf8_text;
    chunks.iter().map(|t| (t.keyword.clone(), t.get_text().unwrap())).collect()
}

fn pixels(path: &Path) -> Vec<u8> {
    image::open(path).unwrap().into_rgb8().into_raw()
}

#[test]
fn a_picture_is_drawn_told_and_signed() {
    let desk = Desk::new();
    let told = draw(&desk, &["--seed", "42", "--out", "apple.png"]);
    let expected = [
        ("files", "[\"apple.png\"]"),
        ("model", "\"demo\""),
        ("provider", "\"local\""),
        ("seed", "42"),
        ("width", "128"),
        ("height", "128"),
        ("decoder", "\"vae\""),
    ];
    for (key, value) in expected {
        assert_eq!(told[key].to_string(), value, "{key}");
    }
    assert!(told["fallback_reason"].as_str().unwrap().contains("sdxl-turbo"), "{told}");
    for stage in ["load_s", "text_s", "denoise_s", "decode_s", "total_s"] {
        assert!(told["timings"][stage].as_f64().unwrap() > 0.0, "{stage}: {told}");
    }
    assert!(told["peak_rss_bytes"].as_u64().unwrap() > 1 << 20, "{told}");
    assert_eq!(desk.files(), ["apple.png"]);
    let texts = texts(&desk.path("apple.png"));
    for (key, value) in [("prompt", "красное яблоко"), ("seed", "42"), ("model", "demo"), ("steps", "1")] {
        assert!(texts.contains(&(key.to_owned(), value.to_owned())), "{key}={value} in {texts:?}");
    }
}

#[test]
fn picture_k_of_a_batch_is_the_one_that_seed_plus_k_draws_alone() {
    let desk = Desk::new();
    let batch = draw(&desk, &["--seed", "7", "--count", "2", "--out", "a.png"]);
    assert_eq!(batch["files"].to_string(), "[\"a.png\",\"a-2.png\"]");
    let alone = draw(&desk, &["--seed", "8", "--out", "alone.png"]);
    assert_eq!(alone["fallback_reason"], batch["fallback_reason"]);
    assert_eq!(pixels(&desk.path("a-2.png")), pixels(&desk.path("alone.png")));
    assert_ne!(pixels(&desk.path("a.png")), pixels(&desk.path("a-2.png")));
}

#[test]
fn a_named_model_has_no_fallback_reason_and_a_default_file_name_has_a_date() {
    let desk = Desk::new();
    let told = draw(&desk, &["--model", "demo", "--local-only"]);
    assert!(told["fallback_reason"].is_null(), "{told}");
    let files = desk.files();
    assert!(files.len() == 1 && files[0].starts_with("samovar-20") && files[0].ends_with(".png"), "{files:?}");
}

#[test]
fn a_picture_can_start_from_another_and_keep_what_the_mask_keeps() {
    let desk = Desk::new();
    draw(&desk, &["--seed", "1", "--out", "start.png"]);
    let keep_all = image::GrayImage::new(128, 128);
    keep_all.save(desk.path("mask.png")).unwrap();
    let told = draw(&desk, &["--image", "start.png", "--strength", "0.5", "--mask", "mask.png", "--out", "kept.png"]);
    assert_eq!((told["width"].as_u64(), told["height"].as_u64()), (Some(128), Some(128)));
    let (start, kept) = (pixels(&desk.path("start.png")), pixels(&desk.path("kept.png")));
    let apart: u64 = start.iter().zip(&kept).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    // Nothing may be repainted; what is left is what the autoencoder loses.
    assert!(apart / (start.len() as u64) < 8, "mean difference {}", apart / start.len() as u64);
}

#[test]
fn ctrl_c_ends_a_drawing_and_leaves_nothing() {
    let desk = Desk::new();
    let arguments = ["draw", "a cat", "--model", "demo", "--steps", "50", "--width", "512", "--height", "512"];
    let mut child = desk.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("step 1 ") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended before its first step");
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest}");
    assert!(rest.ends_with("error: cancelled\n"), "{rest}");
    assert_eq!(desk.files(), [""; 0]);
}

#[test]
fn a_server_told_to_end_in_the_middle_of_a_drawing_ends() {
    let desk = Desk::new();
    let server = Server::start(&desk);
    let job = r#"{"task":"image.generate","input":{"prompt":"a cat","model":"demo","steps":50,"size":"512x512"}}"#;
    let mut answer = String::new();
    server.ask("POST", "/v1/jobs", job).read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 202"), "{answer}");
    let job: Value = serde_json::from_str(body.trim()).unwrap();
    let mut events = server.ask("GET", &format!("/v1/jobs/{}/events", job["id"].as_str().unwrap()), "").lines();
    assert!(events.by_ref().any(|line| line.unwrap().contains("running")), "it never ran");
    let (code, said) = server.end(Signal::TERM);
    assert_eq!(code, Some(0), "{said}");
    // The listener was not left hanging: its stream ended with the server.
    assert!(events.all(|line| line.is_ok_and(|line| !line.contains("event: done"))), "{said}");
}

#[test]
fn bench_tells_the_median_of_its_runs_in_the_last_line() {
    let desk = Desk::new();
    let output = desk.run(&["bench", "demo", "--runs", "2", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let told = stdout(&output);
    let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    for key in ["total_s", "text_s", "denoise_s", "decode_s", "load_s"] {
        assert!(last[key].as_f64().unwrap() > 0.0, "{key}: {last}");
    }
    assert!(last["peak_rss_bytes"].as_u64().unwrap() > 0 && last["threads"].as_u64().unwrap() > 0, "{last}");
    assert_eq!((last["mode"].as_str(), last["decoder"].as_str()), (Some("fast"), Some("vae")));
    assert_eq!(told.lines().filter(|l| l.starts_with("run ")).count(), 2, "{told}");
}

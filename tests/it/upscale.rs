//! `samovar upscale` and the task `image.upscale` with the real programs and the bundled weights.

use crate::fakes::Fake;
use crate::support::desk::{Desk, stderr, stdout};
use crate::support::server::Server;
use rustix::process::{Pid, Signal, kill_process};
use samovar::local::catalogue::{self, Catalogue};
use samovar::local::{DeviceSetting, Local, Settings};
use samovar::media::task::ImageUpscale;
use samovar::media::{Answered, Failure, ImageRequest, Medium, Watch};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/upscale").join(name)
}

/// The bytes of a PNG of one colour.
fn grey(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let pixels = image::RgbImage::from_pixel(width, height, image::Rgb([90, 90, 90]));
    pixels.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn put(desk: &Desk, name: &str, bytes: &[u8]) {
    std::fs::write(desk.path(name), bytes).unwrap();
}

fn told(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    let told = stdout(output);
    assert_eq!(told.lines().count(), 1, "{told}");
    serde_json::from_str(&told).unwrap()
}

/// The largest difference from the reference, of 255 levels.
fn apart(ours: &image::DynamicImage, name: &str) -> f32 {
    let theirs = image::open(golden(name)).unwrap().into_rgb16();
    assert_eq!((ours.width(), ours.height()), theirs.dimensions());
    let pairs = ours.to_rgb8().into_raw().into_iter().zip(theirs.into_raw());
    pairs.map(|(a, b)| (f32::from(a) - f32::from(b) / 257.0).abs()).fold(0.0, f32::max)
}

#[test]
fn a_photo_is_enlarged_told_and_signed() {
    let desk = Desk::new();
    let photo = golden("photo.png").display().to_string();
    for (scale, reference) in [("4", "photo_x4.png"), ("2", "photo_x2.png")] {
        let output = desk.run(&["upscale", &photo, "--scale", scale, "--out", "large.png"]);
        let told = told(&output);
        let scale: u32 = scale.parse().unwrap();
        let expected = json!({ "files": ["large.png"], "model": "realesrgan", "provider": "local",
            "width": 49 * scale, "height": 43 * scale, "scale": scale, "fallback_reason": null, "notices": [] });
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&told[key], value, "{key}");
        }
        for stage in ["load_s", "upscale_s", "total_s"] {
            assert!(told["timings"][stage].as_f64().unwrap() > 0.0, "{stage}: {told}");
        }
        assert!(told["peak_rss_bytes"].as_u64().unwrap() > 1 << 20, "{told}");
        let apart = apart(&image::open(desk.path("large.png")).unwrap(), reference);
        assert!(apart <= 0.52, "{reference}: {apart}");
        let file = BufReader::new(std::fs::File::open(desk.path("large.png")).unwrap());
        let reader = png::Decoder::new(file).read_info().unwrap();
        let texts: Vec<_> =
            reader.info().utf8_text.iter().map(|t| (t.keyword.as_str(), t.get_text().unwrap())).collect();
        assert!(texts.contains(&("model", "realesrgan".to_owned())), "{texts:?}");
        assert!(!texts.iter().any(|(key, _)| *key == "prompt"), "{texts:?}");
    }
    assert_eq!(desk.files(), ["large.png"]);
}

#[test]
fn pictures_of_any_shape_are_enlarged() {
    let desk = Desk::new();
    for (width, height) in [(1, 1), (700, 1), (1, 130)] {
        put(&desk, "small.png", &grey(width, height));
        let told = told(&desk.run(&["upscale", "small.png", "--scale", "4", "--local-only", "--out", "large.png"]));
        let large = image::open(desk.path("large.png")).unwrap();
        assert_eq!((large.width(), large.height()), (4 * width, 4 * height), "{told}");
    }
    // What is transparent becomes white.
    image::RgbaImage::new(8, 8).save(desk.path("clear.png")).unwrap();
    told(&desk.run(&["upscale", "clear.png", "--out", "large.png"]));
    let large = image::open(desk.path("large.png")).unwrap().into_rgb8();
    assert!(large.into_raw().iter().all(|value| *value > 240));
}

#[test]
fn a_model_may_be_named_or_given_by_its_path() {
    let desk = Desk::new();
    put(&desk, "small.png", &grey(9, 7));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/realesrgan/realesr-general-x4v3.safetensors");
    let file = file.display().to_string();
    for model in ["realesrgan", &file] {
        let output = desk.run(&["upscale", "small.png", "--model", model, "--provider", "local", "--out", "large.png"]);
        assert_eq!(told(&output)["model"], model);
    }
    let refused = |model: &str, code, part: &str| {
        desk.refused_in_one_line(
            &["upscale", "small.png", "--model", model, "--local-only", "--out", "b.png"],
            code,
            part,
        );
    };
    refused("demo", 1, "demo");
    refused("no-such-model", 1, "no-such-model");
    put(&desk, "cut.safetensors", &std::fs::read(&file).unwrap()[..100_000]);
    refused("./cut.safetensors", 1, "cut off");
}

#[test]
fn what_cannot_be_enlarged_is_refused_before_anything_is_made() {
    let desk = Desk::new();
    put(&desk, "small.png", &grey(9, 7));
    put(&desk, "words.png", b"these are words and no picture");
    put(&desk, "cut.png", &std::fs::read(golden("photo.png")).unwrap()[..3000]);
    put(&desk, "wide.png", &grey(3000, 1700));
    let refused = |arguments: &[&str], code, part: &str| {
        desk.refused_in_one_line(&[&["upscale"], arguments].concat(), code, part);
    };
    refused(&["words.png", "--out", "a.png"], 2, "not a picture");
    refused(&["cut.png", "--out", "a.png"], 2, "not a picture that can be read");
    refused(&["small.png", "--scale", "3", "--out", "a.png"], 2, "2 and 4 are possible");
    refused(&["absent.png", "--out", "a.png"], 1, "absent.png cannot be read");
    refused(&["small.png", "--out", "a.jpg"], 2, "written as PNG");
    refused(&["small.png", "--out", "no/a.png"], 1, "does not exist");
    let both = "would become 12000x6800, 81600000 pixels; at most 80000000 pixels are made";
    refused(&["wide.png", "--scale", "4", "--out", "a.png"], 2, both);
    desk.refused(&["upscale", "small.png"], 2, "--out");
}

#[test]
fn ctrl_c_ends_the_work_and_leaves_nothing() {
    let desk = Desk::new();
    put(&desk, "photo.png", &grey(1500, 1500));
    let mut command = desk.command(&["upscale", "photo.png", "--scale", "4", "--out", "large.png"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("step 0 of 9") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended before it began");
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest}");
    assert!(rest.ends_with("error: cancelled\n"), "{rest}");
    assert_eq!(desk.files(), ["photo.png"]);
}

#[test]
fn without_memory_the_next_in_the_route_answers() {
    let desk = Desk::new();
    put(&desk, "small.png", &grey(64, 64));
    let upscale = ["upscale", "small.png", "--out", "large.png"];
    let mut command = desk.command(&[&upscale[..], &["--local-only"]].concat());
    let output = command.env("SAMOVAR_MEMORY_LIMIT", "60MiB").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("not enough memory: 0.10 GiB needed, 0.06 GiB available"), "{}", stderr(&output));
    let fal = Fake::fal();
    let mut command = desk.command(&upscale);
    command.env("SAMOVAR_MEMORY_LIMIT", "60MiB").env("FAL_KEY", "fal-key-0001").env("FAL_BASE_URL", fal.base_url());
    let told = told(&command.output().unwrap());
    assert_eq!(told["provider"], "fal", "{told}");
    assert!(told["fallback_reason"].as_str().unwrap().contains("not enough memory"), "{told}");
    assert!(told["timings"].is_null() && told["peak_rss_bytes"].is_null(), "{told}");
    assert!(fal.complaints().is_empty());
}

/// Sends bytes and reads the JSON of the answer.
fn upload(server: &Server, bytes: &[u8]) -> Value {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let (address, length) = (&server.address, bytes.len());
    let head = format!("POST /v1/assets HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    let head = format!("{head}Content-Type: image/png\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(&[head.as_bytes(), bytes].concat()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or_else(|e| panic!("{e}: {answer}"))
}

/// The job of this input once it has ended.
fn job(server: &Server, input: &Value) -> Value {
    let order = json!({ "task": "image.upscale", "input": input }).to_string();
    let submitted = server.json("POST", "/v1/jobs", &order);
    let id = submitted["id"].as_str().unwrap_or_else(|| panic!("{submitted}"));
    // The stream of its events ends with it.
    server.get(&format!("/v1/jobs/{id}/events"));
    server.json("GET", &format!("/v1/jobs/{id}"), "")
}

#[test]
fn a_job_of_the_api_is_done_by_this_machine() {
    let desk = Desk::new();
    let server = Server::start(&desk);
    let asset = upload(&server, &std::fs::read(golden("photo.png")).unwrap());
    let done = job(&server, &json!({ "image": asset["id"], "scale": 4 }));
    assert_eq!((done["status"].as_str(), &done["result"]["provider"]), (Some("done"), &json!("local")), "{done}");
    assert_eq!((&done["result"]["model"], &done["result"]["fallback_reason"]), (&json!("realesrgan"), &Value::Null));
    let url = done["result"]["data"][0]["url"].as_str().unwrap();
    let path = url.split_once(&server.address).unwrap().1;
    let mut answer = Vec::new();
    server.ask("GET", path, "").read_to_end(&mut answer).unwrap();
    let at = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert!(apart(&image::load_from_memory(&answer[at..]).unwrap(), "photo_x4.png") <= 0.52);

    let asset = upload(&server, &grey(3000, 1700));
    let failed = job(&server, &json!({ "image": asset["id"], "scale": 4 }));
    assert_eq!((failed["status"].as_str(), &failed["error"]["code"]), (Some("failed"), &json!("too_big")), "{failed}");
    assert!(failed["error"]["message"].as_str().unwrap().contains("12000x6800"), "{failed}");
}

fn local(settings: Settings) -> Local {
    let models_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let weights_dir = models_dir.join("weights-that-are-not-there");
    let catalogue = Catalogue::read(&catalogue::Settings { models_dir, weights_dir }).unwrap();
    let engine = Some(env!("CARGO_BIN_EXE_samovar-engine").into());
    Local::new(Settings { engine, device: DeviceSetting::Cpu, threads: Some(2), ..settings }, Arc::new(catalogue))
}

async fn upscale(local: &Local, width: u32, height: u32) -> Result<Answered, Failure> {
    let image = Some(Medium::new(grey(width, height), "image/png"));
    local
        .upscale("realesrgan", false, &ImageUpscale { image, scale: 4, ..ImageUpscale::default() }, Watch::nobody())
        .await
}

/// The seconds it took to load the model.
async fn draw(local: &Local) -> f64 {
    let request = ImageRequest { width: Some(64), height: Some(64), steps: Some(1), ..ImageRequest::new("a cat") };
    let drawn = local.draw("demo", false, &request, Watch::nobody()).await.unwrap();
    drawn.content.pictures().unwrap().drawing.unwrap().timings.load_s
}

async fn load_s(local: &Local) -> f64 {
    let made = upscale(local, 8, 8).await.unwrap();
    made.content.pictures().unwrap().upscaling.unwrap().timings.load_s
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_model_does_not_drive_a_large_one_out() {
    let local = local(Settings::default());
    assert!(draw(&local).await > 0.0);
    let engine = local.engine_pid();
    assert!(load_s(&local).await > 0.0);
    assert_eq!((draw(&local).await, load_s(&local).await), (0.0, 0.0), "both are still in memory");
    assert_eq!(local.engine_pid(), engine);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_memory_is_short_the_other_model_leaves_before_anything_else_is_given_up() {
    // Enough for either: drawing takes some 130 MiB, enlarging this picture with tiles of 128 pixels a little more.
    let local = local(Settings { memory_limit: Some(138 << 20), ..Settings::default() });
    assert!(draw(&local).await > 0.0);
    let engine = local.engine_pid();
    let large = upscale(&local, 400, 300).await.unwrap().content.pictures().unwrap();
    assert_eq!((large.pictures[0].picture.width, large.pictures[0].picture.height), (1600, 1200));
    assert!(large.upscaling.unwrap().peak_rss_bytes < 138 << 20, "{:?}", large.upscaling);
    assert_ne!(local.engine_pid(), engine, "only the end of an engine gives all its memory back");
    assert!(draw(&local).await > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_memory_is_said_in_bytes_and_starts_nothing() {
    let local = local(Settings { memory_limit: Some(60 << 20), ..Settings::default() });
    match upscale(&local, 64, 64).await {
        Err(Failure::OutOfMemory { needed, available }) => assert!(needed > available && available == 60 << 20),
        other => panic!("{other:?}"),
    }
    assert_eq!(local.engine_pid(), None);
    let failure = upscale(&local, 3000, 1700).await.unwrap_err();
    assert!(matches!(&failure, Failure::TooBig { message } if message.contains("12000x6800")), "{failure}");
}

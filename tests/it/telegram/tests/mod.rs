//! The fake itself: what it takes, what it refuses, what it tells.

mod about;
mod faults;
mod limits;
mod markup;
mod media;
#[cfg(feature = "telegram")]
mod parsing;
mod polling;
mod rooms;
mod talk;

use super::{FakeTelegram, Person};
use reqwest::Client;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

/// A bot that is called by hand.
struct Bot {
    api: FakeTelegram,
    client: Client,
}

impl Bot {
    async fn start() -> Self {
        Self { api: FakeTelegram::start().await, client: Client::builder().no_proxy().build().unwrap() }
    }

    /// Someone who wrote to it already.
    async fn friend(&self) -> Person {
        let anna = self.api.user("Анна", "ru");
        anna.sends("/start").await;
        anna
    }

    fn address(&self, method: &str) -> String {
        format!("{}/bot{}/{method}", self.api.url(), self.api.token())
    }

    /// The whole answer.
    async fn asks(&self, method: &str, params: Value) -> Value {
        self.client.post(self.address(method)).json(&params).send().await.unwrap().json().await.unwrap()
    }

    /// The result of a call that goes well.
    async fn gets(&self, method: &str, params: Value) -> Value {
        let answer = self.asks(method, params).await;
        assert_eq!(answer["ok"], true, "{answer}");
        answer["result"].clone()
    }

    /// The description of a call that is refused.
    async fn is_refused(&self, method: &str, params: Value) -> String {
        let answer = self.asks(method, params).await;
        assert_eq!(answer["ok"], false, "{answer}");
        answer["description"].as_str().unwrap().to_owned()
    }

    /// A call with files, each of which is its own part.
    async fn uploads(&self, method: &str, params: &[(&str, String)], files: &[(&str, &str, Vec<u8>)]) -> Value {
        let mut form = Form::new();
        for (name, value) in params {
            form = form.text((*name).to_owned(), value.clone());
        }
        for (name, file, bytes) in files {
            form = form.part((*name).to_owned(), Part::bytes(bytes.clone()).file_name((*file).to_owned()));
        }
        self.client.post(self.address(method)).multipart(form).send().await.unwrap().json().await.unwrap()
    }

    async fn updates(&self, params: Value) -> Vec<Value> {
        self.gets("getUpdates", params).await.as_array().unwrap().clone()
    }
}

/// A picture of one colour.
fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let image = image::RgbImage::from_pixel(width, height, image::Rgb([200, 90, 40]));
    image.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

fn in_chat(person: &Person, more: Value) -> Value {
    let mut params = json!({ "chat_id": person.chat });
    for (name, value) in more.as_object().unwrap() {
        params[name] = value.clone();
    }
    params
}

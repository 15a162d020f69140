//! The smallest request of each task that a model can be expected to answer.

use crate::media::task::{
    ImageDescribe, ImageEdit, ImageLetter, ImageUpscale, SpeechSynthesize, SpeechTranscribe, TextTranslate, TextWrite,
};
use crate::media::{Choice, Failure, ImageRequest, Medium, Picture, Request};
use bytes::Bytes;

/// Side of a picture that is drawn, and of one that is sent.
const DRAWN: u32 = 512;
const SENT: u32 = 256;
/// Samples a second, and samples, of a sound: one second of a quiet tone.
const RATE: u32 = 16_000;

/// The request; `None` for a task whose smallest request costs much.
pub fn of(task: &str, provider: &str, model: &str) -> Option<Result<Request, Failure>> {
    let choice = Choice::of(provider, model);
    let prompt = "a red apple".to_owned();
    let drawing = || ImageRequest {
        width: Some(DRAWN),
        height: Some(DRAWN),
        choice: choice.clone(),
        ..ImageRequest::new(prompt.clone())
    };
    let request = match task {
        "image.generate" => Ok(drawing().into()),
        "image.edit" => picture().map(|image| ImageEdit { drawing: drawing(), images: vec![image], mask: None }.into()),
        "image.upscale" => picture().map(|image| ImageUpscale { image: Some(image), scale: 2, choice }.into()),
        "image.letter" => picture().map(|image| {
            let (image, text) = (Some(image), prompt);
            ImageLetter { image, text, choice, ..ImageLetter::default() }.into()
        }),
        "image.describe" => {
            picture().map(|image| ImageDescribe { image: Some(image), choice, ..ImageDescribe::default() }.into())
        }
        "speech.transcribe" => {
            let audio = Some(Medium::new(sound(), "audio/wav"));
            Ok(SpeechTranscribe { audio, choice, ..SpeechTranscribe::default() }.into())
        }
        "speech.synthesize" => {
            Ok(SpeechSynthesize { text: "Hello".to_owned(), choice, ..SpeechSynthesize::default() }.into())
        }
        "text.write" => Ok(TextWrite { prompt, choice, ..TextWrite::default() }.into()),
        "text.translate" => {
            let (text, target) = ("да".to_owned(), "en".to_owned());
            Ok(TextTranslate { text, target, choice, ..TextTranslate::default() }.into())
        }
        _ => return None,
    };
    Some(request.and_then(|request: Request| request.checked(&[]).map(|(checked, _)| checked)))
}

fn picture() -> Result<Medium, Failure> {
    let rgb = [200, 30, 30].repeat((SENT * SENT) as usize);
    Ok(Medium::new(Picture { width: SENT, height: SENT, rgb }.to_png(&[])?, "image/png"))
}

/// A WAV file of 16-bit samples.
fn sound() -> Bytes {
    let samples = (0..RATE).map(|at| {
        let tone = (f64::from(at) * 440.0 * std::f64::consts::TAU / f64::from(RATE)).sin();
        #[allow(clippy::cast_possible_truncation, reason = "far within the range")]
        let sample = (tone * 1000.0) as i16;
        sample
    });
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let length = u32::try_from(data.len()).unwrap_or_default();
    let mut file = Vec::with_capacity(44 + data.len());
    file.extend(b"RIFF");
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    // Plain samples, one channel; bytes a second; bytes and bits a sample.
    file.extend(1_u16.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(RATE.to_le_bytes());
    file.extend((RATE * 2).to_le_bytes());
    file.extend(2_u16.to_le_bytes());
    file.extend(16_u16.to_le_bytes());
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(data);
    file.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::task::TASKS;

    #[test]
    fn every_task_has_a_small_request_but_for_films() {
        for (task, _) in TASKS {
            match of(task, "fal", "flux") {
                None => assert_eq!(*task, "video.generate"),
                Some(request) => assert_eq!(request.expect("a right request").task(), *task),
            }
        }
    }

    #[test]
    fn files_are_what_they_say() {
        let kind = |bytes: Bytes| Medium::of(bytes, "file").expect("readable").map(|medium| medium.content_type);
        assert_eq!(kind(sound()).as_deref(), Some("audio/wav"));
        assert_eq!(kind(picture().expect("a picture").bytes).as_deref(), Some("image/png"));
    }
}

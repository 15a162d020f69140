//! What is true of every task, and what each refuses.

use super::*;
use crate::media::Picture;
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn png(width: u32, height: u32) -> Medium {
    let picture = Picture { width, height, rgb: vec![90; (width * height * 3) as usize] };
    Medium::new(picture.to_png(&[]).expect("a picture"), "image/png")
}

fn letter(text: &str, style: &str) -> ImageLetter {
    ImageLetter { image: Some(png(64, 64)), text: text.into(), style: style.into(), ..ImageLetter::default() }
}

#[test]
fn a_picture_is_enlarged_up_to_what_may_be_made() {
    let enlarged = |width, height, scale| {
        let request = ImageUpscale { image: Some(png(width, height)), scale, ..ImageUpscale::default() };
        (request.clone().checked(&[]).map(drop), request.picture().map(|picture| (picture.width, picture.height)))
    };
    assert_eq!(enlarged(5000, 1000, 4), (Ok(()), Ok((5000, 1000))), "80 megapixels");
    let (checked, picture) = enlarged(5001, 1000, 4);
    let message = "`image` would become 20004x4000, 80016000 pixels; at most 80000000 pixels are made".to_owned();
    assert_eq!(checked, Err(Failure::TooBig { message }));
    assert_eq!(picture.map(drop), checked);
    assert_eq!(enlarged(5001, 1000, 2).0, Ok(()));
}

#[test]
fn every_task_has_a_name_of_its_own_and_a_route() {
    let names: BTreeSet<_> = TASKS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), TASKS.len());
    for (name, route) in TASKS {
        assert!(name.split_once('.').is_some_and(|(kind, verb)| !kind.is_empty() && !verb.is_empty()), "{name}");
        // Only this machine writes on pictures; everything else others can do, too.
        assert!(route.contains('*') || *name == ImageLetter::NAME, "{name}: {route}");
    }
}

#[test]
fn a_request_is_the_same_after_it_was_written_down_and_its_files_put_back() {
    let edit = ImageEdit {
        drawing: ImageRequest { strength: Some(0.5), ..ImageRequest::new("a red apple") },
        images: vec![png(64, 64), png(32, 64)],
        mask: Some(png(64, 64)),
    };
    let mut request = Request::from(edit);
    let whole = request.clone();
    let files = request.detach().expect("files");
    assert_eq!(files.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["image", "image", "mask"]);
    let mut again = Request::from_json(request.task(), request.to_json().expect("json")).expect("a request");
    for (name, file) in files {
        again.attach(name, file).expect("a place");
    }
    assert_eq!(again, whole);
}

#[test]
fn a_file_without_a_place_is_refused_with_its_name() {
    let mut request = Request::from(TextTranslate::default());
    let refused = request.attach("image", png(64, 64)).expect_err("no place");
    assert!(refused.to_string().contains("text.translate") && refused.to_string().contains("`image`"), "{refused}");
}

#[test]
fn what_is_out_of_bounds_is_refused_with_the_field() {
    let long = "я".repeat(10_001);
    let cases: [(Request, &str); 13] = [
        (ImageUpscale { scale: 3, image: Some(png(64, 64)), ..ImageUpscale::default() }.into(), "scale"),
        (ImageUpscale::default().into(), "image"),
        (SpeechSynthesize::default().into(), "input"),
        (SpeechSynthesize { text: "hi".into(), speed: Some(9.0), ..SpeechSynthesize::default() }.into(), "speed"),
        (
            SpeechTranscribe {
                language: Some("русский".into()),
                audio: Some(png(8, 8)),
                ..SpeechTranscribe::default()
            }
            .into(),
            "language",
        ),
        (TextWrite::default().into(), "prompt"),
        (TextTranslate { text: long.clone(), ..TextTranslate::default() }.into(), "text"),
        (VideoGenerate { prompt: "sea".into(), seconds: Some(16), ..VideoGenerate::default() }.into(), "seconds"),
        (ImageEdit { images: vec![png(64, 64); 5], ..ImageEdit::default() }.into(), "image"),
        (ImageLetter { text: "hi".into(), ..ImageLetter::default() }.into(), "image"),
        (letter(" \n\u{7} ", "").into(), "text"),
        (letter(&long[..2002], "").into(), "text"),
        (letter("hi", &long[..2002]).into(), "style"),
    ];
    for (request, field) in cases {
        let task = request.task();
        match request.checked(&[]) {
            Err(Failure::Invalid { param: Some(param), .. }) => assert_eq!(param, field, "{task}"),
            other => panic!("{task}: {other:?}"),
        }
    }
}

#[test]
fn an_edit_becomes_a_drawing_of_its_only_picture() {
    let drawing = ImageRequest { count: 2, seed: Some(5), ..ImageRequest::new("a red apple") };
    let edit = ImageEdit { drawing, images: vec![png(64, 96)], mask: None };
    let drawing = edit.as_drawing().expect("a drawing");
    let init = drawing.init.expect("a picture");
    assert_eq!(
        (init.width, init.height, drawing.strength, drawing.count, drawing.seed),
        (64, 96, Some(0.8), 2, Some(5))
    );
    let two = ImageEdit { images: vec![png(64, 64), png(64, 64)], ..edit };
    assert!(matches!(two.as_drawing(), Err(Failure::Missing { .. })));
}

#[test]
fn a_mask_goes_out_transparent_where_it_was_white() {
    let mut pixels = vec![0; 64 * 64 * 3];
    pixels[..3].fill(255);
    let white = Picture { width: 64, height: 64, rgb: pixels }.to_png(&[]).expect("a picture");
    let edit = ImageEdit {
        images: vec![png(64, 64)],
        mask: Some(Medium::new(white, "image/png")),
        drawing: ImageRequest::new("x"),
    };
    let media = edit.media().expect("files");
    let (name, mask) = media.last().expect("a mask");
    let mask = image::load_from_memory(&mask.bytes).expect("a picture").to_rgba8();
    assert_eq!((*name, mask.get_pixel(0, 0).0[3], mask.get_pixel(1, 0).0[3]), ("mask", 0, 255));
}

#[test]
fn a_written_prompt_is_tidied_and_must_be_long() {
    let long = "A red apple lies on a table. ".repeat(40);
    let tidy = TextWrite::tidied(&format!("\n**Prompt:** \"{long}\"\n")).expect("a prompt");
    assert!(tidy.starts_with("A red apple") && tidy.ends_with("table."), "{tidy}");
    assert_eq!(TextWrite::tidied("A red apple."), None);
}

#[test]
fn speech_is_russian_where_the_text_is() {
    let said = |text: &str| {
        let request = SpeechSynthesize { text: text.into(), ..SpeechSynthesize::default() };
        request.checked(&[]).map(|(request, _)| request.language)
    };
    assert_eq!(said("Привет"), Ok(Some("ru".to_owned())));
    assert_eq!(said("Hello"), Ok(Some("en".to_owned())));
}

#[test]
fn lines_of_a_text_are_kept_and_control_characters_are_not() {
    let (request, notices) = letter("a\r\nб\tв\u{0}\u{2028}г\u{200d}", "big\u{1b}").checked(&[]).expect("a request");
    assert_eq!((request.text.as_str(), request.style.as_str()), ("a\nб в\nг\u{200d}", "big"));
    assert_eq!(
        notices,
        ["control characters were removed from the text", "control characters were removed from the style"]
    );
    assert_eq!(letter("a\r\nb\tc", "x\ny").checked(&[]).map(|(_, notices)| notices), Ok(Vec::new()));
}

proptest! {
    #[test]
    fn any_bytes_are_a_medium_or_a_clear_failure(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(Some(medium)) = Medium::of(Bytes::from(bytes.clone()), "file") {
            prop_assert_eq!(medium.bytes.as_ref(), &bytes[..]);
        }
    }

    #[test]
    fn the_nearest_shape_of_a_size_is_one_that_services_know(width in 64u32..4096, height in 64u32..4096) {
        let shape = fields::aspect(width, height);
        let (w, h) = shape.split_once(':').expect("two numbers");
        let (w, h): (f64, f64) = (w.parse().expect("a number"), h.parse().expect("a number"));
        // Landscape stays landscape.
        prop_assert!((w >= h) == (width >= height) || (f64::from(width) / f64::from(height)).ln().abs() < 0.15);
    }
}

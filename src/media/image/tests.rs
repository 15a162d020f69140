//! Limits of a request, pictures to start from, and what a PNG tells about itself.

use super::*;

fn flat(width: u32, height: u32) -> Picture {
    Picture { width, height, rgb: vec![200; (width * height * 3) as usize] }
}

fn refused(request: ImageRequest) -> (String, String) {
    match request.checked() {
        Err(Failure::Invalid { param: Some(param), message }) => (param, message),
        other => panic!("not refused as invalid: {other:?}"),
    }
}

#[test]
fn everything_out_of_bounds_is_refused_by_name() {
    let good = || ImageRequest::new("a cat");
    assert!(good().checked().is_ok());
    for (param, request) in [
        ("prompt", ImageRequest::new("")),
        ("prompt", ImageRequest::new(" \n\u{0}")),
        ("prompt", ImageRequest::new("я".repeat(MAX_PROMPT_CHARS + 1))),
        ("negative_prompt", ImageRequest { negative: Some("x".repeat(MAX_PROMPT_CHARS + 1)), ..good() }),
        ("size", ImageRequest { width: Some(0), ..good() }),
        ("size", ImageRequest { height: Some(7), ..good() }),
        ("size", ImageRequest { width: Some(100_000), ..good() }),
        ("size", ImageRequest { width: Some(516), height: Some(515), ..good() }),
        ("steps", ImageRequest { steps: Some(0), ..good() }),
        ("steps", ImageRequest { steps: Some(51), ..good() }),
        ("n", ImageRequest { count: 0, ..good() }),
        ("n", ImageRequest { count: 9, ..good() }),
        ("seed", ImageRequest { seed: Some(MAX_SEED + 1), ..good() }),
        ("seed", ImageRequest { seed: Some(MAX_SEED), count: 2, ..good() }),
        ("guidance_scale", ImageRequest { guidance: Some(f32::NAN), ..good() }),
        ("strength", ImageRequest { strength: Some(0.5), ..good() }),
        ("strength", ImageRequest { strength: Some(0.0), init: Some(flat(64, 64)), ..good() }),
        ("strength", ImageRequest { strength: Some(0.5), steps: Some(1), init: Some(flat(64, 64)), ..good() }),
        ("mask", ImageRequest { mask: Some(Mask { width: 1, height: 1, gray: vec![0] }), ..good() }),
    ] {
        assert_eq!(refused(request.clone()).0, param, "{request:?}");
    }
    assert!(ImageRequest { seed: Some(MAX_SEED), ..good() }.checked().is_ok());
}

#[test]
fn control_characters_leave_with_a_notice() {
    let (request, notices) = ImageRequest::new("red\u{7} apple\n🍎").checked().unwrap();
    assert_eq!(request.prompt, "red apple 🍎");
    assert_eq!(notices.len(), 1, "{notices:?}");
}

#[test]
fn a_huge_picture_to_start_from_is_scaled_down_with_its_mask() {
    for ((width, height), expected) in
        [((4096, 2048), (2048, 1024)), ((3000, 3000), (2048, 2048)), ((2, 5000), (1, 2048))]
    {
        let request = ImageRequest { init: Some(flat(width, height)), ..ImageRequest::new("a cat") };
        let mask = Mask { width, height, gray: vec![255; (width * height) as usize] };
        let (request, notices) = ImageRequest { mask: Some(mask), ..request }.checked().unwrap();
        let (init, mask) = (request.init.unwrap(), request.mask.unwrap());
        assert_eq!((init.width, init.height), expected);
        assert_eq!((mask.width, mask.height), expected);
        assert_eq!(init.rgb.len(), (expected.0 * expected.1 * 3) as usize);
        assert!(init.rgb.iter().all(|value| *value == 200) && mask.gray.iter().all(|value| *value == 255));
        assert!(notices[0].contains(&format!("{width}x{height}")), "{notices:?}");
    }
    for size in [(1, 1), (100, 90), (2048, 1)] {
        let request = ImageRequest { init: Some(flat(size.0, size.1)), ..ImageRequest::new("a cat") };
        let (request, notices) = request.checked().unwrap();
        assert_eq!((request.init, notices.len()), (Some(flat(size.0, size.1)), 0));
    }
}

#[test]
fn the_texts_of_a_png_draw_it_again() {
    let request = ImageRequest {
        negative: Some("rain".into()),
        scheduler: Some(Scheduler::EulerA),
        ..ImageRequest::new("a cat, кошка")
    };
    let drawn = DrawnPicture { picture: flat(64, 72), seed: Some(43) };
    let drawing = Drawing {
        steps: 4,
        guidance: 0.0,
        mode: Mode::Exact,
        decoder: Decoder::Vae,
        timings: Timings::default(),
        peak_rss_bytes: 0,
    };
    let result = ImageResult { pictures: vec![drawn.clone()], drawing: Some(drawing), upscaling: None };
    let from = Provenance { provider: "local".into(), model: "demo".into(), fallback_reason: None };
    let texts = result.texts(&request, &from, &drawn);
    let bytes = drawn.picture.to_png(&texts).unwrap();
    let decoder = png::Decoder::new(std::io::Cursor::new(&bytes));
    let reader = decoder.read_info().unwrap();
    let read: Vec<(String, String)> =
        reader.info().utf8_text.iter().map(|t| (t.keyword.clone(), t.get_text().unwrap())).collect();
    let written: Vec<(String, String)> = texts.into_iter().map(|(key, text)| (key.to_owned(), text)).collect();
    assert_eq!(read, written);
    assert!(read.contains(&("size".into(), "64x72".into())) && read.contains(&("seed".into(), "43".into())));
    assert_eq!(Picture::decode(&bytes, "image").unwrap(), drawn.picture);
}

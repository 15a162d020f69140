//! Every part of the model for itself: noise, tokens, encoders, UNet, autoencoders, schedules.

use super::super::config::ScheduleConfig;
use super::super::schedule::Schedule;
use super::super::text::Text;
use super::super::unet::Conditioning;
use super::{Cases, cases, close, golden, map, root, tiny, values, worst};
use crate::engine::autoencoder::Strips;
use crate::engine::clip::ClipTokenizer;
use crate::engine::nn::weight::Place;
use crate::engine::noise::TorchRng;
use crate::engine::weights::folder;
use crate::media::image::MAX_STEPS;
use candle_core::Tensor;
use serde::Deserialize;

#[test]
fn noise_is_torchs() {
    let mut seen = 0;
    for file in ["tiny-a/golden.safetensors", "more/more.safetensors"] {
        for (name, tensor) in golden(file) {
            let Some(rest) = name.strip_prefix("randn.seed") else { continue };
            let (seed, sizes) = rest.split_once('.').unwrap();
            let mut random = TorchRng::new(seed.parse().unwrap());
            let sizes = sizes.trim_start_matches("row").trim_start_matches('n');
            let ours: Vec<f32> = sizes.split('-').flat_map(|n| random.normal(n.parse().unwrap())).collect();
            let worst = worst(&ours, &values(&tensor));
            assert!(worst <= 1e-6, "{name}: off by {worst}");
            seen += 1;
        }
    }
    assert!(seen > 30);
}

#[test]
fn token_ids_are_transformers() {
    #[derive(Deserialize)]
    struct Case {
        prompt: String,
        ids1: Vec<u32>,
        ids2: Vec<u32>,
    }
    let folder = root().join("tests/golden/tiny-a/sdxl");
    let tokenizers = ["tokenizer", "tokenizer_2"].map(|n| ClipTokenizer::read(&folder.join(n)).unwrap());
    let text = std::fs::read_to_string(root().join("tests/golden/more/tokens.json")).unwrap();
    let prompts: Vec<Case> = serde_json::from_str(&text).unwrap();
    assert!(prompts.len() > 30);
    for case in prompts {
        for (tokenizer, theirs) in tokenizers.iter().zip([&case.ids1, &case.ids2]) {
            let ours = tokenizer.encode(&case.prompt).unwrap();
            assert_eq!(ours.ids.len(), 77);
            // We cut after a word, transformers after a token: what is before the cut is the same.
            let shown =
                if ours.cut { ours.ids.iter().zip(theirs).take_while(|(a, b)| a == b).count() } else { theirs.len() };
            assert_eq!(ours.ids[..shown], theirs[..shown], "{:?}", case.prompt);
            assert!(shown > 60 || !ours.cut, "{:?} cut after {shown}", case.prompt);
        }
    }
    let tensors = golden("tiny-a/golden.safetensors");
    let cases: Cases = cases("tiny-a/cases.json");
    for (i, prompt) in cases.prompts.unwrap().iter().enumerate() {
        for (n, tokenizer) in (1..).zip(&tokenizers) {
            let theirs = values(&tensors[&format!("sdxl.prompt{i}.ids{n}")]);
            #[allow(clippy::cast_precision_loss)]
            let ours: Vec<f32> = tokenizer.encode(prompt).unwrap().ids.iter().map(|id| *id as f32).collect();
            assert_eq!(ours, theirs, "{prompt}");
        }
    }
}

#[test]
fn our_own_vocabulary_makes_the_same_ids() {
    let ours = ClipTokenizer::with_padding(&root().join("models/tokenizers/clip"), "!").unwrap();
    let theirs = ClipTokenizer::read(&root().join("tests/golden/tiny-a/sdxl/tokenizer_2")).unwrap();
    for prompt in ["a red apple!", "Рыжий кот в скафандре, акварель!", "", "🚀 ёлка 123"]
    {
        assert_eq!(ours.encode(prompt).unwrap(), theirs.encode(prompt).unwrap());
    }
}

#[test]
fn a_long_prompt_is_cut_after_a_word() {
    let tokenizer = ClipTokenizer::read(&root().join("tests/golden/tiny-a/sdxl/tokenizer")).unwrap();
    let tokens = tokenizer.encode(&"антиконституционный ".repeat(60)).unwrap();
    assert!(tokens.cut);
    let one = tokenizer.encode("антиконституционный").unwrap().ids.iter().position(|id| *id == 49407).unwrap() - 1;
    let kept = tokens.ids.iter().position(|id| *id == 49407).unwrap() - 1;
    assert_eq!(kept % one, 0, "{kept} tokens of words of {one}");
    assert!(kept + one > 75);
}

#[test]
fn text_encoders_match() {
    let files = tiny();
    let place = Place::cpu();
    let tensors = golden("tiny-a/golden.safetensors");
    let mut text = Text::new(&files, &place).unwrap();
    let cases: Cases = cases("tiny-a/cases.json");
    for (i, prompt) in cases.prompts.unwrap().iter().enumerate() {
        let ours = text.embed(prompt, &files, &place).unwrap();
        let part = |name: &str| tensors[&format!("sdxl.prompt{i}.{name}")].clone();
        let theirs = Tensor::cat(&[part("te1"), part("te2")], 2).unwrap();
        close(&ours.prompt, &theirs, 1e-4, prompt);
        close(&ours.pooled, &part("pooled"), 1e-4, prompt);
    }
}

#[test]
fn unet_matches() {
    let tensors = golden("tiny-a/golden.safetensors");
    let more = golden("more/more.safetensors");
    let unet = tiny().unet(&Place::cpu()).unwrap();
    let prompt = Tensor::cat(&[&tensors["sdxl.prompt0.te1"], &tensors["sdxl.prompt0.te2"]], 2).unwrap();
    let run = |input: &Tensor, timestep: f32, (h, w): (f32, f32)| {
        let conditioning = Conditioning {
            prompt: prompt.clone(),
            pooled: tensors["sdxl.prompt0.pooled"].clone(),
            sizes: [h, w, 0.0, 0.0, h, w],
            guided: false,
        };
        unet.forward(&map(input), timestep, &conditioning, &|| Ok(())).unwrap().to_nchw().unwrap()
    };
    for (size, sides) in [("64x64", (64.0, 64.0)), ("96x64", (64.0, 96.0))] {
        let input = &tensors[&format!("sdxl.unet.{size}.in")];
        for timestep in [999.0, 499.0, 1.0] {
            let name = format!("sdxl.unet.{size}.t{timestep}");
            close(&run(input, timestep, sides), &tensors[&name], 1e-4, &name);
        }
    }
    // Odd sides at the lower levels, and a timestep between two.
    close(&run(&more["unet.72x104.in"], 333.25, (104.0, 72.0)), &more["unet.72x104.t333.25"], 1e-4, "odd sides");
}

#[test]
fn autoencoder_matches_whole_and_in_strips() {
    let tensors = golden("tiny-a/golden.safetensors");
    let vae = tiny().own_vae(&Place::cpu()).unwrap();
    for size in ["64x64", "96x64"] {
        let latent = (&tensors[&format!("sdxl.unet.{size}.in")] * 8.0).unwrap();
        let theirs = &tensors[&format!("sdxl.vae.{size}.decode")];
        let pixels = map(&tensors[&format!("sdxl.vae.{size}.pixels")]);
        for strips in [Strips::Whole, Strips::Pixels(500), Strips::Pixels(1)] {
            let ours = vae.decode(&map(&latent), strips, &|| Ok(())).unwrap().to_nchw().unwrap();
            close(&ours, theirs, 1e-3, &format!("decode {size}, {strips:?}"));
            let (mean, _) = vae.encode(&pixels, strips).unwrap();
            let theirs = &tensors[&format!("sdxl.vae.{size}.mode")];
            close(&mean.to_nchw().unwrap(), theirs, 1e-3, &format!("encode {size}, {strips:?}"));
        }
    }
}

#[test]
fn tiny_autoencoder_matches() {
    let tensors = golden("tiny-a/golden.safetensors");
    let tiny = tiny().tiny(&Place::cpu()).unwrap().unwrap();
    let decoded = tiny.decode(&map(&tensors["taesd.in"]), &|| Ok(())).unwrap().to_nchw().unwrap();
    close(&decoded, &tensors["taesd.decode"], 1e-4, "decode");
    for pixels in [1, 500, 3000] {
        let strips = tiny.decode_by(&map(&tensors["taesd.in"]), pixels, &|| Ok(())).unwrap().to_nchw().unwrap();
        close(&strips, &tensors["taesd.decode"], 1e-4, &format!("decode in strips of {pixels} pixels"));
    }
    let encoded = tiny.encode(&map(&tensors["taesd.pixels"])).unwrap().to_nchw().unwrap();
    close(&encoded, &tensors["taesd.encode"], 1e-4, "encode");
}

#[test]
fn schedules_match() {
    let folder = root().join("tests/golden/tiny-a/sdxl/scheduler/scheduler_config.json");
    let own: ScheduleConfig = folder::read(&folder).unwrap();
    let tensors = golden("tiny-a/golden.safetensors");
    let check = |ours: &[f32], theirs: &[f32], name: &str| {
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{name}: {a} against {b}");
        }
        assert_eq!(ours.len(), theirs.len(), "{name}");
    };
    for n in 1..=8 {
        let ours = Schedule::new(&own, None, n).unwrap();
        check(&ours.timesteps, &values(&tensors[&format!("sdxl.sched{n}.timesteps")]), &format!("timesteps {n}"));
        check(&ours.sigmas, &values(&tensors[&format!("sdxl.sched{n}.sigmas")]), &format!("sigmas {n}"));
    }
    let more = golden("more/more.safetensors");
    let mut seen = 0;
    for (name, theirs) in &more {
        let Some((stem, "sigmas")) = name.strip_prefix("sched.").and_then(|n| n.rsplit_once('.')) else { continue };
        let parts: Vec<&str> = stem.split('.').collect();
        let [sampler, spacing, steps] = parts[..] else { panic!("{name}") };
        let config = ScheduleConfig { timestep_spacing: spacing.to_owned(), ..own.clone() };
        let steps: usize = steps.trim_start_matches('n').parse().unwrap();
        if steps > MAX_STEPS as usize {
            continue;
        }
        let ours = Schedule::new(&config, Some(sampler.parse().unwrap()), steps).unwrap();
        check(&ours.sigmas, &values(theirs), name);
        check(&ours.timesteps, &values(&more[&format!("sched.{stem}.timesteps")]), name);
        check(&[ours.init_noise_sigma], &values(&more[&format!("sched.{stem}.init_noise_sigma")]), name);
        seen += 1;
    }
    assert!(seen >= 50, "only {seen} tables");
}

//! Every part of the model for itself: tokens, encoders, schedules, the tiny decoder.

use super::super::config::ScheduleConfig;
use super::super::schedule::Schedule;
use super::super::text::Text;
use super::{at, files};
use crate::engine::golden::{cases, close, golden, map, root, values};
use crate::engine::nn::weight::Place;
use crate::engine::protocol::Keep;
use crate::engine::t5::T5Tokenizer;
use crate::engine::weights::folder::read;

#[test]
fn token_ids_are_transformers() {
    let tokenizer = T5Tokenizer::read(&root().join("models/tokenizers/t5")).unwrap();
    let tensors = golden("flux/golden.safetensors");
    for (i, prompt) in cases("flux/cases.json").prompts.unwrap().iter().enumerate() {
        let ours = tokenizer.encode(prompt, 256).unwrap();
        let theirs: Vec<i64> = tensors[&format!("flux.prompt{i}.t5ids")].flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(ours.ids.iter().map(|id| i64::from(*id)).collect::<Vec<_>>(), theirs, "{prompt}");
        assert!(!ours.cut);
    }
}

#[test]
fn a_long_prompt_is_cut_after_a_word_and_keeps_its_end() {
    let tokenizer = T5Tokenizer::read(&root().join("models/tokenizers/t5")).unwrap();
    let one =
        tokenizer.encode("antidisestablishmentarianism", 256).unwrap().ids.iter().position(|id| *id == 1).unwrap();
    let tokens = tokenizer.encode(&"antidisestablishmentarianism ".repeat(90), 256).unwrap();
    assert!(tokens.cut && tokens.ids.len() == 256);
    let kept = tokens.ids.iter().position(|id| *id == 1).unwrap();
    assert!(kept.is_multiple_of(one) && kept + one > 255, "{kept} tokens of words of {one}");
    let exactly = tokenizer.encode(&"word ".repeat(255), 256).unwrap();
    assert_eq!((exactly.cut, exactly.ids[255]), (false, 1));
    // A word that is longer than all there is room for is cut within.
    let word = tokenizer.encode(&"antidisestablishmentarianism".repeat(90), 256).unwrap();
    assert!(word.cut && word.ids[255] == 1);
    assert_eq!(tokenizer.encode("", 4).unwrap().ids, [1, 0, 0, 0]);
}

#[test]
fn text_encoders_match() {
    let (files, place) = (files("schnell"), Place::cpu());
    let tensors = golden("flux/golden.safetensors");
    let mut text = Text::new(&files).unwrap();
    for (i, prompt) in cases("flux/cases.json").prompts.unwrap().iter().enumerate() {
        for keep in [Keep::All, Keep::OneBlock] {
            let ours = text.embed(prompt, (&files, &place), keep, &|| Ok(())).unwrap();
            close(&ours.prompt, &tensors[&format!("flux.prompt{i}.t5")], 1e-4, prompt);
            close(&ours.pooled, &tensors[&format!("flux.prompt{i}.pooled")], 1e-4, prompt);
            text = Text::new(&files).unwrap();
        }
    }
}

#[test]
fn the_tiny_decoder_matches() {
    let tensors = golden("flux/golden.safetensors");
    let tiny = files("schnell").tiny(&Place::cpu()).unwrap().unwrap();
    let decoded = tiny.decode(&map(&tensors["taef1.in"]), &|| Ok(())).unwrap().to_nchw().unwrap();
    close(&decoded, &tensors["taef1.decode"], 1e-3, "taef1");
    assert!(values(&decoded).len() == 3 * 64 * 96);
}

#[test]
fn schedules_are_those_of_the_checkpoints() {
    let schnell: ScheduleConfig = read(&at("schnell/scheduler/scheduler_config.json")).unwrap();
    let schedule = Schedule::new(&schnell, 4, 16).unwrap();
    assert_eq!(schedule.sigmas, [1.0, 0.75, 0.5, 0.25, 0.0]);
    assert_eq!(schedule.timesteps, [1000.0, 750.0, 500.0, 250.0]);
    assert_eq!(Schedule::new(&schnell, 1, 16).unwrap().sigmas, [1.0, 0.0]);
    // int(4 - 4 · 0.6) steps are skipped.
    let skipped = [(0.6, 1), (1.0, 0), (0.1, 3), (0.75, 1), (0.25, 3)];
    assert!(skipped.iter().all(|(strength, first)| schedule.first_step(*strength) == *first));
    let dev: ScheduleConfig = read(&at("dev/scheduler/scheduler_config.json")).unwrap();
    // By FluxPipeline's calculate_shift and the scheduler's time_shift: exp(0.5) at 256 tokens, exp(1.15) at 4096.
    for (tokens, shift) in [(256, 0.5f32.exp()), (4096, 1.15f32.exp())] {
        let schedule = Schedule::new(&dev, 2, tokens).unwrap();
        assert!((schedule.sigmas[1] - shift / (shift + 1.0)).abs() <= 1e-6, "{tokens}: {:?}", schedule.sigmas);
    }
    assert!(Schedule::new(&dev, 0, 16).is_err() && Schedule::new(&dev, 1001, 16).is_err());
}

//! Short names of models that people write, and the names that are meant. It must not know which of them are here.

/// A short name and what it may mean, the best first.
const ALIASES: [(&str, &[&str]); 26] = [
    ("flux", &["flux-schnell", FLUX_SCHNELL_HF, "fal-ai/flux/schnell", "black-forest-labs/flux-schnell", "flux"]),
    ("flux-schnell", &["flux-schnell", FLUX_SCHNELL_HF, "fal-ai/flux/schnell", "wavespeed-ai/flux-schnell"]),
    ("flux-dev", &["flux-dev", "black-forest-labs/FLUX.1-dev", "fal-ai/flux/dev", "wavespeed-ai/flux-dev"]),
    ("flux-pro", &["flux-pro-1.1", "fal-ai/flux-pro/v1.1"]),
    ("kontext", &["flux-kontext-pro"]),
    ("dalle", &DALLE),
    ("dalle3", &DALLE),
    ("dalle-3", &DALLE),
    ("gpt", &DALLE),
    ("gpt-image", &DALLE),
    ("flash", &["gemini-3.1-flash-image", "gemini-3.1-flash-lite-image"]),
    ("gemini", &["gemini-3.1-flash-image", "gemini-3-pro-image", "gemini-3.1-flash-lite-image"]),
    ("gemini-pro", &["gemini-3-pro-image"]),
    ("nano-banana", &["fal-ai/nano-banana", "google/nano-banana", "gemini-3.1-flash-image"]),
    ("nanobanana", &["fal-ai/nano-banana", "google/nano-banana", "gemini-3.1-flash-image"]),
    ("nano-banana-2", &["fal-ai/nano-banana-2", "nano-banana-2"]),
    ("nano-banana-pro", &["fal-ai/nano-banana-pro", "gemini-3-pro-image"]),
    ("seedream", &["fal-ai/bytedance/seedream/v4/text-to-image"]),
    ("turbo", &["sdxl-turbo"]),
    ("sdxl-turbo", &["sdxl-turbo"]),
    ("sdxl", &["sdxl-base", "stabilityai/stable-diffusion-xl-base-1.0", "sdxl-turbo"]),
    ("sd3", &["stabilityai/stable-diffusion-3-medium-diffusers", "sd3.5-medium"]),
    ("hf-sd3-medium", &["stabilityai/stable-diffusion-3-medium-diffusers"]),
    ("sd3.5", &["sd3.5-large", "sd3.5-large-turbo", "sd3.5-medium"]),
    ("yandex", &["yandex-art"]),
    ("yandexart", &["yandex-art"]),
];

const FLUX_SCHNELL_HF: &str = "black-forest-labs/FLUX.1-schnell";
const DALLE: [&str; 4] = ["gpt-image-2.6-flare", "gpt-image-2.5-flare", "gpt-image-2", "dall-e-3"];

/// The model that is meant by `written`, of those that are known: by its own name in any case, or by a short one.
#[must_use]
pub fn meant(written: &str, knows: impl Fn(&str) -> bool) -> Option<String> {
    let lower = written.to_lowercase();
    if let Some(own) = [written, lower.as_str()].into_iter().find(|name| knows(name)) {
        return Some(own.to_owned());
    }
    let name = lower.split([' ', '_', '·', '-']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let name = name.replace("dall-e", "dalle");
    let (_, names) = ALIASES.iter().find(|(alias, _)| *alias == name)?;
    names.iter().find(|name| knows(name)).map(|name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn short_names_find_what_is_here() {
        let here = ["flux-schnell", "gpt-image-2", "stabilityai/stable-diffusion-xl-base-1.0", "demo"];
        let knows = |name: &str| here.contains(&name);
        for (written, model) in [
            ("flux", Some("flux-schnell")),
            ("FLUX", Some("flux-schnell")),
            ("flux schnell", Some("flux-schnell")),
            ("dalle3", Some("gpt-image-2")),
            ("DALL-E 3", Some("gpt-image-2")),
            ("dall_e_3", Some("gpt-image-2")),
            ("sdxl", Some("stabilityai/stable-diffusion-xl-base-1.0")),
            ("Demo", Some("demo")),
            ("flux-dev", None),
            ("midjourney", None),
            ("", None),
        ] {
            assert_eq!(meant(written, knows).as_deref(), model, "{written}");
        }
    }

    #[test]
    fn every_name_stands_in_the_manifest_or_in_a_provider_file() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let files = fs::read_dir(models.join("providers")).unwrap().map(|entry| entry.unwrap().path());
        let all: Vec<String> =
            files.chain([models.join("manifest.toml")]).map(|path| fs::read_to_string(path).unwrap()).collect();
        for (alias, names) in ALIASES {
            for name in names {
                let quoted = format!("\"{name}\"");
                assert!(all.iter().any(|text| text.contains(&quoted)), "{alias} means {name}, which nothing has");
            }
        }
    }
}

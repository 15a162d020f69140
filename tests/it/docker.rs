//! The images cannot be built everywhere; what can be checked everywhere is that they name only what exists.

use samovar::config::variables;
use std::path::Path;

const DOCKERFILES: [&str; 2] = ["Dockerfile.cpu", "Dockerfile.cuda"];

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The instructions, with lines that a backslash continues put together and without comments.
fn instructions(name: &str) -> Vec<String> {
    let text = read(name).replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines.map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn arguments<'a>(instructions: &'a [String], word: &'a str) -> impl Iterator<Item = &'a str> {
    instructions.iter().filter_map(move |i| i.strip_prefix(word)?.strip_prefix(' '))
}

fn manifest() -> toml::Table {
    read("Cargo.toml").parse().unwrap()
}

fn bins() -> Vec<String> {
    let manifest = manifest();
    let bins = manifest["bin"].as_array().unwrap();
    bins.iter().map(|b| b["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_copied_path_exists_and_is_sent_to_the_builder() {
    let sent = read(".dockerignore");
    let is_sent = |path: &str| {
        sent.lines().filter_map(|l| l.strip_prefix('!')).any(|kept| {
            path == kept
                || path.starts_with(&format!("{kept}/"))
                || kept.strip_suffix('*').is_some_and(|k| path.starts_with(k))
        })
    };
    for name in DOCKERFILES {
        let instructions = instructions(name);
        let copies: Vec<_> = arguments(&instructions, "COPY").filter(|c| !c.starts_with("--from")).collect();
        assert!(!copies.is_empty(), "{name} copies nothing");
        for copy in copies {
            let words: Vec<_> = copy.split(' ').collect();
            for source in &words[..words.len() - 1] {
                let exists = Path::new(env!("CARGO_MANIFEST_DIR")).join(source).exists();
                assert!(
                    exists && is_sent(source),
                    "{name} copies {source}, which is not there or not in .dockerignore's list"
                );
            }
        }
    }
}

#[test]
fn every_stage_and_program_exists() {
    for name in DOCKERFILES {
        let instructions = instructions(name);
        let stages: Vec<_> = arguments(&instructions, "FROM").filter_map(|f| f.split(" AS ").nth(1)).collect();
        let copied =
            instructions.iter().filter_map(|i| i.strip_prefix("COPY --from=")).map(|c| c.split(' ').next().unwrap());
        for stage in copied {
            assert!(stages.contains(&stage), "{name} copies from {stage}, which is not a stage");
        }
        let built: Vec<_> = instructions
            .iter()
            .flat_map(|i| i.split(' '))
            .filter_map(|word| word.split_once("/release/").map(|(_, program)| program))
            .collect();
        assert!(built.contains(&"samovar") && built.contains(&"samovar-engine"), "{name} installs {built:?}");
        for program in built {
            assert!(bins().iter().any(|b| b == program), "{name} installs {program}, which Cargo.toml does not build");
        }
        let entry: Vec<_> = arguments(&instructions, "ENTRYPOINT").collect();
        assert_eq!(entry, [r#"["samovar"]"#]);
    }
}

#[test]
fn the_card_engine_is_a_build_of_its_own() {
    let instructions = instructions("Dockerfile.cuda");
    let builds: Vec<_> = instructions.iter().filter(|i| i.contains("cargo build")).collect();
    assert_eq!(builds.len(), 2, "one build without CUDA, one with");
    assert!(!builds[0].contains("--features") && builds[0].contains("--bins"));
    assert!(builds[1].contains("--bin samovar-engine --no-default-features --features cuda"));
    let with_cuda: Vec<_> = manifest()["features"]["cuda"].as_array().unwrap().clone();
    assert!(with_cuda.iter().any(|f| f.as_str() == Some("engine")), "cuda must bring the engine with it");
}

#[test]
fn images_run_without_privileges_and_are_watched() {
    for name in DOCKERFILES {
        let instructions = instructions(name);
        let user = arguments(&instructions, "USER").last();
        assert!(user.is_some_and(|u| u != "root" && u != "0"), "{name} runs as {user:?}");
        assert!(
            arguments(&instructions, "HEALTHCHECK").next().is_some_and(|h| h.contains("/healthz")),
            "{name} is not watched"
        );
        assert!(arguments(&instructions, "FROM").count() >= 2, "{name} ships its compiler");
        assert!(arguments(&instructions, "VOLUME").any(|v| v.contains("/weights")), "{name} keeps weights inside");
    }
}

#[test]
fn images_are_built_with_the_pinned_compiler() {
    let pinned: toml::Table = read("rust-toolchain.toml").parse().unwrap();
    let pinned = pinned["toolchain"]["channel"].as_str().unwrap();
    for name in DOCKERFILES {
        let instructions = instructions(name);
        let rust: Vec<_> = arguments(&instructions, "ARG").filter_map(|a| a.strip_prefix("RUST=")).collect();
        assert_eq!(rust, [pinned], "{name}");
    }
}

#[test]
fn every_variable_that_is_set_is_one_that_is_read() {
    let known = |name: &str| variables::ALL.iter().any(|v| v.name == name);
    for name in DOCKERFILES {
        let instructions = instructions(name);
        let set = arguments(&instructions, "ENV").flat_map(|e| e.split(' ')).filter_map(|pair| pair.split('=').next());
        for variable in set.filter(|v| v.starts_with("SAMOVAR_")) {
            assert!(known(variable), "{name} sets {variable}, which nothing reads");
        }
    }
    let compose = read("docker-compose.yml");
    let set = compose.lines().map(str::trim).filter_map(|l| l.split_once(": ${")).map(|(name, _)| name);
    let set: Vec<_> = set.collect();
    assert!(set.contains(&"SAMOVAR_API_KEYS"));
    assert!(set.iter().all(|v| known(v)), "docker-compose.yml sets {set:?}");
}

#[test]
fn the_fonts_for_texts_on_pictures_are_installed_everywhere() {
    for package in ["fonts-noto-core", "fonts-noto-color-emoji"] {
        for name in DOCKERFILES {
            let instructions = instructions(name);
            let last = arguments(&instructions, "RUN").last().unwrap_or_default();
            assert!(last.split(' ').any(|word| word == package), "{name} runs without {package}");
        }
        assert!(read("scripts/setup.sh").contains(&format!("packages+=({package})")), "setup.sh leaves out {package}");
    }
}

#[test]
fn compose_names_the_dockerfiles_and_their_volumes() {
    let compose = read("docker-compose.yml");
    let named: Vec<_> = compose.lines().filter_map(|l| l.trim().strip_prefix("dockerfile: ")).collect();
    assert_eq!(named, DOCKERFILES);
    let mounts: Vec<_> =
        ["data:/data", "weights:/weights"].into_iter().filter(|m| compose.contains(&format!("- {m}"))).collect();
    assert_eq!(mounts.len(), 2);
}

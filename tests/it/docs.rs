//! What the documents link to exists.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["", "docs", "docs/decisions", "models/demo", "models/realesrgan", "scripts/training", "tests/golden"]
    {
        let entries = std::fs::read_dir(root().join(folder)).unwrap();
        let files = entries.map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "md"));
        found.extend(files);
    }
    assert!(found.len() > 5, "{found:?}");
    found
}

/// The targets of `[text](target)` and `<img src="target">` that are files of this repository.
fn links(text: &str) -> Vec<String> {
    let markdown = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let html = text.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let targets = markdown.chain(html).filter_map(|target| target.split('#').next());
    targets.filter(|t| !t.is_empty() && !t.contains("://")).map(str::to_owned).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        for link in links(&text) {
            if !document.parent().unwrap().join(&link).exists() {
                broken.push(format!("{}: {link}", document.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn both_readmes_tell_the_same() {
    let shape = |name: &str| {
        let text = std::fs::read_to_string(root().join(name)).unwrap();
        let headings = text.lines().filter(|l| l.starts_with('#')).count();
        let code: Vec<String> = text
            .lines()
            .filter(|l| l.starts_with("scripts/") || l.contains("samovar "))
            .map(|l| l.split("  #").next().unwrap_or_default().trim().to_owned())
            .filter(|l| l.starts_with("scripts/") || l.starts_with("target/"))
            .collect();
        (headings, code)
    };
    let english = shape("README.md");
    assert_eq!(english, shape("README.ru.md"));
    assert!(english.1.iter().any(|line| line.contains("samovar draw")), "{english:?}");
}

//! Who stands in for a local model is somebody that a provider file describes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &Path) -> toml::Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

#[test]
fn every_model_elsewhere_that_the_manifest_names_is_in_a_provider_file() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let mut known = BTreeSet::new();
    for file in fs::read_dir(models.join("providers")).unwrap() {
        let file = read(&file.unwrap().path());
        let id = file["id"].as_str().unwrap();
        let models = file.get("model").and_then(toml::Value::as_array).into_iter().flatten();
        known.extend(models.map(|model| format!("{id}:{}", model["id"].as_str().unwrap())));
    }
    for model in read(&models.join("manifest.toml"))["model"].as_array().unwrap() {
        for link in model.get("remote").and_then(toml::Value::as_array).into_iter().flatten() {
            assert!(known.contains(link.as_str().unwrap()), "{}: {link}", model["name"]);
        }
    }
}

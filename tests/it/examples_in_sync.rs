//! The example files in the repository's root are what the configuration's table generates.

use std::path::Path;

#[test]
fn the_example_files_match_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let providers = samovar::app::providers::described(&root.join("models/providers")).unwrap();
    for (name, generated) in samovar::config::examples::files(&providers) {
        let committed = std::fs::read_to_string(root.join(name)).unwrap_or_default();
        assert!(
            committed == generated,
            "{name} is out of date: run `cargo run -- write-examples` in the repository's root"
        );
    }
}

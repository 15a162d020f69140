//! Writes `.env.example` and `samovar.example.toml` from the table, so that they cannot drift from it.

use super::variables::{ALL, Default, Variable};
use std::fmt::Write;

/// The files and what stands in them, in the repository's root.
#[must_use]
pub fn files() -> [(&'static str, String); 2] {
    [(".env.example", dotenv()), ("samovar.example.toml", toml())]
}

fn dotenv() -> String {
    let mut text = String::from(
        "# Every variable Samovar reads. Copy to `.env` in the working directory and uncomment what you change;\n\
         # the process environment wins over `.env`, `.env` over `samovar.toml`. A `.env` with keys: chmod 600.\n\
         # Generated from src/config/variables.rs by `samovar write-examples`.\n",
    );
    for variable in ALL.iter() {
        let _ = write!(text, "\n# {}\n", variable.meaning);
        if !variable.aliases.is_empty() {
            let _ = writeln!(text, "# Also read as {}.", variable.aliases.join(", "));
        }
        let (without, shown) = without_and_shown(variable);
        let _ = write!(text, "# Without it: {without}.\n#{}={shown}\n", variable.name);
    }
    text
}

fn toml() -> String {
    let mut text = String::from(
        "# The variables of .env.example as tables. Copy to `samovar.toml` in the working directory and uncomment what\n\
         # you change; the environment and `.env` win over it. A list may be written as [\"a\", \"b\"] or as \"a,b\".\n\
         # Generated from src/config/variables.rs by `samovar write-examples`.\n",
    );
    let mut open = "";
    for variable in ALL.iter() {
        let (table, key) = variable.key.split_once('.').unwrap_or(("", variable.key));
        if table != open {
            let _ = write!(text, "\n[{table}]\n");
            open = table;
        }
        let (without, shown) = without_and_shown(variable);
        let number = shown.parse::<u64>().is_ok();
        let shown = if number { shown.to_owned() } else { format!("\"{shown}\"") };
        let _ = write!(text, "# {}: {}\n# Without it: {without}.\n#{key} = {shown}\n", variable.name, variable.meaning);
    }
    text
}

/// What holds without the variable, and the value to show: the default where it is a value, else an example.
fn without_and_shown(variable: &Variable) -> (&'static str, &'static str) {
    match variable.default {
        Default::Value(value) => (value, value),
        Default::Words(words) => (words, variable.example),
    }
}

//! Writes `.env.example` and `samovar.example.toml` from the table, so that they cannot drift from it.

use super::variables::{ALL, Default, Variable};
use crate::chain::keys::Wanted;
use std::fmt::Write;

/// The files and what stands in them, in the repository's root. `providers`: the title of each and what it wants.
#[must_use]
pub fn files(providers: &[(String, Wanted)]) -> [(&'static str, String); 2] {
    [(".env.example", dotenv(providers)), ("samovar.example.toml", toml(providers))]
}

fn dotenv(providers: &[(String, Wanted)]) -> String {
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
    text.push_str(
        "\n# Providers, as models/providers/*.toml describe them. Several keys: a comma list; what goes with a key is paired by\n\
         # position. ID_BASE_URL replaces scheme and host of every call of a provider, for a proxy or a server of its kind.\n",
    );
    for (title, wanted) in providers {
        let _ = write!(text, "\n# {title}.\n");
        let vars = wanted.vars.values().map(|var| (&var.names, var.optional));
        for (names, optional) in std::iter::once((&wanted.keys, false)).chain(vars) {
            let Some((name, aliases)) = names.split_first() else { continue };
            if !aliases.is_empty() {
                let _ = writeln!(text, "# {name} is also read as {}.", aliases.join(", "));
            }
            let _ = writeln!(text, "#{name}={}", if optional { "optional" } else { "xxxxxxxxxxxxxxxxxxxx" });
        }
        let _ = writeln!(text, "#{}=https://proxy.example.org", base_url(&wanted.provider));
    }
    text
}

/// The variable that says where a provider answers.
pub(super) fn base_url(provider: &str) -> String {
    format!("{}_BASE_URL", provider.to_ascii_uppercase().replace('-', "_"))
}

fn toml(providers: &[(String, Wanted)]) -> String {
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
    for (title, wanted) in providers {
        let _ = write!(text, "\n# {title}.\n#[providers.{}]\n#keys = [\"xxxxxxxxxxxxxxxxxxxx\"]\n", wanted.provider);
        for (name, var) in &wanted.vars {
            let _ = writeln!(text, "#{name} = \"{}\"", if var.optional { "optional" } else { "xxxxxxxxxxxxxxxxxxxx" });
        }
        text.push_str("#base_url = \"https://proxy.example.org\"\n");
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

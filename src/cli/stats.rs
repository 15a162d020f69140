//! `samovar stats`: who was asked how often, how long it took and what came of it.

use super::say;
use crate::config::Config;
use crate::db::{Clock, Db};
use crate::local::catalogue::human_bytes;
use crate::statistics::{Statistics, Total};
use anyhow::Result;
use serde_json::json;
use std::fmt::Write;

/// What to count.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many days back, today in Moscow included
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Prints the totals.
///
/// # Errors
/// When the database cannot be read, or stdout is gone.
pub async fn run(args: &Args, config: &Config) -> Result<()> {
    let db = Db::open(config.database(), Clock::system()).await?;
    let totals = Statistics::new(db).totals(args.days).await?;
    if args.json {
        return say(&json!({ "days": args.days, "totals": totals }).to_string());
    }
    if totals.is_empty() {
        return say(&format!("nothing was asked of any model in the last {} days", args.days));
    }
    say(table(&totals).trim_end())
}

fn table(totals: &[Total]) -> String {
    let mut table = format!(
        "{:<16} {:<10} {:<22} {:>8} {:>8} {:>8} {:>8} {:>9}  FAILURES\n",
        "TASK", "PROVIDER", "MODEL", "ASKED", "ANSWERED", "MEAN", "LONGEST", "SIZE"
    );
    for total in totals {
        let seconds = |s: Option<f64>| s.map_or_else(|| "-".to_owned(), |s| format!("{s:.1} s"));
        let size = total.mean_bytes.map_or_else(|| "-".to_owned(), human_bytes);
        let failures: Vec<String> = total.failures.iter().map(|(class, times)| format!("{class} {times}")).collect();
        let answered = format!("{:.1}%", total.success_rate * 100.0);
        let (mean, longest, failures) = (seconds(total.mean_s), seconds(total.longest_s), failures.join(", "));
        let Total { task, provider, model, attempts, .. } = total;
        let who = format!("{task:<16} {provider:<10} {model:<22}");
        // Writing to a text cannot fail.
        let _ = writeln!(table, "{who} {attempts:>8} {answered:>8} {mean:>8} {longest:>8} {size:>9}  {failures}");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_what_came_of_it() {
        let good = Total {
            task: "image.generate".to_owned(),
            provider: "local".to_owned(),
            model: "demo".to_owned(),
            attempts: 1000,
            answered: 998,
            success_rate: 0.998,
            mean_s: Some(1.26),
            longest_s: Some(90.0),
            mean_bytes: Some(2_000_000),
            failures: [("crashed".to_owned(), 1), ("out_of_memory".to_owned(), 1)].into(),
        };
        let bad = Total { provider: "hf".to_owned(), attempts: 1, ..Total::default() };
        let table = table(&[good, bad]);
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        let first = "image.generate local demo 1000 99.8% 1.3 s 90.0 s 2 MB crashed 1, out_of_memory 1";
        assert_eq!(lines[1].join(" "), first);
        assert_eq!(lines[2], ["hf", "1", "0.0%", "-", "-", "-"]);
    }
}

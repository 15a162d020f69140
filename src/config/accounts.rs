//! The variables of `accounts`: what is free, what the rest costs, who may name which model.

use super::parse::Value;
use super::sources::Sources;
use super::variables::{self as vars, Default as Shipped, Variable};
use super::{ConfigError, given};
use crate::accounts::{Limit, Settings, Terms, money};
use crate::media::{Level, task};
use std::collections::BTreeMap;

/// The most roubles that one unit may cost or an account begin with: nobody means more.
const MOST_KOPECKS: i64 = 100_000_000;

pub(super) fn read(sources: &Sources) -> Result<Settings, ConfigError> {
    let mut tasks: BTreeMap<String, Terms> =
        task::TASKS.iter().map(|(task, _)| ((*task).into(), Terms::default())).collect();
    for value in shipped_then_given(sources, &vars::LIMITS)? {
        limits(&value, &mut tasks)?;
    }
    for value in shipped_then_given(sources, &vars::PRICES)? {
        prices(&value, &mut tasks)?;
    }
    let start = given(sources, &vars::START_BALANCE)?;
    let accepted = "roubles from 0 to 1000000, with kopecks after a point if need be, are accepted";
    let start_balance = amount(start.text().as_str()).ok_or_else(|| start.wrong(accepted))?;
    let models = sources.get(&vars::LEVEL_MODELS)?.map(|value| models(&value)).transpose()?.unwrap_or_default();
    Ok(Settings { tasks, start_balance, models })
}

/// The default is the ground that what was set stands on.
fn shipped_then_given(sources: &Sources, variable: &Variable) -> Result<Vec<Value>, ConfigError> {
    let shipped = match variable.default {
        Shipped::Value(text) => Some(Value::new(variable, variable.name, text)),
        Shipped::Words(_) => None,
    };
    Ok(shipped.into_iter().chain(sources.get(variable)?).collect())
}

fn limits(value: &Value, tasks: &mut BTreeMap<String, Terms>) -> Result<(), ConfigError> {
    for item in value.list() {
        let (to, limit) = item.split_once('=').unwrap_or(("", &item));
        let limit = limit_of(limit.trim()).ok_or_else(|| {
            value.wrong(&format!("in '{item}', a whole number from 0 to 1000000 or the word unlimited is accepted"))
        })?;
        let (level, task) = to.trim().split_once(':').map_or((to.trim(), None), |(level, task)| (level, Some(task)));
        let levels = match level {
            "" if !item.contains('=') => vec![Level::User, Level::Subscriber],
            word => vec![word.parse().map_err(|wrong| value.wrong(&format!("in '{item}', {wrong}")))?],
        };
        if levels.contains(&Level::Admin) && limit != Limit::Unlimited {
            return Err(value.wrong("admins are always unlimited, so only admin=unlimited is accepted"));
        }
        check_task(value, &item, task, tasks)?;
        for (_, terms) in tasks.iter_mut().filter(|(name, _)| task.is_none_or(|task| task == name.as_str())) {
            terms.limits.extend(levels.iter().map(|level| (*level, limit)));
        }
    }
    Ok(())
}

fn prices(value: &Value, tasks: &mut BTreeMap<String, Terms>) -> Result<(), ConfigError> {
    for item in value.list() {
        let parts = item.rsplit_once('=').and_then(|(of, price)| Some((of.trim(), amount(price.trim())?)));
        let Some((of, price)) = parts else {
            let accepted =
                "TASK=ROUBLES or TASK:MODEL=ROUBLES, from 0 to 1000000 with at most two decimals, is accepted";
            return Err(value.wrong(&format!("in '{item}', {accepted}")));
        };
        let (task, model) = of.split_once(':').map_or((of, None), |(task, model)| (task, Some(model)));
        check_task(value, &item, Some(task), tasks)?;
        let Some(terms) = tasks.get_mut(task) else { continue };
        match model {
            Some("") => return Err(value.wrong(&format!("in '{item}', no model stands after the colon"))),
            Some(model) => drop(terms.model_prices.insert(model.to_owned(), price)),
            None => terms.price = price,
        }
    }
    Ok(())
}

fn models(value: &Value) -> Result<BTreeMap<Level, Vec<String>>, ConfigError> {
    let mut models = BTreeMap::new();
    for item in value.list() {
        let (level, names) =
            item.split_once('=').ok_or_else(|| value.wrong(&format!("in '{item}', LEVEL=MODEL|MODEL is accepted")))?;
        let level: Level = level.trim().parse().map_err(|wrong| value.wrong(&format!("in '{item}', {wrong}")))?;
        let names = names.split('|').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        models.insert(level, names);
    }
    Ok(models)
}

fn check_task(
    value: &Value,
    item: &str,
    task: Option<&str>,
    tasks: &BTreeMap<String, Terms>,
) -> Result<(), ConfigError> {
    match task {
        Some(task) if !tasks.contains_key(task) => {
            let known: Vec<&str> = task::TASKS.iter().map(|(task, _)| *task).collect();
            let known = known.join(", ");
            Err(value.wrong(&format!("in '{item}', '{task}' is not one of the tasks {known}")))
        }
        _ => Ok(()),
    }
}

fn limit_of(text: &str) -> Option<Limit> {
    if text == "unlimited" {
        return Some(Limit::Unlimited);
    }
    text.parse().ok().filter(|limit| *limit <= 1_000_000).map(Limit::Daily)
}

fn amount(text: &str) -> Option<i64> {
    money::kopecks(text).filter(|kopecks| (0..=MOST_KOPECKS).contains(kopecks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn read_with(environment: &[(&str, &str)]) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let sources = Sources::read(folder.path(), environment).unwrap();
        read(&sources).map_err(|error| error.to_string())
    }

    fn limits_of(settings: &Settings) -> [Limit; 3] {
        Level::ALL.map(|level| settings.tasks["image.generate"].limit(level))
    }

    #[test]
    fn nothing_set_gives_the_shipped_rules() {
        let settings = read_with(&[]).unwrap();
        assert_eq!(limits_of(&settings), [Limit::Daily(3), Limit::Daily(5), Limit::Unlimited]);
        let terms = &settings.tasks["image.generate"];
        assert_eq!((terms.price_of(None), terms.price_of(Some("sdxl-turbo"))), (300, 300));
        assert_eq!(terms.price_of(Some("flux-schnell")), 500);
        assert_eq!((settings.start_balance, settings.models.len()), (3000, 0));
    }

    #[test]
    fn what_is_set_stands_on_the_defaults() {
        let limits = |text| limits_of(&read_with(&[("SAMOVAR_LIMITS", text)]).unwrap());
        assert_eq!(limits("user=1"), [Limit::Daily(1), Limit::Daily(5), Limit::Unlimited]);
        assert_eq!(limits("0"), [Limit::Daily(0), Limit::Daily(0), Limit::Unlimited]);
        assert_eq!(limits("unlimited"), [Limit::Unlimited; 3]);
        assert_eq!(limits("7, user:image.generate = 10"), [Limit::Daily(10), Limit::Daily(7), Limit::Unlimited]);
        let settings = read_with(&[("SAMOVAR_PRICES", "image.generate=2.50,image.generate:a:b=0")]).unwrap();
        let terms = &settings.tasks["image.generate"];
        assert_eq!((terms.price, terms.price_of(Some("a:b")), terms.price_of(Some("flux-schnell"))), (250, 0, 500));
        assert_eq!(read_with(&[("SAMOVAR_START_BALANCE", "12,5")]).unwrap().start_balance, 1250);
        let settings = read_with(&[("SAMOVAR_LEVEL_MODELS", "user=demo | sdxl-turbo,subscriber=")]).unwrap();
        assert_eq!(settings.models[&Level::User], ["demo", "sdxl-turbo"]);
        assert!(settings.models[&Level::Subscriber].is_empty() && !settings.models.contains_key(&Level::Admin));
    }

    #[test]
    fn wrong_rules_are_refused_by_name() {
        for (name, value, part) in [
            ("SAMOVAR_LIMITS", "king=3", "'king' is not one of user"),
            ("SAMOVAR_LIMITS", "user=-1", "from 0 to 1000000 or the word unlimited"),
            ("SAMOVAR_LIMITS", "=3", "not one of user"),
            ("SAMOVAR_LIMITS", "user:image.sing=3", "not one of the tasks image.generate"),
            ("SAMOVAR_LIMITS", "admin=5", "admins are always unlimited"),
            ("SAMOVAR_PRICES", "image.generate", "TASK=ROUBLES"),
            ("SAMOVAR_PRICES", "image.generate=1.234", "two decimals"),
            ("SAMOVAR_PRICES", "image.generate=-1", "from 0"),
            ("SAMOVAR_PRICES", "image.sing=1", "not one of the tasks"),
            ("SAMOVAR_PRICES", "image.generate:=1", "no model stands"),
            ("SAMOVAR_START_BALANCE", "much", "roubles from 0"),
            ("SAMOVAR_LEVEL_MODELS", "demo", "LEVEL=MODEL|MODEL"),
            ("SAMOVAR_LEVEL_MODELS", "king=demo", "not one of user"),
        ] {
            let error = read_with(&[(name, value)]).unwrap_err();
            assert!(error.starts_with(&format!("{name} is '{value}'")) && error.contains(part), "{error}");
        }
    }
}

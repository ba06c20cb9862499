//! Which conditions of a watch a chart can show as lines, and which series they speak of.

use std::sync::LazyLock;

use regex::Regex;

use crate::domain::runbook::model::Level;
use crate::view::chart::Limit;

/// A limit of the form `name < number` (or the other way round) on this series, as a line can show it.
pub(super) fn limit(that: &str, name: &str, level: Level) -> Option<Limit> {
    static FORM: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"^\s*(?:(?P<name>\w+)\s*(?:<=?|>=?)\s*(?P<value>-?\d+(?:\.\d+)?)|(?P<value2>-?\d+(?:\.\d+)?)\s*(?:<=?|>=?)\s*(?P<name2>\w+))\s*$").ok()
    });
    let found = FORM.as_ref()?.captures(that)?;
    let of = |first, second| found.name(first).or_else(|| found.name(second)).map(|found| found.as_str());
    if of("name", "name2")? != name {
        return None;
    }
    let value = of("value", "value2")?.parse().ok().filter(|value: &f64| value.is_finite())?;
    Some(Limit { that: that.trim().chars().take(60).collect(), value, level })
}

/// Whether a condition speaks of this series.
pub(super) fn mentions(that: &str, name: &str) -> bool {
    that.split(|char: char| !char.is_alphanumeric() && char != '_').any(|word| word == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_line_only_where_it_compares_one_series_with_a_number() {
        let value = |that| limit(that, "active", Level::Warn).map(|limit| limit.value);
        assert_eq!(value("active < 15"), Some(15.0));
        assert_eq!(value(" 0.5 <= active "), Some(0.5));
        assert_eq!(value("inactive < 15"), None);
        assert_eq!(value("active < 15 && utilization < 80"), None);
        assert_eq!(value("active < limit"), None);
        assert!(mentions("active < 15 && utilization < 80", "utilization") && !mentions("inactive < 15", "active"));
    }
}

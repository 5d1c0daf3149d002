//! How far a check goes, and which style it asks for.
use model::Millis;

use super::Depth;

/// What is looked at, and what is made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckOptions {
    /// How far the check of a main file goes.
    pub depth: Depth,
    /// The main file is one for Prometheus' agent mode, which does less.
    pub agent: bool,
    /// Jobs whose interval is not shorter than this are told.
    pub lookback: Option<Millis>,
    /// Rules that give the same series are told.
    pub duplicate_rules: bool,
    /// Bad style ends the program with code 3.
    pub fatal: bool,
    /// Fields of rule files that Prometheus does not know pass.
    pub ignore_unknown_fields: bool,
}

impl Default for CheckOptions {
    /// What promtool does without flags.
    fn default() -> Self {
        Self {
            depth: Depth::Whole,
            agent: false,
            lookback: None,
            duplicate_rules: true,
            fatal: false,
            ignore_unknown_fields: false,
        }
    }
}

impl CheckOptions {
    /// With the lint options for rules in `text`, separated by commas; gives the unknown ones too.
    pub fn with_rule_lint(self, text: &str) -> (Self, Vec<String>) {
        self.with_lint(text.split(',').filter(|_| !text.is_empty()))
    }

    /// With the lint options for main files in `text`, separated by commas, of which one is about jobs whose
    /// interval is `lookback` or more; gives the unknown ones too.
    pub fn with_config_lint(self, text: &str, lookback: Millis) -> (Self, Vec<String>) {
        const INTERVAL: &str = "too-long-scrape-interval";
        let options: Vec<&str> = text.split(',').filter(|_| !text.is_empty()).collect();
        if options.contains(&"none") {
            return self.with_lint([].into_iter());
        }
        let looks = options.iter().any(|one| ["all", INTERVAL].contains(one));
        let lookback = (looks && lookback > Millis::ZERO).then_some(lookback);
        let of_rules = options.into_iter().filter(|one| *one != INTERVAL);
        let (options, unknown) = self.with_lint(of_rules);
        (
            Self {
                lookback,
                ..options
            },
            unknown,
        )
    }

    fn with_lint<'t>(self, lint: impl Iterator<Item = &'t str>) -> (Self, Vec<String>) {
        let mut options = Self {
            lookback: None,
            duplicate_rules: false,
            ..self
        };
        let mut unknown = Vec::new();
        for one in lint {
            match one {
                "all" | "duplicate-rules" => options.duplicate_rules = true,
                "none" => {}
                _ => unknown.push(one.to_owned()),
            }
        }
        (options, unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lint_options_read_as_in_promtool() {
        let rules = |text: &str| {
            let (options, unknown) = CheckOptions::default().with_rule_lint(text);
            (options.duplicate_rules, unknown)
        };
        assert_eq!(rules("all"), (true, vec![]));
        assert_eq!(rules("none,duplicate-rules"), (true, vec![]));
        assert_eq!(rules(""), (false, vec![]));
        assert_eq!(rules("none,x"), (false, vec!["x".to_owned()]));
        let lookback = Millis::from_seconds(300);
        let config = |text: &str| {
            let (options, unknown) = CheckOptions::default().with_config_lint(text, lookback);
            (options.duplicate_rules, options.lookback, unknown)
        };
        assert_eq!(config("all"), (true, Some(lookback), vec![]));
        assert_eq!(
            config("too-long-scrape-interval"),
            (false, Some(lookback), vec![])
        );
        assert_eq!(config("duplicate-rules"), (true, None, vec![]));
        assert_eq!(config("all,x,none"), (false, None, vec![]));
    }
}

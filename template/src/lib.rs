//! Templates of alerts' labels and annotations: Go's `text/template` with Prometheus' functions.
//!
//! ```text
//! "{{ $labels.job }} is down" -> parse -> nodes -> execute(data, queries) -> "node is down"
//! ```
//!
//! Source: Go's `text/template` documentation; Prometheus, `template/template.go`.

mod execute;
mod functions;
mod humanize;
mod lex;
mod parse;
mod printf;
mod value;

use model::{Labels, Sample, Timestamp};
pub use value::Value;

/// Why a template gives no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It does not parse.
    #[error("template: {name}:{line}: {what}")]
    Parse {
        /// The template's name.
        name: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// It parses, but fails on its data.
    #[error("error executing template {name}: {what}")]
    Execute {
        /// The template's name.
        name: String,
        /// What is wrong.
        what: String,
    },
}

/// One sample of a query's result.
pub type QueryResult = Vec<(Labels, Sample)>;

/// What a template can reach besides its data.
pub struct Context<'a> {
    /// The time of the evaluation.
    pub now: Timestamp,
    /// Where the querier is reached by people, without a slash at the end.
    pub external_url: &'a str,
    /// Runs an instant query at `now`.
    pub query: &'a dyn Fn(&str) -> Result<QueryResult, String>,
}

/// A template that parses.
#[derive(Clone, Debug)]
pub struct Template {
    name: String,
    source: String,
    nodes: Vec<parse::Node>,
}

impl Template {
    /// Parses `text`.
    ///
    /// # Errors
    /// [`TemplateError::Parse`]
    pub fn parse(name: &str, text: &str) -> Result<Self, TemplateError> {
        let nodes =
            lex::lex(text)
                .and_then(parse::parse)
                .map_err(|error| TemplateError::Parse {
                    name: name.to_owned(),
                    line: error.line,
                    what: error.what,
                })?;
        Ok(Self {
            name: name.to_owned(),
            source: text.to_owned(),
            nodes,
        })
    }

    /// The text as it was written, without the definitions that stand before every alert's.
    pub fn source(&self) -> &str {
        self.source
            .strip_prefix(ALERT_DEFINITIONS)
            .unwrap_or(&self.source)
    }

    /// Runs the template over `data`, which is `.`; `$labels`, `$value` and the like are variables of the text.
    ///
    /// # Errors
    /// [`TemplateError::Execute`]
    pub fn execute(&self, data: &Value, context: &Context<'_>) -> Result<String, TemplateError> {
        execute::execute(&self.nodes, data, context).map_err(|what| TemplateError::Execute {
            name: self.name.clone(),
            what,
        })
    }
}

/// The definitions that Prometheus puts before the text of every alert's template.
pub const ALERT_DEFINITIONS: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
                                     {{$externalURL := .ExternalURL}}{{$value := .Value}}";

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `text` as an alert's annotation would be.
    #[track_caller]
    fn check(text: &str, wanted: Result<&str, &str>) {
        let labels = |pairs: &[(&str, &str)]| {
            Value::map(
                pairs
                    .iter()
                    .map(|(n, v)| (*n, Value::Text((*v).to_owned()))),
            )
        };
        let data = Value::map([
            (
                "Labels",
                labels(&[("job", "node"), ("instance", "10.0.0.1:9100")]),
            ),
            ("ExternalLabels", labels(&[("cluster", "a")])),
            ("ExternalURL", Value::Text("http://pleiades".to_owned())),
            ("Value", Value::Float(1234.5)),
        ]);
        let query = |text: &str| match text {
            "two" => Ok(["b", "a"]
                .map(|job| {
                    let at = Timestamp::from_millis(0);
                    let sample = Sample { at, value: 2.0 };
                    (
                        Labels::from_pairs([("__name__", "up"), ("job", job)]),
                        sample,
                    )
                })
                .to_vec()),
            "none" => Ok(Vec::new()),
            other => Err(format!("bad query {other}")),
        };
        let context = Context {
            now: Timestamp::from_millis(1_435_065_584_128),
            external_url: "http://pleiades",
            query: &query,
        };
        let got = Template::parse("t", &format!("{ALERT_DEFINITIONS}{text}"))
            .and_then(|template| template.execute(&data, &context));
        match wanted {
            Ok(wanted) => assert_eq!(got.as_deref(), Ok(wanted), "{text}"),
            Err(part) => {
                let error = got.expect_err(text).to_string();
                assert!(error.contains(part), "{text}: {error}");
            }
        }
    }

    #[test]
    fn fields_and_variables() {
        check("plain", Ok("plain"));
        check(
            "{{ $labels.job }} at {{ .Labels.instance }}",
            Ok("node at 10.0.0.1:9100"),
        );
        check(
            "{{ $labels.absent }}|{{ index $labels \"job\" }}",
            Ok("|node"),
        );
        check(
            "{{ $value }} {{ .Value }} {{ $externalLabels.cluster }}",
            Ok("1234.5 1234.5 a"),
        );
        check("{{ $x := 1 }}{{ $x = 2 }}{{ $x }}", Ok("2"));
        check("{{ $nobody }}", Err("undefined variable \"$nobody\""));
        check("{{ .Labels.job", Err("unclosed action"));
        check("{{ nofunc 1 }}", Err("function \"nofunc\" not defined"));
    }

    #[test]
    fn variables_that_are_not_there_are_refused_before_anything_runs() {
        let refused = |text: &str| match Template::parse("t", &format!("{ALERT_DEFINITIONS}{text}"))
        {
            Ok(_) => "good".to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(
            refused("{{ $label.foo }}"),
            "template: t:1: undefined variable \"$label\""
        );
        for gone in [
            "{{ if $x := 1 }}{{ end }}{{ $x }}",
            "{{ if false }}{{ $x }}{{ end }}",
            "{{ range $x, $y := .Labels }}{{ else }}{{ $z }}{{ end }}",
            "{{ define \"d\" }}{{ $labels }}{{ end }}",
            "{{ (printf \"%v\" $x) }}",
        ] {
            assert!(refused(gone).contains("undefined variable"), "{gone}");
        }
        for good in [
            "{{ $ }}{{ $x := $labels }}{{ $x.job }}",
            "{{ if $x := 1 }}{{ $y := $x }}{{ else if $z := 2 }}{{ $x }}{{ $y }}{{ $z }}{{ end }}",
            "{{ range $i, $x := .Labels }}{{ $i }}{{ $x }}{{ end }}",
            "{{ define \"d\" }}{{ $x := . }}{{ $ }}{{ $x }}{{ end }}{{ $value }}",
        ] {
            assert_eq!(refused(good), "good", "{good}");
        }
    }

    #[test]
    fn white_space_is_trimmed_where_a_dash_says_so() {
        check("a  {{- 1 -}}  b", Ok("a1b"));
        check("a {{/* nothing */}} b", Ok("a  b"));
        check("a {{- /* nothing */ -}} b", Ok("ab"));
    }

    #[test]
    fn control_flow() {
        check(
            "{{ if eq $labels.job \"node\" }}yes{{ else }}no{{ end }}",
            Ok("yes"),
        );
        check(
            "{{ if gt $value 2000.0 }}a{{ else if gt $value 1000.0 }}b{{ else }}c{{ end }}",
            Ok("b"),
        );
        check(
            "{{ range $i, $s := query \"two\" }}{{ $i }}={{ $s.Labels.job }}:{{ $s.Value }} {{ end }}",
            Ok("0=b:2 1=a:2 "),
        );
        check(
            "{{ range query \"two\" | sortByLabel \"job\" }}{{ .Labels.job }}{{ end }}",
            Ok("ab"),
        );
        check(
            "{{ range query \"none\" }}x{{ else }}empty{{ end }}",
            Ok("empty"),
        );
        check(
            "{{ with query \"two\" }}{{ . | first | value | humanize }}{{ end }}",
            Ok("2"),
        );
        check(
            "{{ with query \"two\" }}{{ . | first | label \"job\" }}{{ end }}",
            Ok("b"),
        );
        check("{{ query \"two\" | first | strvalue }}", Ok(""));
        check(
            "{{ query \"none\" | first }}",
            Err("first() called on vector with no elements"),
        );
        check("{{ query \"bad\" }}", Err("bad query bad"));
        check("{{ if and true (not false) (or 0 1) }}y{{ end }}", Ok("y"));
        check("{{ if 1 }}x", Err("unexpected EOF"));
        check("{{ end }}", Err("unexpected {{end}}"));
        check(
            "{{ define \"x\" }}[{{ . }}]{{ end }}{{ template \"x\" 5 }}",
            Ok("[5]"),
        );
    }

    #[test]
    fn numbers_print_as_in_go() {
        check(
            "{{ 1000000.0 }} {{ 123456.0 }} {{ 0.00001 }} {{ 3 }}",
            Ok("1e+06 123456 1e-05 3"),
        );
        check(
            "{{ printf \"%.2f|%5d|%-4s|%s|%q|%v|%x|%%\" 1.005 42 \"a\" \"b\" \"c\" 1.5 255 }}",
            Ok("1.00|   42|a   |b|\"c\"|1.5|ff|%"),
        );
        check("{{ print 1 2 \"a\" }} {{ len \"abc\" }}", Ok("1 2a 3"));
    }

    #[test]
    fn prometheus_functions() {
        check(
            "{{ $value | humanize }} {{ humanize 0.0 }} {{ humanize 0.001 }} {{ humanize 1e10 }}",
            Ok("1.234k 0 1m 10G"),
        );
        check(
            "{{ humanize1024 2048.0 }} {{ humanize1024 1.0 }}",
            Ok("2ki 1"),
        );
        check(
            "{{ humanizeDuration 0.0 }} {{ humanizeDuration 3661.0 }} {{ humanizeDuration 86400.0 }} {{ humanizeDuration 0.0123 }} {{ humanizeDuration -60.0 }}",
            Ok("0s 1h 1m 1s 1d 0h 0m 0s 12.3ms -1m 0s"),
        );
        check(
            "{{ humanizePercentage 0.1234567 }} {{ humanizePercentage 1.0 }}",
            Ok("12.35% 100%"),
        );
        check(
            "{{ humanizeTimestamp 1435065584.128 }}",
            Ok("2015-06-23 13:19:44.128 +0000 UTC"),
        );
        check(
            "{{ toUpper \"ab\" }} {{ toLower \"AB\" }} {{ title \"aa bB\" }}",
            Ok("AB ab Aa Bb"),
        );
        check(
            "{{ reReplaceAll \"(a)b\" \"$1-\" \"ab ab\" }} {{ match \"a+\" \"aa\" }}",
            Ok("a- a- true"),
        );
        check(
            "{{ stripPort $labels.instance }} {{ stripDomain \"a.b.c:80\" }}",
            Ok("10.0.0.1 a:80"),
        );
        check(
            "{{ parseDuration \"1h\" }} {{ urlQueryEscape \"a b&c\" }} {{ externalURL }} {{ pathPrefix }}",
            Ok("3600 a+b%26c http://pleiades "),
        );
        check("{{ graphLink \"up\" }}", Ok("/graph?g0.expr=up&g0.tab=0"));
        check(
            "{{ tableLink \"up{a=\\\"b\\\"}\" }}",
            Ok("/graph?g0.expr=up%7Ba%3D%22b%22%7D&g0.tab=1"),
        );
    }
}

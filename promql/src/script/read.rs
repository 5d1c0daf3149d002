//! Script text -> [`Command`]s.
use std::num::NonZeroU64;

use model::{Millis, Steps, TimeRange, Timestamp, parse_duration, regex::Regex};

use super::{
    Command, Eval, Expected, ExpectedNotes, Load, LoadedSeries, Pattern, ScriptError, SeriesValue,
    series, starts,
};
use crate::quote::unquote;

/// Reads a script.
///
/// # Errors
/// [`ScriptError`] at the first line that is not of the language. Queries are not looked at.
pub fn read(text: &str) -> Result<Vec<Command>, ScriptError> {
    let mut lines = Lines::new(text);
    let mut commands = Vec::new();
    while let Some(line) = lines.next_line() {
        if line.is_empty() {
            continue;
        }
        let number = lines.n_read;
        let word = line
            .split_whitespace()
            .next()
            .unwrap_or("")
            .to_ascii_lowercase();
        let command = match word.as_str() {
            "clear" => Ok(Command::Clear),
            _ if word.starts_with("load") => load(line, &mut lines),
            _ if word.starts_with("eval") => eval(line, &mut lines),
            _ => Err(format!("invalid command {line:?}")),
        };
        commands.push(command.map_err(|message| ScriptError {
            // An error in the body of a command is told where it stands.
            line: if lines.in_body { lines.n_read } else { number },
            message,
        })?);
        lines.in_body = false;
    }
    Ok(commands)
}

type Read<T> = Result<T, String>;

/// The lines of a script, without comments and outer blanks.
struct Lines<'a> {
    lines: std::str::Lines<'a>,
    n_read: usize,
    in_body: bool,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            lines: text.lines(),
            n_read: 0,
            in_body: false,
        }
    }

    fn next_line(&mut self) -> Option<&'a str> {
        let line = self.lines.next()?.trim();
        self.n_read += 1;
        Some(if line.starts_with('#') { "" } else { line })
    }

    /// The next line that still belongs to the command.
    fn body_line(&mut self) -> Option<&'a str> {
        let line = self.next_line().filter(|line| !line.is_empty());
        self.in_body = line.is_some();
        line
    }
}

fn duration(text: &str) -> Read<Millis> {
    parse_duration(text).map_err(|e| format!("invalid time {text:?}: {e}"))
}

fn instant(text: &str) -> Read<Timestamp> {
    Ok(Timestamp::from_millis(duration(text)?.as_millis()))
}

fn load(line: &str, lines: &mut Lines<'_>) -> Read<Command> {
    let number = lines.n_read;
    let (with_custom_buckets, step) = match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["load", step] => (false, step),
        ["load_with_nhcb", step] => (true, step),
        _ => return Err("invalid load command. (load[_with_nhcb] <step:duration>)".to_owned()),
    };
    let step = duration(step)?;
    let (mut loaded, mut starts_of) = (Vec::new(), None);
    while let Some(line) = lines.body_line() {
        let first = line.split([' ', '\t']).next().unwrap_or("");
        if let Some(metric) = first.strip_suffix("@st") {
            let rest = &line[first.len()..];
            starts_of = Some((series::labels(metric)?.0, starts::offsets(rest)?));
            continue;
        }
        let (labels, values) = series::read(line)?;
        let starts = match starts_of.take() {
            Some((other, _)) if other != labels => {
                return Err("@st metric does not match the following sample line metric".to_owned());
            }
            Some((_, starts)) if starts.len() != values.len() => {
                return Err(format!(
                    "{} start timestamps for {} samples",
                    starts.len(),
                    values.len()
                ));
            }
            found => found.map(|(_, starts)| starts).unwrap_or_default(),
        };
        loaded.push(LoadedSeries {
            labels,
            values,
            starts,
        });
    }
    if starts_of.is_some() {
        return Err("@st line has no following sample line".to_owned());
    }
    Ok(Command::Load(Load {
        line: number,
        step,
        with_custom_buckets,
        series: loaded,
    }))
}

/// The first word of `text`, and what follows.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once([' ', '\t']).unwrap_or((text, ""))
}

/// What follows `wanted`, which `text` must begin with.
fn after<'a>(text: &'a str, wanted: &str) -> Read<&'a str> {
    match word(text) {
        (first, rest) if first == wanted => Ok(rest),
        (first, _) => Err(format!("expected {wanted:?}, found {first:?}")),
    }
}

fn eval(line: &str, lines: &mut Lines<'_>) -> Read<Command> {
    let number = lines.n_read;
    let (command, rest) = word(line);
    let (form, rest) = word(rest);
    let (steps, query) = match form {
        "instant" => {
            let (at, query) = word(after(rest, "at")?);
            (Steps::Instant(instant(at)?), query)
        }
        "range" => range(rest)?,
        _ => return Err(format!("invalid evaluation command {line:?}")),
    };
    let mut eval = Draft::new(steps);
    match command {
        "eval" => {}
        "eval_fail" => eval.failure = Some(Pattern::Any),
        "eval_warn" => eval.warnings = ExpectedNotes::Matching(vec![Pattern::Any]),
        "eval_info" => eval.infos = ExpectedNotes::Matching(vec![Pattern::Any]),
        "eval_ordered" => eval.ordered = true,
        _ => return Err(format!("invalid evaluation command {command:?}")),
    }
    while let Some(line) = lines.body_line() {
        if !eval.read(line)? {
            break;
        }
    }
    Ok(Command::Eval(eval.finish(number, query.trim())))
}

/// Reads `from <start> to <end> step <step>`, and gives what follows.
fn range(text: &str) -> Read<(Steps, &str)> {
    let (start, rest) = word(after(text, "from")?);
    let (end, rest) = word(after(rest, "to")?);
    let (step, rest) = word(after(rest, "step")?);
    let range = TimeRange::new(instant(start)?, instant(end)?).map_err(|e| e.to_string())?;
    let step = u64::try_from(duration(step)?.as_millis())
        .ok()
        .and_then(NonZeroU64::new)
        .ok_or("the step must be above zero")?;
    Ok((Steps::Range { range, step }, rest))
}

/// What was read of an eval so far.
struct Draft {
    steps: Steps,
    failure: Option<Pattern>,
    ordered: bool,
    scalar: Option<f64>,
    text: Option<String>,
    /// The instants of a range vector that an instant query gives.
    window: Option<Steps>,
    series: Vec<(model::Labels, Vec<SeriesValue>)>,
    warnings: ExpectedNotes,
    infos: ExpectedNotes,
}

impl Draft {
    const fn new(steps: Steps) -> Self {
        Self {
            steps,
            failure: None,
            ordered: false,
            scalar: None,
            text: None,
            window: None,
            series: Vec::new(),
            warnings: ExpectedNotes::Any,
            infos: ExpectedNotes::Any,
        }
    }

    /// Reads a line of the body; false if it is the last one.
    fn read(&mut self, line: &str) -> Read<bool> {
        if self.failure.is_some() {
            if let Some(message) = line.strip_prefix("expected_fail_message") {
                self.failure = Some(Pattern::Text(message.trim().to_owned()));
                return Ok(false);
            }
            if let Some(pattern) = line.strip_prefix("expected_fail_regexp") {
                self.failure = Some(regex(pattern)?);
                return Ok(false);
            }
        }
        if let Some(rest) = line.strip_prefix("expect range vector") {
            self.window = Some(range(rest)?.0);
        } else if let Some(rest) = line.strip_prefix("expect string") {
            let text = unquote(rest.trim_start());
            self.text = Some(text.ok_or("expected string literal not valid")?);
        } else if line == "expect" || line.starts_with("expect ") {
            self.expectation(word(line).1)?;
        } else if let Some(value) = bare_number(line) {
            self.scalar = Some(value);
            return Ok(false);
        } else {
            let (labels, values) = series::read(line)?;
            if matches!(self.steps, Steps::Instant(_)) && values.len() > 1 && self.window.is_none()
            {
                return Err(
                    "expecting multiple values in instant evaluation not allowed".to_owned(),
                );
            }
            self.series.push((labels, values));
        }
        Ok(true)
    }

    /// Reads what follows `expect`.
    fn expectation(&mut self, text: &str) -> Read<()> {
        let (kind, rest) = word(text);
        let rest = rest.trim_start();
        let pattern = if let Some(message) = rest.strip_prefix("msg:") {
            Pattern::Text(message.trim().to_owned())
        } else if let Some(pattern) = rest.strip_prefix("regex:") {
            regex(pattern)?
        } else if rest.is_empty() {
            Pattern::Any
        } else {
            return Err(format!("invalid token {rest:?} after {kind:?}"));
        };
        match kind {
            "ordered" => self.ordered = true,
            "fail" if self.failure.is_some() => {
                return Err("multiple expect fail lines are not allowed".to_owned());
            }
            "fail" => self.failure = Some(pattern),
            "warn" => self.warnings.want(pattern)?,
            "info" => self.infos.want(pattern)?,
            "no_warn" => self.warnings.want_none()?,
            "no_info" => self.infos.want_none()?,
            _ => return Err(format!("invalid expectation {kind:?}")),
        }
        Ok(())
    }

    fn finish(self, line: usize, query: &str) -> Eval {
        let values_at = self.window.unwrap_or(self.steps);
        let (start, end, step) = match values_at {
            Steps::Instant(at) => (at, at, Millis::ZERO),
            Steps::Range { range, step } => {
                (range.start(), range.end(), Millis::new(step.get() as i64))
            }
        };
        let expected = match (self.failure, self.scalar, self.text) {
            (Some(pattern), ..) => Expected::Failure(pattern),
            (None, Some(value), _) => Expected::Scalar(value),
            (None, None, Some(text)) => Expected::String(text),
            (None, None, None) => Expected::Series {
                ordered: self.ordered,
                window: self.window.is_some(),
                start,
                step,
                end,
                series: self.series,
            },
        };
        Eval {
            line,
            query: query.to_owned(),
            // A window is asked for at its end.
            steps: if self.window.is_some() {
                Steps::Instant(end)
            } else {
                self.steps
            },
            expected,
            warnings: self.warnings,
            infos: self.infos,
        }
    }
}

impl ExpectedNotes {
    fn want(&mut self, pattern: Pattern) -> Read<()> {
        match self {
            Self::Any => *self = Self::Matching(vec![pattern]),
            Self::Matching(patterns) => patterns.push(pattern),
            Self::None => return Err("an annotation is both wanted and not".to_owned()),
        }
        Ok(())
    }

    fn want_none(&mut self) -> Read<()> {
        if matches!(self, Self::Matching(_)) {
            return Err("an annotation is both wanted and not".to_owned());
        }
        *self = Self::None;
        Ok(())
    }
}

/// A pattern that may match anywhere in a text.
fn regex(pattern: &str) -> Read<Pattern> {
    let pattern = pattern.trim();
    Regex::new(&format!(".*(?:{pattern}).*"))
        .map(Pattern::Regex)
        .map_err(|e| format!("invalid regex {pattern}: {e}"))
}

/// A line that is nothing but a number.
fn bare_number(line: &str) -> Option<f64> {
    let unsigned = line.strip_prefix(['+', '-']).unwrap_or(line);
    let value = crate::parser::number_value(unsigned)?;
    Some(if line.starts_with('-') { -value } else { value })
}

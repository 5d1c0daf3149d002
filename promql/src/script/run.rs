//! Runs the commands of a script against an engine.
use std::num::NonZeroU64;

use model::{Labels, Series, Steps, TimeRange, Timestamp, Value as SampleValue};

use super::{Command, Eval, Expected, Store, compare, pin};
use crate::{
    ast::Expr,
    parser::{Options, parse_with},
};

/// What an engine answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The result.
    pub value: Value,
    /// Texts as the HTTP API has them.
    pub warnings: Vec<String>,
    /// Texts as the HTTP API has them.
    pub infos: Vec<String>,
}

/// The result of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One number.
    Scalar(f64),
    /// A text.
    String(String),
    /// One value a series.
    Vector(Vec<(Labels, SampleValue)>),
    /// Samples of series.
    Matrix(Vec<Series>),
}

/// What answers queries over the series that a script has loaded.
pub trait Engine {
    /// Told after each load and each clear what there is now, for engines that hold series in a place of their own.
    ///
    /// # Errors
    /// Why they cannot be held there.
    fn loaded(&self, store: &Store) -> Result<(), String> {
        let _ = store;
        Ok(())
    }

    /// Evaluates `query`, all of whose features are on, at `steps`.
    ///
    /// # Errors
    /// The text that the HTTP API would give.
    fn answer(&self, store: &Store, query: &str, steps: Steps) -> Result<Answer, String>;
}

/// What came of an eval.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Where the eval stands in the script, counted from 1.
    pub line: usize,
    /// What was asked.
    pub query: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// How an eval ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// As the script wants it.
    Passed,
    /// Otherwise, and how.
    Failed(String),
}

/// Runs a script from an empty store, and tells what came of each of its evals.
///
/// An instant eval is also asked as the middle of a range query, and with `@` on all its selectors at other times:
/// the result must be the same.
pub fn run(commands: &[Command], engine: &dyn Engine) -> Vec<Outcome> {
    let (mut store, mut outcomes) = (Store::default(), Vec::new());
    let failed = |line, query: &str, message| Outcome {
        line,
        query: query.to_owned(),
        verdict: Verdict::Failed(message),
    };
    // What the script before has loaded goes.
    for command in [Command::Clear].iter().chain(commands) {
        match command {
            Command::Clear => {
                store = Store::default();
                if let Err(message) = engine.loaded(&store) {
                    outcomes.push(failed(0, "clear", message));
                }
            }
            Command::Load(load) => {
                let loaded = store.load(load).and_then(|()| engine.loaded(&store));
                if let Err(message) = loaded {
                    outcomes.push(failed(load.line, "load", message));
                }
            }
            Command::Eval(eval) => outcomes.push(Outcome {
                line: eval.line,
                query: eval.query.clone(),
                verdict: verdict(eval, &store, engine),
            }),
        }
    }
    outcomes
}

fn verdict(eval: &Eval, store: &Store, engine: &dyn Engine) -> Verdict {
    let options = Options::ALL;
    let expr = parse_with(&eval.query, options).ok();
    let checked = match (eval.steps, expr) {
        (Steps::Instant(at), Some(expr)) => variants(eval, expr, at)
            .iter()
            .try_for_each(|(query, at)| instant(eval, query, *at, store, engine)),
        (steps, _) => ask(eval, &eval.query, steps, store, engine).map(|_| ()),
    };
    match checked {
        Ok(()) => Verdict::Passed,
        Err(message) => Verdict::Failed(message),
    }
}

/// The eval itself, and the same pinned to its time and asked at others.
fn variants(eval: &Eval, mut expr: Expr, at: Timestamp) -> Vec<(String, Timestamp)> {
    let mut variants = vec![(eval.query.clone(), at)];
    if pin::pin(&mut expr, at) {
        let pinned = expr.to_string();
        let t = at.as_millis();
        let times = if t == 0 {
            vec![-1000, 0, 1000]
        } else {
            vec![-10 * t, 0, t / 5, t, 10 * t]
        };
        for time in times {
            variants.push((pinned.clone(), Timestamp::from_millis(time)));
        }
    }
    variants
}

/// Asks at one instant, and again with that instant in the middle of a range.
fn instant(
    eval: &Eval,
    query: &str,
    at: Timestamp,
    store: &Store,
    engine: &dyn Engine,
) -> Result<(), String> {
    let told = |e: String| format!("{query} at {at}: {e}");
    let answer = ask(eval, query, Steps::Instant(at), store, engine).map_err(told)?;
    let is_scalar = match answer.map(|a| a.value) {
        None | Some(Value::String(_) | Value::Matrix(_)) => return Ok(()),
        Some(Value::Scalar(_)) => true,
        Some(Value::Vector(_)) => false,
    };
    let depends_on_range = ["start()", "end()", "range()", "step()"]
        .iter()
        .any(|f| query.contains(f));
    if depends_on_range || matches!(eval.expected, Expected::Series { ordered: true, .. }) {
        return Ok(());
    }
    let told = |e: String| format!("{query} around {at}: {e}");
    let around = |millis| Timestamp::from_millis(at.as_millis() + millis);
    let range = TimeRange::new(around(-60_000), around(60_000)).map_err(|e| told(e.to_string()))?;
    let step = NonZeroU64::new(60_000).expect("a minute is not zero");
    let answer = engine
        .answer(store, query, Steps::Range { range, step })
        .map_err(told)?;
    let Value::Matrix(series) = answer.value else {
        return Err(told("a range query gave no matrix".to_owned()));
    };
    compare::sorted(&series).map_err(told)?;
    let points = series.into_iter().filter_map(|series| {
        let float = series.samples.into_iter().find(|sample| sample.at == at);
        let float = float.map(|sample| SampleValue::Float(sample.value));
        let histogram = series.histograms.into_iter().find(|s| s.at == at);
        let histogram = histogram.map(|s| SampleValue::Histogram(s.histogram));
        Some((series.labels, float.or(histogram)?))
    });
    let value = match (is_scalar, points.collect::<Vec<_>>()) {
        (true, points) => match &points[..] {
            [(_, SampleValue::Float(value))] => Value::Scalar(*value),
            _ => return Err(told("a scalar has not one value".to_owned())),
        },
        (false, points) => Value::Vector(points),
    };
    compare::value(eval, &value).map_err(told)
}

/// Asks, and compares with what is expected; no answer if the query failed as it should.
fn ask(
    eval: &Eval,
    query: &str,
    steps: Steps,
    store: &Store,
    engine: &dyn Engine,
) -> Result<Option<Answer>, String> {
    let answer = match (engine.answer(store, query, steps), &eval.expected) {
        (Err(error), Expected::Failure(pattern)) if pattern.matches(&error) => return Ok(None),
        (Err(error), Expected::Failure(pattern)) => {
            return Err(format!("wanted the error {pattern:?}, got {error:?}"));
        }
        (Err(error), _) => return Err(format!("failed with {error:?}")),
        (Ok(_), Expected::Failure(_)) => return Err("wanted a failure, got a result".to_owned()),
        (Ok(answer), _) => answer,
    };
    compare::notes(&eval.warnings, &answer.warnings, "warning")?;
    compare::notes(&eval.infos, &answer.infos, "info")?;
    compare::value(eval, &answer.value)?;
    Ok(Some(answer))
}

//! `pleiades query`: asks a Prometheus HTTP API and prints as promtool does.
mod print;
mod time;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use model::{Millis, format_duration};
use serde_json::Value;
use url::form_urlencoded::Serializer;

use crate::client::HttpClient;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// As PromQL writes series and values.
    #[default]
    Promql,
    /// The result as the API gives it.
    Json,
}

/// The queries.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an instant query.
    Instant(Instant),
    /// Run a range query.
    Range(Range),
    /// Run a series query.
    Series(Series),
    /// Run a label values query.
    Labels(Labels),
}

/// Where the API is and how its answer is printed.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// The server: http://127.0.0.1:9090.
    server: String,
    /// Output format of the query.
    #[arg(short = 'o', long, value_enum, default_value_t)]
    format: Format,
}

/// An instant query.
#[derive(Debug, Args)]
pub(crate) struct Instant {
    #[command(flatten)]
    server: Server,
    /// PromQL query expression.
    expr: String,
    /// Query evaluation time (RFC3339 or Unix timestamp).
    #[arg(long)]
    time: Option<String>,
}

/// A range query.
#[derive(Debug, Args)]
pub(crate) struct Range {
    #[command(flatten)]
    server: Server,
    /// PromQL query expression.
    expr: String,
    /// Query range start time (RFC3339 or Unix timestamp); five minutes before the end by default.
    #[arg(long)]
    start: Option<String>,
    /// Query range end time (RFC3339 or Unix timestamp); now by default.
    #[arg(long)]
    end: Option<String>,
    /// Query step size (duration).
    #[arg(long, value_parser = model::parse_duration)]
    step: Option<Millis>,
}

/// A series query.
#[derive(Debug, Args)]
pub(crate) struct Series {
    #[command(flatten)]
    server: Server,
    /// Series selector. Can be specified multiple times.
    #[arg(long = "match", required = true)]
    matches: Vec<String>,
    /// Start time (RFC3339 or Unix timestamp).
    #[arg(long)]
    start: Option<String>,
    /// End time (RFC3339 or Unix timestamp).
    #[arg(long)]
    end: Option<String>,
}

/// A label values query.
#[derive(Debug, Args)]
pub(crate) struct Labels {
    #[command(flatten)]
    server: Server,
    /// Label name to provide label values for.
    name: String,
    /// Series selector. Can be specified multiple times.
    #[arg(long = "match")]
    matches: Vec<String>,
    /// Start time (RFC3339 or Unix timestamp).
    #[arg(long)]
    start: Option<String>,
    /// End time (RFC3339 or Unix timestamp).
    #[arg(long)]
    end: Option<String>,
}

/// Asks and prints.
pub(crate) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Instant(args) => {
            let mut form = Form::default();
            form.add("query", &args.expr);
            form.add_some("time", args.time.as_deref());
            let data = form.post(&args.server, "query").await?;
            print_result(&args.server, &data)
        }
        Command::Range(args) => {
            let (start, end) = time::range(args.start.as_deref(), args.end.as_deref())?;
            if end < start {
                bail!("start time is not before end time");
            }
            let step = match args.step {
                Some(step) => format_duration(step),
                None => time::default_step(start, end).to_string(),
            };
            let mut form = Form::default();
            form.add("query", &args.expr);
            form.add("start", &start.to_string());
            form.add("end", &end.to_string());
            form.add("step", &step);
            let data = form.post(&args.server, "query_range").await?;
            print_result(&args.server, &data)
        }
        Command::Series(args) => {
            let form = Form::selecting(&args.matches, args.start.as_deref(), args.end.as_deref());
            let data = form.post(&args.server, "series").await?;
            print_list(&args.server, &data, print::metric)
        }
        Command::Labels(args) => {
            let form = Form::selecting(&args.matches, args.start.as_deref(), args.end.as_deref());
            let path = format!("label/{}/values", args.name);
            let data = form.get(&args.server, &path).await?;
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            print_list(&args.server, &data, text)
        }
    }
}

fn print_result(server: &Server, data: &Value) -> anyhow::Result<()> {
    match server.format {
        Format::Promql => crate::print(&print::result(data)?),
        Format::Json => crate::print(&data["result"].to_string()),
    }
    Ok(())
}

fn print_list(
    server: &Server,
    data: &Value,
    line: impl Fn(&Value) -> String,
) -> anyhow::Result<()> {
    let entries = data.as_array().context("the answer is no list")?;
    match server.format {
        Format::Json => crate::print(&data.to_string()),
        Format::Promql => entries.iter().for_each(|entry| crate::print(&line(entry))),
    }
    Ok(())
}

/// The parameters of a call.
#[derive(Default)]
struct Form(Vec<(&'static str, String)>);

impl Form {
    fn selecting(matches: &[String], start: Option<&str>, end: Option<&str>) -> Self {
        let mut form = Self::default();
        matches.iter().for_each(|m| form.add("match[]", m));
        form.add_some("start", start);
        form.add_some("end", end);
        form
    }

    fn add(&mut self, name: &'static str, value: &str) {
        self.0.push((name, value.to_owned()));
    }

    fn add_some(&mut self, name: &'static str, value: Option<&str>) {
        value.into_iter().for_each(|value| self.add(name, value));
    }

    fn encoded(&self) -> String {
        Serializer::new(String::new())
            .extend_pairs(&self.0)
            .finish()
    }

    async fn post(&self, server: &Server, path: &str) -> anyhow::Result<Value> {
        let answer = HttpClient::new()?
            .post_form(&url(server, path), self.encoded())
            .await?;
        data(&answer.body)
    }

    async fn get(&self, server: &Server, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}?{}", url(server, path), self.encoded());
        data(&HttpClient::new()?.get(&url).await?.body)
    }
}

fn url(server: &Server, path: &str) -> String {
    format!("{}/api/v1/{path}", server.server.trim_end_matches('/'))
}

/// The data of an answer's envelope; its warnings go to standard error.
fn data(body: &[u8]) -> anyhow::Result<Value> {
    let mut answer: Value = serde_json::from_slice(body).with_context(|| {
        let text = String::from_utf8_lossy(body);
        format!(
            "the answer is not Prometheus' JSON: {}",
            text.chars().take(200).collect::<String>()
        )
    })?;
    if answer["status"] != "success" {
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        bail!("{}: {}", text("errorType"), text("error"));
    }
    for kind in ["warnings", "infos"] {
        for note in answer[kind].as_array().into_iter().flatten() {
            tracing::warn!("{}", note.as_str().unwrap_or_default());
        }
    }
    Ok(answer["data"].take())
}

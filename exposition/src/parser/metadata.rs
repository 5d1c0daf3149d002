//! Lines that tell of a metric: `# HELP`, `# TYPE`, `# UNIT`.
use std::borrow::Cow;

use model::MetricType;

use super::Parser;
use crate::{Entry, Format, SyntaxError, labels, lexer::Token, quote::quoted};

impl<'a> Parser<'a> {
    /// What stands behind the token `keyword`.
    pub(super) fn metadata(&mut self, keyword: Token) -> Result<Entry<'a>, SyntaxError> {
        let token = self.lexer.next();
        if token != Token::MetricName {
            let expected = format!("expected metric name after {keyword}");
            return Err(self.unexpected(&expected, token));
        }
        let name = self.lexer.token();
        let metric = metric_name(name);
        let text = self.metadata_text(keyword)?;
        match keyword {
            Token::Type => {
                self.kind = self.kind_of(text)?;
                self.typed = true;
                Ok(Entry::Type {
                    metric,
                    kind: self.kind,
                })
            }
            Token::Unit => self.unit(name, metric, text),
            _ => self.help(metric, text),
        }
    }

    /// The rest of the line without the blank before it.
    fn metadata_text(&mut self, keyword: Token) -> Result<&'a [u8], SyntaxError> {
        let token = self.lexer.next();
        let text = self.lexer.token();
        match (self.lexer.format, token) {
            (Format::Text, Token::Text) => Ok(text.get(1..).unwrap_or_default()),
            (Format::Text, _) => {
                Err(self.error(format!("expected text in {keyword}, got {token}")))
            }
            (Format::OpenMetrics, Token::Text) => Ok(&text[1..text.len() - 1]),
            (Format::OpenMetrics, _) => Err(self.error(format!("expected text in {keyword}"))),
        }
    }

    fn kind_of(&self, text: &[u8]) -> Result<MetricType, SyntaxError> {
        match (self.lexer.format, text) {
            (_, b"counter") => Ok(MetricType::Counter),
            (_, b"gauge") => Ok(MetricType::Gauge),
            (_, b"histogram") => Ok(MetricType::Histogram),
            (_, b"summary") => Ok(MetricType::Summary),
            (Format::Text, b"untyped") => Ok(MetricType::Unknown),
            (Format::OpenMetrics, b"unknown") => Ok(MetricType::Unknown),
            (Format::OpenMetrics, b"gaugehistogram") => Ok(MetricType::GaugeHistogram),
            (Format::OpenMetrics, b"info") => Ok(MetricType::Info),
            (Format::OpenMetrics, b"stateset") => Ok(MetricType::StateSet),
            _ => Err(self.error(format!("invalid metric type {}", quoted(text)))),
        }
    }

    fn help(&self, metric: Cow<'a, str>, text: &'a [u8]) -> Result<Entry<'a>, SyntaxError> {
        let Ok(help) = std::str::from_utf8(text) else {
            let shown = quoted(text);
            return Err(self.error(format!("help text {shown} is not a valid utf8 string")));
        };
        let help = match self.lexer.format {
            Format::Text => labels::unescaped_help(help),
            Format::OpenMetrics => labels::unescaped(help),
        };
        Ok(Entry::Help { metric, help })
    }

    fn unit(
        &self,
        name: &[u8],
        metric: Cow<'a, str>,
        text: &'a [u8],
    ) -> Result<Entry<'a>, SyntaxError> {
        let name = without_quotes(name);
        let before = name.strip_suffix(text);
        if text.is_empty() || before.is_some_and(|before| before.ends_with(b"_")) {
            let unit = String::from_utf8_lossy(text);
            return Ok(Entry::Unit { metric, unit });
        }
        let (unit, metric) = (quoted(text), quoted(name));
        Err(self.error(format!("unit {unit} not a suffix of metric {metric}")))
    }
}

fn metric_name(name: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(without_quotes(name)) {
        Cow::Borrowed(name) => labels::unescaped(name),
        Cow::Owned(name) => Cow::Owned(labels::unescaped(&name).into_owned()),
    }
}

fn without_quotes(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"\"")
        .and_then(|name| name.strip_suffix(b"\""))
        .unwrap_or(name)
}

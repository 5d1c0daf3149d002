//! Series descriptions: `name{label="value"} 1 2+3x4 _ stale {{count:5}}`.
use model::{Labels, METRIC_NAME, STALE_NAN};

use super::{MAX_REPEATS, SeriesValue, histogram};
use crate::{
    lexer::{
        Lexer,
        token::{Kind, Token},
    },
    quote::{quote, unquote},
};

type Read<T> = Result<T, String>;

/// Reads the labels of `line`, and its values behind them.
pub(super) fn read(line: &str) -> Read<(Labels, Vec<SeriesValue>)> {
    let (labels, rest) = labels(line)?;
    Ok((labels, values(rest)?))
}

/// Reads the labels at the beginning of `line`, and gives what follows.
pub(super) fn labels(line: &str) -> Read<(Labels, &str)> {
    let mut lexer = Lexer::new(line);
    let mut next = || lexer.next().map_err(|e| e.message);
    let mut pairs = Vec::new();
    let mut last = next()?;
    if last.kind.may_name_metric() {
        pairs.push((METRIC_NAME.to_owned(), last.text.to_owned()));
        if !line[last.end()..].starts_with('{') {
            return Ok((pairs.into_iter().collect(), &line[last.end()..]));
        }
        last = next()?;
    }
    expect(&last, Kind::LeftBrace)?;
    loop {
        last = next()?;
        if last.kind == Kind::RightBrace {
            break;
        }
        let label = match last.kind {
            Kind::Identifier => last.text.to_owned(),
            Kind::String => unquoted(&last)?,
            _ => return Err(unexpected(&last)),
        };
        let quoted = last.kind == Kind::String;
        last = next()?;
        if last.kind == Kind::Assign {
            last = next()?;
            expect(&last, Kind::String)?;
            pairs.push((label, unquoted(&last)?));
            last = next()?;
        } else if quoted {
            pairs.push((METRIC_NAME.to_owned(), label));
        } else {
            return Err(unexpected(&last));
        }
        match last.kind {
            Kind::RightBrace => break,
            Kind::Comma => {}
            _ => return Err(unexpected(&last)),
        }
    }
    Ok((pairs.into_iter().collect(), &line[last.end()..]))
}

fn expect(token: &Token<'_>, kind: Kind) -> Read<()> {
    if token.kind == kind {
        Ok(())
    } else {
        Err(unexpected(token))
    }
}

fn unexpected(token: &Token<'_>) -> String {
    format!("unexpected {} in series description", token.describe())
}

fn unquoted(token: &Token<'_>) -> Read<String> {
    unquote(token.text).ok_or_else(|| format!("error unquoting string {}", quote(token.text)))
}

/// Reads values that blanks separate.
fn values(text: &str) -> Read<Vec<SeriesValue>> {
    let (mut values, mut rest) = (Vec::new(), text);
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if rest.is_empty() {
            return Ok(values);
        }
        let end = item_end(rest);
        item(&rest[..end], &mut values)
            .ok_or_else(|| format!("bad item {} in series values", quote(&rest[..end])))?;
        rest = &rest[end..];
    }
}

/// Where the first item of `text` ends: at the first blank outside of a histogram.
fn item_end(text: &str) -> usize {
    let mut depth = 0_usize;
    for (i, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ' ' | '\t' if depth == 0 => return i,
            _ => {}
        }
    }
    text.len()
}

/// Reads `_`, `_x3`, `1`, `1x3`, `1+2x3`, `stale`, or the same with histograms.
fn item(text: &str, values: &mut Vec<SeriesValue>) -> Option<()> {
    if let Some(rest) = text.strip_prefix('_') {
        let n = if rest.is_empty() { 1 } else { times(rest)? };
        values.extend(std::iter::repeat_n(SeriesValue::Missing, n));
        return Some(());
    }
    if text.starts_with("{{") {
        let written = histogram::item(text)?;
        values.extend(written.into_iter().map(SeriesValue::Histogram));
        return Some(());
    }
    let (mut value, rest) = match text.strip_prefix("stale") {
        Some(rest) => (STALE_NAN, rest),
        None => signed_number(text)?,
    };
    if rest.is_empty() {
        values.push(SeriesValue::Float(value));
        return Some(());
    }
    let (delta, rest) = match rest.as_bytes()[0] {
        b'+' | b'-' => signed_number(rest)?,
        _ => (0.0, rest),
    };
    let is_sum = delta != 0.0;
    for _ in 0..=times(rest)? {
        values.push(SeriesValue::Float(value));
        // Adding nothing would lose the sign of zero and the bits of NaN.
        if is_sum {
            value += delta;
        }
    }
    Some(())
}

/// Reads `x3`.
fn times(text: &str) -> Option<usize> {
    let n = text.strip_prefix('x')?.parse().ok()?;
    (n <= MAX_REPEATS).then_some(n)
}

/// The number at the beginning of `text`, and what follows.
fn signed_number(text: &str) -> Option<(f64, &str)> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (value, rest) = number(unsigned)?;
    Some((if text.starts_with('-') { -value } else { value }, rest))
}

/// Hexadecimal numbers are none here, since `0x3` is four zeros.
fn number(text: &str) -> Option<(f64, &str)> {
    let is_word = |w: &str| text.get(..3).is_some_and(|t| t.eq_ignore_ascii_case(w));
    if is_word("inf") {
        return Some((f64::INFINITY, &text[3..]));
    }
    if is_word("nan") {
        return Some((f64::NAN, &text[3..]));
    }
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        let is_digit = |b: &&u8| b.is_ascii_digit() || **b == b'.';
        from + bytes[from..].iter().take_while(is_digit).count()
    };
    let mut end = digits(0);
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        end = digits(end + 1 + sign);
    }
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, labels: &str, wanted: &[f64]) {
        let (got, values) = read(line).unwrap();
        assert_eq!(got.to_string(), labels);
        let floats: Vec<f64> = values
            .iter()
            .map(|v| match v {
                SeriesValue::Float(value) => *value,
                SeriesValue::Missing => -1000.0,
                SeriesValue::Histogram(_) => -2000.0,
            })
            .collect();
        assert_eq!(floats, wanted, "{line}");
    }

    #[test]
    fn values_are_expanded() {
        check("up 1 2", "{__name__=\"up\"}", &[1.0, 2.0]);
        check("up{a='b'} 0x3", "{__name__=\"up\", a=\"b\"}", &[0.0; 4]);
        check(
            "{\"a.b\", \"c d\"=\"e\"} 1e3",
            "{__name__=\"a.b\", \"c d\"=\"e\"}",
            &[1000.0],
        );
        check("{}  -3-3x2", "{}", &[-3.0, -6.0, -9.0]);
        check("{} 1.5e-1+.5x1", "{}", &[0.15, 0.65]);
        check("{} _ _x2 1", "{}", &[-1000.0, -1000.0, -1000.0, 1.0]);
        check(
            "{} {{count:1 sum:2}} {{}}x1 {{}}+{{sum:1}}x1",
            "{}",
            &[-2000.0; 5],
        );
        check(
            "sum -Inf inf +Inf",
            "{__name__=\"sum\"}",
            &[f64::NEG_INFINITY, f64::INFINITY, f64::INFINITY],
        );
        let (_, values) = read("x stale NaN").unwrap();
        assert!(
            matches!(values[..], [SeriesValue::Float(a), SeriesValue::Float(b)]
            if model::is_stale_nan(a) && b.is_nan() && !model::is_stale_nan(b))
        );
    }

    #[test]
    fn bad_descriptions_are_refused() {
        for bad in [
            "x 1+1",
            "x _a4",
            "x 3+3x4-4",
            "x{a} 1",
            "x{a=\"b\" 1",
            "x 1x99999999",
            "1 2",
            "x {{",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}

//! Parameters of a call, from the address and, with POST, from a form, as Prometheus reads them.
use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{Method, header},
};
use model::{Matcher, Millis, TimeRange, Timestamp, parse_duration};
use promql::quote::quote;

use super::ApiError;

/// The largest form that is read, as in Go's `net/http`.
const MAX_FORM_BYTES: usize = 10 << 20;

/// Names and values; those of the form come before those of the address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl<S: Sync> FromRequest<S> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let in_address = request.uri().query().unwrap_or_default().to_owned();
        let content_type = request.headers().get(header::CONTENT_TYPE);
        let has_form = request.method() == Method::POST
            && content_type.is_some_and(|v| {
                v.as_bytes()
                    .starts_with(b"application/x-www-form-urlencoded")
            });
        let form = match has_form {
            true => form(request.into_body()).await?,
            false => Vec::new(),
        };
        let pairs = form_urlencoded::parse(&form)
            .chain(form_urlencoded::parse(in_address.as_bytes()))
            .map(|(name, value)| (name.into_owned(), value.into_owned()));
        Ok(Self(pairs.collect()))
    }
}

async fn form(body: Body) -> Result<Vec<u8>, ApiError> {
    let read = axum::body::to_bytes(body, MAX_FORM_BYTES).await;
    let bytes = read.map_err(|e| ApiError::bad_data(format!("error parsing form values: {e}")))?;
    Ok(bytes.into())
}

impl Params {
    /// The first value of `name`; an absent one is empty.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or("")
    }

    /// All values of `name`.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let of_name = self.0.iter().filter(move |(n, _)| n == name);
        of_name.map(|(_, value)| value.as_str())
    }

    /// A time that must be given.
    pub(crate) fn time(&self, name: &str) -> Result<Timestamp, ApiError> {
        parse_time(self.get(name)).map_err(|why| ApiError::bad_parameter(name, why))
    }

    /// A time that may be left out.
    pub(crate) fn time_or(&self, name: &str, default: Timestamp) -> Result<Timestamp, ApiError> {
        match self.get(name) {
            "" => Ok(default),
            text => parse_time(text).map_err(|why| {
                ApiError::bad_parameter(name, format!("invalid time value for '{name}': {why}"))
            }),
        }
    }

    /// A duration; none if it is left out.
    pub(crate) fn duration(&self, name: &str) -> Result<Option<Millis>, ApiError> {
        match self.get(name) {
            "" => Ok(None),
            text => parse_span(text)
                .map(Some)
                .map_err(|why| ApiError::bad_parameter(name, why)),
        }
    }

    /// A duration that must be given.
    pub(crate) fn required_duration(&self, name: &str) -> Result<Millis, ApiError> {
        parse_span(self.get(name)).map_err(|why| ApiError::bad_parameter(name, why))
    }

    /// The parameter `limit`; none if there is no limit.
    pub(crate) fn limit(&self) -> Result<Option<usize>, ApiError> {
        let refused = |why: String| Err(ApiError::bad_parameter("limit", why));
        match self.get("limit") {
            "" => Ok(None),
            text => match text.parse::<i64>() {
                Ok(0) => Ok(None),
                Ok(limit @ 1..) => Ok(usize::try_from(limit).ok()),
                Ok(_) => refused("limit must be non-negative".to_owned()),
                Err(_) => refused(format!(
                    "strconv.Atoi: parsing {}: invalid syntax",
                    quote(text)
                )),
            },
        }
    }

    /// A limit of the metadata calls, where below zero means none.
    pub(crate) fn loose_limit(&self, name: &str) -> Result<Option<usize>, ApiError> {
        match self.get(name) {
            "" => Ok(None),
            text => match text.parse::<i64>() {
                Ok(limit) => Ok(usize::try_from(limit).ok()),
                Err(_) => Err(ApiError::bad_data(format!("{name} must be a number"))),
            },
        }
    }

    /// From `start` to `end`; all of time if they are left out.
    pub(crate) fn range(&self) -> Result<TimeRange, ApiError> {
        let start = self.time_or("start", Timestamp::MIN)?;
        let end = self.time_or("end", Timestamp::MAX)?;
        // Prometheus answers a range that ends before it starts with nothing; one instant is as good.
        Ok(TimeRange::new(start, end).unwrap_or(TimeRange::at(start)))
    }

    /// The selectors of `match[]`; each must have a condition that no empty value meets.
    pub(crate) fn selectors(&self) -> Result<Vec<Vec<Matcher>>, ApiError> {
        let selectors: Result<Vec<_>, _> =
            self.all("match[]").map(promql::parse_selector).collect();
        let selectors = selectors.map_err(|error| ApiError::bad_data(error.to_string()))?;
        match selectors
            .iter()
            .any(|matchers| matchers.iter().all(Matcher::matches_empty))
        {
            true => Err(ApiError::bad_data(
                "match[] must contain at least one non-empty matcher",
            )),
            false => Ok(selectors),
        }
    }
}

/// Reads seconds since the epoch, or RFC 3339.
fn parse_time(text: &str) -> Result<Timestamp, String> {
    if let Some(seconds) = parse_float(text) {
        // To the nearest millisecond of the fraction, so that large whole seconds stay exact.
        let millis = seconds.trunc() * 1000.0 + (seconds.fract() * 1000.0).round();
        return Ok(Timestamp::from_millis(millis as i64));
    }
    match chrono::DateTime::parse_from_rfc3339(text) {
        Ok(time) => Ok(Timestamp::from_millis(time.timestamp_millis())),
        Err(_) => match text {
            // What Prometheus' own interface sends for all of time; RFC 3339 has four digits for a year.
            "-292273086-05-16T16:47:06Z" => Ok(Timestamp::MIN),
            "+292277025-08-18T07:12:54.999999999Z" | "292277025-08-18T07:12:54.999999999Z" => {
                Ok(Timestamp::MAX)
            }
            _ => Err(format!("cannot parse {} to a valid timestamp", quote(text))),
        },
    }
}

/// Reads seconds, or a duration such as `1h30m`.
fn parse_span(text: &str) -> Result<Millis, String> {
    if let Some(seconds) = parse_float(text) {
        let nanos = seconds * 1e9;
        if nanos.abs() > i64::MAX as f64 {
            return Err(format!(
                "cannot parse {} to a valid duration. It overflows int64",
                quote(text)
            ));
        }
        return Ok(Millis::new((nanos / 1e6) as i64));
    }
    parse_duration(text).map_err(|_| format!("cannot parse {} to a valid duration", quote(text)))
}

/// A finite number; names such as `inf` are none here.
fn parse_float(text: &str) -> Option<f64> {
    text.parse().ok().filter(|v: &f64| v.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        let millis = |text| parse_time(text).map(Timestamp::as_millis);
        assert_eq!(millis("1435781451.781"), Ok(1_435_781_451_781));
        assert_eq!(millis("4"), Ok(4_000));
        assert_eq!(millis("-1.5"), Ok(-1_500));
        assert_eq!(millis("1e3"), Ok(1_000_000));
        assert_eq!(millis("2015-07-01T20:10:51.781Z"), Ok(1_435_781_451_781));
        assert_eq!(millis("2015-07-01T22:10:51+02:00"), Ok(1_435_781_451_000));
        assert_eq!(
            millis("a\"b"),
            Err(r#"cannot parse "a\"b" to a valid timestamp"#.to_owned())
        );
    }

    #[test]
    fn spans_are_seconds_or_durations() {
        let millis = |text| parse_span(text).map(Millis::as_millis);
        assert_eq!(millis("15"), Ok(15_000));
        assert_eq!(millis("0.25"), Ok(250));
        assert_eq!(millis("1h30m"), Ok(5_400_000));
        assert_eq!(
            millis("x"),
            Err(r#"cannot parse "x" to a valid duration"#.to_owned())
        );
        assert_eq!(
            millis("1e40"),
            Err(r#"cannot parse "1e40" to a valid duration. It overflows int64"#.to_owned())
        );
    }
}

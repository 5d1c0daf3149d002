//! Writing JSON straight into text: answers may hold millions of samples, and their shapes are few.
use std::fmt::Write as _;

use model::{Histogram, Labels, Timestamp};

use crate::number::{push_float, push_whole};

/// A JSON text under construction; each method appends one value.
#[derive(Debug, Default)]
pub(crate) struct Json {
    text: String,
}

impl Json {
    /// The finished text.
    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// The text of one value, written by `fill`.
    pub(crate) fn of(fill: impl FnOnce(&mut Self)) -> String {
        let mut json = Self::default();
        fill(&mut json);
        json.finish()
    }

    /// Appends what is JSON already.
    pub(crate) fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Appends a string.
    pub(crate) fn string(&mut self, value: &str) {
        self.text.push('"');
        // Runs without special characters are copied whole.
        let mut rest = value;
        let is_special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
        while let Some(i) = rest.bytes().position(is_special) {
            self.text.push_str(&rest[..i]);
            let special = rest.as_bytes()[i];
            match special {
                b'"' => self.text.push_str("\\\""),
                b'\\' => self.text.push_str("\\\\"),
                b'\n' => self.text.push_str("\\n"),
                b'\r' => self.text.push_str("\\r"),
                b'\t' => self.text.push_str("\\t"),
                _ => self.write(format_args!("\\u{special:04x}")),
            }
            rest = &rest[i + 1..];
        }
        self.text.push_str(rest);
        self.text.push('"');
    }

    /// Appends a number that is finite by nature, as a count or a duration.
    pub(crate) fn number(&mut self, value: f64) {
        match value.is_finite() {
            true => push_float(&mut self.text, value),
            false => self.text.push('0'),
        }
    }

    /// Appends a whole number.
    pub(crate) fn integer(&mut self, value: i64) {
        push_whole(&mut self.text, value);
    }

    /// Appends `true` or `false`.
    pub(crate) fn boolean(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    /// Appends a sample's value, which Prometheus quotes, since JSON has no NaN.
    pub(crate) fn value(&mut self, value: f64) {
        self.text.push('"');
        push_float(&mut self.text, value);
        self.text.push('"');
    }

    /// Appends a time as seconds, with three decimals if it has milliseconds.
    pub(crate) fn time(&mut self, at: Timestamp) {
        let millis = at.as_millis();
        if millis < 0 {
            self.text.push('-');
        }
        let millis = millis.unsigned_abs();
        push_whole(&mut self.text, (millis / 1000) as i64);
        if !millis.is_multiple_of(1000) {
            self.write(format_args!(".{:03}", millis % 1000));
        }
    }

    /// Appends `[time,"value"]`.
    pub(crate) fn sample(&mut self, at: Timestamp, value: f64) {
        self.text.push('[');
        self.time(at);
        self.text.push(',');
        self.value(value);
        self.text.push(']');
    }

    /// Appends `[time,{"count":…,"sum":…,"buckets":[[boundaries,"lower","upper","count"],…]}]`; empty buckets are left
    /// out, and so is the list if nothing is left.
    pub(crate) fn histogram(&mut self, at: Timestamp, histogram: &Histogram) {
        self.text.push('[');
        self.time(at);
        self.text.push(',');
        self.object(|fields| {
            fields.key("count").value(histogram.count);
            fields.key("sum").value(histogram.sum);
            let filled = || histogram.buckets().filter(|bucket| bucket.count != 0.0);
            if filled().next().is_some() {
                fields.key("buckets").array(filled(), |json, bucket| {
                    json.text.push('[');
                    json.integer(i64::from(bucket.boundaries()));
                    for value in [bucket.lower, bucket.upper, bucket.count] {
                        json.text.push(',');
                        json.value(value);
                    }
                    json.text.push(']');
                });
            }
        });
        self.text.push(']');
    }

    /// Appends an array with one element for each of `items`.
    pub(crate) fn array<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut element: impl FnMut(&mut Self, T),
    ) {
        self.text.push('[');
        for (i, item) in items.into_iter().enumerate() {
            if i > 0 {
                self.text.push(',');
            }
            element(self, item);
        }
        self.text.push(']');
    }

    /// Appends an array of strings.
    pub(crate) fn strings<S: AsRef<str>>(&mut self, items: impl IntoIterator<Item = S>) {
        self.array(items, |json, item| json.string(item.as_ref()));
    }

    /// Appends an object with the fields that `fill` gives it.
    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Fields<'_>)) {
        self.text.push('{');
        fill(&mut Fields {
            json: self,
            is_empty: true,
        });
        self.text.push('}');
    }

    /// Appends labels as an object.
    pub(crate) fn labels(&mut self, labels: &Labels) {
        self.object(|fields| {
            for (name, value) in labels.iter() {
                fields.string(name, value);
            }
        });
    }

    fn write(&mut self, args: std::fmt::Arguments<'_>) {
        self.text
            .write_fmt(args)
            .expect("writing to a string cannot fail");
    }
}

/// The fields of an object under construction.
#[derive(Debug)]
pub(crate) struct Fields<'j> {
    json: &'j mut Json,
    is_empty: bool,
}

impl Fields<'_> {
    /// Begins a field; its value is to be appended to what comes back.
    pub(crate) fn key(&mut self, name: &str) -> &mut Json {
        if !std::mem::take(&mut self.is_empty) {
            self.json.text.push(',');
        }
        self.json.string(name);
        self.json.text.push(':');
        self.json
    }

    /// Adds a string.
    pub(crate) fn string(&mut self, name: &str, value: &str) -> &mut Self {
        self.key(name).string(value);
        self
    }

    /// Adds a finite number.
    pub(crate) fn number(&mut self, name: &str, value: f64) -> &mut Self {
        self.key(name).number(value);
        self
    }

    /// Adds a whole number.
    pub(crate) fn integer(&mut self, name: &str, value: i64) -> &mut Self {
        self.key(name).integer(value);
        self
    }

    /// Adds labels.
    pub(crate) fn labels(&mut self, name: &str, labels: &Labels) -> &mut Self {
        self.key(name).labels(labels);
        self
    }
}

#[cfg(test)]
mod tests {
    use model::histogram::Buckets;

    use super::*;

    #[test]
    fn times_have_three_decimals_or_none() {
        let time = |millis| Json::of(|json| json.time(Timestamp::from_millis(millis)));
        assert_eq!(time(1_435_781_451_781), "1435781451.781");
        assert_eq!(time(1_500), "1.500");
        assert_eq!(time(2_007), "2.007");
        assert_eq!(time(-1), "-0.001");
        assert_eq!(time(4_000), "4");
    }

    #[test]
    fn strings_are_escaped_and_the_rest_is_left_alone() {
        let text = Json::of(|json| json.string("a\"b\\c\nd\u{1}é<ü>"));
        assert_eq!(text, r#""a\"b\\c\nd\u0001é<ü>""#);
    }

    #[test]
    fn histograms_list_their_filled_buckets() {
        let mut histogram = Histogram {
            count: 5.5,
            sum: f64::NAN,
            zero_count: 2.0,
            zero_threshold: 0.001,
            positive: Buckets::from_first(0, vec![1.0, 0.0, 2.5]),
            ..Histogram::default()
        };
        let at = Timestamp::from_millis(1_500);
        let text = Json::of(|json| json.histogram(at, &histogram));
        assert_eq!(
            text,
            r#"[1.500,{"count":"5.5","sum":"NaN","buckets":[[3,"-0.001","0.001","2"],[0,"0.5","1","1"],[0,"2","4","2.5"]]}]"#
        );
        histogram.divide(0.0);
        histogram.zero_count = 0.0;
        let text = Json::of(|json| json.histogram(at, &histogram));
        assert_eq!(text, r#"[1.500,{"count":"+Inf","sum":"NaN"}]"#);
    }

    #[test]
    fn objects_and_arrays_nest() {
        let text = Json::of(|json| {
            json.object(|fields| {
                fields.labels("metric", &Labels::from_pairs([("a", "1"), ("b", "2")]));
                fields.key("values").array([1, 2], |json, n| {
                    json.sample(Timestamp::from_millis(n), 0.5)
                });
                fields.integer("n", -3).number("x", 0.25);
                fields.key("empty").object(|_| {});
            });
        });
        assert_eq!(
            text,
            r#"{"metric":{"a":"1","b":"2"},"values":[[0.001,"0.5"],[0.002,"0.5"]],"n":-3,"x":0.25,"empty":{}}"#
        );
    }
}

//! Scrape targets, fully resolved: what to fetch, when, and under which labels.
use xxhash_rust::xxh3::Xxh3Default;

use crate::{GroupKey, Labels, Millis};

/// One thing to scrape, after discovery and relabelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The labels of its series: what relabelling left, without those that begin with `__`.
    pub labels: Labels,
    /// What discovery told, before relabelling; for the targets page.
    pub discovered: Labels,
    /// The scrape job's name, which also names the settings (authentication, limits, relabelling) that hold.
    pub job: String,
    /// Where, how and how often.
    pub settings: TargetSettings,
}

/// Where, how and how often a target is scraped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetSettings {
    /// `http` or `https`.
    pub scheme: String,
    /// `host:port`.
    pub address: String,
    /// Begins with a slash.
    pub metrics_path: String,
    /// Query parameters in the order of their names.
    pub params: Vec<(String, Vec<String>)>,
    /// Distance of slots; above zero.
    pub interval: Millis,
    /// Above zero, at most the interval.
    pub timeout: Millis,
    /// What holds for this target alone, if anything does: [`OwnSettings::boxed`].
    pub own: Option<Box<OwnSettings>>,
}

/// What a target's labels, or the number of its like, say of it alone. Mostly nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OwnSettings {
    /// Whether native histograms are taken, if it is not as its job says.
    pub native_histograms: Option<bool>,
    /// Whether classic histograms are taken beside native ones, likewise.
    pub always_classic_histograms: Option<bool>,
    /// Whether classic histograms become native ones with custom buckets, likewise.
    pub classic_to_nhcb: Option<bool>,
    /// The path of the Unix socket that it is reached by, whatever its address; empty for none.
    pub unix_socket: Box<str>,
    /// Why it is not to be scraped, which every scrape of it then says; empty if there is no reason.
    pub refusal: Box<str>,
}

impl OwnSettings {
    /// As a target holds them: nothing, if they say nothing.
    pub fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

impl Target {
    /// The stable key of the target: a hash of labels, metrics path and parameters, not of the host,
    /// so that a pod that comes back at another address continues its series.
    pub fn key(&self) -> GroupKey {
        let mut hasher = Xxh3Default::new();
        let mut part = |text: &str| {
            hasher.update(text.as_bytes());
            hasher.update(&[0xff]);
        };
        for (name, value) in self.labels.iter() {
            part(name);
            part(value);
        }
        part(&self.settings.metrics_path);
        for (name, values) in &self.settings.params {
            part(name);
            values.iter().for_each(|value| part(value));
        }
        GroupKey::of_target(hasher.digest())
    }

    /// The address that is fetched, with its parameters.
    pub fn url(&self) -> String {
        let TargetSettings {
            scheme,
            address,
            metrics_path,
            params,
            ..
        } = &self.settings;
        let mut url = format!("{scheme}://{address}");
        escape_path(&mut url, metrics_path);
        let mut separator = '?';
        for (name, value) in params
            .iter()
            .flat_map(|(n, vs)| vs.iter().map(move |v| (n, v)))
        {
            url.push(separator);
            escape(&mut url, name);
            url.push('=');
            escape(&mut url, value);
            separator = '&';
        }
        url
    }
}

/// Escapes a path as Go's `URL.EscapedPath` does: a question mark begins no query, parameters do.
fn escape_path(url: &mut String, path: &str) {
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => url.push(byte as char),
            _ if b"-_.~$&+,/:;=@".contains(&byte) => url.push(byte as char),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// Escapes a query component as Go's `url.QueryEscape` does.
fn escape(url: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                url.push(byte as char);
            }
            b' ' => url.push('+'),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target {
            labels: Labels::from_pairs([("job", "node"), ("instance", "a:9100")]),
            discovered: Labels::empty(),
            job: "node".to_owned(),
            settings: TargetSettings {
                scheme: "http".to_owned(),
                address: "10.0.0.1:9100".to_owned(),
                metrics_path: "/metrics".to_owned(),
                params: vec![(
                    "module".to_owned(),
                    vec!["a b".to_owned(), "c&d".to_owned()],
                )],
                interval: Millis::from_seconds(15),
                timeout: Millis::from_seconds(10),
                own: None,
            },
        }
    }

    #[test]
    fn the_key_is_pinned_and_knows_no_host() {
        let (here, mut there) = (target(), target());
        there.settings.address = "10.0.0.2:9100".to_owned();
        assert_eq!(here.key(), there.key());
        expect_test::expect!["726d22830530ae8c"].assert_eq(&here.key().to_string());
    }

    #[test]
    fn a_path_holds_no_query() {
        let mut target = target();
        target.settings.params.clear();
        target.settings.metrics_path = "/a b/c:d?e=é".to_owned();
        assert_eq!(target.url(), "http://10.0.0.1:9100/a%20b/c:d%3Fe=%C3%A9");
    }

    #[test]
    fn parameters_are_escaped() {
        assert_eq!(
            target().url(),
            "http://10.0.0.1:9100/metrics?module=a+b&module=c%26d"
        );
    }
}

//! Which families and series a target has: names and labels as programs have them, the same for every target, so
//! that a fleet of any size keeps their text once.
use super::value::{BOUNDS, Kind};

/// The series of one name, which stand together on a page.
#[derive(Debug)]
pub(super) struct Family {
    /// Its `# HELP` and `# TYPE` lines.
    pub(super) head: Box<[u8]>,
    pub(super) kind: Kind,
    pub(super) units: Vec<Unit>,
}

/// A series, or all series of one histogram.
#[derive(Debug)]
pub(super) struct Unit {
    /// Its number on the page.
    pub(super) number: u64,
    /// True if it lives only for a while; the label `pod`, between the halves of each line, then tells one life from
    /// the next.
    pub(super) churns: bool,
    pub(super) lines: Vec<Line>,
}

/// The text of a series, up to its value.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) before_pod: Box<[u8]>,
    pub(super) after_pod: Box<[u8]>,
}

/// Buckets, the infinite one, sum and count.
const HISTOGRAM_SERIES: usize = BOUNDS.len() + 3;

const SUBSYSTEMS: [&str; 16] = [
    "http",
    "grpc",
    "db",
    "cache",
    "queue",
    "auth",
    "storage",
    "scheduler",
    "worker",
    "session",
    "index",
    "replica",
    "proxy",
    "mail",
    "billing",
    "search",
];

/// Lays out `n_series` series, of which the part `churning` lives only for a while.
pub(super) fn families(n_series: usize, churning: f64) -> Vec<Family> {
    let mut layout = Layout {
        families: Vec::new(),
        n_units: 0,
        churning,
    };
    let n_histograms = n_series * 2 / 5 / HISTOGRAM_SERIES;
    let n_counters = n_series * 3 / 10;
    let n_gauges = n_series - n_histograms * HISTOGRAM_SERIES - n_counters;
    layout.add(
        n_counters,
        24,
        &[Kind::Counter, Kind::Counter, Kind::Counter, Kind::Seconds],
    );
    layout.add(n_histograms, 16, &[Kind::Histogram]);
    let gauges = [
        Kind::Level,
        Kind::Decimal,
        Kind::Constant,
        Kind::Level,
        Kind::Noise,
    ];
    layout.add(n_gauges, 12, &gauges);
    layout.families
}

struct Layout {
    families: Vec<Family>,
    n_units: u64,
    churning: f64,
}

impl Layout {
    /// Adds `n_units` units in families of at most `per_family`, whose kinds take turns.
    fn add(&mut self, n_units: usize, per_family: usize, kinds: &[Kind]) {
        for (i, first) in (0..n_units).step_by(per_family).enumerate() {
            let kind = kinds[i % kinds.len()];
            let name = name(kind, i);
            let n_units = per_family.min(n_units - first);
            let units = (0..n_units).map(|i| self.unit(kind, &name, i)).collect();
            let help = format!("# HELP {name} {}.", help(kind));
            let head = format!("{help}\n# TYPE {name} {}\n", kind.type_name());
            self.families.push(Family {
                head: head.into_bytes().into(),
                kind,
                units,
            });
        }
    }

    fn unit(&mut self, kind: Kind, name: &str, i: usize) -> Unit {
        let number = self.n_units;
        self.n_units += 1;
        let so_far = |n: u64| (n as f64 * self.churning).floor();
        let churns = so_far(number + 1) > so_far(number);
        let labels = labels(kind, i);
        let line =
            |suffix: &str, more: &str| line(&format!("{name}{suffix}"), &labels, more, churns);
        let lines = if kind == Kind::Histogram {
            let bounds = BOUNDS.iter().chain(&["+Inf"]);
            let buckets = bounds.map(|bound| line("_bucket", &format!(",le=\"{bound}\"")));
            buckets
                .chain([line("_sum", ""), line("_count", "")])
                .collect()
        } else {
            vec![line("", "")]
        };
        Unit {
            number,
            churns,
            lines,
        }
    }
}

fn line(name: &str, labels: &str, more: &str, churns: bool) -> Line {
    let (before, after) = if churns {
        (
            format!("{name}{{pod=\"api-"),
            format!("\",{labels}{more}}} "),
        )
    } else {
        (format!("{name}{{{labels}{more}}} "), String::new())
    };
    Line {
        before_pod: before.into_bytes().into(),
        after_pod: after.into_bytes().into(),
    }
}

/// The name of family number `i` of those with its kind's turn.
fn name(kind: Kind, i: usize) -> String {
    let subsystem = SUBSYSTEMS[i % SUBSYSTEMS.len()];
    let what = match kind {
        Kind::Counter => "requests_total",
        Kind::Seconds => "busy_seconds_total",
        Kind::Level => "entries",
        Kind::Decimal => "load_ratio",
        Kind::Noise => "temperature_celsius",
        Kind::Constant => "limit",
        Kind::Histogram => "request_duration_seconds",
    };
    match i / SUBSYSTEMS.len() {
        0 => format!("app_{subsystem}_{what}"),
        round => format!("app{round}_{subsystem}_{what}"),
    }
}

fn help(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "Requests handled, by handler, method and code",
        Kind::Seconds => "Seconds spent working, by thread and mode",
        Kind::Level => "Entries held now, by shard and state",
        Kind::Decimal => "The part of the capacity in use, by zone and device",
        Kind::Noise => "What the sensor measures, by zone and device",
        Kind::Constant => "The configured limit, by zone and device",
        Kind::Histogram => "How long requests took, by handler and method",
    }
}

/// The labels of unit number `i` of a family.
fn labels(kind: Kind, i: usize) -> String {
    let pick = |of: &[&'static str], i: usize| of[i % of.len()];
    let method = |i| pick(&["GET", "POST", "PUT", "DELETE"], i);
    match kind {
        Kind::Counter => {
            let code = pick(&["200", "404", "500"], i / 4);
            let (method, handler) = (method(i), i / 12);
            format!("handler=\"/api/v1/items/{handler}\",method=\"{method}\",code=\"{code}\"")
        }
        Kind::Histogram => {
            format!(
                "handler=\"/api/v1/items/{}\",method=\"{}\"",
                i / 4,
                method(i)
            )
        }
        Kind::Seconds => {
            let mode = pick(&["user", "system", "idle", "iowait"], i);
            format!("thread=\"worker-{}\",mode=\"{mode}\"", i / 4)
        }
        Kind::Level => {
            let state = pick(&["active", "idle", "failed"], i);
            format!("shard=\"{}\",state=\"{state}\"", i / 3)
        }
        Kind::Decimal | Kind::Noise | Kind::Constant => {
            let zone = pick(&["eu-central-1a", "eu-central-1b"], i);
            format!("zone=\"{zone}\",device=\"nvme{}n1\"", i / 2)
        }
    }
}

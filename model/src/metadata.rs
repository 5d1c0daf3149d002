//! What an exporter tells of a metric besides its samples.

/// The kind of a metric, as exposition formats and the HTTP API name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MetricType {
    /// Not told.
    #[default]
    Unknown,
    /// Only grows, but for resets.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, sum and count.
    Histogram,
    /// A histogram whose buckets go up and down.
    GaugeHistogram,
    /// Quantiles, sum and count.
    Summary,
    /// Always 1; its labels are the message.
    Info,
    /// One of several states.
    StateSet,
}

impl MetricType {
    /// All of them, in the order of remote write's numbers.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Counter,
        Self::Gauge,
        Self::Histogram,
        Self::GaugeHistogram,
        Self::Summary,
        Self::Info,
        Self::StateSet,
    ];

    /// The name in exposition formats and in the HTTP API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }
}

/// Type, help and unit of one metric.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Metadata {
    /// Its kind.
    pub metric_type: MetricType,
    /// What it means, for people; may be empty.
    pub help: String,
    /// The unit of its values; may be empty.
    pub unit: String,
}

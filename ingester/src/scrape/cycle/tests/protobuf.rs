//! Pages of protobuf messages.
use model::Timestamp;

use super::*;

/// A number below 2^14.
fn number(n: usize) -> Vec<u8> {
    match n {
        0..128 => vec![n as u8],
        _ => vec![n as u8 | 0x80, (n >> 7) as u8],
    }
}

/// A field of bytes.
fn field(of: usize, bytes: &[u8]) -> Vec<u8> {
    [&number(of << 3 | 2), &number(bytes.len()), bytes].concat()
}

fn double(of: usize, value: f64) -> Vec<u8> {
    [&number(of << 3 | 1)[..], &value.to_le_bytes()].concat()
}

fn varint(of: usize, value: u8) -> Vec<u8> {
    [number(of << 3), number(value.into())].concat()
}

/// A family with one metric per `metrics`.
fn family(name: &str, kind: u8, metrics: &[Vec<u8>]) -> Vec<u8> {
    let metrics: Vec<u8> = metrics.iter().flat_map(|m| field(4, m)).collect();
    let family = [
        field(1, name.as_bytes()),
        field(2, b"help"),
        varint(3, kind),
        metrics,
    ];
    let family = family.concat();
    [number(family.len()), family].concat()
}

fn label(value: &str) -> Vec<u8> {
    field(1, &[field(1, b"l"), field(2, value.as_bytes())].concat())
}

/// A native histogram of `counts` neighbouring buckets with two observations each, that has begun at a second.
fn histogram(buckets: u8) -> Vec<u8> {
    let span = field(12, &[varint(1, 2), varint(2, buckets)].concat());
    let deltas: Vec<u8> = (0..buckets).map(|i| if i == 0 { 4 } else { 0 }).collect();
    let exemplar = [
        field(1, &[field(1, b"t"), field(2, b"x")].concat()),
        double(2, 0.5),
        field(3, &varint(1, 9)),
    ];
    let histogram = [
        varint(1, 2 * buckets),
        double(2, 7.5),
        varint(5, 4),
        span,
        field(13, &deltas),
        field(15, &varint(1, 1)),
        field(16, &exemplar.concat()),
    ];
    field(7, &histogram.concat())
}

fn counter(value: f64, label_value: &str) -> Vec<u8> {
    [label(label_value), field(3, &double(1, value))].concat()
}

impl Bench {
    /// The samples of the page, without the report, and why it was refused.
    fn messages(&mut self, page: &[Vec<u8>]) -> (Observed, Vec<String>) {
        let observed = self.observe(Scraped::Page {
            bytes: page.concat(),
            format: Encoding::Protobuf,
        });
        let row = self.cycle.row();
        let lines = row.iter().filter_map(|(place, value, _)| {
            let labels = self.dictionary.labels[place.0 as usize].without("job");
            let is_report = REPORT.contains(&labels.metric_name()) && labels.metric_name() != "up";
            let histogram = row.histogram(place).map(|h| format!(" {h}"));
            let start = row.start(place).map(|at: Timestamp| format!(" since {at}"));
            let (histogram, start) = (histogram.unwrap_or_default(), start.unwrap_or_default());
            (!is_report).then(|| format!("{labels} {value}{histogram}{start}"))
        });
        let lines = lines.collect();
        (observed, lines)
    }
}

#[test]
fn messages_become_rows_with_histograms() {
    let mut bench = Bench::new(CycleRules {
        starts: true,
        ..rules()
    });
    let page = |value| {
        [
            family("c", 0, &[counter(value, "a"), counter(2.0, "b")]),
            family("h", 4, &[histogram(2)]),
        ]
    };
    let (observed, lines) = bench.messages(&page(1.0));
    expect![[r#"
        {__name__="up"} 1
        {__name__="c", l="a"} 1
        {__name__="c", l="b"} 2
        {__name__="h"} 7.5 {count:4, sum:7.5, (1,1.189207115002721]:2, (1.189207115002721,1.414213562373095]:2} since 1.000"#]].assert_eq(&lines.join("\n"));
    assert_eq!(observed.counts.added, 3);
    assert_eq!(observed.exemplars.len(), 1);
    assert_eq!(observed.metadata.map(|told| told.len()), Some(2));
    // The same again, with a new value alone.
    let n_defined = bench.dictionary.n_defined;
    let (observed, lines) = bench.messages(&page(3.0));
    expect![[r#"
        {__name__="up"} 1
        {__name__="c", l="a"} 3
        {__name__="c", l="b"} 2
        {__name__="h"} 7.5 {count:4, sum:7.5, (1,1.189207115002721]:2, (1.189207115002721,1.414213562373095]:2} since 1.000"#]].assert_eq(&lines.join("\n"));
    assert_eq!(bench.dictionary.n_defined, n_defined);
    assert_eq!((observed.counts.added, observed.counts.scraped), (0, 3));
    assert!(observed.exemplars.is_empty() && observed.metadata.is_none());
}

#[test]
fn a_histogram_with_too_many_buckets_fails_the_scrape() {
    let page = [
        family("h", 4, &[histogram(40)]),
        family("c", 0, &[counter(1.0, "a")]),
    ];
    let rules = |limit| CycleRules {
        buckets: BucketRules::new(limit, 0.0),
        ..rules()
    };
    let (observed, lines) = Bench::new(rules(3)).messages(&page);
    assert_eq!(observed.error, None);
    expect![[r#"
        {__name__="up"} 1
        {__name__="h"} 7.5 {count:80, sum:7.5, (1,16]:32, (16,256]:32, (256,4096]:16}
        {__name__="c", l="a"} 1"#]]
    .assert_eq(&lines.join("\n"));
    let (observed, lines) = Bench::new(rules(1)).messages(&page);
    assert_eq!(observed.error, None);
    expect![[r#"
        {__name__="up"} 1
        {__name__="h"} 7.5 {count:80, sum:7.5, (1,65536]:80}
        {__name__="c", l="a"} 1"#]]
    .assert_eq(&lines.join("\n"));
    // Its buckets lie on both sides of one, where the coarsest schema has a bound.
    let both = [family("h", 4, &[below_and_above()])];
    let (observed, lines) = Bench::new(rules(1)).messages(&both);
    assert_eq!(observed.error, Some(PageError::BucketLimit));
    assert_eq!(observed.counts.post_relabel, 1);
    assert_eq!(lines, [r#"{__name__="up"} 0"#]);
    let error = observed.error.map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("histogram bucket limit exceeded"));
}

/// A histogram with a bucket that ends at one and one that begins there.
fn below_and_above() -> Vec<u8> {
    let histogram = [
        varint(1, 2),
        double(2, 2.0),
        field(12, &[varint(1, 0), varint(2, 2)].concat()),
        field(13, &[2, 0]),
    ];
    field(7, &histogram.concat())
}

#[test]
fn a_broken_message_fails_the_scrape() {
    let page = [family("c", 0, &[counter(1.0, "a")]), vec![9, 10]];
    let (observed, lines) = Bench::new(rules()).messages(&page);
    let error = observed.error.map(|error| error.to_string());
    expect!["clientpb: insufficient length of buffer, expected at least 10 bytes, got 2 bytes"]
        .assert_eq(&error.unwrap_or_default());
    assert_eq!(lines, [r#"{__name__="up"} 0"#]);
}

#[test]
fn classic_histograms_of_lines_are_converted_if_asked_for() {
    let page = |count| {
        format!(
            "# HELP h Help.\n# TYPE h histogram\nh_bucket{{le=\"1\"}} {count}\nh_count {count}\nh_sum 3\n# TYPE g gauge\ng 1\n"
        )
    };
    let mut bench = Bench::new(CycleRules {
        histograms: HistogramRules {
            to_nhcb: true,
            ..HistogramRules::default()
        },
        ..rules()
    });
    for count in [1, 2] {
        let bytes = page(count).into_bytes();
        let format = Encoding::Lines(Format::Text);
        let observed = bench.observe(Scraped::Page { bytes, format });
        let (n_added, told) = match count {
            1 => (2, Some(2)),
            _ => (0, None),
        };
        assert_eq!(observed.counts.added, n_added);
        assert_eq!(observed.metadata.map(|told| told.len()), told);
        let row = bench.cycle.row();
        let histogram = row.iter().find_map(|(place, ..)| row.histogram(place));
        assert_eq!(histogram.unwrap().count, f64::from(count));
    }
}

#[test]
fn types_of_messages_become_labels() {
    let mut bench = Bench::new(CycleRules {
        metadata_labels: true,
        ..rules()
    });
    let page = [
        family("c", 0, &[counter(1.0, "a")]),
        family("h", 4, &[histogram(2)]),
    ];
    let (_, lines) = bench.messages(&page);
    expect![[r#"
        {__name__="up"} 1
        {__name__="c", __type__="counter", l="a"} 1
        {__name__="h", __type__="histogram"} 7.5 {count:4, sum:7.5, (1,1.189207115002721]:2, (1.189207115002721,1.414213562373095]:2}"#]].assert_eq(&lines.join("\n"));
}

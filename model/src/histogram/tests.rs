//! Histograms against what Prometheus says of them, and against themselves.
use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// A histogram of positive buckets from index `first` on.
fn exponential(schema: i32, first: i32, counts: &[f64]) -> Histogram {
    let count: f64 = counts.iter().sum();
    Histogram {
        schema,
        count,
        sum: count * 2.0,
        positive: Buckets::from_first(first, counts.to_vec()),
        ..Histogram::default()
    }
}

fn custom(bounds: &[f64], counts: &[f64]) -> Histogram {
    Histogram {
        custom_values: bounds.into(),
        ..exponential(CUSTOM_BUCKETS, 0, counts)
    }
}

#[track_caller]
fn check(histogram: &Histogram, literal: Expect) {
    literal.assert_eq(&histogram.literal().unwrap());
}

#[test]
fn spans_become_canonical() {
    let span = |offset, length| Span { offset, length };
    let spans = [span(-2, 1), span(0, 2), span(3, 0), span(1, 1)];
    let buckets = Buckets::new(spans, vec![1.0, 2.0, 3.0, 4.0]).unwrap();
    assert_eq!(
        buckets.spans().collect::<Vec<_>>(),
        [span(-2, 3), span(4, 1)]
    );
    let indexes: Vec<_> = buckets.iter().map(|(index, _)| index).collect();
    assert_eq!(indexes, [-2, -1, 0, 5]);
    let error = Buckets::new([span(0, 2)], vec![1.0]).unwrap_err();
    expect!["spans need 2 buckets, have 1 buckets: histogram spans specify different number of buckets than provided"]
        .assert_eq(&error.to_string());
    let error = Buckets::new([span(0, 1), span(-1, 1)], vec![1.0, 1.0]).unwrap_err();
    expect!["span number 2 with offset -1: histogram has a span whose offset is negative"]
        .assert_eq(&error.to_string());
    assert!(Buckets::<f64>::new([span(i32::MAX, u32::MAX)], vec![]).is_err());
}

#[test]
fn a_sum_takes_the_coarser_schema_and_the_wider_zero_bucket() {
    let mut sum = exponential(1, -1, &[1.0, 2.0, 3.0, 4.0]);
    (sum.zero_count, sum.zero_threshold) = (1.0, 0.001);
    let mut other = exponential(0, 0, &[10.0, 20.0]);
    (other.zero_count, other.zero_threshold) = (2.0, 0.6);
    let reconciled = sum.add(&other).unwrap();
    assert_eq!(reconciled, Reconciled::default());
    // 0.6 lies within the bucket from 0.5 to 0.707 of the first, that end within the one from 0.5 to 1 of the second.
    check(
        &sum,
        expect!["{{count:40 sum:80 z_bucket:16 z_bucket_w:1 offset:1 buckets:[27]}}"],
    );
    let mut difference = sum.clone();
    difference.sub(&sum).unwrap();
    difference.compact(0);
    check(&difference, expect!["{{z_bucket_w:1}}"]);
}

#[test]
fn custom_buckets_are_reconciled_to_the_common_bounds() {
    let mut sum = custom(&[1.0, 2.0, 5.0], &[1.0, 2.0, 3.0, 4.0]);
    let reconciled = sum
        .add(&custom(&[2.0, 4.0, 5.0], &[10.0, 20.0, 30.0, 40.0]))
        .unwrap();
    assert!(reconciled.bounds && !reconciled.hints);
    check(
        &sum,
        expect!["{{schema:-53 count:110 sum:220 custom_values:[2 5] buckets:[13 53 44]}}"],
    );
    assert_eq!(
        sum.add(&exponential(0, 0, &[1.0])),
        Err(IncompatibleBuckets)
    );
}

#[test]
fn contradicting_hints_are_told() {
    let with_hint = |reset_hint| Histogram {
        reset_hint,
        ..Histogram::default()
    };
    let mut sum = with_hint(ResetHint::Reset);
    assert!(sum.add(&with_hint(ResetHint::NotReset)).unwrap().hints);
    assert_eq!(sum.reset_hint, ResetHint::Unknown);
    assert!(!sum.add(&with_hint(ResetHint::Gauge)).unwrap().hints);
    assert_eq!(sum.reset_hint, ResetHint::Gauge);
}

#[test]
fn resets_are_what_a_counter_cannot_do() {
    let before = exponential(1, 0, &[1.0, 2.0, 0.0, 4.0]);
    let is_reset = |now: &Histogram| now.is_reset_after(&before);
    assert!(!is_reset(&before));
    assert!(!is_reset(&exponential(1, 0, &[1.0, 2.0, 0.0, 5.0])));
    // The empty bucket may go, a filled one may not, nor may it shrink.
    let mut compact = before.clone();
    compact.compact(0);
    assert!(!is_reset(&compact));
    assert!(is_reset(&exponential(1, 1, &[2.0, 1.0, 4.0])));
    assert!(is_reset(&exponential(1, 0, &[2.0, 1.0, 0.0, 4.0])));
    // A coarser schema is none by itself, a finer one is.
    let mut coarser = before.clone();
    coarser.reduce(0);
    assert!(!is_reset(&coarser));
    assert!(before.is_reset_after(&coarser));
    // A zero bucket that swallows buckets is none.
    let mut wider = exponential(1, 1, &[2.0, 0.0, 4.0]);
    (wider.zero_threshold, wider.zero_count, wider.count) = (1.0, 1.0, 7.0);
    assert!(!is_reset(&wider));
    wider.zero_count = 0.0;
    assert!(is_reset(&wider));
    let hinted = Arc::new(before.clone()).with_hint(ResetHint::Reset);
    assert!(is_reset(&hinted));
}

#[test]
fn trimming_splits_the_bucket_that_the_value_lies_in() {
    let histogram = exponential(0, 1, &[2.0, 4.0, 8.0]);
    check(
        &histogram.trimmed(2.0, Keep::Below),
        expect!["{{count:2 sum:2.8284271247461903 offset:1 buckets:[2]}}"],
    );
    check(
        &histogram.trimmed(4.0, Keep::Above),
        expect!["{{count:8 sum:45.254833995939045 offset:3 buckets:[8]}}"],
    );
    check(
        &custom(&[1.0, 3.0], &[1.0, 2.0, 4.0]).trimmed(2.0, Keep::Below),
        expect!["{{schema:-53 count:2 sum:2 custom_values:[1 3] buckets:[1 1]}}"],
    );
    let whole = histogram.trimmed(100.0, Keep::Below);
    assert_eq!(whole, histogram);
}

#[test]
fn texts_list_filled_buckets_alone() {
    let mut histogram = exponential(0, 0, &[1.0, 0.0, 2.5]);
    histogram.negative = Buckets::from_first(1, vec![1.0, 2.0]);
    (histogram.zero_count, histogram.zero_threshold) = (3.0, 0.001);
    expect!["{count:3.5, sum:7, [-4,-2):2, [-2,-1):1, [-0.001,0.001]:3, (0.5,1]:1, (2,4]:2.5}"]
        .assert_eq(&histogram.to_string());
    let all: Vec<_> = histogram
        .buckets()
        .map(|b| (b.lower, b.boundaries()))
        .collect();
    assert_eq!(
        all,
        [
            (-4.0, 1),
            (-2.0, 1),
            (-0.001, 3),
            (0.5, 0),
            (1.0, 0),
            (2.0, 0)
        ]
    );
    let mut back: Vec<_> = histogram.buckets_back().collect();
    back.reverse();
    assert_eq!(back, histogram.buckets().collect::<Vec<_>>());
    expect!["{count:3, sum:6, [-Inf,1]:1, (5,+Inf]:2}"]
        .assert_eq(&custom(&[1.0, 5.0], &[1.0, 0.0, 2.0]).to_string());
}

#[test]
fn what_cannot_be_a_histogram_is_refused() {
    let refusal = |histogram: Histogram| histogram.check_whole().unwrap_err().to_string();
    expect!["histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, or -53 for custom buckets, got schema 9"]
        .assert_eq(&refusal(exponential(9, 0, &[])));
    expect!["positive side: bucket number 2 has observation count of -1: histogram has a bucket whose observation count is negative"]
        .assert_eq(&refusal(exponential(0, 0, &[1.0, -1.0])));
    expect!["custom buckets: only 1 custom bounds defined which is insufficient to cover total span length of 3: histogram custom bounds are too few"]
        .assert_eq(&refusal(custom(&[1.0], &[1.0, 1.0, 1.0])));
    expect!["custom buckets: previous bound is 2.000000 and current is 1.000000: histogram custom bounds must be in strictly increasing order"]
        .assert_eq(&refusal(custom(&[2.0, 1.0], &[])));
    let mut few = exponential(0, 0, &[1.0, 1.0]);
    few.count = 1.0;
    expect!["2 observations found in buckets, but the Count field is 1: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)"]
        .assert_eq(&refusal(few));
}

fn any_histogram() -> impl Strategy<Value = Histogram> {
    let buckets = || {
        proptest::collection::btree_map(-20..20_i32, 0..100_u32, 0..12).prop_map(|buckets| {
            let counted = buckets.into_iter().map(|(index, n)| (index, f64::from(n)));
            counted.collect::<Buckets>()
        })
    };
    (-2..4_i32, 0..4_u32, 0..9_u32, buckets(), buckets()).prop_map(
        |(schema, zero, zero_count, positive, negative)| Histogram {
            schema,
            zero_threshold: [0.0, 1.0 / 256.0, 1.0 / 16.0, 1.0][zero as usize],
            zero_count: f64::from(zero_count),
            count: positive
                .counts()
                .iter()
                .chain(negative.counts())
                .sum::<f64>()
                + f64::from(zero_count),
            sum: 1.0,
            positive,
            negative,
            ..Histogram::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the layouts, nothing is lost or counted twice, and the order does not matter.
    #[test]
    fn sums_commute_and_lose_nothing(mut a in any_histogram(), mut b in any_histogram()) {
        // What lies inside a zero bucket of its own histogram is ambiguous, so it is widened first.
        for h in [&mut a, &mut b] {
            let wide = Histogram { zero_threshold: h.zero_threshold, schema: h.schema, ..Histogram::default() };
            h.zero_threshold = 0.0;
            h.add(&wide).unwrap();
        }
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab.add(&b).unwrap();
        ba.add(&a).unwrap();
        let found = |h: &Histogram| h.zero_count
            + h.positive.counts().iter().chain(h.negative.counts()).sum::<f64>();
        prop_assert_eq!(found(&ab), found(&a) + found(&b));
        let mut kahan = a.to_kahan();
        kahan.add(&b).unwrap();
        let mut kahan = kahan.total();
        for h in [&mut ab, &mut ba, &mut kahan] {
            h.compact(0);
        }
        prop_assert_eq!(&ab, &ba);
        prop_assert_eq!(&ab, &kahan);
        prop_assert!(!ab.is_reset_after(&a), "{} after {}", ab, a);
    }

    #[test]
    fn compaction_keeps_what_is_there(histogram in any_histogram(), max_empty in 0..5_u32) {
        let mut compact = histogram.clone();
        compact.compact(max_empty);
        prop_assert_eq!(compact.to_string(), histogram.to_string());
        let spans: Vec<_> = compact.positive.spans().skip(1).collect();
        prop_assert!(spans.iter().all(|span| span.offset as u32 > max_empty));
        let written: Vec<_> = compact.positive.spans().collect();
        let read = Buckets::new(written, compact.positive.counts().to_vec()).unwrap();
        prop_assert_eq!(read, compact.positive);
    }
}

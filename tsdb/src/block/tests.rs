//! Golden bytes, round trips and broken bytes.
use super::*;
use crate::codec::{hex, histograms::tests::histogram};
use expect_test::expect;
use model::{Histogram, NodeId, Outcome, Stamp, histogram::Buckets};
use proptest::prelude::*;

fn row(slot: i64, epoch: u64) -> RowHead {
    RowHead {
        slot: Timestamp::from_millis(slot),
        at: Timestamp::from_millis(slot + slot % 7),
        stamp: Stamp {
            outcome: Outcome::Success,
            epoch,
            rank: 0,
            node: NodeId(1),
        },
    }
}

fn column(ordinal: u32, samples: &[(u32, f64, Option<i64>)]) -> Column {
    let mut column = Column::new(Ordinal(ordinal));
    for (row, value, time) in samples {
        column.push(*row, *value, time.unwrap_or(OWN_TIME));
    }
    column
}

fn block(rows: &[RowHead], columns: &[Column]) -> Encoded {
    let mut builder = Builder::new(rows.to_vec());
    columns.iter().for_each(|c| builder.push(c.clone()));
    builder.finish().1
}

fn read(encoded: &Encoded, wanted: &RoaringBitmap) -> Result<(Layout, Vec<Column>), DecodeError> {
    let layout = Layout::decode(&encoded.head)?;
    let mut columns = Vec::new();
    layout.inline_columns(wanted, &mut columns)?;
    if !layout.is_inline() {
        for number in layout.chunks_of(wanted) {
            let chunk = encoded.chunks.get(number as usize).ok_or(DecodeError {
                offset: 0,
                what: "no such chunk",
            })?;
            layout.chunk_columns(number, chunk, wanted, &mut columns)?;
        }
    }
    Ok((layout, columns))
}

fn same(a: &[Column], b: &[Column]) -> bool {
    let key = |c: &Column| {
        let bits: Vec<u64> = c.values.to_numbers().iter().map(|v| v.to_bits()).collect();
        let beside = (c.histograms.clone(), c.starts.clone());
        (c.ordinal, c.rows.clone(), bits, c.times.clone(), beside)
    };
    a.iter().map(key).eq(b.iter().map(key))
}

#[test]
fn golden_bytes() {
    let rows = [row(1000, 1), row(16_000, 1), row(31_000, 2)];
    let columns = [
        column(1, &[(0, 1.0, None), (1, 2.0, None), (2, 3.0, None)]),
        column(0, &[(1, 0.5, Some(15_000))]),
    ];
    expect!["01 03 03 01 d0 0f b0 ea 01 00 01 0c 01 00 02 01 00 01 02 02 02 00 01 01 dc 0f b8 e4 03 02 04 02 01 06 00 00 01 02 02 00 09 01 01 02 11 0a 00 01 d9 0f 27 35 5f ec"].assert_eq(&hex(&block(&rows, &columns).head));
}

#[test]
fn golden_bytes_of_histograms() {
    let mut one = column(3, &[(0, 1.0, None), (1, 5.0, None), (2, 3.0, None)]);
    let histogram = Histogram {
        schema: 1,
        count: 2.0,
        sum: 5.0,
        positive: Buckets::from_first(4, vec![2.0]),
        ..Histogram::default()
    };
    one.histograms.push(1, histogram.into());
    one.starts.push(0, Timestamp::from_millis(900));
    let rows = [row(1000, 1), row(16_000, 1), row(31_000, 2)];
    expect!["01 01 03 01 d0 0f b0 ea 01 00 01 0c 01 00 02 01 00 01 02 02 02 00 01 01 01 01 06 27 04 00 1f 03 01 02 01 02 00 00 00 00 00 00 00 00 01 08 01 00 00 01 00 01 04 01 00 01 04 01 01 01 88 0e 02 02 03 11 00 54 c7 ff bb"].assert_eq(&hex(&block(&rows, &[one]).head));
}

fn columns(n_rows: u32) -> impl Strategy<Value = Vec<Column>> {
    let sample = (
        0..n_rows,
        (0i64..5).prop_map(|v| v as f64),
        prop::option::weighted(0.2, 0i64..10),
        prop::option::weighted(0.05, histogram()),
        prop::option::weighted(0.1, 0i64..10),
    );
    let samples = prop::collection::btree_map(0..n_rows, sample, 1..6);
    prop::collection::vec(samples, 0..120).prop_map(|columns| {
        let columns = columns.into_iter().zip(0..);
        columns
            .map(|(samples, i)| {
                let mut column = Column::new(Ordinal(i * 3 % 128));
                for (place, (row, (_, value, time, histogram, start))) in (0..).zip(samples) {
                    let value = histogram.as_ref().map_or(value, |h| h.sum);
                    column.push(row, value, time.unwrap_or(OWN_TIME));
                    if let Some(histogram) = histogram {
                        column.histograms.push(place, histogram.into());
                    }
                    if let Some(start) = start {
                        column.starts.push(place, Timestamp::from_millis(start));
                    }
                }
                column
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn wanted_columns_come_back(columns in columns(10), step in 1usize..4) {
        let rows: Vec<RowHead> = (0..10).map(|i| row(i * 15_000, i as u64 / 4)).collect();
        let encoded = block(&rows, &columns);
        prop_assert_eq!(encoded.chunks.is_empty(), columns.len() <= CHUNK);
        let wanted: Vec<Column> = columns.iter().step_by(step).cloned().collect();
        let ordinals = wanted.iter().map(|c| c.ordinal.0).collect();
        let (layout, found) = read(&encoded, &ordinals).unwrap();
        prop_assert_eq!(layout.rows, rows);
        prop_assert!(same(&found, &wanted));
    }

    #[test]
    fn of_a_part_of_the_rows_what_stands_in_it_comes_back(columns in columns(10), from in 0i64..10, n in 0i64..10) {
        let rows: Vec<RowHead> = (0..10).map(|i| row(i * 7, 0)).collect();
        let encoded = block(&rows, &columns);
        let range = TimeRange::new(Timestamp::from_millis(from * 7), Timestamp::from_millis((from + n) * 7)).unwrap();
        let mut layout = Layout::decode(&encoded.head).unwrap();
        layout.narrow(range);
        for (i, whole) in columns.iter().enumerate().filter(|(_, c)| c.times.is_empty()) {
            let wanted = RoaringBitmap::from_iter([whole.ordinal.0]);
            let mut found = Vec::new();
            match encoded.chunks.get(i / CHUNK) {
                Some(chunk) => layout.chunk_columns((i / CHUNK) as u16, chunk, &wanted, &mut found),
                None => layout.inline_columns(&wanted, &mut found),
            }.unwrap();
            let mut part = Column::new(whole.ordinal);
            for (at, row) in whole.rows.iter().enumerate() {
                if (from..=from + n).contains(&i64::from(row)) {
                    part.push_of(row, &whole.samples(), at);
                }
            }
            let part = (!part.rows.is_empty()).then_some(part);
            prop_assert!(same(&found, part.as_slice()));
        }
    }

    #[test]
    fn any_bytes_decode_or_fail_without_panic(mut body: Vec<u8>, columns in columns(3), at: prop::sample::Index, byte: u8) {
        let all = RoaringBitmap::from_iter(0..200);
        body.insert(0, VERSION);
        let mut broken = Encoded { head: seal(body), chunks: Vec::new() };
        let _ = read(&broken, &all);
        // A block with one byte changed and a checksum that fits again.
        let whole = block(&[row(0, 0), row(1, 1), row(2, 1)], &columns);
        let mut head = whole.head[..whole.head.len() - 4].to_vec();
        let at = at.index(head.len());
        head[at] = byte;
        broken = Encoded { head: seal(head), chunks: whole.chunks };
        let _ = read(&broken, &all);
    }
}

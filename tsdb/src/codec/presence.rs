//! In which rows a series is present.
//!
//! ```text
//! 0                                            in all
//! 1  bitmap, one bit a row, lowest first       in those
//! 2  uvarint count, (uvarint gap, uvarint length - 1)*   in these runs
//! ```
use model::Presence;

use super::{DecodeError, Reader, put_uvarint};

const ALL: u8 = 0;
const BITMAP: u8 = 1;
const RUNS: u8 = 2;

/// Appends `rows`, ascending and below `n_rows`.
pub(crate) fn encode(dst: &mut Vec<u8>, rows: &Presence, n_rows: usize) {
    if rows.len() == n_rows {
        return dst.push(ALL);
    }
    let (mut runs, mut next, mut n_runs) = (Vec::new(), 0, 0);
    for run in rows.runs() {
        put_uvarint(&mut runs, u64::from(run.start - next));
        put_uvarint(&mut runs, run.len() as u64 - 1);
        next = run.end;
        n_runs += 1;
    }
    if runs.len() < n_rows.div_ceil(8) {
        dst.push(RUNS);
        put_uvarint(dst, n_runs);
        dst.extend(runs);
    } else {
        dst.push(BITMAP);
        let mut bitmap = vec![0; n_rows.div_ceil(8)];
        for row in rows {
            bitmap[row as usize / 8] |= 1 << (row % 8);
        }
        dst.extend(bitmap);
    }
}

/// Reads the rows, ascending and below `n_rows`, which the caller bounds.
pub(crate) fn decode(reader: &mut Reader<'_>, n_rows: usize) -> Result<Presence, DecodeError> {
    match reader.u8()? {
        ALL => Ok(Presence::run(0..n_rows as u32)),
        BITMAP => {
            let bitmap = reader.take(n_rows.div_ceil(8))?;
            let is_set = |row: &u32| bitmap[*row as usize / 8] >> (row % 8) & 1 == 1;
            Ok((0..n_rows as u32).filter(is_set).collect())
        }
        RUNS => {
            let (mut rows, mut next) = (Presence::new(), 0);
            for _ in 0..reader.count(n_rows)? {
                let first = next + reader.count(n_rows)?;
                let end = first + reader.count(n_rows)? + 1;
                if end > n_rows {
                    return Err(reader.error("row out of bounds"));
                }
                rows.push_run(first as u32..end as u32);
                next = end;
            }
            Ok(rows)
        }
        _ => Err(reader.error("presence is not known")),
    }
}

#[cfg(test)]
mod tests {
    use crate::codec::{decode_presence, encode_presence, hex};
    use expect_test::{Expect, expect};
    use model::Presence;
    use proptest::prelude::*;

    #[track_caller]
    fn check(rows: &[u32], n_rows: usize, bytes: Expect) {
        let mut dst = Vec::new();
        encode_presence(&mut dst, &rows.iter().copied().collect(), n_rows);
        bytes.assert_eq(&hex(&dst));
    }

    #[test]
    fn golden_bytes() {
        check(&[0, 1, 2], 3, expect!["00"]);
        check(&[], 9, expect!["02 00"]);
        check(&[0, 2, 4], 9, expect!["01 15 00"]);
        check(
            &(5..200).collect::<Vec<_>>(),
            200,
            expect!["02 01 05 c2 01"],
        );
    }

    proptest! {
        #[test]
        fn decoding_gives_back_what_was_encoded(present: Vec<bool>, n_absent in 0usize..100) {
            let rows = (0..).zip(&present).filter_map(|(i, p): (u32, _)| p.then_some(i));
            let rows: Presence = rows.collect();
            let n_rows = present.len() + n_absent;
            let mut dst = Vec::new();
            encode_presence(&mut dst, &rows, n_rows);
            prop_assert_eq!(decode_presence(&dst, n_rows), Ok(rows));
        }

        #[test]
        fn any_bytes_decode_or_fail_without_panic(bytes: Vec<u8>, n_rows in 0usize..1000) {
            if let Ok(rows) = decode_presence(&bytes, n_rows) {
                prop_assert!(rows.is_ascending());
                prop_assert!(rows.iter().all(|row| (row as usize) < n_rows));
            }
        }
    }
}

//! When a target is scraped, and which time its row carries.
use model::{GroupKey, Millis, Timestamp};

/// A scrape that begins no further than this from its slot carries the slot's time, whatever the interval allows …
const MIN_TOLERANCE: Millis = Millis::new(20);
/// … and for long intervals this part of the interval.
const TOLERANCE_PART: i64 = 100;

/// How far from its slot a scrape may begin and still carry the slot's time.
fn tolerance(interval: Millis) -> Millis {
    Millis::new(interval.as_millis() / TOLERANCE_PART).max(MIN_TOLERANCE)
}

/// The slot to scrape next at `now`, after the one at `last`.
///
/// A slot that went by while the last one was being scraped is taken late rather than left out, as Prometheus does;
/// of several the newest.
pub(crate) fn next_slot(
    key: GroupKey,
    interval: Millis,
    now: Timestamp,
    last: Option<Timestamp>,
) -> Timestamp {
    let coming = key.slot_at_or_after(now, interval);
    match last {
        Some(last) if coming - interval > last => coming - interval,
        Some(last) if coming <= last => key.slot_at_or_after(last + Millis::new(1), interval),
        _ => coming,
    }
}

/// The time that the samples of `slot`'s row carry when its scrape began at `began`.
pub(crate) fn row_time(slot: Timestamp, began: Timestamp, interval: Millis) -> Timestamp {
    let distance = Millis::new((began - slot).as_millis().saturating_abs());
    match distance <= tolerance(interval) {
        true => slot,
        false => began,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Millis = Millis::from_seconds(15);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn slots_follow_each_other_and_a_missed_one_is_taken_late() {
        let next = |now, last: Option<i64>| {
            next_slot(GroupKey(7), INTERVAL, at(now), last.map(at)).as_millis()
        };
        assert_eq!(next(0, None), 7);
        assert_eq!(next(8, None), 15_007);
        assert_eq!(next(20, Some(7)), 15_007);
        assert_eq!(next(15_009, Some(7)), 15_007);
        assert_eq!(next(50_000, Some(7)), 45_007);
        // The clock was set back.
        assert_eq!(next(0, Some(15_007)), 30_007);
    }

    #[test]
    fn a_row_carries_its_slots_time_unless_the_scrape_began_late() {
        let time = |began, interval| row_time(at(1000), at(began), interval).as_millis();
        assert_eq!(time(1150, INTERVAL), 1000);
        assert_eq!(time(1151, INTERVAL), 1151);
        assert_eq!(time(1020, Millis::new(500)), 1000);
        assert_eq!(time(1021, Millis::new(500)), 1021);
        assert_eq!(time(990, Millis::new(500)), 1000);
    }
}

//! Lines of start timestamps: when the counters of the samples in the next line began.
use model::{Millis, parse_duration};

use super::MAX_REPEATS;

/// Reads offsets from the samples' own times, separated by blanks: `_`, `_x3`, `-1m`, `-1mx3`, `-1m-30sx3`.
pub(super) fn offsets(text: &str) -> Result<Vec<Option<Millis>>, String> {
    let mut all = Vec::new();
    for word in text.split_whitespace() {
        item(word, &mut all).ok_or_else(|| format!("bad start timestamp {word:?}"))?;
    }
    Ok(all)
}

fn item(word: &str, all: &mut Vec<Option<Millis>>) -> Option<()> {
    let (what, n) = match word.rsplit_once('x') {
        Some((what, n)) => (what, Some(n.parse().ok().filter(|n| *n <= MAX_REPEATS)?)),
        None => (word, None),
    };
    if what == "_" {
        all.extend(std::iter::repeat_n(None, n.unwrap_or(1)));
        return Some(());
    }
    let split = what
        .char_indices()
        .skip(1)
        .find(|(_, c)| matches!(c, '+' | '-'));
    let (first, delta) = match split {
        Some((at, _)) => (signed(&what[..at])?, signed(&what[at..])?),
        None => (signed(what)?, 0),
    };
    if split.is_some() && n.is_none() {
        return None;
    }
    for i in 0..=n.unwrap_or(0) {
        all.push(Some(Millis::new(first + delta * i as i64)));
    }
    Some(())
}

/// Milliseconds.
fn signed(text: &str) -> Option<i64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let millis = parse_duration(unsigned).ok()?.as_millis();
    Some(if text.starts_with('-') {
        -millis
    } else {
        millis
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_expanded() {
        let of = |text| {
            let all = offsets(text).unwrap();
            all.into_iter()
                .map(|o| o.map(Millis::as_millis))
                .collect::<Vec<_>>()
        };
        assert_eq!(of("_ -1m 30s"), [None, Some(-60_000), Some(30_000)]);
        assert_eq!(of("_x2 -0msx1"), [None, None, Some(0), Some(0)]);
        assert_eq!(
            of("-30s-1mx2"),
            [Some(-30_000), Some(-90_000), Some(-150_000)]
        );
        assert!(offsets("-1m-1m").is_err() && offsets("1").is_err());
    }
}

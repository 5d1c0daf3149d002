//! The order of texts in which `node9` comes before `node10`.
//!
//! Source: `Compare` in facette/natsort.
use std::cmp::Ordering;

/// Compares run by run; two runs of digits by their number.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        match (left.is_empty(), right.is_empty()) {
            (false, false) => {}
            (a, b) => return b.cmp(&a),
        }
        let (x, y);
        (x, left) = run(left);
        (y, right) = run(right);
        if x == y {
            continue;
        }
        let order = match (is_number(x), is_number(y)) {
            (true, true) => number_order(x, y),
            _ => Ordering::Equal,
        };
        return order.then_with(|| x.cmp(y));
    }
}

/// The longest start of digits alone or of anything else, and the rest.
fn run(text: &str) -> (&str, &str) {
    let is_digit = |c: char| c.is_ascii_digit();
    let digits = text.starts_with(is_digit);
    let end = text.find(|c| is_digit(c) != digits).unwrap_or(text.len());
    text.split_at(end)
}

fn is_number(run: &str) -> bool {
    run.starts_with(|c: char| c.is_ascii_digit())
}

fn number_order(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_count_as_numbers() {
        let mut texts = ["node10", "node9", "node", "10", "9", "node9b", ""];
        texts.sort_by(|a, b| compare(a, b));
        assert_eq!(texts, ["", "9", "10", "node", "node9", "node9b", "node10"]);
    }
}

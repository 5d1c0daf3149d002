//! What Prometheus 3.x changed on purpose, as far as the suite's queries show it while no sample stands on the border of
//! a window.

/// A change: which queries show it, and why it was made.
struct Change {
    shown_by: fn(&str) -> bool,
    reason: &'static str,
}

const CHANGES: [Change; 2] = [
    Change {
        shown_by: |query| (query.split('[').skip(1)).any(|rest| window(rest).contains(':')),
        reason: "windows are left-open, and the points of subqueries stand on their borders",
    },
    Change {
        shown_by: |query| query.contains("\"~"),
        reason: "label names may be any UTF-8",
    },
];

/// Why the answer to `query` may differ from that of Prometheus 2.42.
pub(super) fn since(query: &str) -> Option<&'static str> {
    let mut changes = CHANGES.iter();
    let shown = changes.find(|change| (change.shown_by)(query));
    shown.map(|change| change.reason)
}

/// What stands before the closing bracket.
fn window(rest: &str) -> &str {
    rest.split(']').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_known_by_the_query() {
        let reason = |query| since(query).map(|reason| reason.split(' ').next().unwrap());
        assert_eq!(
            reason("max_over_time((a)[5m:10s] offset 5m)"),
            Some("windows")
        );
        assert_eq!(
            reason(r#"label_replace(a, "~b", "", "c", "")"#),
            Some("label")
        );
        assert_eq!(reason(r#"rate(a{b="c:d"}[5m])"#), None);
    }
}

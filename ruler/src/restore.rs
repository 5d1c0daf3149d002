//! What a group takes over from whoever evaluated it before: since when each alert is active, and which fire.
//!
//! Source: Prometheus, `RestoreForState` in `rules/group.go`. There an alert whose `for` is not over waits at
//! least ten minutes more after any restart; here a take-over within [`SEAMLESS`] changes nothing.
use std::collections::BTreeMap;

use model::{Labels, METRIC_NAME, Millis, Timestamp};
use template::QueryResult;

use crate::alert::{ALERT_NAME, ALERTS, ALERTS_FOR_STATE, AlertRule, AlertState, Alerts};

/// How far back the state is looked for.
pub const OUTAGE_TOLERANCE: Millis = Millis::from_seconds(3600);
/// After a longer outage, an alert whose `for` is not over waits at least this long.
const GRACE_PERIOD: Millis = Millis::from_seconds(600);
/// An outage that is shorter leaves `for` as it was: one lookback.
const SEAMLESS: Millis = Millis::from_seconds(300);

/// The queries that tell the state of `rule` at one time: each series' last sample of `ALERTS_FOR_STATE`, the
/// time of that sample, and the alerts that fire.
pub fn queries(rule: &AlertRule) -> [String; 3] {
    let (name, span) = (
        format!("{ALERT_NAME}={:?}", rule.name),
        OUTAGE_TOLERANCE.as_millis() / 1000,
    );
    [
        format!("last_over_time({ALERTS_FOR_STATE}{{{name}}}[{span}s])"),
        // The time of the last sample, within a minute; `timestamp` knows only the times of plain selectors.
        format!("max_over_time(timestamp({ALERTS_FOR_STATE}{{{name}}})[{span}s:1m])"),
        format!("{ALERTS}{{{name},alertstate=\"firing\"}}"),
    ]
}

/// Sets the alerts of `rule` at `now` to go on where the answers of [`queries`] say they were.
pub fn restore(alerts: &mut Alerts, rule: &AlertRule, now: Timestamp, answers: &[QueryResult; 3]) {
    let [since, _, firing] = answers;
    let own = |labels: &Labels| labels.filtered(|name| name != METRIC_NAME && name != "alertstate");
    let active_at: BTreeMap<Labels, Timestamp> = since
        .iter()
        .map(|(labels, sample)| {
            (
                own(labels),
                Timestamp::from_millis(sample.value as i64 * 1000),
            )
        })
        .collect();
    let seen_at: BTreeMap<Labels, Timestamp> = answers[1]
        .iter()
        .map(|(labels, sample)| {
            (
                own(labels),
                Timestamp::from_millis((sample.value * 1000.0) as i64),
            )
        })
        .collect();
    for alert in alerts
        .iter_mut()
        .filter(|a| a.state != AlertState::Inactive)
    {
        let key = own(&alert.labels);
        let (Some(active_at), Some(seen_at)) = (active_at.get(&key), seen_at.get(&key)) else {
            continue;
        };
        alert.active_at = active_since(rule, *active_at, *seen_at, now);
        if alert.state == AlertState::Pending && now - alert.active_at >= rule.hold {
            alert.state = AlertState::Firing;
            alert.fired_at = Some(now);
        }
    }
    if rule.keep_firing_for > Millis::ZERO {
        for (labels, _) in firing {
            let key = own(labels);
            if !alerts.contains(&key) {
                let active_at = active_at.get(&key).copied().unwrap_or(now);
                alerts.adopt_firing(key, active_at, now);
            }
        }
    }
}

/// Since when an alert counts as active that was active since `active_at` and was last written at `seen_at`.
fn active_since(
    rule: &AlertRule,
    active_at: Timestamp,
    seen_at: Timestamp,
    now: Timestamp,
) -> Timestamp {
    let outage = now - seen_at;
    let left = rule.hold - (seen_at - active_at);
    if outage <= SEAMLESS || left <= Millis::ZERO {
        active_at
    } else if left < GRACE_PERIOD {
        now + GRACE_PERIOD.min(rule.hold) - rule.hold
    } else {
        active_at + outage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(hold: i64, active_at: i64, seen_at: i64, now: i64) -> i64 {
        let rule = AlertRule {
            name: "A".to_owned(),
            expr: String::new(),
            hold: Millis::from_seconds(hold),
            keep_firing_for: Millis::ZERO,
            labels: Vec::new(),
            annotations: Vec::new(),
        };
        let at = |seconds| Timestamp::from_millis(seconds * 1000);
        active_since(&rule, at(active_at), at(seen_at), at(now)).as_millis() / 1000
    }

    #[test]
    fn a_quick_take_over_changes_nothing() {
        assert_eq!(since(3600, 100, 1000, 1060), 100);
    }

    #[test]
    fn an_alert_that_fired_before_an_outage_fires_after_it() {
        assert_eq!(since(60, 100, 1000, 3000), 100);
    }

    #[test]
    fn an_outage_does_not_count_towards_for() {
        assert_eq!(since(3600, 100, 1000, 3000), 100 + 2000);
    }

    #[test]
    fn an_alert_that_was_about_to_fire_waits_for_the_grace_period() {
        assert_eq!(since(1200, 100, 1000, 3000), 3000 + 600 - 1200);
        // A shorter `for` does not wait longer than itself.
        assert_eq!(since(500, 900, 1000, 3000), 3000);
    }
}

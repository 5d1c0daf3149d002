use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn rule(hold: i64, keep_firing_for: i64) -> AlertRule {
    AlertRule {
        name: "Down".to_owned(),
        expr: "up == 0".to_owned(),
        hold: Millis::from_seconds(hold),
        keep_firing_for: Millis::from_seconds(keep_firing_for),
        labels: vec![(
            "severity".to_owned(),
            AlertRule::template("severity", "{{ if eq $labels.job \"db\" }}page{{ end }}").unwrap(),
        )],
        annotations: vec![(
            "summary".to_owned(),
            AlertRule::template(
                "summary",
                "{{ $labels.job }} is {{ $value }} in {{ $externalLabels.region }}",
            )
            .unwrap(),
        )],
    }
}

/// Evaluates at `seconds` with one sample of 0 for each of `jobs`; gives each alert as `job state`.
#[track_caller]
fn step(alerts: &mut Alerts, rule: &AlertRule, seconds: i64, jobs: &[&str]) -> Vec<String> {
    let result = jobs
        .iter()
        .map(|job| {
            let labels = Labels::from_pairs([(METRIC_NAME, "up"), ("job", job)]);
            let sample = Sample {
                at: at(seconds),
                value: 0.0,
            };
            (labels, sample)
        })
        .collect();
    let external_labels = Labels::from_pairs([("region", "eu")]);
    let surroundings = Surroundings {
        external_labels: &external_labels,
        context: Context {
            now: at(seconds),
            external_url: "",
            query: &|_| Ok(Vec::new()),
        },
    };
    alerts
        .evaluate(rule, at(seconds), &result, 0, &surroundings)
        .unwrap();
    alerts
        .iter()
        .map(|a| format!("{} {}", a.labels.value("job"), a.state.as_str()))
        .collect()
}

#[test]
fn an_alert_is_pending_then_fires_then_is_resolved_and_forgotten() {
    let (mut alerts, rule) = (Alerts::default(), rule(60, 0));
    assert_eq!(step(&mut alerts, &rule, 0, &["a"]), ["a pending"]);
    assert_eq!(step(&mut alerts, &rule, 59, &["a"]), ["a pending"]);
    assert_eq!(step(&mut alerts, &rule, 60, &["a"]), ["a firing"]);
    assert_eq!(step(&mut alerts, &rule, 120, &[]), ["a inactive"]);
    assert_eq!(step(&mut alerts, &rule, 120 + 900, &[]), ["a inactive"]);
    assert!(step(&mut alerts, &rule, 120 + 901, &[]).is_empty());
}

#[test]
fn a_pending_alert_that_leaves_the_result_starts_anew() {
    let (mut alerts, rule) = (Alerts::default(), rule(60, 0));
    step(&mut alerts, &rule, 0, &["a"]);
    assert!(step(&mut alerts, &rule, 30, &[]).is_empty());
    assert_eq!(step(&mut alerts, &rule, 61, &["a"]), ["a pending"]);
}

#[test]
fn without_for_an_alert_fires_at_once() {
    assert_eq!(
        step(&mut Alerts::default(), &rule(0, 0), 0, &["a", "b"]),
        ["a firing", "b firing"]
    );
}

#[test]
fn a_firing_alert_is_kept_firing_as_long_as_it_says() {
    let (mut alerts, rule) = (Alerts::default(), rule(0, 60));
    step(&mut alerts, &rule, 0, &["a"]);
    assert_eq!(step(&mut alerts, &rule, 30, &[]), ["a firing"]);
    assert_eq!(step(&mut alerts, &rule, 89, &[]), ["a firing"]);
    assert_eq!(step(&mut alerts, &rule, 89, &["a"]), ["a firing"]);
    assert_eq!(step(&mut alerts, &rule, 100, &[]), ["a firing"]);
    assert_eq!(step(&mut alerts, &rule, 160, &[]), ["a inactive"]);
}

#[test]
fn labels_and_annotations_are_expanded() {
    let (mut alerts, rule) = (Alerts::default(), rule(0, 0));
    step(&mut alerts, &rule, 0, &["a", "db"]);
    let shown: Vec<String> = alerts
        .iter()
        .map(|a| format!("{} {}", a.labels, a.annotations))
        .collect();
    assert_eq!(
        shown,
        [
            r#"{alertname="Down", job="a"} {summary="a is 0 in eu"}"#,
            r#"{alertname="Down", job="db", severity="page"} {summary="db is 0 in eu"}"#,
        ]
    );
}

#[test]
fn the_series_tell_state_and_since_when() {
    let (mut alerts, rule) = (Alerts::default(), rule(60, 0));
    step(&mut alerts, &rule, 10, &["a"]);
    step(&mut alerts, &rule, 20, &["a"]);
    let shown: Vec<String> = alerts
        .samples(at(20))
        .iter()
        .map(|(labels, sample)| format!("{labels} {} @{}", sample.value, sample.at))
        .collect();
    assert_eq!(
        shown,
        [
            r#"{__name__="ALERTS_FOR_STATE", alertname="Down", job="a"} 10 @20.000"#,
            r#"{__name__="ALERTS", alertname="Down", alertstate="pending", job="a"} 1 @20.000"#,
        ]
    );
}

#[test]
fn alertmanager_is_told_when_it_fires_now_and_then_and_when_it_is_resolved() {
    let (mut alerts, rule) = (Alerts::default(), rule(10, 0));
    let resend = Millis::from_seconds(60);
    let mut told = Vec::new();
    for (seconds, jobs) in [
        (0, &["a"][..]),
        (10, &["a"]),
        (20, &["a"]),
        (71, &["a"]),
        (80, &[]),
        (90, &[]),
    ] {
        step(&mut alerts, &rule, seconds, jobs);
        for alert in alerts
            .iter_mut()
            .filter(|a| a.needs_sending(at(seconds), resend))
        {
            alert.last_sent_at = Some(at(seconds));
            told.push(seconds);
        }
    }
    assert_eq!(told, [10, 71, 80]);
}

#[test]
fn two_series_that_give_one_alert_are_refused() {
    let mut rule = rule(0, 0);
    rule.labels.push((
        "job".to_owned(),
        AlertRule::template("job", "same").unwrap(),
    ));
    let sample = Sample {
        at: at(0),
        value: 0.0,
    };
    let result = ["a", "b"]
        .map(|job| (Labels::from_pairs([("job", job)]), sample))
        .to_vec();
    let surroundings = Surroundings {
        external_labels: &Labels::empty(),
        context: Context {
            now: at(0),
            external_url: "",
            query: &|_| Ok(Vec::new()),
        },
    };
    let refused = Alerts::default().evaluate(&rule, at(0), &result, 0, &surroundings);
    assert_eq!(refused, Err(EvaluationError::SameLabels("alert")));
}

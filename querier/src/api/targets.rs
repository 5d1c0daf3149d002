//! `/targets`: what the leader discovered, joined with what the ingesters tell of their scrapes.
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use axum::extract::State;
use model::{GroupKey, Labels, Target, TimeRange, Timestamp, format_duration};
use proto::v1;
use runtime::DiscovererClient;

use super::{Answered, Api, ApiError, Params, Reply, times::rfc3339};
use crate::{
    fanout::{AskError, Ingester},
    json::{Fields, Json},
};

/// What discovery found.
#[derive(Debug, Default)]
struct Discovered {
    active: Vec<Target>,
    /// The labels of targets that relabelling dropped, with their jobs, as many as those keep.
    dropped: Vec<(String, Labels)>,
    /// How many were dropped, by job.
    n_dropped: BTreeMap<String, u64>,
}

/// How the last scrape of a target went.
#[derive(Clone, Debug)]
struct Scrape {
    health: v1::target_status::Health,
    rank: u32,
    error: String,
    at: Timestamp,
    duration_seconds: f64,
}

impl Scrape {
    /// True if this tells more of the target than `other`: it was scraped later, or by the member that should.
    fn tells_more_than(&self, other: &Self) -> bool {
        let order = |s: &Self| {
            let is_known = s.health != v1::target_status::Health::Unknown;
            (is_known, s.at, std::cmp::Reverse(s.rank))
        };
        order(self) > order(other)
    }
}

/// What the ingesters tell, by target; targets with equal keys differ in their addresses.
type Scrapes = HashMap<(GroupKey, String), (Target, Scrape)>;

/// `/api/v1/targets`
pub(super) async fn targets(State(api): State<Arc<Api>>, params: Params) -> Answered {
    let state = params.get("state").to_lowercase();
    let wants = |what: &str| ["", "any", what].contains(&state.as_str());
    let (discovered, scraped) = tokio::join!(discovered(&api), scrapes(&api));
    let (scrapes, mut warnings) = scraped?;
    let Discovered {
        mut active,
        mut dropped,
        n_dropped,
    } = discovered.unwrap_or_else(|why| {
        // Ingesters scrape on without a leader, so they know most of what there is to tell.
        warnings.push(format!(
            "targets are shown as the ingesters know them: {why}"
        ));
        Discovered {
            active: scrapes.values().map(|(target, _)| target.clone()).collect(),
            dropped: Vec::new(),
            n_dropped: BTreeMap::new(),
        }
    });
    active.sort_by_cached_key(|target| (target.job.clone(), target.url()));
    dropped.sort();
    let pool = params.get("scrapePool");
    let is_asked = |job: &str| pool.is_empty() || pool == job;
    let active = active
        .iter()
        .filter(|target| wants("active") && is_asked(&target.job));
    let shown = dropped
        .iter()
        .filter(|(job, _)| wants("dropped") && is_asked(job));
    let reply = Reply::of(|json| {
        json.object(|fields| {
            fields.key("activeTargets").array(active, |json, target| {
                let scrape = scrapes.get(&(target.key(), target.url()));
                write_target(json, target, scrape.map(|(_, scrape)| scrape));
            });
            fields
                .key("droppedTargets")
                .array(shown, |json, (job, labels)| {
                    json.object(|fields| {
                        fields.labels("discoveredLabels", labels);
                        fields.string("scrapePool", job);
                    });
                });
            let counts = fields.key("droppedTargetCounts");
            match wants("dropped") {
                true => counts.object(|fields| {
                    for (job, n) in &n_dropped {
                        fields.integer(job, *n as i64);
                    }
                }),
                false => counts.raw("null"),
            }
        });
    });
    Ok(reply.with_warnings(warnings))
}

fn write_target(json: &mut Json, target: &Target, scrape: Option<&Scrape>) {
    let url = target.url();
    json.object(|fields: &mut Fields<'_>| {
        fields
            .labels("discoveredLabels", &target.discovered)
            .labels("labels", &target.labels)
            .string("scrapePool", &target.job)
            .string("scrapeUrl", &url)
            .string("globalUrl", &url)
            .string("lastError", scrape.map_or("", |s| &s.error))
            .string(
                "lastScrape",
                &rfc3339(scrape.map_or(Timestamp::default(), |s| s.at)),
            )
            .number(
                "lastScrapeDuration",
                scrape.map_or(0.0, |s| s.duration_seconds),
            )
            .string("health", scrape.map_or("unknown", health))
            .string("scrapeInterval", &format_duration(target.settings.interval))
            .string("scrapeTimeout", &format_duration(target.settings.timeout));
    });
}

const fn health(scrape: &Scrape) -> &'static str {
    match scrape.health {
        v1::target_status::Health::Up => "up",
        v1::target_status::Health::Down => "down",
        v1::target_status::Health::Unknown => "unknown",
    }
}

/// `/api/v1/scrape_pools`
pub(super) async fn pools(State(api): State<Arc<Api>>) -> Answered {
    let Discovered {
        active, dropped, ..
    } = discovered(&api).await.map_err(ApiError::unavailable)?;
    let jobs = active.into_iter().map(|target| target.job);
    let jobs: BTreeSet<String> = jobs
        .chain(dropped.into_iter().map(|(job, _)| job))
        .collect();
    Ok(Reply::of(|json| {
        json.object(|fields| fields.key("scrapePools").strings(jobs));
    }))
}

/// What the leader discovered, or why it does not tell.
async fn discovered(api: &Api) -> Result<Discovered, String> {
    let ask = |mut leader: DiscovererClient| async move {
        leader
            .discovered_targets(v1::DiscoveredTargetsRequest {})
            .await
    };
    let asked = api.discoverers.on_leader(ask).await;
    let answer = asked
        .map_err(|status| status.message().to_owned())?
        .into_inner();
    let active: Result<_, _> = answer.active.iter().map(Target::try_from).collect();
    let dropped = |target: v1::DroppedTarget| {
        let labels = target.discovered.as_ref().map(Labels::from);
        (target.job, labels.unwrap_or_default())
    };
    Ok(Discovered {
        active: active.map_err(|error| error.to_string())?,
        dropped: answer.dropped.into_iter().map(dropped).collect(),
        n_dropped: answer.n_dropped.into_iter().collect(),
    })
}

/// What the ingesters tell of their targets, and what to warn of.
async fn scrapes(api: &Api) -> Result<(Scrapes, Vec<String>), ApiError> {
    let ask = |mut ingester: Ingester| async move {
        let answer = ingester.targets(v1::TargetsRequest {}).await?;
        Ok::<_, AskError>(answer.into_inner().targets)
    };
    let now = api.engine.components.clock.now();
    let asked = api.ask(TimeRange::at(now), ask).await?;
    let warnings = asked.warning().into_iter().collect();
    let mut scrapes = Scrapes::new();
    for status in asked.answers.into_iter().flat_map(|(_, statuses)| statuses) {
        let Some(Ok(target)) = status.target.as_ref().map(Target::try_from) else {
            continue;
        };
        let scrape = Scrape {
            health: status.health(),
            rank: status.rank,
            error: status.last_error.clone(),
            at: Timestamp::from_millis(status.last_scrape_millis),
            duration_seconds: status.last_duration_seconds,
        };
        let place = (GroupKey(status.key), target.url());
        let known = scrapes.get(&place);
        if known.is_none_or(|(_, known)| scrape.tells_more_than(known)) {
            scrapes.insert(place, (target, scrape));
        }
    }
    Ok((scrapes, warnings))
}

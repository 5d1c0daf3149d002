//! An ingester over slices that were given to it.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::stream::{self, BoxStream, StreamExt as _};
use model::{Distinct, GroupSlice, Labels, Matcher, Presence, SeriesSlice, TimeRange};
use proto::{
    ShardSet,
    v1::{
        self,
        ingester_server::{Ingester, IngesterServer},
    },
};
use tonic::{Request, Response, Status, service::Routes};

/// How an ingester behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// It answers.
    Well,
    /// Nobody listens at its address.
    Dead,
    /// It takes calls and never answers.
    Stuck,
    /// It has the groups and cannot read them.
    Damaged,
    /// Its lease has run out, and nobody listens at its address.
    Lost,
    /// It stores nothing, since its disk is full.
    Full,
    /// It refuses the first sample of each write.
    Picky,
    /// It fails its first call, as one does that is about to come up, and then it answers.
    Starting,
}

/// The writes that ingesters took, in the order of their arrival.
pub(crate) type Writes = Arc<Mutex<Vec<v1::WriteRequest>>>;

pub(super) fn routes(behaviour: Behaviour, slices: Vec<GroupSlice>, writes: Writes) -> Routes {
    let is_up = AtomicBool::new(behaviour != Behaviour::Starting);
    Routes::new(IngesterServer::new(Double {
        behaviour,
        is_up,
        slices,
        writes,
    }))
}

struct Double {
    behaviour: Behaviour,
    is_up: AtomicBool,
    slices: Vec<GroupSlice>,
    writes: Writes,
}

impl Double {
    async fn answer<T>(&self, answer: T) -> Result<Response<T>, Status> {
        match self.behaviour {
            Behaviour::Stuck => std::future::pending().await,
            _ if !self.is_up.swap(true, Ordering::Relaxed) => {
                Err(Status::unavailable("the database is being opened"))
            }
            _ => Ok(Response::new(answer)),
        }
    }

    /// The figures of the series of `shards`.
    fn figures(&self, shards: Vec<u8>) -> v1::IndexStats {
        let shards = match shards.is_empty() {
            true => ShardSet::default(),
            false => ShardSet::try_from(shards).unwrap(),
        };
        let mut figures = v1::IndexStats::default();
        let mut pairs: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        let slices = self.slices.iter();
        for slice in slices.filter(|slice| shards.contains(slice.group.shard())) {
            figures.n_series += slice.series.len() as u64;
            for pair in slice.series.iter().flat_map(|series| series.labels.iter()) {
                *pairs.entry(pair).or_default() += 1;
            }
        }
        let mut labels: BTreeMap<&str, (Distinct, u64)> = BTreeMap::new();
        for ((name, value), n_series) in pairs {
            let count = |name: String| v1::CountOf { name, n_series };
            if name == "__name__" {
                figures.metrics.push(count(value.to_owned()));
            }
            figures.pairs.push(count(format!("{name}={value}")));
            let (values, n_bytes) = labels.entry(name).or_default();
            values.insert(value);
            *n_bytes += n_series * (name.len() + value.len()) as u64;
        }
        let label = |(name, (values, n_bytes)): (&str, (Distinct, u64))| v1::LabelStats {
            name: name.to_owned(),
            values: values.hashes().collect(),
            n_bytes,
        };
        figures.labels = labels.into_iter().map(label).collect();
        figures
    }

    /// The labels of all series that match any of the selectors.
    fn series(&self, request: &v1::LabelsRequest) -> BTreeSet<Labels> {
        let selectors: Vec<Vec<Matcher>> = request
            .selectors
            .iter()
            .map(|s| s.try_into().unwrap())
            .collect();
        let all = self.slices.iter().flat_map(|slice| &slice.series);
        all.map(|series| series.labels.clone())
            .filter(|labels| {
                selectors.is_empty() || selectors.iter().any(|s| Matcher::all_match(s, labels))
            })
            .collect()
    }
}

/// The rows of `slice` within `range`, and of its series those that match.
fn selected(slice: &GroupSlice, matchers: &[Matcher], range: TimeRange) -> Option<GroupSlice> {
    let kept: Vec<usize> = (0..slice.rows.len())
        .filter(|i| range.contains(slice.rows[*i].at))
        .collect();
    let cut = |series: &SeriesSlice| {
        let numbers = series.values.to_numbers();
        let places = kept.iter().enumerate().filter_map(|(new, old)| {
            let place = series.rows.iter().position(|row| row as usize == *old)?;
            Some((new as u32, numbers[place]))
        });
        let (rows, values): (Presence, Vec<f64>) = places.unzip();
        SeriesSlice {
            labels: series.labels.clone(),
            rows,
            values: values.into(),
            ..SeriesSlice::default()
        }
    };
    let matching = |series: &&SeriesSlice| Matcher::all_match(matchers, &series.labels);
    let series: Vec<SeriesSlice> = slice.series.iter().filter(matching).map(cut).collect();
    (!series.is_empty()).then(|| GroupSlice {
        group: slice.group,
        rows: kept.iter().map(|i| slice.rows[*i]).collect(),
        series,
    })
}

/// `values` in a batch each.
fn one_by_one(values: BTreeSet<String>) -> BoxStream<'static, Result<v1::StringsResponse, Status>> {
    let batch = |value| {
        let values = vec![value];
        Ok(v1::StringsResponse { values })
    };
    stream::iter(values.into_iter().map(batch)).boxed()
}

#[tonic::async_trait]
impl Ingester for Double {
    type SelectStream = BoxStream<'static, Result<v1::SelectResponse, Status>>;
    type LabelNamesStream = BoxStream<'static, Result<v1::StringsResponse, Status>>;
    type LabelValuesStream = BoxStream<'static, Result<v1::StringsResponse, Status>>;
    type SeriesStream = BoxStream<'static, Result<v1::SeriesResponse, Status>>;

    async fn select(
        &self,
        request: Request<v1::SelectRequest>,
    ) -> Result<Response<Self::SelectStream>, Status> {
        let request = request.into_inner();
        let matchers: Vec<Matcher> = request.selector.as_ref().unwrap().try_into().unwrap();
        let range = TimeRange::try_from(request.range.unwrap()).unwrap();
        if self.behaviour == Behaviour::Damaged {
            let damage = self.slices.iter().map(|slice| v1::Damage {
                group: Some(slice.group.0),
                text: format!("read the group {}", slice.group),
            });
            let batch = v1::SelectResponse {
                damage: damage.collect(),
                ..v1::SelectResponse::default()
            };
            return self.answer(stream::iter([Ok(batch)]).boxed()).await;
        }
        let batches: Vec<_> = self
            .slices
            .iter()
            .filter_map(|slice| selected(slice, &matchers, range))
            .map(|slice| {
                let groups = vec![(&slice).into()];
                Ok(v1::SelectResponse {
                    groups,
                    damage: Vec::new(),
                })
            })
            .collect();
        self.answer(stream::iter(batches).boxed()).await
    }

    async fn label_names(
        &self,
        request: Request<v1::LabelsRequest>,
    ) -> Result<Response<Self::LabelNamesStream>, Status> {
        let series = self.series(request.get_ref());
        let names: BTreeSet<String> = series
            .iter()
            .flat_map(|labels| labels.iter().map(|(name, _)| name.to_owned()))
            .collect();
        self.answer(one_by_one(names)).await
    }

    async fn label_values(
        &self,
        request: Request<v1::LabelValuesRequest>,
    ) -> Result<Response<Self::LabelNamesStream>, Status> {
        let request = request.into_inner();
        let series = self.series(&request.within.unwrap());
        let values: BTreeSet<String> = series
            .iter()
            .filter_map(|labels| labels.get(&request.name).map(str::to_owned))
            .collect();
        self.answer(one_by_one(values)).await
    }

    async fn series(
        &self,
        request: Request<v1::LabelsRequest>,
    ) -> Result<Response<Self::SeriesStream>, Status> {
        let series = self.series(request.get_ref());
        let batch = |labels: Labels| {
            Ok(v1::SeriesResponse {
                series: vec![(&labels).into()],
            })
        };
        self.answer(stream::iter(series.into_iter().map(batch)).boxed())
            .await
    }

    async fn write(
        &self,
        request: Request<v1::WriteRequest>,
    ) -> Result<Response<v1::WriteResponse>, Status> {
        if self.behaviour == Behaviour::Full {
            return Err(Status::resource_exhausted("the disk is full"));
        }
        self.writes.lock().unwrap().push(request.into_inner());
        let is_picky = self.behaviour == Behaviour::Picky;
        self.answer(v1::WriteResponse {
            n_refused: u64::from(is_picky),
            reason: ["", "out of order sample"][usize::from(is_picky)].to_owned(),
        })
        .await
    }

    async fn delete(
        &self,
        _: Request<v1::DeleteRequest>,
    ) -> Result<Response<v1::DeleteResponse>, Status> {
        self.answer(v1::DeleteResponse {}).await
    }

    async fn clean_tombstones(
        &self,
        _: Request<v1::CleanTombstonesRequest>,
    ) -> Result<Response<v1::CleanTombstonesResponse>, Status> {
        self.answer(v1::CleanTombstonesResponse {}).await
    }

    async fn exemplars(
        &self,
        request: Request<v1::ExemplarsRequest>,
    ) -> Result<Response<v1::ExemplarsResponse>, Status> {
        let request = request.into_inner();
        let within = v1::LabelsRequest {
            selectors: request.selectors,
            range: request.range,
            limit: 0,
        };
        let exemplar = |value: f64, millis: i64| v1::Exemplar {
            labels: Some((&Labels::from_pairs([("trace_id", "x")])).into()),
            value,
            time_millis: 1_699_999_990_000 + millis,
            is_timed: true,
        };
        let series = self.series(&within);
        let series = series.iter().map(|labels| v1::SeriesExemplars {
            labels: Some(labels.into()),
            exemplars: vec![exemplar(0.5, 0), exemplar(1.5, 250)],
        });
        let series = series.collect();
        self.answer(v1::ExemplarsResponse { series }).await
    }

    async fn snapshot(
        &self,
        _: Request<v1::SnapshotRequest>,
    ) -> Result<Response<v1::SnapshotResponse>, Status> {
        match self.behaviour {
            Behaviour::Full => Err(Status::resource_exhausted("the disk is full")),
            _ => self.answer(v1::SnapshotResponse {}).await,
        }
    }

    async fn targets(
        &self,
        _: Request<v1::TargetsRequest>,
    ) -> Result<Response<v1::TargetsResponse>, Status> {
        let target = super::discoverer::target("a:1");
        let status = v1::TargetStatus {
            target: Some((&target).into()),
            key: target.key().0,
            rank: 0,
            health: v1::target_status::Health::Down.into(),
            last_error: "connection refused".to_owned(),
            last_scrape_millis: 1_699_999_990_500,
            last_duration_seconds: 0.25,
        };
        let targets = vec![status];
        self.answer(v1::TargetsResponse { targets }).await
    }

    async fn metadata(
        &self,
        _: Request<v1::MetadataRequest>,
    ) -> Result<Response<v1::MetadataResponse>, Status> {
        let target = Labels::from_pairs([("job", "a")]);
        let metric = |metric: &str, r#type: &str, help: &str| v1::MetricMetadata {
            metric: metric.to_owned(),
            r#type: r#type.to_owned(),
            help: help.to_owned(),
            unit: String::new(),
            target: Some((&target).into()),
        };
        let metrics = vec![
            metric("requests", "counter", "All requests."),
            metric("up", "gauge", ""),
        ];
        self.answer(v1::MetadataResponse { metrics }).await
    }

    async fn stats(
        &self,
        request: Request<v1::StatsRequest>,
    ) -> Result<Response<v1::StatsResponse>, Status> {
        let n_series: usize = self.slices.iter().map(|slice| slice.series.len()).sum();
        self.answer(v1::StatsResponse {
            n_series: n_series as u64,
            min_time_millis: 1,
            max_time_millis: 2,
            index: Some(self.figures(request.into_inner().shards)),
            ..Default::default()
        })
        .await
    }
}

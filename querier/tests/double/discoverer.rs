//! A discoverer that leads, knows its members from the start, and has two targets and a dropped one.
use futures::stream::{self, BoxStream, StreamExt as _};
use model::{Labels, Millis, Target, TargetSettings};
use proto::v1::{
    self,
    cluster_server::{Cluster, ClusterServer},
};
use tonic::{Request, Response, Status, service::Routes};

const CONFIG: &str = r#"global:
  evaluation_interval: 15s
scrape_configs:
  - job_name: a
    basic_auth: {username: me, password: hunter2}
    relabel_configs:
      - {source_labels: [__address__, x], regex: '(.*):1;', target_label: host}
      - {source_labels: [host], regex: b, action: Drop}
      - {source_labels: [host], modulus: 7, target_label: hash, action: hashmod}
alerting:
  alertmanagers:
    - static_configs:
        - targets: ["alertmanager:9093"]
"#;

pub(super) fn routes(members: Vec<v1::Member>, map: Vec<u8>) -> Routes {
    let state = v1::ClusterState {
        version: 1,
        epoch: 1,
        replication_factor: 2,
        members,
        maps: vec![v1::EpochMap {
            epoch: 1,
            from_millis: 0,
            map,
        }],
        config: Some(v1::ConfigBundle {
            version: 1,
            path: "prometheus.yml".to_owned(),
            main: CONFIG.to_owned(),
            ..Default::default()
        }),
        leader: "discoverer-0".to_owned(),
        loads: Vec::new(),
    };
    Routes::new(ClusterServer::new(Discoverer(state)))
}

/// The target of job `a` at `address`.
pub(super) fn target(address: &str) -> Target {
    Target {
        labels: Labels::from_pairs([("instance", address), ("job", "a")]),
        discovered: Labels::from_pairs([("__address__", address)]),
        job: "a".to_owned(),
        settings: TargetSettings {
            scheme: "http".to_owned(),
            address: address.to_owned(),
            metrics_path: "/metrics".to_owned(),
            params: Vec::new(),
            interval: Millis::from_seconds(15),
            timeout: Millis::from_seconds(10),
            own: None,
        },
    }
}

struct Discoverer(v1::ClusterState);

#[tonic::async_trait]
impl Cluster for Discoverer {
    type WatchStream = BoxStream<'static, Result<v1::ClusterState, Status>>;
    type AssignmentsStream = BoxStream<'static, Result<v1::AssignmentDelta, Status>>;

    async fn join(
        &self,
        _: Request<v1::JoinRequest>,
    ) -> Result<Response<v1::JoinResponse>, Status> {
        Ok(Response::new(v1::JoinResponse { node: 1000 }))
    }

    async fn heartbeat(
        &self,
        _: Request<v1::HeartbeatRequest>,
    ) -> Result<Response<v1::HeartbeatResponse>, Status> {
        Ok(Response::new(v1::HeartbeatResponse {}))
    }

    async fn watch(
        &self,
        _: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let states = stream::iter([Ok(self.0.clone())]).chain(stream::pending());
        Ok(Response::new(states.boxed()))
    }

    async fn assignments(
        &self,
        _: Request<v1::AssignmentsRequest>,
    ) -> Result<Response<Self::AssignmentsStream>, Status> {
        Err(Status::unimplemented("no querier asks for assignments"))
    }

    async fn reload(
        &self,
        _: Request<v1::ReloadRequest>,
    ) -> Result<Response<v1::ReloadResponse>, Status> {
        Err(Status::invalid_argument(
            "prometheus.yml: line 3: unknown field",
        ))
    }

    type AlertmanagersStream = BoxStream<'static, Result<v1::AlertmanagersResponse, Status>>;

    async fn alertmanagers(
        &self,
        _: Request<v1::AlertmanagersRequest>,
    ) -> Result<Response<Self::AlertmanagersStream>, Status> {
        let urls = vec!["http://alertmanager:9093/api/v2/alerts".to_owned()];
        let set = v1::AlertmanagersResponse {
            config_version: 1,
            sections: vec![v1::AlertmanagerSection { urls }],
        };
        let sets = stream::iter([Ok(set)]).chain(stream::pending());
        Ok(Response::new(sets.boxed()))
    }

    async fn discovered_targets(
        &self,
        _: Request<v1::DiscoveredTargetsRequest>,
    ) -> Result<Response<v1::DiscoveredTargetsResponse>, Status> {
        let dropped = Labels::from_pairs([("__address__", "c:1")]);
        Ok(Response::new(v1::DiscoveredTargetsResponse {
            active: vec![(&target("b:1")).into(), (&target("a:1")).into()],
            dropped: vec![v1::DroppedTarget {
                discovered: Some((&dropped).into()),
                job: "a".to_owned(),
            }],
            n_dropped: [("a".to_owned(), 1)].into(),
        }))
    }
}

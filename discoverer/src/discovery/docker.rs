//! Targets that a Docker daemon tells: its containers.
//!
//! Source: `discovery/moby/docker.go` and `network.go` in Prometheus.
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use config::{DockerDiscovery, TargetGroup};
use fetch::{Client, FetchError, Request};
use http::{HeaderMap, HeaderValue, header};
use model::Labels;
use runtime::{Components, UnixSocket};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    USER_AGENT,
    http::MAX_BODY_BYTES,
    provider::Publish,
    refresh::{self, Find, FindError},
};
use crate::names::{host_port, sanitized};

/// What a daemon's containers and networks are told as.
type Pairs = Vec<(String, String)>;

/// Asks the daemon again and again, and tells its containers.
pub(crate) async fn run(discovery: DockerDiscovery, components: Components, publish: Publish) {
    let every = discovery.refresh_interval.to_std();
    let daemon = Daemon::new(discovery, components);
    refresh::run("docker", daemon, every, publish).await;
}

struct Daemon {
    discovery: DockerDiscovery,
    client: Client,
    /// What stands before the paths of its API.
    base: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Container {
    id: String,
    names: Vec<String>,
    labels: Option<BTreeMap<String, String>>,
    ports: Option<Vec<Port>>,
    host_config: HostConfig,
    network_settings: Option<NetworkSettings>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    network_mode: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkSettings {
    networks: Option<BTreeMap<String, Option<Endpoint>>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Endpoint {
    #[serde(rename = "NetworkID")]
    network: String,
    #[serde(rename = "IPAddress")]
    address: String,
    #[serde(rename = "GlobalIPv6Address")]
    ipv6_address: String,
}

impl Endpoint {
    /// Its IPv4 address, or the other if it has none.
    fn ip(&self) -> &str {
        match self.address.is_empty() {
            true => &self.ipv6_address,
            false => &self.address,
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Port {
    #[serde(rename = "IP")]
    ip: String,
    private_port: u16,
    public_port: u16,
    r#type: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Network {
    id: String,
    name: String,
    scope: String,
    internal: bool,
    ingress: bool,
    labels: Option<BTreeMap<String, String>>,
}

impl Daemon {
    fn new(discovery: DockerDiscovery, components: Components) -> Self {
        let (scheme, rest) = discovery.host.split_once("://").unwrap_or_default();
        let rest = rest.trim_end_matches('/');
        let (components, base) = match scheme {
            "unix" => {
                let socket = Components {
                    network: Arc::new(UnixSocket::new(format!(
                        "/{}",
                        rest.trim_start_matches('/')
                    ))),
                    ..components
                };
                (socket, "http://localhost".to_owned())
            }
            "tcp" => {
                let is_secure = discovery.http.tls != config::TlsConfig::default();
                let scheme = if is_secure { "https" } else { "http" };
                (components, format!("{scheme}://{rest}"))
            }
            _ => (components, format!("{scheme}://{rest}")),
        };
        Self {
            client: Client::new(discovery.http.clone(), &components),
            base,
            discovery,
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        attempt: &'static str,
    ) -> Result<T, FindError> {
        let user_agent = (header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let request = Request {
            url: format!("{}{path}", self.base),
            headers: HeaderMap::from_iter([user_agent]),
            timeout: self.discovery.refresh_interval.to_std(),
            body_limit: MAX_BODY_BYTES,
        };
        let fetched = self.client.get(&request, Vec::new()).await;
        let fetched = fetched.map_err(|source: FetchError| FindError::Api { attempt, source })?;
        let url = request.url;
        serde_json::from_slice(&fetched.body).map_err(|source| FindError::Json { url, source })
    }

    /// The path that lists the containers which pass the filters.
    fn containers(&self) -> String {
        let mut filters: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
        for filter in &self.discovery.filters {
            let values = filters.entry(&filter.name).or_default();
            values.extend(filter.values.iter().map(|value| (value.as_str(), true)));
        }
        if filters.is_empty() {
            return "/containers/json".to_owned();
        }
        let json = serde_json::to_string(&filters).expect("texts are JSON");
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("filters", &json)
            .finish();
        format!("/containers/json?{query}")
    }
}

impl Find for Daemon {
    async fn find(&mut self) -> Result<Vec<TargetGroup>, FindError> {
        let attempt = "error while listing containers";
        let containers: Vec<Container> = self.ask(&self.containers(), attempt).await?;
        let attempt = "error while computing network labels";
        let networks: Vec<Network> = self.ask("/networks", attempt).await?;
        Ok(vec![TargetGroup {
            source: "Docker".to_owned(),
            targets: targets(&self.discovery, &containers, &networks),
            labels: Labels::default(),
        }])
    }
}

fn targets(
    discovery: &DockerDiscovery,
    containers: &[Container],
    networks: &[Network],
) -> Vec<Labels> {
    let networks: HashMap<&str, Pairs> = networks.iter().map(|n| (&*n.id, of_network(n))).collect();
    let by_id: HashMap<&str, &Container> = containers.iter().map(|c| (&*c.id, c)).collect();
    let mut targets = Vec::new();
    for container in containers {
        let Some(name) = container.names.first() else {
            continue;
        };
        let mode = &container.host_config.network_mode;
        let mut common: Pairs = vec![
            (meta("container_id"), container.id.clone()),
            (meta("container_name"), name.clone()),
            (meta("container_network_mode"), mode.clone()),
        ];
        common.extend(prefixed("container_label_", container.labels.as_ref()));
        let mut endpoints = endpoints(container, &by_id);
        if discovery.match_first_network {
            endpoints.truncate(1);
        }
        for endpoint in endpoints {
            let ports = container.ports.iter().flatten();
            let ports = ports.filter(|port| port.r#type == "tcp");
            let mut own: Vec<(String, Pairs)> = ports.map(|p| of_port(endpoint, p)).collect();
            if own.is_empty() {
                let address = match mode.as_str() {
                    "host" => discovery.host_networking_host.clone(),
                    _ => host_port(endpoint.ip(), discovery.port),
                };
                own.push((address, Vec::new()));
            }
            let network = networks.get(&*endpoint.network);
            for (address, own) in own {
                let here = [
                    ("__address__".to_owned(), address),
                    (meta("network_ip"), endpoint.ip().to_owned()),
                ];
                let all = here.into_iter().chain(own).chain(common.iter().cloned());
                let all = all.chain(network.into_iter().flatten().cloned());
                targets.push(Labels::from_pairs(all));
            }
        }
    }
    targets
}

/// Where a container is to be found, by the names of its networks; of one that lives in another's network, where that is.
fn endpoints<'c>(
    container: &'c Container,
    by_id: &HashMap<&str, &'c Container>,
) -> Vec<&'c Endpoint> {
    let mut container = container;
    // A container may live in the network of one that lives in another's; none goes further than there are containers.
    for _ in 0..=by_id.len() {
        let settings = container.network_settings.iter();
        let networks = settings.flat_map(|settings| &settings.networks).flatten();
        let found: Vec<&Endpoint> = networks.filter_map(|(_, e)| e.as_ref()).collect();
        let mode = &container.host_config.network_mode;
        let next = mode.strip_prefix("container:").and_then(|id| by_id.get(id));
        match next {
            Some(next) if found.is_empty() => container = next,
            _ => return found,
        }
    }
    Vec::new()
}

fn of_port(endpoint: &Endpoint, port: &Port) -> (String, Pairs) {
    let mut pairs = vec![(meta("port_private"), port.private_port.to_string())];
    if port.public_port > 0 {
        pairs.push((meta("port_public"), port.public_port.to_string()));
        pairs.push((meta("port_public_ip"), port.ip.clone()));
    }
    (host_port(endpoint.ip(), port.private_port), pairs)
}

fn of_network(network: &Network) -> Pairs {
    let mut pairs = vec![
        (meta("network_id"), network.id.clone()),
        (meta("network_name"), network.name.clone()),
        (meta("network_scope"), network.scope.clone()),
        (meta("network_internal"), network.internal.to_string()),
        (meta("network_ingress"), network.ingress.to_string()),
    ];
    pairs.extend(prefixed("network_label_", network.labels.as_ref()));
    pairs
}

fn prefixed<'a>(
    prefix: &'a str,
    labels: Option<&'a BTreeMap<String, String>>,
) -> impl Iterator<Item = (String, String)> + 'a {
    let labels = labels.into_iter().flatten();
    labels.map(move |(name, value)| (meta(prefix) + &sanitized(name), value.clone()))
}

fn meta(name: &str) -> String {
    format!("__meta_docker_{name}")
}

#[cfg(test)]
mod tests {
    use axum::{Router, extract::Query, routing::get};
    use config::{DockerFilter, HttpClient};
    use expect_test::expect;
    use model::Millis;

    use super::*;
    use crate::discovery::testing::lines;

    const CONTAINERS: &str = r#"[
        {"Id": "c1", "Names": ["/web"], "Labels": {"com.x/y": "z"}, "HostConfig": {"NetworkMode": "front"},
         "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}, {"PrivatePort": 81, "Type": "tcp"},
                   {"PrivatePort": 53, "Type": "udp"}],
         "NetworkSettings": {"Networks": {"back": {"NetworkID": "n2", "IPAddress": "10.2.0.1"},
                                          "front": {"NetworkID": "n1", "IPAddress": "10.1.0.1"}}}},
        {"Id": "c2", "Names": ["/bare"], "HostConfig": {"NetworkMode": "host"},
         "NetworkSettings": {"Networks": {"host": {"NetworkID": "n0", "IPAddress": ""}}}},
        {"Id": "c3", "Names": ["/side"], "Ports": [], "HostConfig": {"NetworkMode": "container:c1"},
         "NetworkSettings": {"Networks": {}}},
        {"Id": "c4", "Names": [], "HostConfig": {}, "NetworkSettings": null},
        {"Id": "c5", "Names": ["/six"], "HostConfig": {"NetworkMode": "six"}, "Ports": [{"PrivatePort": 80, "Type": "tcp"}],
         "NetworkSettings": {"Networks": {"six": {"NetworkID": "n6", "IPAddress": "", "GlobalIPv6Address": "fd00::6"}}}}
    ]"#;
    const NETWORKS: &str = r#"[
        {"Id": "n1", "Name": "front", "Scope": "local", "Internal": false, "Ingress": false, "Labels": {"a-b": "c"}},
        {"Id": "n2", "Name": "back", "Scope": "local", "Internal": true, "Ingress": false, "Labels": {}}
    ]"#;

    #[tokio::test]
    async fn containers_are_targets_at_their_networks() {
        let containers = async |Query(query): Query<HashMap<String, String>>| {
            assert_eq!(query["filters"], r#"{"status":{"running":true}}"#);
            CONTAINERS
        };
        let router = Router::new()
            .route("/containers/json", get(containers))
            .route("/networks", get(async || NETWORKS));
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("docker.sock");
        let listener = tokio::net::UnixListener::bind(&socket).unwrap();
        tokio::spawn(async { axum::serve(listener, router).await });
        let discovery = DockerDiscovery {
            host: format!("unix://{}", socket.display()),
            port: 9,
            filters: vec![DockerFilter {
                name: "status".to_owned(),
                values: vec!["running".to_owned()],
            }],
            host_networking_host: "localhost".to_owned(),
            match_first_network: true,
            refresh_interval: Millis::from_seconds(60),
            http: HttpClient::default(),
        };
        let mut daemon = Daemon::new(discovery, Components::system());
        let groups = daemon.find().await.unwrap();
        expect![[r#"
            Docker
              __address__=10.2.0.1:80 __meta_docker_container_id=c1 __meta_docker_container_label_com_x_y=z __meta_docker_container_name=/web __meta_docker_container_network_mode=front __meta_docker_network_id=n2 __meta_docker_network_ingress=false __meta_docker_network_internal=true __meta_docker_network_ip=10.2.0.1 __meta_docker_network_name=back __meta_docker_network_scope=local __meta_docker_port_private=80 __meta_docker_port_public=8080 __meta_docker_port_public_ip=0.0.0.0
              __address__=10.2.0.1:81 __meta_docker_container_id=c1 __meta_docker_container_label_com_x_y=z __meta_docker_container_name=/web __meta_docker_container_network_mode=front __meta_docker_network_id=n2 __meta_docker_network_ingress=false __meta_docker_network_internal=true __meta_docker_network_ip=10.2.0.1 __meta_docker_network_name=back __meta_docker_network_scope=local __meta_docker_port_private=81
              __address__=localhost __meta_docker_container_id=c2 __meta_docker_container_name=/bare __meta_docker_container_network_mode=host
              __address__=10.2.0.1:9 __meta_docker_container_id=c3 __meta_docker_container_name=/side __meta_docker_container_network_mode=container:c1 __meta_docker_network_id=n2 __meta_docker_network_ingress=false __meta_docker_network_internal=true __meta_docker_network_ip=10.2.0.1 __meta_docker_network_name=back __meta_docker_network_scope=local
              __address__=[fd00::6]:80 __meta_docker_container_id=c5 __meta_docker_container_name=/six __meta_docker_container_network_mode=six __meta_docker_network_ip=fd00::6 __meta_docker_port_private=80
        "#]].assert_eq(&lines(&groups));
        daemon.discovery.match_first_network = false;
        let groups = daemon.find().await.unwrap();
        let addresses = groups[0].targets.iter().map(|t| t.value("__address__"));
        assert_eq!(
            addresses.collect::<Vec<_>>(),
            [
                "10.2.0.1:80",
                "10.2.0.1:81",
                "10.1.0.1:80",
                "10.1.0.1:81",
                "localhost",
                "10.2.0.1:9",
                "10.1.0.1:9",
                "[fd00::6]:80"
            ]
        );
    }
}

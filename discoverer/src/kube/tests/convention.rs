//! What the default configuration and the examples make of a cluster.
use config::{Bundle, Config, Discovery, Outside, targets};
use serde_json::{Value, json};

use super::*;

/// The addresses that a job of a file of this repository scrapes, of what `objects` hold.
fn scraped(file: &str, job: &str, objects: &Objects) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(file);
    let main = fs::read_to_string(path).unwrap();
    let bundle = Bundle {
        main,
        ..Bundle::default()
    };
    let config = Config::from_bundle(&bundle, &Outside::default()).unwrap();
    let job = config.jobs.iter().find(|one| one.name == job).unwrap();
    let [Discovery::Kubernetes(section)] = job.discovery.as_slice() else {
        panic!("{:?}", job.discovery);
    };
    let namespaces = &section.namespaces.names;
    let told = |namespace: &str| namespaces.is_empty() || namespaces.iter().any(|n| n == namespace);
    let groups = groups(section.role, section.attach, objects, &told);
    let resolved = targets(job, &groups);
    assert_eq!(resolved.failed, []);
    resolved.active.iter().map(|target| target.url()).collect()
}

fn pod(name: &str, ip: &str, phase: &str, annotations: Value) -> Pod {
    let port = json!([{"name": "web", "containerPort": 80}]);
    let pod = json!({
        "metadata": {"name": name, "namespace": "d", "annotations": annotations},
        "spec": {"containers": [
            {"name": "web", "ports": port},
            {"name": "redis-exporter", "ports": [{"containerPort": 9121}]},
            {"name": "side"},
        ]},
        "status": {"podIP": ip, "phase": phase},
    });
    serde_json::from_value(pod).unwrap()
}

#[test]
fn annotations_say_where_pods_are_scraped() {
    let mut objects = Objects::default();
    let yes = json!({"prometheus.io/scrape": "true", "prometheus.io/port": "8080"});
    let whole = json!({"prometheus.io/scrape": "true", "prometheus.io/port": "8443",
        "prometheus.io/path": "/stats?x", "prometheus.io/scheme": "https"});
    for pod in [
        pod("a", "10.0.0.1", "Running", yes.clone()),
        pod("b", "10.0.0.2", "Running", whole),
        pod("c", "fd00::1", "Running", yes.clone()),
        pod("d", "10.0.0.3", "Succeeded", yes),
        pod(
            "e",
            "10.0.0.4",
            "Running",
            json!({"prometheus.io/scrape": "false"}),
        ),
        pod("f", "10.0.0.5", "Running", json!({})),
    ] {
        put(&mut objects, [pod]);
    }
    let urls = scraped("deploy/base/prometheus.yml", "kubernetes-pods", &objects);
    let expected = [
        "http://10.0.0.1:8080/metrics",
        "https://10.0.0.2:8443/stats%3Fx",
        "http://[fd00::1]:8080/metrics",
    ];
    assert_eq!(urls, expected);
    let urls = scraped("docs/examples/kubernetes.yml", "redis", &objects);
    assert_eq!(urls.len(), 6);
    assert_eq!(urls[0], "http://10.0.0.1:9121/metrics");
}

#[test]
fn the_examples_find_what_a_real_cluster_has() {
    let scraped = |job| scraped("docs/examples/kubernetes.yml", job, &objects());
    assert_eq!(scraped("kubelet").len(), 3);
    let cadvisor = scraped("cadvisor");
    assert_eq!(cadvisor[0], "https://10.244.0.1:10250/metrics/cadvisor");
    let [server] = <[String; 1]>::try_from(scraped("kube-apiserver")).unwrap();
    assert!(
        server.starts_with("https://") && server.ends_with(":6443/metrics"),
        "{server}"
    );
    // Its service of DNS has no port for metrics.
    assert_eq!(scraped("coredns"), Vec::<String>::new());
}

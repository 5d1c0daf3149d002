//! What a real configuration means: the values that Prometheus' own test expects of `conf.good.yml`.
use std::path::Path;

use config::{Bundle, Config, Discovery, Outside};
use expect_test::expect;
use model::{Labels, format_duration};

fn conf() -> Config {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = crate_folder
        .ancestors()
        .map(|folder| folder.join("shared/testdata/config/prometheus-config/conf.good.yml"))
        .find(|path| path.is_file())
        .expect("there is a folder with test data");
    let mut bundle = Bundle::load(&path).unwrap();
    // Rules are read elsewhere, and paths should look the same wherever the test data lie.
    bundle.files.clear();
    bundle.path = "/etc/prometheus/prometheus.yml".into();
    Config::from_bundle(&bundle, &Outside::default()).unwrap()
}

#[test]
fn jobs_have_the_defaults_of_global() {
    let lines: Vec<String> = conf()
        .jobs
        .iter()
        .map(|job| {
            let discovery: Vec<String> = job
                .discovery
                .iter()
                .map(|discovery| match discovery {
                    Discovery::Static(groups) => format!("static {}", groups.len()),
                    Discovery::File(files) => format!("file {}", files.files.join(",")),
                    Discovery::Kubernetes(kubernetes) => format!("kubernetes {}", kubernetes.role),
                    Discovery::Http(http) => format!("http {}", http.url),
                    Discovery::Dns(dns) => {
                        format!("dns {:?} {} {}", dns.record, dns.port, dns.names.join(","))
                    }
                    Discovery::Consul(consul) => format!(
                        "consul {}://{} {} {} {:?}",
                        consul.scheme,
                        consul.server,
                        consul.services.join(","),
                        consul.tags.join(","),
                        consul.token,
                    ),
                    Discovery::Docker(docker) => format!("docker {} {}", docker.host, docker.port),
                    Discovery::Unsupported { field, line } => format!("{field}:{line}"),
                })
                .collect();
            format!(
                "{} {}/{} {}{} limits {:?}/{}/{} [{}]",
                job.name,
                format_duration(job.interval),
                format_duration(job.timeout),
                job.scheme,
                job.metrics_path,
                job.body_size_limit(),
                job.limits.samples,
                job.limits.targets,
                discovery.join(" ")
            )
        })
        .collect();
    expect![[r#"
        prometheus 15s/10s http/metrics limits Some(15728640)/1500/30 [file /etc/prometheus/foo/*.slow.json,/etc/prometheus/foo/*.slow.yml,/etc/prometheus/single/file.yml file /etc/prometheus/bar/*.yaml static 1]
        service-x 50s/5s https/my_path limits Some(10485760)/1000/35 [dns Srv 0 first.dns.address.domain.com,second.dns.address.domain.com dns Srv 0 first.dns.address.domain.com]
        service-y 15s/10s http/metrics limits Some(15728640)/1500/30 [consul https://localhost:1234 nginx,cache,mysql canary,v1 <secret>]
        service-z 15s/10s http/metrics limits Some(15728640)/1500/30 []
        service-kubernetes 15s/10s http/metrics limits Some(15728640)/1500/30 [kubernetes endpoints]
        service-kubernetes-namespaces 15s/10s http/metrics limits Some(15728640)/1500/30 [kubernetes endpoints]
        service-kuma 15s/10s http/metrics limits Some(15728640)/1500/30 [kuma_sd_configs:241]
        service-marathon 15s/10s http/metrics limits Some(15728640)/1500/30 [marathon_sd_configs:246]
        service-nomad 15s/10s http/metrics limits Some(15728640)/1500/30 [nomad_sd_configs:256]
        service-ec2 15s/10s http/metrics limits Some(15728640)/1500/30 [ec2_sd_configs:260]
        service-lightsail 15s/10s http/metrics limits Some(15728640)/1500/30 [lightsail_sd_configs:276]
        service-azure 15s/10s http/metrics limits Some(15728640)/1500/30 [azure_sd_configs:283]
        service-nerve 15s/10s http/metrics limits Some(15728640)/1500/30 [nerve_sd_configs:294]
        0123service-xxx 15s/10s http/metrics limits Some(15728640)/1500/30 [static 1]
        badfederation 15s/10s http/federate limits Some(15728640)/1500/30 [static 1]
        測試 15s/10s http/metrics limits Some(15728640)/1500/30 [static 1]
        httpsd 15s/10s http/metrics limits Some(15728640)/1500/30 [http http://example.com/prometheus]
        service-triton 15s/10s http/metrics limits Some(15728640)/1500/30 [triton_sd_configs:324]
        digitalocean-droplets 15s/10s http/metrics limits Some(15728640)/1500/30 [digitalocean_sd_configs:336]
        docker 15s/10s http/metrics limits Some(15728640)/1500/30 [docker unix:///var/run/docker.sock 80]
        dockerswarm 15s/10s http/metrics limits Some(15728640)/1500/30 [dockerswarm_sd_configs:345]
        service-oci 15s/10s http/metrics limits Some(15728640)/1500/30 [oci_sd_configs:350]
        service-openstack 15s/10s http/metrics limits Some(15728640)/1500/30 [openstack_sd_configs:363]
        service-puppetdb 15s/10s http/metrics limits Some(15728640)/1500/30 [puppetdb_sd_configs:374]
        hetzner 15s/10s http/metrics limits Some(15728640)/1500/30 [hetzner_sd_configs:391 hetzner_sd_configs:391]
        service-eureka 15s/10s http/metrics limits Some(15728640)/1500/30 [eureka_sd_configs:401]
        ovhcloud 15s/10s http/metrics limits Some(15728640)/1500/30 [ovhcloud_sd_configs:405 ovhcloud_sd_configs:405]
        scaleway 15s/10s http/metrics limits Some(15728640)/1500/30 [scaleway_sd_configs:420 scaleway_sd_configs:420]
        linode-instances 15s/10s http/metrics limits Some(15728640)/1500/30 [linode_sd_configs:431]
        stackit-servers 15s/10s http/metrics limits Some(15728640)/1500/30 [stackit_sd_configs:436]
        uyuni 15s/10s http/metrics limits Some(15728640)/1500/30 [uyuni_sd_configs:444]
        ionos 15s/10s http/metrics limits Some(15728640)/1500/30 [ionos_sd_configs:450]
        vultr 15s/10s http/metrics limits Some(15728640)/1500/30 [vultr_sd_configs:456]
        outscale 15s/10s http/metrics limits Some(15728640)/1500/30 [outscale_sd_configs:461]"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn credentials_and_certificates_are_named_by_whole_paths() {
    let config = conf();
    let job = |name: &str| config.jobs.iter().find(|job| job.name == name).unwrap();
    expect![[r#"
        HttpClient {
            auth: Authorization {
                scheme: "Bearer",
                credentials: File(
                    "/etc/prometheus/valid_token_file",
                ),
            },
            tls: TlsConfig {
                ca: None,
                cert: None,
                key: None,
                server_name: "",
                insecure_skip_verify: false,
                min_version: Some(
                    Tls10,
                ),
                max_version: None,
            },
            follow_redirects: true,
            enable_http2: true,
            proxy: Proxy {
                url: None,
                no_proxy: "",
                from_environment: false,
                connect_header: {},
            },
            headers: {
                "foo": Header {
                    values: [
                        "foobar",
                    ],
                    secrets: [
                        <secret>,
                        <secret>,
                    ],
                    files: [
                        "/etc/prometheus/valid_password_file",
                    ],
                },
            },
        }
    "#]]
    .assert_debug_eq(&job("prometheus").http);
    expect![[r#"
        Basic {
            username: Inline(
                <secret>,
            ),
            password: Inline(
                <secret>,
            ),
        }
    "#]]
    .assert_debug_eq(&job("service-x").http.auth);
}

#[test]
fn a_job_may_share_series_only_if_labels_of_targets_may_change() {
    let config = conf();
    let target = Labels::from_pairs([("instance", "a"), ("job", "b")]);
    let sharing = config.jobs.iter().filter(|job| job.may_collide(&target));
    let names: Vec<_> = sharing.map(|job| job.name.as_str()).collect();
    expect!["prometheus"].assert_eq(&names.join(" "));
}

//! Targets that the domain name system tells.
//!
//! Source: `discovery/dns/dns.go` in Prometheus, and `ClientConfig.NameList` in miekg/dns.
use std::{collections::BTreeMap, time::Duration};

use config::{DnsDiscovery, DnsRecord, TargetGroup};
use futures::future::join_all;
use hickory_resolver::{
    TokioResolver,
    config::{ResolveHosts, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{RData, Record, RecordType},
    },
    system_conf::read_system_conf,
};
use model::Labels;
use runtime::{Chain, Offload};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::error;

use super::provider::Publish;
use crate::names::host_port;

/// Asks for the names again and again, and tells what their records name. A name that fails keeps what it had.
pub(crate) async fn run(discovery: DnsDiscovery, offload: Offload, publish: Publish) {
    let pause = discovery.refresh_interval.to_std();
    let mut timer = interval(pause.max(Duration::from_millis(1)));
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut found = Found::default();
    loop {
        timer.tick().await;
        // Read each time, since it changes under long-lived processes.
        let (config, options) = match offload.run(read_system_conf).await {
            Ok(settings) => settings,
            Err(failed) => {
                publish.metrics().refresh_failed("dns");
                error!(error = %Chain(&failed), "could not load resolv.conf");
                continue;
            }
        };
        let began = Instant::now();
        let n_failed = found.refresh(&discovery, &config, &options).await;
        publish
            .metrics()
            .refreshed("dns", began.elapsed(), n_failed > 0);
        if let Some(groups) = found.groups() {
            publish.groups(groups);
        }
    }
}

/// What names had when they last answered.
#[derive(Default)]
struct Found(BTreeMap<String, TargetGroup>);

impl Found {
    /// Asks for all names; gives how many have failed.
    async fn refresh(
        &mut self,
        discovery: &DnsDiscovery,
        config: &ResolverConfig,
        options: &ResolverOpts,
    ) -> usize {
        let mut n_failed = 0;
        let kind = record_type(discovery.record);
        let asked = discovery.names.iter().map(async |name| {
            let answer = lookup(config, options, name, kind).await;
            (name, answer)
        });
        for (name, answer) in join_all(asked).await {
            match answer {
                Ok(records) => {
                    let group = group(name, discovery.port, &records);
                    self.0.insert(name.clone(), group);
                }
                Err(failed) => {
                    error!(name, error = %Chain(&failed), "Error refreshing DNS targets");
                    n_failed += 1;
                }
            }
        }
        n_failed
    }

    /// The groups of the names that have answered; none while none has, since then no server may be there.
    fn groups(&self) -> Option<Vec<TargetGroup>> {
        (!self.0.is_empty()).then(|| self.0.values().cloned().collect())
    }
}

/// No server could say what a name has.
#[derive(Debug, thiserror::Error)]
#[error(
    "could not resolve {name:?}: all servers responded with errors to at least one search domain"
)]
struct Unresolved {
    name: String,
    source: Box<NetError>,
}

const fn record_type(record: DnsRecord) -> RecordType {
    match record {
        DnsRecord::Srv => RecordType::SRV,
        DnsRecord::A => RecordType::A,
        DnsRecord::Aaaa => RecordType::AAAA,
        DnsRecord::Mx => RecordType::MX,
        DnsRecord::Ns => RecordType::NS,
    }
}

/// The records of `name`, tried along the search path. None if every server says that there is no such name; an error if
/// one did not say.
async fn lookup(
    config: &ResolverConfig,
    options: &ResolverOpts,
    name: &str,
    kind: RecordType,
) -> Result<Vec<Record>, Unresolved> {
    let mut own = options.clone();
    // What changed is to be seen at once.
    own.cache_size = 0;
    own.use_hosts_file = ResolveHosts::Never;
    let servers = |source| Unresolved {
        name: name.to_owned(),
        source: Box::new(source),
    };
    let resolver =
        TokioResolver::builder_with_config(config.clone(), TokioRuntimeProvider::default())
            .with_options(own)
            .build()
            .map_err(servers)?;
    let search: Vec<String> = config.search().iter().map(ToString::to_string).collect();
    let mut failed = None;
    for full in names(name, options.ndots, &search) {
        match resolver.lookup(full.as_str(), kind).await {
            Ok(found) => {
                // An address may come behind the names that lead to it.
                let wanted = found.answers().iter().filter(|r| r.record_type() == kind);
                return Ok(wanted.cloned().collect());
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => match none.response_code {
                ResponseCode::NXDomain => {}
                _ => return Ok(Vec::new()),
            },
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        None => Ok(Vec::new()),
        Some(source) => Err(servers(source)),
    }
}

/// The full names to try for `name`, in their order.
fn names(name: &str, ndots: usize, search: &[String]) -> Vec<String> {
    if name.ends_with('.') {
        return vec![name.to_owned()];
    }
    let n_labels = name.split('.').count();
    let own = format!("{name}.");
    let below = |domain: &String| format!("{own}{}.", domain.trim_end_matches('.'));
    let below = search.iter().filter(|domain| *domain != ".").map(below);
    match n_labels > ndots {
        true => std::iter::once(own.clone()).chain(below).collect(),
        false => below.chain([own.clone()]).collect(),
    }
}

/// The targets that `records` of `name` tell of; `port` is that of records without one.
fn group(name: &str, port: u16, records: &[Record]) -> TargetGroup {
    let target = |record: &Record| {
        let (mut srv, mut srv_port, mut mx, mut ns) = <(String, String, String, String)>::default();
        // Without the final dot names look more usual.
        let host = |name: &str, port| host_port(name.trim_end_matches('.'), port);
        let address = match &record.data {
            RData::SRV(record) => {
                (srv, srv_port) = (record.target.to_string(), record.port.to_string());
                host(&srv, record.port)
            }
            RData::MX(record) => {
                mx = record.exchange.to_string();
                host(&mx, port)
            }
            RData::NS(record) => {
                ns = record.0.to_string();
                host(&ns, port)
            }
            RData::A(record) => host_port(&record.0.to_string(), port),
            RData::AAAA(record) => host_port(&record.0.to_string(), port),
            _ => return None,
        };
        Some(Labels::from_pairs([
            ("__address__", &*address),
            ("__meta_dns_name", name),
            ("__meta_dns_srv_record_target", &srv),
            ("__meta_dns_srv_record_port", &srv_port),
            ("__meta_dns_mx_record_target", &mx),
            ("__meta_dns_ns_record_target", &ns),
        ]))
    };
    TargetGroup {
        source: name.to_owned(),
        targets: records.iter().filter_map(target).collect(),
        labels: Labels::default(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use expect_test::{Expect, expect};
    use hickory_resolver::{
        config::NameServerConfig,
        proto::{
            op::{Message, MessageType},
            rr::{
                Name,
                rdata::{A, MX, NS, SRV},
            },
        },
    };
    use tokio::net::UdpSocket;

    use super::*;
    use crate::discovery::testing::lines;

    /// A server of a few names in `test.`; one of them it cannot answer for.
    async fn server() -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((n, from)) = socket.recv_from(&mut buffer).await {
                let question = Message::from_vec(&buffer[..n]).unwrap();
                let answer = answer(&question).to_vec().unwrap();
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        address
    }

    fn answer(question: &Message) -> Message {
        let query = question.queries[0].clone();
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.metadata.message_type = MessageType::Response;
        let name = query.name().clone();
        let host = |text: &str| Name::from_ascii(text).unwrap();
        let data = match name.to_string().as_str() {
            "_web._tcp.test." => vec![
                RData::SRV(SRV::new(0, 0, 8080, host("a.test."))),
                RData::SRV(SRV::new(0, 0, 8081, host("b.test."))),
            ],
            "a.test." => vec![RData::A(A::new(10, 0, 0, 1))],
            "mail.test." => vec![RData::MX(MX::new(10, host("mx.test.")))],
            "test." => vec![RData::NS(NS(host("ns.test.")))],
            "broken.test." => {
                answer.metadata.response_code = ResponseCode::ServFail;
                Vec::new()
            }
            _ => {
                answer.metadata.response_code = ResponseCode::NXDomain;
                Vec::new()
            }
        };
        for data in data {
            answer
                .answers
                .push(Record::from_rdata(name.clone(), 60, data));
        }
        answer.queries.push(query);
        answer
    }

    /// The settings of one who asks the server at `address`.
    fn settings(address: SocketAddr) -> (ResolverConfig, ResolverOpts) {
        let mut one = NameServerConfig::udp(IpAddr::V4(Ipv4Addr::LOCALHOST));
        one.connections[0].port = address.port();
        let search = vec![Name::from_ascii("test.").unwrap()];
        let config = ResolverConfig::from_parts(None, search, vec![one]);
        (config, ResolverOpts::default())
    }

    async fn found(name: &str, record: DnsRecord) -> String {
        let (config, options) = settings(server().await);
        match lookup(&config, &options, name, record_type(record)).await {
            Ok(records) => lines(&[group(name, 9100, &records)]),
            Err(failed) => format!("{failed}\n"),
        }
    }

    #[track_caller]
    fn check(found: &str, expected: Expect) {
        expected.assert_eq(found);
    }

    #[tokio::test]
    async fn each_record_is_a_target() {
        check(
            &found("_web._tcp.test", DnsRecord::Srv).await,
            expect![[r#"
                _web._tcp.test
                  __address__=a.test:8080 __meta_dns_name=_web._tcp.test __meta_dns_srv_record_port=8080 __meta_dns_srv_record_target=a.test.
                  __address__=b.test:8081 __meta_dns_name=_web._tcp.test __meta_dns_srv_record_port=8081 __meta_dns_srv_record_target=b.test.
            "#]],
        );
        // By the search path.
        check(
            &found("a", DnsRecord::A).await,
            expect![[r#"
            a
              __address__=10.0.0.1:9100 __meta_dns_name=a
        "#]],
        );
        check(
            &found("mail.test", DnsRecord::Mx).await,
            expect![[r#"
            mail.test
              __address__=mx.test:9100 __meta_dns_mx_record_target=mx.test. __meta_dns_name=mail.test
        "#]],
        );
        check(
            &found("test.", DnsRecord::Ns).await,
            expect![[r#"
            test.
              __address__=ns.test:9100 __meta_dns_name=test. __meta_dns_ns_record_target=ns.test.
        "#]],
        );
    }

    #[tokio::test]
    async fn a_name_that_is_gone_has_no_targets_and_one_that_fails_is_an_error() {
        check(
            &found("gone", DnsRecord::A).await,
            expect![[r#"
            gone
        "#]],
        );
        check(
            &found("broken", DnsRecord::A).await,
            expect![[r#"
            could not resolve "broken": all servers responded with errors to at least one search domain
        "#]],
        );
    }

    #[tokio::test]
    async fn a_name_that_fails_holds_back_no_other() {
        let (config, options) = settings(server().await);
        let mut discovery = DnsDiscovery {
            names: vec!["broken".to_owned()],
            record: DnsRecord::A,
            port: 9100,
            refresh_interval: model::Millis::from_seconds(30),
        };
        let mut found = Found::default();
        found.refresh(&discovery, &config, &options).await;
        assert_eq!(found.groups(), None);
        discovery.names.push("a".to_owned());
        found.refresh(&discovery, &config, &options).await;
        check(
            &lines(&found.groups().unwrap()),
            expect![[r#"
            a
              __address__=10.0.0.1:9100 __meta_dns_name=a
        "#]],
        );
    }

    #[test]
    fn names_are_tried_as_resolv_conf_says() {
        let search = ["a.b.".to_owned(), "c.".to_owned()];
        assert_eq!(names("x.", 1, &search), ["x."]);
        assert_eq!(names("x", 1, &search), ["x.a.b.", "x.c.", "x."]);
        assert_eq!(names("x.y", 1, &search), ["x.y.", "x.y.a.b.", "x.y.c."]);
        assert_eq!(names("x.y", 5, &search), ["x.y.a.b.", "x.y.c.", "x.y."]);
    }
}

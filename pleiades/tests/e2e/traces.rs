//! Traces: what a query does in several processes is one trace, sent to a collector by OTLP.
use std::{
    collections::BTreeSet,
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{ResourceSpans, Span},
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

use crate::support::{Cluster, turn, until};

/// Longer than the five seconds for which a process gathers its spans.
const SOON: Duration = Duration::from_secs(20);

/// A collector that keeps what it is sent: spans, each with the service that told it.
#[derive(Clone, Default)]
struct Collector {
    spans: Arc<Mutex<Vec<(String, Span)>>>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for told in request.into_inner().resource_spans {
            let service = service(&told);
            let spans = told.scope_spans.into_iter().flat_map(|scope| scope.spans);
            let mut kept = self.spans.lock().unwrap();
            kept.extend(spans.map(|span| (service.clone(), span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn service(told: &ResourceSpans) -> String {
    let attributes = told.resource.as_ref().map(|r| r.attributes.as_slice());
    text_of(attributes.unwrap_or_default(), "service.name")
}

fn attribute(span: &Span, key: &str) -> String {
    text_of(&span.attributes, key)
}

fn text_of(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    let value = found.and_then(|attribute| attribute.value.clone()?.value);
    match value {
        Some(Value::StringValue(text)) => text,
        _ => String::new(),
    }
}

impl Collector {
    /// Starts it on a free port, which it gives.
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let collector = Self::default();
        let service = TraceServiceServer::new(collector.clone());
        let server = Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (collector, format!("http://{address}"))
    }

    /// The spans called `name` that `service` told.
    fn spans(&self, service: &str, name: &str) -> Vec<Span> {
        let spans = self.spans.lock().unwrap();
        let of_service = spans.iter().filter(|(by, _)| by == service);
        let named = of_service.filter(|(_, span)| span.name == name);
        named.map(|(_, span)| span.clone()).collect()
    }

    /// The span below which `span` is, if `service` told it under that name.
    fn parent(&self, span: &Span, service: &str, name: &str) -> Option<Span> {
        let spans = self.spans(service, name).into_iter();
        let mut above =
            spans.filter(|s| s.trace_id == span.trace_id && s.span_id == span.parent_span_id);
        above.next()
    }

    /// What was told by whom.
    fn names(&self) -> BTreeSet<(String, String)> {
        let spans = self.spans.lock().unwrap();
        let names = spans
            .iter()
            .map(|(service, span)| (service.clone(), span.name.clone()));
        names.collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_one_trace_through_querier_and_ingester() {
    let _turn = turn().await;
    let (collector, endpoint) = Collector::start().await;
    let dir = tempfile::tempdir().unwrap();
    // A scrape is told whatever comes of it.
    let config = "scrape_configs:\n- job_name: nobody\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  \
                  static_configs: [{targets: ['127.0.0.1:1']}]\n";
    fs::write(dir.path().join("prometheus.yml"), config).unwrap();
    let endpoint = format!("--tracing.otlp-endpoint={endpoint}");
    let small = [
        "--discoverers=1",
        "--ingesters=1",
        "--rulers=0",
        "--replication-factor=1",
        &endpoint,
    ];
    let cluster = Cluster::up(dir.path(), &small).await;
    // The first queries may come before an ingester is placed.
    until("a query is told as one trace", SOON, async || {
        cluster.api().query("up", None).await?;
        let has_all = collector
            .spans("pleiades-ingester", "rpc")
            .iter()
            .any(|rpc| {
                let method = "/pleiades.v1.Ingester/Select";
                let ask = collector.parent(rpc, "pleiades-querier", "ask");
                let query = ask.and_then(|ask| collector.parent(&ask, "pleiades-querier", "query"));
                attribute(rpc, "method") == method && query.is_some()
            });
        match has_all {
            true => Ok(()),
            false => Err(format!("{:?}", collector.names())),
        }
    })
    .await;
    until("scrapes are told", SOON, async || {
        match collector.spans("pleiades-ingester", "scrape").is_empty() {
            false => Ok(()),
            true => Err(format!("{:?}", collector.names())),
        }
    })
    .await;
}

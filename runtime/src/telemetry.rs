//! Logs and traces of a process.
use std::io;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// What to tell and to whom.
#[derive(Clone, Debug, Default)]
pub struct TelemetrySettings {
    /// `debug`, `info`, `warn`, `error`, or a filter as `RUST_LOG` has them.
    pub level: String,
    /// How log lines look.
    pub format: LogFormat,
    /// Where traces go (OTLP over gRPC); none: nowhere.
    pub otlp_endpoint: Option<String>,
    /// The service's name in traces.
    pub service: String,
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is no filter.
    #[error("bad log level {level:?}")]
    Level {
        /// As it was given.
        level: String,
        /// Why.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The exporter of traces cannot be built.
    #[error("set up trace export to {endpoint:?}")]
    Otlp {
        /// Where to.
        endpoint: String,
        /// Why.
        source: opentelemetry_otlp::ExporterBuildError,
    },
    /// Telemetry was set up before.
    #[error("set the subscriber")]
    Twice(#[from] tracing::subscriber::SetGlobalDefaultError),
}

/// Telemetry while it lives; dropping it sends what is left.
#[derive(Debug)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Sets up logs to standard error and, if asked for, traces. Once a process, within a tokio runtime.
    ///
    /// # Errors
    /// [`TelemetryError`]
    pub fn start(settings: &TelemetrySettings) -> Result<Self, TelemetryError> {
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        // Consensus tells every heartbeat and every try to reach a dead peer, a Kubernetes client every connection and every
        // try that failed; what matters of it the discoverer logs itself.
        let filter = format!(
            "openraft=off,kube_client=error,kube_runtime=error,{}",
            settings.level
        );
        let filter = EnvFilter::try_new(filter).map_err(|source| TelemetryError::Level {
            level: settings.level.clone(),
            source,
        })?;
        let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
        let lines = match settings.format {
            LogFormat::Logfmt => lines.with_ansi(false).boxed(),
            LogFormat::Json => lines.json().boxed(),
        };
        let provider = match &settings.otlp_endpoint {
            Some(endpoint) => Some(provider(endpoint, &settings.service)?),
            None => None,
        };
        let traces = provider
            .as_ref()
            .map(|p| tracing_opentelemetry::layer().with_tracer(p.tracer("pleiades")));
        let subscriber = tracing_subscriber::registry()
            .with(traces.with_filter(traced(provider.is_some())))
            .with(lines.with_filter(filter));
        tracing::subscriber::set_global_default(subscriber)?;
        Ok(Self { provider })
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = &self.provider
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "traces were not sent");
        }
    }
}

/// Which spans become traces, none if they are not `wanted`. That of a scrape is of level debug: formatted each time for
/// lines of a log that seldom come, it would be a twentieth of what a small scrape costs.
fn traced(wanted: bool) -> Targets {
    let targets = Targets::new();
    match wanted {
        true => targets
            .with_default(LevelFilter::INFO)
            .with_target("ingester::scrape", LevelFilter::DEBUG),
        false => targets,
    }
}

fn provider(endpoint: &str, service: &str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|source| TelemetryError::Otlp {
            endpoint: endpoint.to_owned(),
            source,
        })?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(
            Resource::builder()
                .with_service_name(service.to_owned())
                .build(),
        )
        .build())
}

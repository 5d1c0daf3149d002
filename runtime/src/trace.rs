//! Trace context across gRPC: W3C headers in the metadata of calls.
use opentelemetry::propagation::{Extractor, Injector};
use tonic::{
    Request, Status,
    metadata::{MetadataKey, MetadataMap},
    service::Interceptor,
};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Writes the current span's context into each call.
#[derive(Clone, Copy, Debug)]
pub struct Inject;

impl Interceptor for Inject {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let context = tracing::Span::current().context();
        opentelemetry::global::get_text_map_propagator(|propagator| {
            propagator.inject_context(&context, &mut Metadata(request.metadata_mut()));
        });
        Ok(request)
    }
}

/// Makes `span` a child of the span that `headers` name, if they do.
pub fn parent_of(span: &tracing::Span, headers: &http::HeaderMap) {
    let parent = opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.extract(&Headers(headers))
    });
    // Without a subscriber for traces there is nothing to set.
    let _ = span.set_parent(parent);
}

struct Metadata<'a>(&'a mut MetadataMap);

impl Injector for Metadata<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(key), Ok(value)) = (MetadataKey::from_bytes(key.as_bytes()), value.parse()) {
            self.0.insert(key, value);
        }
    }
}

struct Headers<'a>(&'a http::HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_injected_can_be_read_as_metadata() {
        let mut map = MetadataMap::new();
        Metadata(&mut map).set("traceparent", "00-1-2-01".to_owned());

        let headers = map.into_headers();
        assert_eq!(Headers(&headers).get("traceparent"), Some("00-1-2-01"));
    }
}

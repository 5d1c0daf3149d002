//! Other systems that samples are sent to and read from.
//!
//! Source: `RemoteWriteConfig` and `RemoteReadConfig` in Prometheus, `config/config.go`.
use std::{collections::BTreeMap, path::Path};

use model::{Millis, NameValidation, RelabelRule};

use crate::{
    Error, HttpClient,
    decode::{Decode, Fields, Texts},
    http::{HttpFields, Url, is_reserved},
    relabel::Rules,
    yaml::{Node, Value},
};

/// A system that samples are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteWrite {
    /// Where.
    pub url: String,
    /// What it is called; perhaps empty.
    pub name: String,
    /// How long a request may take.
    pub timeout: Millis,
    /// Further headers.
    pub headers: BTreeMap<String, String>,
    /// What becomes of samples.
    pub relabel: Vec<RelabelRule>,
    /// Whether exemplars are sent.
    pub send_exemplars: bool,
    /// Whether native histograms are sent.
    pub send_native_histograms: bool,
    /// Whether each request goes to another of the host's addresses.
    pub round_robin_dns: bool,
    /// Which message is sent.
    pub message: WriteMessage,
    /// How to speak to it.
    pub http: HttpClient,
    /// How samples are batched.
    pub queue: Queue,
    /// How metadata is sent.
    pub metadata: SendMetadata,
}

/// A message of the remote write protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteMessage {
    /// `prometheus.WriteRequest`
    #[default]
    V1,
    /// `io.prometheus.write.v2.Request`
    V2,
}

/// How samples are batched before they are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Samples that wait in a shard.
    pub capacity: i64,
    /// The most shards.
    pub max_shards: i64,
    /// The fewest shards.
    pub min_shards: i64,
    /// Samples of a request.
    pub max_samples_per_send: i64,
    /// How long a sample waits for a full request.
    pub batch_send_deadline: Millis,
    /// The first wait after a failure.
    pub min_backoff: Millis,
    /// The longest.
    pub max_backoff: Millis,
    /// Whether an answer 429 is tried again.
    pub retry_on_rate_limit: bool,
    /// Samples older than this are left out; zero is no limit.
    pub sample_age_limit: Millis,
}

/// How metadata is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendMetadata {
    /// Whether it is.
    pub send: bool,
    /// How often.
    pub interval: Millis,
    /// Entries of a request.
    pub max_samples_per_send: i64,
}

/// A system that samples are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteRead {
    /// Where.
    pub url: String,
    /// What it is called; perhaps empty.
    pub name: String,
    /// How long a request may take.
    pub timeout: Millis,
    /// The most bytes of a frame.
    pub chunked_read_limit: u64,
    /// Further headers.
    pub headers: BTreeMap<String, String>,
    /// Whether times that local storage has are read there too.
    pub read_recent: bool,
    /// How to speak to it.
    pub http: HttpClient,
    /// Labels that a selector must ask for, or the system is not read.
    pub required_matchers: BTreeMap<String, String>,
    /// Whether the external labels select too.
    pub filter_external_labels: bool,
}

/// A system that samples are sent to, as it was written.
pub(crate) struct RemoteWriteFields {
    line: usize,
    rest: RemoteWrite,
    relabel: Rules,
}

impl RemoteWriteFields {
    fn validate(self, names: NameValidation, directory: &Path) -> Result<RemoteWrite, Error> {
        let mut write = RemoteWrite {
            relabel: self.relabel.validate(names)?,
            ..self.rest
        };
        write.http.set_directory(directory);
        Ok(write)
    }
}

/// All systems to write to, if none is null and their names differ.
pub(crate) fn writes(
    all: Vec<Option<RemoteWriteFields>>,
    names: NameValidation,
    directory: &Path,
    line: usize,
) -> Result<Vec<RemoteWrite>, Error> {
    let mut writes: Vec<RemoteWrite> = Vec::with_capacity(all.len());
    for fields in all {
        let fields = fields
            .ok_or_else(|| Error::invalid(line, "empty or null remote write config section"))?;
        let (line, name) = (fields.line, &fields.rest.name);
        if !name.is_empty() && writes.iter().any(|known| known.name == *name) {
            let what = format!("found multiple remote write configs with job name {name:?}");
            return Err(Error::invalid(line, what));
        }
        writes.push(fields.validate(names, directory)?);
    }
    Ok(writes)
}

/// All systems to read from, if none is null and their names differ.
pub(crate) fn reads(
    all: Vec<Option<RemoteRead>>,
    directory: &Path,
    line: usize,
) -> Result<Vec<RemoteRead>, Error> {
    let mut reads: Vec<RemoteRead> = Vec::with_capacity(all.len());
    for read in all {
        let mut read =
            read.ok_or_else(|| Error::invalid(line, "empty or null remote read config section"))?;
        if !read.name.is_empty() && reads.iter().any(|known| known.name == read.name) {
            let what = format!(
                "found multiple remote read configs with job name {:?}",
                read.name
            );
            return Err(Error::invalid(line, what));
        }
        read.http.set_directory(directory);
        reads.push(read);
    }
    Ok(reads)
}

impl Decode for RemoteWriteFields {
    const GO: &'static str = "*config.RemoteWriteConfig";

    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.plain")?;
        let http = HttpFields::take(&mut fields, false)?;
        let relabel = Rules::take(
            &mut fields,
            "write_relabel_configs",
            "empty or null relabeling rule in remote write config",
        )?;
        let url: Option<Url> = fields.get("url")?;
        let message: String = fields.or_default("protobuf_message")?;
        let queue = fields.or("queue_config", Queue::default())?;
        fields.get::<bool>("failed_request_logging")?;
        let mut ways = http.auths();
        // A bearer token is authorization under another name.
        for way in ways.iter_mut().filter(|way| **way == "bearer_token") {
            *way = "authorization";
        }
        for way in ["sigv4", "azuread", "google_iam"] {
            if fields
                .node(way)
                .is_some_and(|node| !matches!(node.value, Value::Null))
            {
                ways.push(way);
            }
        }
        let rest = RemoteWrite {
            url: String::new(),
            name: fields.or_default("name")?,
            timeout: fields.or("remote_timeout", Millis::from_seconds(30))?,
            headers: fields.or_default::<Texts>("headers")?,
            relabel: Vec::new(),
            send_exemplars: fields.or_default("send_exemplars")?,
            send_native_histograms: fields.or_default("send_native_histograms")?,
            round_robin_dns: fields.or_default("round_robin_dns")?,
            message: WriteMessage::default(),
            http: HttpClient::default(),
            queue,
            metadata: fields.or("metadata_config", SendMetadata::default())?,
        };
        fields.finish()?;
        let invalid = |what: String| Error::invalid(fields.line(), what);
        let url = url.ok_or_else(|| invalid("url for remote_write is empty".to_owned()))?;
        let relabel = relabel.none_null()?;
        check_headers(&rest.headers).map_err(invalid)?;
        let message = match message.as_str() {
            "" | "prometheus.WriteRequest" => WriteMessage::V1,
            "io.prometheus.write.v2.Request" => WriteMessage::V2,
            other => {
                return Err(invalid(format!(
                    "invalid protobuf_message value: unknown type for remote write protobuf message {other}, supported: prometheus.WriteRequest, io.prometheus.write.v2.Request"
                )));
            }
        };
        let http = http.validate().map_err(invalid)?;
        rest.queue
            .validate()
            .map_err(|what| invalid(what.to_owned()))?;
        if ways.len() > 1 {
            return Err(invalid(format!(
                "at most one of basic_auth, authorization, oauth2, sigv4, azuread or google_iam must be configured. Currently configured: [{}]",
                ways.join(" ")
            )));
        }
        Ok(Self {
            line: fields.line(),
            rest: RemoteWrite {
                url: url.0,
                message,
                http,
                ..rest
            },
            relabel,
        })
    }
}

/// Refuses headers that carry the protocol or credentials.
fn check_headers(headers: &BTreeMap<String, String>) -> Result<(), String> {
    match headers.keys().find(|name| is_reserved(name)) {
        Some(name) if name.eq_ignore_ascii_case("authorization") => Err(
            "authorization header must be changed via the basic_auth, authorization, oauth2, sigv4, azuread or google_iam parameter"
                .to_owned(),
        ),
        Some(name) => Err(format!("{name} is a reserved header. It must not be changed")),
        None => Ok(()),
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            max_shards: 50,
            min_shards: 1,
            max_samples_per_send: 2_000,
            batch_send_deadline: Millis::from_seconds(5),
            min_backoff: Millis::new(30),
            max_backoff: Millis::from_seconds(5),
            retry_on_rate_limit: false,
            sample_age_limit: Millis::ZERO,
        }
    }
}

impl Decode for Queue {
    fn decode(node: &Node) -> Result<Self, Error> {
        let default = Self::default();
        let mut fields = Fields::of(node, "config.QueueConfig")?;
        let queue = Self {
            capacity: fields.or("capacity", default.capacity)?,
            max_shards: fields.or("max_shards", default.max_shards)?,
            min_shards: fields.or("min_shards", default.min_shards)?,
            max_samples_per_send: fields
                .or("max_samples_per_send", default.max_samples_per_send)?,
            batch_send_deadline: fields.or("batch_send_deadline", default.batch_send_deadline)?,
            min_backoff: fields.or("min_backoff", default.min_backoff)?,
            max_backoff: fields.or("max_backoff", default.max_backoff)?,
            retry_on_rate_limit: fields.or_default("retry_on_http_429")?,
            sample_age_limit: fields.or_default("sample_age_limit")?,
        };
        fields.finish()?;
        Ok(queue)
    }
}

impl Queue {
    fn validate(&self) -> Result<(), &'static str> {
        let wrong = [
            (
                self.max_shards <= 0,
                "remote write queue max_shards must be positive",
            ),
            (
                self.min_shards <= 0,
                "remote write queue min_shards must be positive",
            ),
            (
                self.min_shards > self.max_shards,
                "remote write queue min_shards must not be greater than max_shards",
            ),
            (
                self.max_samples_per_send <= 0,
                "remote write queue max_samples_per_send must be positive",
            ),
            (
                self.capacity <= 0,
                "remote write queue capacity must be positive",
            ),
            (
                self.max_backoff < self.min_backoff,
                "remote write queue max_backoff must not be less than min_backoff",
            ),
        ];
        wrong
            .into_iter()
            .find(|(holds, _)| *holds)
            .map_or(Ok(()), |(_, what)| Err(what))
    }
}

impl Default for SendMetadata {
    fn default() -> Self {
        Self {
            send: true,
            interval: Millis::from_seconds(60),
            max_samples_per_send: 2_000,
        }
    }
}

impl Decode for SendMetadata {
    fn decode(node: &Node) -> Result<Self, Error> {
        let default = Self::default();
        let mut fields = Fields::of(node, "config.MetadataConfig")?;
        let metadata = Self {
            send: fields.or("send", default.send)?,
            interval: fields.or("send_interval", default.interval)?,
            max_samples_per_send: fields
                .or("max_samples_per_send", default.max_samples_per_send)?,
        };
        fields.finish()?;
        Ok(metadata)
    }
}

impl Decode for RemoteRead {
    const GO: &'static str = "*config.RemoteReadConfig";

    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.plain")?;
        let http = HttpFields::take(&mut fields, true)?;
        let url: Option<Url> = fields.get("url")?;
        let read = Self {
            url: String::new(),
            name: fields.or_default("name")?,
            timeout: fields.or("remote_timeout", Millis::from_seconds(60))?,
            chunked_read_limit: fields.or("chunked_read_limit", 50_000_000)?,
            headers: fields.or_default::<Texts>("headers")?,
            read_recent: fields.or_default("read_recent")?,
            http: HttpClient::default(),
            required_matchers: fields.or_default::<Texts>("required_matchers")?,
            filter_external_labels: fields.or("filter_external_labels", true)?,
        };
        fields.finish()?;
        let invalid = |what: String| Error::invalid(fields.line(), what);
        let url = url.ok_or_else(|| invalid("url for remote_read is empty".to_owned()))?;
        check_headers(&read.headers).map_err(invalid)?;
        let http = http.validate().map_err(invalid)?;
        Ok(Self {
            url: url.0,
            http,
            ..read
        })
    }
}

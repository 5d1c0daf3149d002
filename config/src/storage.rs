//! How long samples are kept, and what else storage is told.
//!
//! Source: `StorageConfig` in Prometheus, `config/config.go`.
use model::Millis;

use crate::{
    Bytes, Error,
    decode::{Decode, Fields},
    yaml::Node,
};

/// The `storage` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// How late a sample may come; zero is not at all.
    pub out_of_order_time_window: Millis,
    /// The share of stale series that starts their compaction; zero is none.
    pub stale_series_compaction_threshold: f64,
    /// How long samples are kept.
    pub retention: Retention,
    /// How many exemplars are kept; none if not above zero.
    pub max_exemplars: i64,
}

/// How long samples are kept; zero is no limit from here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Retention {
    /// For this time.
    pub time: Millis,
    /// While they take no more than this.
    pub size: Bytes,
    /// While they take no more than this share of the disk, in percent.
    pub percentage: f64,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            out_of_order_time_window: Millis::ZERO,
            stale_series_compaction_threshold: 0.0,
            retention: Retention::default(),
            max_exemplars: 100_000,
        }
    }
}

impl Decode for Storage {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.StorageConfig")?;
        let tsdb: Option<Tsdb> = fields.get("tsdb")?;
        let exemplars: Option<Exemplars> = fields.get("exemplars")?;
        fields.finish()?;
        let storage = tsdb.map_or_else(Self::default, |tsdb| tsdb.0);
        Ok(Self {
            max_exemplars: exemplars.map_or(storage.max_exemplars, |exemplars| exemplars.0),
            ..storage
        })
    }
}

struct Tsdb(Storage);

impl Decode for Tsdb {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.plain")?;
        let ChunkEncoding(floats) = fields.or_default("chunk_encoding")?;
        let storage = Storage {
            out_of_order_time_window: fields.or_default("out_of_order_time_window")?,
            stale_series_compaction_threshold: fields
                .or_default("stale_series_compaction_threshold")?,
            retention: fields.or_default("retention")?,
            ..Storage::default()
        };
        fields.finish()?;
        match floats.as_str() {
            "" | "xor" | "xor2" => Ok(Self(storage)),
            other => Err(fields.invalid(format!(
                "'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field must be omitted entirely, got {other:?}"
            ))),
        }
    }
}

impl Decode for Retention {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.plain")?;
        let retention = Self {
            time: fields.or_default("time")?,
            size: fields.or_default("size")?,
            percentage: fields.or_default("percentage")?,
        };
        fields.finish()?;
        if retention.size < Bytes(0) {
            return Err(fields.invalid(format!(
                "'storage.tsdb.retention.size' must be greater than or equal to 0, got {}B",
                retention.size.0
            )));
        }
        if !(0.0..=100.0).contains(&retention.percentage) {
            return Err(fields.invalid(format!(
                "'storage.tsdb.retention.percentage' must be in the range [0, 100], got {}",
                retention.percentage
            )));
        }
        Ok(retention)
    }
}

/// How floats are encoded; it is checked, and means nothing to us.
#[derive(Default)]
struct ChunkEncoding(String);

impl Decode for ChunkEncoding {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.ChunkEncodingConfig")?;
        let floats = fields.or_default("floats")?;
        fields.finish()?;
        Ok(Self(floats))
    }
}

struct Exemplars(i64);

impl Decode for Exemplars {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "config.ExemplarsConfig")?;
        let max = fields.or_default("max_exemplars")?;
        fields.finish()?;
        Ok(Self(max))
    }
}

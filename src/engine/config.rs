//! The engine's section of the configuration: how many shards, and how late may an event be?

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::Error;

use crate::time::Span;

/// Section `[engine]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// Threads that keep histories and evaluate rules; 0 takes one for each processor.
    pub shards: usize,
    /// How far the watermark stays behind the newest event.
    #[serde(serialize_with = "write_span", deserialize_with = "read_span")]
    pub lateness: Span,
    /// How far back histories are kept at least, so that a new rule's windows can be filled.
    #[serde(serialize_with = "write_span", deserialize_with = "read_span")]
    pub history: Span,
    /// Records that may wait before ingest answers 429.
    pub queue_records_max: usize,
    /// Memory for customers with their histories, about; those that were idle for the longest are
    /// on disk beyond it. 0 sets no bound.
    pub memory_bytes_max: u64,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            shards: 0,
            lateness: Span::from_millis(3_600_000),
            history: Span::from_millis(400 * Span::DAY.millis()),
            queue_records_max: 65_536,
            memory_bytes_max: 0,
        }
    }
}

/// Writes a span as people write it.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
pub(crate) fn write_span<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(span)
}

/// Reads a span as people write it.
pub(crate) fn read_span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
    let text = String::deserialize(deserializer)?;
    Span::parse(&text).map_err(D::Error::custom)
}

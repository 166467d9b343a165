//! What do client and server say to each other? The parts of the protocol that are used.
//!
//! Source: Language Server Protocol 3.17; JSON-RPC 2.0, "Error object".

use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::cli::rules::lsp::position::Position;
use crate::cli::rules::lsp::position::Stretch;

/// The message is not JSON.
pub(super) const PARSE_ERROR: i64 = -32_700;
/// The message is not what it has to be now.
pub(super) const INVALID_REQUEST: i64 = -32_600;
/// There is no such method.
pub(super) const METHOD_NOT_FOUND: i64 = -32_601;
/// The parameters are not those of the method.
pub(super) const INVALID_PARAMS: i64 = -32_602;
/// `initialize` comes first.
pub(super) const NOT_INITIALIZED: i64 = -32_002;
/// The client no longer wants the answer.
pub(super) const REQUEST_CANCELLED: i64 = -32_800;
/// The request is sound and cannot be done.
pub(super) const REQUEST_FAILED: i64 = -32_803;

/// Why a request is answered with an error.
#[derive(Debug)]
pub(super) struct Refusal {
    /// What kind of error.
    pub(super) code: i64,
    /// What is wrong.
    pub(super) message: String,
}

/// What a client can do.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct InitializeParams {
    /// All of it, as far as it is looked at.
    pub(super) capabilities: Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct DocumentId {
    pub(super) uri: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DocumentParams {
    pub(super) text_document: DocumentId,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlaceParams {
    pub(super) text_document: DocumentId,
    pub(super) position: Position,
    #[serde(default)]
    pub(super) context: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RenameParams {
    pub(super) text_document: DocumentId,
    pub(super) position: Position,
    pub(super) new_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CodeActionParams {
    pub(super) text_document: DocumentId,
    pub(super) range: Stretch,
    #[serde(default)]
    pub(super) context: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OpenParams {
    pub(super) text_document: OpenDocument,
}

#[derive(Debug, Deserialize)]
pub(super) struct OpenDocument {
    pub(super) uri: String,
    pub(super) version: i64,
    pub(super) text: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangeParams {
    pub(super) text_document: VersionedId,
    pub(super) content_changes: Vec<Change>,
}

#[derive(Debug, Deserialize)]
pub(super) struct VersionedId {
    pub(super) uri: String,
    #[serde(default)]
    pub(super) version: Option<i64>,
}

/// A part of a text, or without a range all of it.
#[derive(Debug, Deserialize)]
pub(super) struct Change {
    #[serde(default)]
    pub(super) range: Option<Stretch>,
    pub(super) text: String,
}

impl Refusal {
    /// The request cannot be done.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self { code: REQUEST_FAILED, message: message.into() }
    }
}

/// The answer to a request.
pub(super) fn response(id: &Value, result: Result<Value, Refusal>) -> Value {
    match result {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(Refusal { code, message }) => {
            json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
        }
    }
}

/// Something that the server tells on its own.
#[expect(clippy::needless_pass_by_value, reason = "callers hand over what they just made")]
pub(super) fn notification(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

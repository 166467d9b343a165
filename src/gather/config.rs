//! The section `[gather]` of the configuration: whose alerts one inbox shows.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use serde::Serialize;

use crate::delivery::channel::secret::Secret;
use crate::delivery::inbox::InboxError;

/// What stands for each number of a process in an address.
const ORDINAL: &str = "{ordinal}";

/// Bytes of a token, at least.
const TOKEN_BYTES_MIN: usize = 24;

/// Section `[gather]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatherConfig {
    /// Where the processes are: `http://siaga-{ordinal}.siaga:8080` is one for each of them.
    pub of: Vec<String>,
    /// What the inbox and the processes have in common: who shows it may copy and act.
    pub token: Secret,
    /// A file that holds it.
    pub token_file: PathBuf,
    /// How long a process may take to answer.
    pub timeout_ms: u64,
}

/// Why processes cannot be gathered.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// There is nothing to gather.
    #[error(
        "no process is named: write `of` in [gather], e.g. `http://siaga-{{ordinal}}.siaga:8080`"
    )]
    Nobody,
    /// No address.
    #[error("`{0}` in [gather] is no web address: write e.g. `http://siaga-0.siaga:8080`")]
    Address(String),
    /// One address stands for several processes.
    #[error("`{0}` stands twice in [gather]: keep one of them")]
    Twice(String),
    /// No token.
    #[error("`token` in [gather] is {0}")]
    Token(String),
    /// The system has no TLS to offer.
    #[error("no way to other processes: {0}")]
    Client(String),
    /// What is known of them cannot be read or written.
    #[error(transparent)]
    Inbox(InboxError),
}

impl Default for GatherConfig {
    fn default() -> Self {
        let (of, token, token_file) = (Vec::new(), Secret::from(""), PathBuf::new());
        Self { of, token, token_file, timeout_ms: 5_000 }
    }
}

impl GatherConfig {
    /// Whether there is anything to gather.
    pub fn is_used(&self) -> bool {
        !self.of.is_empty()
    }

    /// Where each of so many processes is, checked.
    pub fn addresses(&self, processes: u32) -> Result<Vec<String>, GatherError> {
        let mut all: Vec<String> = Vec::new();
        for pattern in &self.of {
            let count = if pattern.contains(ORDINAL) { processes } else { 1 };
            for ordinal in 0..count {
                let text = pattern.trim().replace(ORDINAL, &ordinal.to_string());
                let text = text.trim_end_matches('/').to_owned();
                let url = Url::parse(&text).ok();
                let is_address = |url: &Url| {
                    matches!(url.scheme(), "http" | "https")
                        && url.has_host()
                        && url.username().is_empty()
                        && url.password().is_none()
                };
                if !url.as_ref().is_some_and(is_address) {
                    return Err(GatherError::Address(text));
                }
                if all.contains(&text) {
                    return Err(GatherError::Twice(text));
                }
                all.push(text);
            }
        }
        if all.is_empty() { Err(GatherError::Nobody) } else { Ok(all) }
    }

    /// What the processes know the inbox by; none where nobody has to sign in there.
    pub fn secret(&self) -> Result<Option<Secret>, GatherError> {
        let inline = Some(&self.token).filter(|secret| !secret.reveal().is_empty());
        let file = Some(&*self.token_file).filter(|path| !path.as_os_str().is_empty());
        let secret = Secret::read(inline, file).map_err(GatherError::Token)?;
        if secret.as_ref().is_some_and(|secret| secret.reveal().len() < TOKEN_BYTES_MIN) {
            let short =
                format!("shorter than {TOKEN_BYTES_MIN} bytes: `openssl rand -hex 32` makes one");
            return Err(GatherError::Token(short));
        }
        Ok(secret)
    }

    /// How long a process may take to answer.
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.max(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_or_one_for_each_process() {
        let told = |of: &[&str]| {
            let of = of.iter().map(|text| (*text).to_owned()).collect();
            let found = GatherConfig { of, ..GatherConfig::default() }.addresses(2);
            found.map_or_else(|error| error.to_string(), |all| all.join(" "))
        };
        for (of, want) in [
            (
                &["http://siaga-{ordinal}.siaga:8080/"][..],
                "http://siaga-0.siaga:8080 http://siaga-1.siaga:8080",
            ),
            (&["https://a.example", "http://10.0.0.7:1"], "https://a.example http://10.0.0.7:1"),
            (&[], "no process is named"),
            (&["siaga-0:8080"], "`siaga-0:8080` in [gather] is no web address"),
            (&["http://me:secret@a"], "is no web address"),
            (&["http://a", "http://a/"], "`http://a` stands twice"),
        ] {
            assert!(told(of).contains(want), "{of:?}: {}", told(of));
        }
    }
}

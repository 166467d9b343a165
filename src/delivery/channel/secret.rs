//! Secrets of channels: they come from a file or the environment and appear in no log or dump.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;

/// A text that nobody is shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself: only for whoever sends or checks it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// From a text of the configuration, or from a file, whose last line break does not count.
    ///
    /// Fails when both are given, or the file cannot be read; `None` when neither is.
    pub fn read(inline: Option<&Self>, file: Option<&Path>) -> Result<Option<Self>, String> {
        match (inline, file) {
            (Some(_), Some(_)) => {
                Err("given twice: write it, or name its file, not both".to_owned())
            }
            (Some(secret), None) => Ok(Some(secret.clone())),
            (None, None) => Ok(None),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
                Ok(Some(Self(text.trim_end_matches(['\r', '\n']).to_owned())))
            }
        }
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Written as nothing: no dump shows it.
impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::from("whsec_canary");
        assert_eq!(format!("{secret:?}"), "<redacted>");
        assert_eq!(secret.reveal(), "whsec_canary");
    }

    #[test]
    fn a_file_gives_the_secret_without_its_line_break() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "xoxb-1\n").unwrap();
        let read = Secret::read(None, Some(file.path())).unwrap();
        assert_eq!(read, Some(Secret::from("xoxb-1")));
        assert!(Secret::read(Some(&"a".into()), Some(file.path())).is_err());
        let error = Secret::read(None, Some(Path::new("/no/such/file"))).unwrap_err();
        assert!(error.contains("/no/such/file"), "{error}");
    }
}

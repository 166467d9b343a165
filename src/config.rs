//! The configuration: what may an operator set, and where does a value come from?
//!
//! ```text
//! built-in values ◄── siaga.toml ◄── SIAGA_<SECTION>_<KEY>        the right one wins
//! ```
//!
//! No file is needed. Each section lives with the module that it configures; this file only puts
//! them together. An unknown section or key is an error, in the file and in the environment.

use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::access::AccessConfig;
use crate::api::HttpConfig;
use crate::delivery::inbox::InboxConfig;
use crate::engine::config::EngineConfig;
use crate::source::fluvio::config::FluvioConfig;

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Pages and API.
    pub http: HttpConfig,
    /// Signing in.
    pub access: AccessConfig,
    /// Files on disk.
    pub storage: StorageConfig,
    /// The store of alerts.
    pub inbox: InboxConfig,
    /// Which rules run.
    pub rules: RulesConfig,
    /// Histories and evaluation.
    pub engine: EngineConfig,
    /// Topics that are read and written.
    pub fluvio: FluvioConfig,
}

/// Section `[storage]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// Folder of everything that is kept.
    pub data_dir: PathBuf,
}

/// Section `[rules]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RulesConfig {
    /// A file or folder of rules.
    pub path: PathBuf,
}

/// Why the configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {error}: give the path of a TOML file, or none")]
    Read {
        /// Which file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of another kind.
    #[error("{path}: {error}")]
    Toml {
        /// Which file, or `environment`.
        path: String,
        /// What is wrong, with the line.
        error: toml::de::Error,
    },
    /// The built-in values have no TOML form.
    #[error("the built-in configuration cannot be written: {0}")]
    BuiltIn(#[from] toml::ser::Error),
    /// No such section or key.
    #[error("{variable} sets nothing: write SIAGA_<SECTION>_<KEY>, with one of {known}")]
    Variable {
        /// The variable.
        variable: String,
        /// What could be meant.
        known: String,
    },
    /// A value of another kind.
    #[error("{variable} is `{value}`: write {want}")]
    Value {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
        /// What is expected.
        want: &'static str,
    },
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self { data_dir: PathBuf::from("siaga-data") }
    }
}

impl Default for RulesConfig {
    fn default() -> Self {
        Self { path: PathBuf::from("rules") }
    }
}

impl Config {
    /// Variables that the command line reads itself.
    const OTHER_VARIABLES: [&str; 4] =
        ["SIAGA_ALL_DATA", "SIAGA_CONFIG", "SIAGA_DATA", "SIAGA_LOG"];

    /// Reads the file, if there is one, and the variables over it.
    pub fn load(
        path: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let Some(path) = path else { return Self::read("", "environment", variables) };
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Read { path: shown.clone(), error })?;
        Self::read(&text, &shown, variables)
    }

    /// Reads a text, and the variables over it; `path` names the text in messages.
    pub fn read(
        text: &str,
        path: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let wrong = |error| ConfigError::Toml { path: path.to_owned(), error };
        let file: Self = toml::from_str(text).map_err(wrong)?;
        let mut table = toml::Table::try_from(&file)?;
        for (variable, value) in variables {
            let other = Self::OTHER_VARIABLES.contains(&variable.as_str());
            if !other && let Some(name) = variable.strip_prefix("SIAGA_") {
                set(&mut table, name, &variable, &value)?;
            }
        }
        let wrong = |error| ConfigError::Toml { path: "environment".to_owned(), error };
        table.try_into().map_err(wrong)
    }
}

/// Replaces one value by that of a variable, read as the kind of value that it replaces.
fn set(
    table: &mut toml::Table,
    name: &str,
    variable: &str,
    value: &str,
) -> Result<(), ConfigError> {
    let name = name.to_ascii_lowercase();
    let (section, key) = name.split_once('_').unwrap_or((&name, ""));
    let known = |names: Vec<&String>| {
        names.iter().map(|n| n.to_ascii_uppercase()).collect::<Vec<_>>().join(", ")
    };
    let unknown = |known| ConfigError::Variable { variable: variable.to_owned(), known };
    let sections = known(table.keys().collect());
    let Some(toml::Value::Table(section)) = table.get_mut(section) else {
        return Err(unknown(sections));
    };
    let keys = known(section.keys().collect());
    let slot = section.get_mut(key).ok_or_else(|| unknown(keys))?;
    let error = |want| ConfigError::Value {
        variable: variable.to_owned(),
        value: value.chars().take(80).collect(),
        want,
    };
    *slot = match slot {
        toml::Value::Boolean(_) => {
            toml::Value::Boolean(value.parse().map_err(|_| error("`true` or `false`"))?)
        }
        toml::Value::Integer(_) => {
            toml::Value::Integer(value.parse().map_err(|_| error("a whole number"))?)
        }
        toml::Value::Array(_) => {
            let words = value.split(',').map(str::trim).filter(|word| !word.is_empty());
            toml::Value::Array(words.map(|word| toml::Value::String(word.to_owned())).collect())
        }
        _ => toml::Value::String(value.to_owned()),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::read(text, "siaga.toml", variables).map_err(|error| error.to_string())
    }

    #[test]
    fn no_file_is_needed() {
        let config = read("", &[("PATH", "/bin"), ("SIAGA_LOG", "debug")]).unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    }

    #[test]
    fn the_example_says_every_key_and_its_built_in_value() {
        let example = include_str!("../deploy/siaga.example.toml");
        assert_eq!(read(example, &[]), Ok(Config::default()));
        let written: toml::Table = toml::from_str(example).unwrap();
        let known = toml::Table::try_from(Config::default()).unwrap();
        for (section, keys) in &known {
            for key in keys.as_table().unwrap().keys() {
                assert!(written[section].get(key).is_some(), "[{section}] {key} is missing");
            }
        }
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let file = "[http]\nlisten = \"127.0.0.1:1\"\ndemo = true\n[engine]\nlateness = \"2h\"";
        let config = read(
            file,
            &[
                ("SIAGA_HTTP_LISTEN", "127.0.0.1:2"),
                ("SIAGA_HTTP_HOSTS", "siaga.example, b.example"),
                ("SIAGA_STORAGE_DATA_DIR", "2024"),
                ("SIAGA_ENGINE_SHARDS", "3"),
            ],
        )
        .unwrap();
        assert_eq!(config.http.listen.port(), 2);
        assert_eq!(config.http.hosts, ["siaga.example", "b.example"]);
        assert!(config.http.demo);
        assert_eq!(config.storage.data_dir, PathBuf::from("2024"));
        assert_eq!((config.engine.shards, config.engine.lateness.millis()), (3, 7_200_000));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_a_way_out() {
        for (file, variables, want) in [
            ("[http]\nport = 1", &[][..], "unknown field `port`"),
            ("[htpt]", &[], "unknown field `htpt`"),
            ("[engine]\nlateness = \"2 hours\"", &[], "`2 hours` is not a duration"),
            ("", &[("SIAGA_HTTP_PORT", "1")], "SIAGA_HTTP_PORT sets nothing"),
            ("", &[("SIAGA_HTPT_LISTEN", "1")], "ACCESS, ENGINE, FLUVIO, HTTP, INBOX, RULES, STORAGE"),
            ("", &[("SIAGA_HTTP", "1")], "BODY_BYTES_MAX"),
            ("", &[("SIAGA_HTTP_DEMO", "yes")], "write `true` or `false`"),
            ("", &[("SIAGA_ENGINE_SHARDS", "many")], "write a whole number"),
            ("", &[("SIAGA_HTTP_LISTEN", "here")], "socket address"),
        ] {
            let error = read(file, variables).unwrap_err();
            assert!(error.contains(want), "no `{want}` in: {error}");
        }
    }
}

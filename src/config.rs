//! The configuration: what may an operator set, and where does a value come from?
//!
//! ```text
//! built-in values ◄── siaga.toml ◄── SIAGA_<SECTION>_<KEY>        the right one wins
//! ```
//!
//! No file is needed. Each section lives with the module that it configures; this file only puts
//! them together. An unknown section or key is an error, in the file and in the environment.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::access::AccessConfig;
use crate::access::oidc::OidcConfig;
use crate::api::HttpConfig;
use crate::delivery::channel::config::ChannelConfig;
use crate::delivery::desk::DeliveryConfig;
use crate::delivery::desk::Receiver;
use crate::delivery::desk::Sections;
use crate::delivery::inbox::InboxConfig;
use crate::delivery::person::Directory;
use crate::delivery::route::Route;
use crate::engine::config::EngineConfig;
use crate::engine::config::read_span;
use crate::engine::config::write_span;
use crate::gather::config::GatherConfig;
use crate::source::fluvio::config::FluvioConfig;
use crate::source::fluvio::share::ClusterConfig;
use crate::time::Span;

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Pages and API.
    pub http: HttpConfig,
    /// Signing in.
    pub access: AccessConfig,
    /// Signing in by the company's directory.
    pub oidc: OidcConfig,
    /// Files on disk.
    pub storage: StorageConfig,
    /// The store of alerts.
    pub inbox: InboxConfig,
    /// Which rules run.
    pub rules: RulesConfig,
    /// Histories and evaluation.
    pub engine: EngineConfig,
    /// When and how often people are told.
    pub delivery: DeliveryConfig,
    /// Ways to people and programs outside, by name.
    #[serde(skip_serializing)]
    pub channels: BTreeMap<String, ChannelConfig>,
    /// Who is told over which channels, by name.
    #[serde(skip_serializing)]
    pub receivers: BTreeMap<String, Receiver>,
    /// Which alerts go to which receivers.
    #[serde(skip_serializing)]
    pub route: Route,
    /// Addresses, managers and hours, by the rep's id.
    #[serde(skip_serializing)]
    pub people: Directory,
    /// Topics that are read and written.
    pub fluvio: FluvioConfig,
    /// How several processes share the topics.
    pub cluster: ClusterConfig,
    /// Whose alerts one inbox over several processes shows.
    pub gather: GatherConfig,
}

/// Section `[storage]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// Folder of everything that is kept.
    pub data_dir: PathBuf,
    /// How often a snapshot is taken; the journal is kept from the oldest of three on.
    #[serde(serialize_with = "write_span", deserialize_with = "read_span")]
    pub snapshot_every: Span,
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
        let snapshot_every = Span::from_millis(15 * 60 * 1_000);
        Self { data_dir: PathBuf::from("siaga-data"), snapshot_every }
    }
}

impl Default for RulesConfig {
    fn default() -> Self {
        Self { path: PathBuf::from("rules") }
    }
}

impl Config {
    /// What a topic of one partition is used for, in which processes claim what they read.
    pub const CLAIMS: &str = "claims";

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
        // Sections whose tables the reader names are not among the built-in values.
        overlay(&mut table, toml::from_str(text).map_err(wrong)?);
        for (variable, value) in variables {
            let other = Self::OTHER_VARIABLES.contains(&variable.as_str());
            if !other && let Some(name) = variable.strip_prefix("SIAGA_") {
                set(&mut table, name, &variable, &value)?;
            }
        }
        let wrong = |error| ConfigError::Toml { path: "environment".to_owned(), error };
        let config: Self = table.try_into().map_err(wrong)?;
        Ok(Self { fluvio: config.fluvio.settled(), ..config })
    }

    /// The sections of delivery.
    pub fn delivery(&self) -> Sections {
        Sections {
            delivery: self.delivery.clone(),
            channels: self.channels.clone(),
            receivers: self.receivers.clone(),
            route: self.route.clone(),
            people: self.people.clone(),
            fluvio: self.fluvio.clone(),
        }
    }

    /// The topics that are read and written, and for what.
    pub fn topics(&self) -> Vec<(&str, &'static str)> {
        let channels = self.channels.values().filter_map(|channel| channel.fluvio.as_ref());
        let alerts = channels.map(|channel| (channel.topic.as_str(), "alerts"));
        let claims = Some((self.cluster.control_topic.as_str(), Self::CLAIMS));
        let claims = claims.filter(|_| self.cluster.is_used());
        self.fluvio.uses().into_iter().chain(alerts).chain(claims).collect()
    }
}

/// Puts the values of one table over those of another, also within their tables.
fn overlay(under: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(over)) => overlay(under, over),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

/// Sets a key within a table that the reader named: `TEAM_SLACK_TOKEN` within `channels`.
///
/// The tables must be there; the key need not, so that a secret can come from the environment alone.
fn set_named(table: &mut toml::Table, name: &str, value: &str) -> Option<()> {
    let plain = |key: &str| key.to_ascii_lowercase().replace('-', "_");
    let inner = table.iter_mut().find_map(|(key, slot)| {
        let rest = name.strip_prefix(&plain(key))?.strip_prefix('_')?;
        slot.as_table_mut().map(|table| (table, rest))
    });
    if let Some((inner, rest)) = inner {
        return set_named(inner, rest, value).or_else(|| {
            let value = match (value.parse::<i64>(), value.parse::<bool>()) {
                (Ok(number), _) if NUMBERS.contains(&rest) => toml::Value::Integer(number),
                (_, Ok(flag)) => toml::Value::Boolean(flag),
                _ => toml::Value::String(value.to_owned()),
            };
            inner.insert(rest.to_owned(), value);
            Some(())
        });
    }
    None
}

/// Keys within named tables that hold numbers.
const NUMBERS: [&str; 4] = ["at_once", "budget_per_day", "per_minute", "timeout_s"];

/// Replaces one value by that of a variable, read as the kind of value that it replaces.
fn set(
    table: &mut toml::Table,
    name: &str,
    variable: &str,
    value: &str,
) -> Result<(), ConfigError> {
    let name = name.to_ascii_lowercase();
    let (section, key) = name.split_once('_').unwrap_or((&name, ""));
    if let Some(toml::Value::Table(named)) = table.get_mut(section)
        && ["channels", "people", "receivers"].contains(&section)
    {
        let known = named.keys().map(|name| format!("{section}.{name}")).collect::<Vec<_>>();
        let known = known.join(", ");
        let unknown = || ConfigError::Variable { variable: variable.to_owned(), known };
        return set_named(named, key, value).ok_or_else(unknown);
    }
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
    fn a_secret_of_a_channel_comes_from_the_environment() {
        let file = "[channels.my-team.slack]\nchannel = '#sales'\n[people.r1]\nname = 'R'";
        let set = [
            ("SIAGA_CHANNELS_MY_TEAM_SLACK_TOKEN", "xoxb-canary"),
            ("SIAGA_CHANNELS_MY_TEAM_PER_MINUTE", "12"),
            ("SIAGA_CHANNELS_MY_TEAM_SLACK_ALLOW_LOOPBACK", "true"),
            ("SIAGA_PEOPLE_R1_BUDGET_PER_DAY", "3"),
        ];
        let config = read(file, &set).unwrap();
        let team = &config.channels["my-team"];
        let slack = team.slack.as_ref().unwrap();
        assert_eq!(slack.token.as_ref().unwrap().reveal(), "xoxb-canary");
        assert!(slack.allow_loopback);
        assert_eq!((team.per_minute, config.people.0["r1"].budget_per_day), (Some(12), Some(3)));
        assert!(!format!("{config:?}").contains("canary"), "a dump shows no secret");
        let error = read(file, &[("SIAGA_CHANNELS_OTHER_SLACK_TOKEN", "x")]).unwrap_err();
        assert!(error.contains("sets nothing") && error.contains("channels.my-team"), "{error}");
    }

    #[test]
    fn the_example_of_channels_is_sound() {
        let example = include_str!("../deploy/channels.example.toml");
        let config = read(example, &[]).unwrap();
        assert_eq!(crate::delivery::desk::Desk::new(&config.delivery()).err(), None);
    }

    #[test]
    fn what_is_not_understood_is_refused_with_a_way_out() {
        for (file, variables, want) in [
            ("[http]\nport = 1", &[][..], "unknown field `port`"),
            ("[htpt]", &[], "unknown field `htpt`"),
            ("[engine]\nlateness = \"2 hours\"", &[], "`2 hours` is not a duration"),
            ("", &[("SIAGA_HTTP_PORT", "1")], "SIAGA_HTTP_PORT sets nothing"),
            (
                "",
                &[("SIAGA_HTPT_LISTEN", "1")],
                "ACCESS, CLUSTER, DELIVERY, ENGINE, FLUVIO, GATHER, HTTP, INBOX, OIDC, RULES, STORAGE",
            ),
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

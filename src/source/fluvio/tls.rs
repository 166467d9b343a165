//! TLS: how do we know the cluster, and it us?
//!
//! ```text
//! tls_ca_file ─► who may sign the cluster's certificates; without it, nothing is encrypted
//! tls_cert_file, tls_key_file ─► our own, where the cluster asks
//! ```
//!
//! A cluster that signs for itself is the rule, so those who may sign are named; the system's are in
//! a file of its own, on Debian `/etc/ssl/certs/ca-certificates.crt`.

use std::io;
use std::sync::Arc;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::pki_types::pem;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use crate::source::fluvio::config::FluvioConfig;

/// How connections are encrypted; clones are cheap.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    /// The name in the cluster's certificates; without one, the host.
    domain: Option<ServerName<'static>>,
}

/// Why TLS cannot be used as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A key that needs another.
    #[error("[fluvio] `{key}` is set without `{other}`: write both, or neither")]
    Alone {
        /// The key.
        key: &'static str,
        /// What it needs.
        other: &'static str,
    },
    /// A file that holds not what it should.
    #[error("[fluvio] `{key}`: {path} {reason}: write the path of a file in PEM form")]
    File {
        /// The key.
        key: &'static str,
        /// The path.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// No name of a host.
    #[error("[fluvio] `tls_domain` is `{0}`: write the name in the cluster's certificates")]
    Domain(String),
    /// The parts do not go together.
    #[error("[fluvio] the certificates cannot be used: {0}")]
    Unfit(String),
}

impl Tls {
    /// As it is configured; `None` where nothing is encrypted.
    pub fn new(config: &FluvioConfig) -> Result<Option<Self>, TlsError> {
        let FluvioConfig { tls_ca_file, tls_domain, tls_cert_file, tls_key_file, .. } = config;
        let alone = |key, other| TlsError::Alone { key, other };
        let all = [
            ("tls_domain", tls_domain),
            ("tls_cert_file", tls_cert_file),
            ("tls_key_file", tls_key_file),
        ];
        if tls_ca_file.is_empty() {
            let set = all.into_iter().find(|(_, value)| !value.is_empty());
            return set.map_or(Ok(None), |(key, _)| Err(alone(key, "tls_ca_file")));
        }
        let mut roots = RootCertStore::empty();
        for root in certificates("tls_ca_file", tls_ca_file)? {
            let unfit = |error: rustls::Error| TlsError::Unfit(error.to_string());
            roots.add(root).map_err(unfit)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let unfit = |error: rustls::Error| TlsError::Unfit(error.to_string());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unfit)?
            .with_root_certificates(roots);
        let client = match (tls_cert_file.is_empty(), tls_key_file.is_empty()) {
            (true, true) => builder.with_no_client_auth(),
            (true, false) => return Err(alone("tls_key_file", "tls_cert_file")),
            (false, true) => return Err(alone("tls_cert_file", "tls_key_file")),
            (false, false) => {
                let chain = certificates("tls_cert_file", tls_cert_file)?;
                let key = PrivateKeyDer::from_pem_file(tls_key_file)
                    .map_err(|error| of_file("tls_key_file", tls_key_file, &error))?;
                builder.with_client_auth_cert(chain, key).map_err(unfit)?
            }
        };
        let domain = match tls_domain.as_str() {
            "" => None,
            name => Some(host(name).ok_or_else(|| TlsError::Domain(name.to_owned()))?),
        };
        Ok(Some(Self { connector: TlsConnector::from(Arc::new(client)), domain }))
    }

    /// Encrypts a connection to this address.
    pub(crate) async fn encrypt<C>(&self, address: &str, plain: C) -> io::Result<TlsStream<C>>
    where
        C: AsyncRead + AsyncWrite + Unpin,
    {
        let name = self.domain.clone().or_else(|| host(address.rsplit_once(':')?.0));
        let name = name.ok_or_else(|| {
            let problem = format!("`{address}` is no address: it has to be `host:port`");
            io::Error::new(io::ErrorKind::InvalidInput, problem)
        })?;
        self.connector.connect(name, plain).await
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("domain", &self.domain).finish_non_exhaustive()
    }
}

fn host(name: &str) -> Option<ServerName<'static>> {
    // An address of IPv6 stands in brackets before a port.
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    ServerName::try_from(name.to_owned()).ok()
}

fn certificates(key: &'static str, path: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if found.is_empty() => Err(of_file(key, path, &pem::Error::NoItemsFound)),
        Ok(found) => Ok(found),
        Err(error) => Err(of_file(key, path, &error)),
    }
}

fn of_file(key: &'static str, path: &str, error: &pem::Error) -> TlsError {
    let reason = match error {
        pem::Error::Io(error) => format!("cannot be read ({error})"),
        pem::Error::NoItemsFound => "holds none".to_owned(),
        error => format!("is not in PEM form ({error})"),
    };
    TlsError::File { key, path: path.to_owned(), reason }
}

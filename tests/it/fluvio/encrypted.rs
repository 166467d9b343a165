//! A cluster behind TLS: it is read where both sides know each other, and otherwise says why not.

use std::path::Path;
use std::sync::Arc;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::IsCa;
use rcgen::KeyPair;
use siaga::source::fluvio::config::FluvioConfig;
use siaga::source::fluvio::producer::Producer;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;

use crate::fluvio::ledger::Ledger;
use crate::fluvio::ledger::call;
use crate::fluvio::ledger::config;
use crate::fluvio::stand_in::StandIn;

/// Somebody who signs certificates.
type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a certificate for this name, and its key, as `NAME.pem` and `NAME.key`.
fn sign(by: &Authority, name: &str, folder: &Path) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, by).unwrap();
    std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

/// What a cluster of this name shows; it may ask its clients for a certificate of `clients`.
fn acceptor(by: &Authority, name: &str, clients: Option<&Authority>) -> TlsAcceptor {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.der().clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    let chain = vec![params.signed_by(&key, by).unwrap().der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()))
}

/// Reads and writes a topic of such a cluster with this configuration; `want` is in its trouble, or
/// there is none.
#[track_caller]
fn check(acceptor: TlsAcceptor, change: impl Fn(&mut FluvioConfig), want: Option<&str>) {
    let cluster = StandIn::encrypted(acceptor);
    cluster.create("t", 1);
    cluster.append("t", 0, &[call("1", "c", 1)]);
    let mut config = config(&cluster, &["t"]);
    change(&mut config);
    let ledger = Ledger::new();
    let _source = ledger.read(config.clone());
    if let Some(want) = want {
        let taken = ledger.wait("its trouble", |taken| taken.health.trouble.is_some());
        let told = taken.health.trouble.unwrap();
        assert!(told.contains("cannot be reached") && told.contains(want), "{told}");
        return;
    }
    ledger.wait_for(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let producer = Producer::new(config.cluster().unwrap());
    let sent = runtime.block_on(producer.send("t", "c", &[call("2", "c", 2).into_bytes()]));
    assert_eq!(sent, Ok(1));
    let taken = ledger.wait_for(2);
    assert_eq!(taken.ids, ["1", "2"]);
}

#[test]
fn a_cluster_is_read_where_both_sides_know_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (ours, theirs) = (authority(), authority());
    std::fs::write(path("ca.pem"), ours.pem()).unwrap();
    sign(&ours, "siaga", folder.path());
    sign(&theirs, "stranger", folder.path());
    let trusting = |config: &mut FluvioConfig| config.tls_ca_file = path("ca.pem");
    let named = |name: &'static str| {
        move |config: &mut FluvioConfig| {
            trusting(config);
            (config.tls_cert_file, config.tls_key_file) =
                (path(&format!("{name}.pem")), path(&format!("{name}.key")));
        }
    };
    let host = || acceptor(&ours, "127.0.0.1", None);
    check(host(), trusting, None);
    check(acceptor(&theirs, "127.0.0.1", None), trusting, Some("certificate"));
    let elsewhere = || acceptor(&ours, "fluvio.example", None);
    check(elsewhere(), trusting, Some("certificate"));
    let renamed = |config: &mut FluvioConfig| {
        trusting(config);
        config.tls_domain = "fluvio.example".to_owned();
    };
    check(elsewhere(), renamed, None);
    let asking = || acceptor(&ours, "127.0.0.1", Some(&ours));
    check(asking(), named("siaga"), None);
    check(asking(), trusting, Some(""));
    check(asking(), named("stranger"), Some(""));
    check(host(), |_| {}, Some(""));
}

#[test]
fn a_mistake_in_the_configuration_of_tls_says_what_to_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("ca.pem"), authority().pem()).unwrap();
    std::fs::write(path("empty.pem"), "nothing").unwrap();
    sign(&authority(), "siaga", folder.path());
    let config = |text: &str| {
        let text = text.replace('@', &format!("{}/", folder.path().display()));
        toml::from_str::<FluvioConfig>(&text).unwrap()
    };
    for (text, want) in [
        ("tls_domain = 'x'", "`tls_domain` is set without `tls_ca_file`"),
        ("tls_ca_file = '@none.pem'", "cannot be read"),
        ("tls_ca_file = '@empty.pem'", "holds none"),
        ("tls_ca_file = '@ca.pem'\ntls_domain = 'a b'", "`tls_domain` is `a b`"),
        (
            "tls_ca_file = '@ca.pem'\ntls_cert_file = '@siaga.pem'",
            "`tls_cert_file` is set without `tls_key_file`",
        ),
        (
            "tls_ca_file = '@ca.pem'\ntls_cert_file = '@siaga.pem'\ntls_key_file = '@siaga.pem'",
            "`tls_key_file`",
        ),
        (
            "tls_ca_file = '@ca.pem'\ntls_cert_file = '@ca.pem'\ntls_key_file = '@siaga.key'",
            "cannot be used",
        ),
    ] {
        let error = config(text).cluster().err().map(|error| error.to_string());
        assert!(error.as_ref().is_some_and(|error| error.contains(want)), "{text}: {error:?}");
    }
    assert!(config("tls_ca_file = '@ca.pem'").cluster().is_ok());
}

//! A certificate for discord.com, so that serenity can be tested as it runs in production: with its own rate limiter,
//! which only works for addresses below `https://discord.com`.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

const HOST: &str = "discord.com";

/// A certificate that one world signs for itself.
pub struct Tls {
    certificate: String,
    pub acceptor: TlsAcceptor,
}

impl Tls {
    pub fn new() -> Self {
        let own = rcgen::generate_simple_self_signed([HOST.to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .expect("a key that fits its certificate");
        Self { certificate: own.cert.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    /// The certificate, as PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// An HTTP client for which discord.com is at this address, and which trusts this world's certificate.
    pub fn client(&self, address: SocketAddr) -> reqwest::Client {
        let certificate = reqwest::Certificate::from_pem(self.certificate.as_bytes()).expect("a certificate");
        reqwest::Client::builder()
            .no_proxy()
            .use_rustls_tls()
            .resolve(HOST, address)
            .add_root_certificate(certificate)
            .build()
            .expect("an HTTP client")
    }
}

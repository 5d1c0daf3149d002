//! TLS towards targets. Certificates that lie in files are read at each handshake, so that they may be renewed.
use std::{io, sync::Arc};

use config::{TlsConfig, TlsVersion};
use parking_lot::Mutex;
use runtime::Offload;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName, UnixTime,
        pem::{self, PemObject as _},
    },
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::secret::read_pem;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("{0}")]
    Read(io::Error),
    #[error("unable to use specified CA cert: {0}")]
    Ca(pem::Error),
    #[error("unable to use specified client cert: {0}")]
    Cert(pem::Error),
    #[error("unable to use specified client key: {0}")]
    Key(pem::Error),
    #[error(transparent)]
    Config(#[from] rustls::Error),
    #[error("{0:?} is no server name")]
    Name(String),
    #[error("{}", go_text(.0))]
    Handshake(io::Error),
}

/// Go's words for why a handshake failed.
fn go_text(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|e| e.downcast_ref());
    let Some(rustls::Error::InvalidCertificate(why)) = inner else {
        return error.to_string();
    };
    let why = match why {
        CertificateError::UnknownIssuer => "certificate signed by unknown authority".to_owned(),
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            format!("certificate has expired or is not yet valid: {why}")
        }
        _ => why.to_string(),
    };
    format!("failed to verify certificate: x509: {why}")
}

/// What a configuration is made of: when it is the same as before, so is the configuration.
#[derive(PartialEq, Eq)]
struct Material {
    ca: Option<Arc<str>>,
    identity: Option<(Arc<str>, Arc<str>)>,
}

/// TLS as one scrape job speaks it.
pub(crate) struct Tls {
    settings: TlsConfig,
    http2: bool,
    offload: Offload,
    last: Mutex<Option<(Material, Arc<ClientConfig>)>>,
}

impl Tls {
    pub(crate) fn new(settings: TlsConfig, http2: bool, offload: Offload) -> Self {
        Self {
            settings,
            http2,
            offload,
            last: Mutex::new(None),
        }
    }

    /// Speaks TLS to `host` over `connection`.
    pub(crate) async fn handshake(
        &self,
        host: &str,
        connection: runtime::Connection,
    ) -> Result<TlsStream<runtime::Connection>, TlsError> {
        let name = match self.settings.server_name.as_str() {
            "" => host,
            name => name,
        };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let server = ServerName::try_from(name.to_owned());
        let server = server.map_err(|_| TlsError::Name(name.to_owned()))?;
        let config = self.config().await?;
        let stream = TlsConnector::from(config).connect(server, connection).await;
        stream.map_err(TlsError::Handshake)
    }

    async fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let material = self.material().await.map_err(TlsError::Read)?;
        if let Some((known, config)) = &*self.last.lock()
            && *known == material
        {
            return Ok(Arc::clone(config));
        }
        let (settings, http2) = (self.settings.clone(), self.http2);
        // The machine's roots are many files.
        let built = self.offload.run(move || {
            let config = build(&settings, &material, http2);
            config.map(|config| (material, Arc::new(config)))
        });
        let (material, config) = built.await?;
        *self.last.lock() = Some((material, Arc::clone(&config)));
        Ok(config)
    }

    async fn material(&self) -> io::Result<Material> {
        let TlsConfig { ca, cert, key, .. } = &self.settings;
        Ok(Material {
            ca: match ca {
                Some(ca) => Some(read_pem(ca, self.offload).await?),
                None => None,
            },
            identity: match (cert, key) {
                (Some(cert), Some(key)) => Some((
                    read_pem(cert, self.offload).await?,
                    read_pem(key, self.offload).await?,
                )),
                _ => None,
            },
        })
    }
}

fn build(settings: &TlsConfig, material: &Material, http2: bool) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // Older versions than 1.2 are not spoken, whatever is asked for.
    let only_12 = settings.max_version.is_some_and(|v| v < TlsVersion::Tls13);
    let only_13 = settings.min_version == Some(TlsVersion::Tls13);
    let versions: &[_] = match (only_12, only_13) {
        (true, _) => &[&rustls::version::TLS12],
        (false, true) => &[&rustls::version::TLS13],
        (false, false) => rustls::ALL_VERSIONS,
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)?;
    let builder = match settings.insecure_skip_verify {
        true => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer(provider))),
        false => builder.with_root_certificates(roots(material.ca.as_deref())?),
    };
    let mut config = match &material.identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let chain = CertificateDer::pem_slice_iter(cert.as_bytes()).collect::<Result<_, _>>();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(TlsError::Key)?;
            builder.with_client_auth_cert(chain.map_err(TlsError::Cert)?, key)?
        }
    };
    config.alpn_protocols = match http2 {
        true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        false => vec![b"http/1.1".to_vec()],
    };
    Ok(config)
}

/// The roots given, or else the machine's.
fn roots(ca: Option<&str>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(pem) => {
            for cert in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                roots.add(cert.map_err(TlsError::Ca)?)?;
            }
        }
        None => {
            // Roots that cannot be read are roots that are not trusted; the handshake says so.
            let native = rustls_native_certs::load_native_certs().certs;
            roots.add_parsable_certificates(native);
        }
    }
    Ok(roots)
}

/// Trusts every certificate, but checks that the server holds its key.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

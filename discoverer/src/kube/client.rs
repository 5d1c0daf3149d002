//! The way to the API server.
use std::{fs, io, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use config::{Auth, KubernetesDiscovery, Pem, Source};
use fetch::Tokens;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, header};
use kube::{
    Client, Config,
    client::{Body, ClientBuilder},
    config::{
        AuthInfo, Cluster, Context, InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError,
        NamedAuthInfo, NamedCluster, NamedContext,
    },
};
use runtime::{Chain, Components};
use tower::{BoxError, buffer::BufferLayer, filter::AsyncFilterLayer};
use tracing::error;

/// The pause before a way to the API server is sought again.
const RETRY: Duration = Duration::from_secs(5);
/// How many requests may wait for the connection, as in a client without a layer.
const WAITING: usize = 1024;

/// There is no way to the API server.
#[derive(Debug, thiserror::Error)]
enum ClientError {
    #[error("find the cluster that this process runs in")]
    InCluster(#[from] InClusterError),
    #[error("use the kubeconfig")]
    Kubeconfig(#[from] KubeconfigError),
    #[error("read {path}")]
    Read { path: String, source: io::Error },
    #[error("{0} is not supported for a Kubernetes API server")]
    Unsupported(&'static str),
    #[error("set up the client")]
    Client(#[source] Box<kube::Error>),
}

/// [`client`], once there is one; each new reason why not is logged, and `failed` is called each time.
pub(crate) async fn reach(
    discovery: &KubernetesDiscovery,
    components: &Components,
    failed: impl Fn(),
) -> (Client, String) {
    let mut told = String::new();
    loop {
        let reason = match client(discovery, components).await {
            Ok(reached) => return reached,
            Err(error) => Chain(&error).to_string(),
        };
        if reason != told {
            error!(error = %reason, "no way to the kubernetes API");
            told = reason;
        }
        failed();
        tokio::time::sleep(RETRY).await;
    }
}

/// A client for the API server, and the namespace that it counts as its own.
async fn client(
    discovery: &KubernetesDiscovery,
    components: &Components,
) -> Result<(Client, String), ClientError> {
    let config = match (&discovery.kubeconfig_file, &discovery.api_server) {
        (Some(path), _) => chosen(Kubeconfig::read_from(path)?).await?,
        (None, Some(server)) => chosen(kubeconfig(server, discovery)?).await?,
        (None, None) => Config::incluster()?,
    };
    let namespace = config.default_namespace.clone();
    let builder = ClientBuilder::try_from(config);
    let builder = builder.map_err(|e| ClientError::Client(Box::new(e)))?;
    let client = match (&discovery.api_server, &discovery.http.auth) {
        (Some(_), Auth::OAuth2(settings)) => {
            let tokens = Tokens::new((**settings).clone(), components);
            let shared = BufferLayer::new(WAITING);
            builder
                .with_layer(&shared)
                .with_layer(&with_tokens(tokens))
                .build()
        }
        _ => builder.build(),
    };
    Ok((client, namespace))
}

/// Puts a token on each request, which waits until there is one.
fn with_tokens(
    tokens: Tokens,
) -> AsyncFilterLayer<impl Fn(Request<Body>) -> BoxRequest + Clone + Send + 'static> {
    let tokens = Arc::new(tokens);
    AsyncFilterLayer::new(move |mut request: Request<Body>| {
        let tokens = Arc::clone(&tokens);
        let with = async move {
            let mut token = HeaderValue::from_str(&tokens.header().await?)?;
            token.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, token);
            Ok::<_, BoxError>(request)
        };
        Box::pin(with) as BoxRequest
    })
}

/// A request that is not ready yet.
type BoxRequest = BoxFuture<'static, Result<Request<Body>, BoxError>>;

async fn chosen(kubeconfig: Kubeconfig) -> Result<Config, KubeconfigError> {
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await
}

/// A kubeconfig that says what the fields of the section say.
fn kubeconfig(server: &str, discovery: &KubernetesDiscovery) -> Result<Kubeconfig, ClientError> {
    let (http, tls) = (&discovery.http, &discovery.http.tls);
    let name = || "cluster".to_owned();
    let (ca, ca_data) = pem(tls.ca.as_ref());
    let cluster = Cluster {
        server: Some(server.to_owned()),
        insecure_skip_tls_verify: Some(tls.insecure_skip_verify),
        certificate_authority: ca,
        certificate_authority_data: ca_data,
        tls_server_name: (!tls.server_name.is_empty()).then(|| tls.server_name.clone()),
        proxy_url: http.proxy.url.clone(),
        ..Cluster::default()
    };
    let (cert, cert_data) = pem(tls.cert.as_ref());
    let (key, key_data) = pem(tls.key.as_ref());
    let mut user = AuthInfo {
        client_certificate: cert,
        client_certificate_data: cert_data,
        client_key: key,
        client_key_data: key_data.map(Into::into),
        ..AuthInfo::default()
    };
    match &http.auth {
        Auth::None => {}
        Auth::Basic { username, password } => {
            user.username = Some(text(username)?);
            user.password = Some(text(password)?.into());
        }
        Auth::Authorization {
            scheme,
            credentials,
        } if scheme.eq_ignore_ascii_case("bearer") => match credentials {
            // Read again before it expires.
            Source::File(path) => user.token_file = Some(path.clone()),
            inline => user.token = Some(text(inline)?.into()),
        },
        Auth::Authorization { .. } => {
            return Err(ClientError::Unsupported("an authorization but Bearer"));
        }
        // A layer over the client fetches tokens.
        Auth::OAuth2(_) => {}
    }
    let context = Context {
        cluster: name(),
        user: Some(name()),
        ..Context::default()
    };
    Ok(Kubeconfig {
        clusters: vec![NamedCluster {
            name: name(),
            cluster: Some(cluster),
            ..NamedCluster::default()
        }],
        auth_infos: vec![NamedAuthInfo {
            name: name(),
            auth_info: Some(user),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext {
            name: name(),
            context: Some(context),
            ..NamedContext::default()
        }],
        current_context: Some(name()),
        ..Kubeconfig::default()
    })
}

/// A file's path, or the content that was given, as kubeconfigs have it.
fn pem(pem: Option<&Pem>) -> (Option<String>, Option<String>) {
    match pem {
        None => (None, None),
        Some(Pem::File(path)) => (Some(path.clone()), None),
        Some(Pem::Inline(text)) => (None, Some(STANDARD.encode(text.reveal()))),
    }
}

fn text(source: &Source) -> Result<String, ClientError> {
    match source {
        Source::Inline(secret) => Ok(secret.reveal().to_owned()),
        Source::File(path) => match fs::read_to_string(path) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(source) => Err(ClientError::Read {
                path: path.clone(),
                source,
            }),
        },
        Source::Reference(_) => Err(ClientError::Unsupported("a secret manager")),
    }
}

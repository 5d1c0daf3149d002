//! Discovery of targets in a Kubernetes cluster.
//!
//! Source: `discovery/kubernetes/kubernetes.go` in Prometheus.
use std::{fmt, path::Path};

use crate::{
    Error, HttpClient,
    decode::{Decode, Fields},
    http::{HttpFields, Url},
    path::join_option,
    selector,
    yaml::Node,
};

/// How targets are found in a Kubernetes cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KubernetesDiscovery {
    /// The API server's address; none for the cluster that we run in.
    pub api_server: Option<String>,
    /// Which objects become targets.
    pub role: KubernetesRole,
    /// A kubeconfig file that says where and who.
    pub kubeconfig_file: Option<String>,
    /// How to speak to `api_server`.
    pub http: HttpClient,
    /// In which namespaces.
    pub namespaces: Namespaces,
    /// Which objects, by kind.
    pub selectors: Vec<ObjectSelector>,
    /// What else is told of each target.
    pub attach: AttachMetadata,
}

/// Which objects become targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KubernetesRole {
    /// One target a node.
    Node,
    /// One a container port.
    #[default]
    Pod,
    /// One a service port.
    Service,
    /// One an address and port of an Endpoints object.
    Endpoints,
    /// One an endpoint and port of an EndpointSlice.
    EndpointSlice,
    /// One a path of an Ingress.
    Ingress,
}

impl KubernetesRole {
    const ALL: [Self; 6] = [
        Self::Node,
        Self::Pod,
        Self::Service,
        Self::Endpoints,
        Self::EndpointSlice,
        Self::Ingress,
    ];

    /// The role's name in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Pod => "pod",
            Self::Service => "service",
            Self::Endpoints => "endpoints",
            Self::EndpointSlice => "endpointslice",
            Self::Ingress => "ingress",
        }
    }

    /// The kinds of objects that may be selected for this role.
    const fn selectable(self) -> &'static [Self] {
        match self {
            Self::Pod => &[Self::Pod, Self::Node],
            Self::Service => &[Self::Service],
            Self::EndpointSlice => &[Self::Pod, Self::Service, Self::EndpointSlice],
            Self::Endpoints => &[Self::Pod, Self::Service, Self::Endpoints],
            Self::Node => &[Self::Node],
            Self::Ingress => &[Self::Ingress],
        }
    }
}

impl fmt::Display for KubernetesRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// In which namespaces targets are sought: in all if none is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    /// In the one that we run in.
    pub own: bool,
    /// In these.
    pub names: Vec<String>,
}

/// Which objects of one kind are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectSelector {
    /// The kind.
    pub role: KubernetesRole,
    /// A label selector, or nothing.
    pub label: String,
    /// A field selector, or nothing.
    pub field: String,
}

/// What else is told of each target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttachMetadata {
    /// Labels and annotations of the node.
    pub node: bool,
    /// Labels and annotations of the namespace.
    pub namespace: bool,
    /// The deployment's name.
    pub deployment: bool,
    /// The job's name.
    pub job: bool,
    /// The cron job's name.
    pub cronjob: bool,
}

impl KubernetesDiscovery {
    pub(crate) fn set_directory(&mut self, directory: &Path) {
        self.http.set_directory(directory);
        join_option(directory, &mut self.kubeconfig_file);
    }
}

impl Decode for KubernetesRole {
    fn decode(node: &Node) -> Result<Self, Error> {
        let name = String::decode(node)?;
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == name)
            .ok_or_else(|| {
                Error::invalid(
                    node.place.line,
                    format!("unknown Kubernetes SD role {name:?}"),
                )
            })
    }
}

impl Decode for KubernetesDiscovery {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "kubernetes.plain")?;
        let api_server: Option<Url> = fields.get("api_server")?;
        let role: Option<KubernetesRole> = fields.get("role")?;
        let kubeconfig_file: String = fields.or_default("kubeconfig_file")?;
        let http = HttpFields::take(&mut fields, true)?;
        let namespaces: Namespaces = fields.or_default("namespaces")?;
        let selectors: Vec<SelectorFields> = fields.or_default("selectors")?;
        let attach: AttachMetadata = fields.or_default("attach_metadata")?;
        fields.finish()?;
        let role = role.ok_or_else(|| {
            fields.invalid(
                "role missing (one of: pod, service, endpoints, endpointslice, node, ingress)",
            )
        })?;
        let http = http.validate().map_err(|what| fields.invalid(what))?;
        let own_http = http != HttpClient::default();
        let (has_server, has_file) = (api_server.is_some(), !kubeconfig_file.is_empty());
        let contradictions = [
            (
                has_server && has_file,
                "cannot use 'kubeconfig_file' and 'api_server' simultaneously",
            ),
            (
                has_file && own_http,
                "cannot use a custom HTTP client configuration together with 'kubeconfig_file'",
            ),
            (
                !has_server && own_http,
                "to use custom HTTP client configuration please provide the 'api_server' URL explicitly",
            ),
            (
                has_server && namespaces.own,
                "cannot use 'api_server' and 'namespaces.own_namespace' simultaneously",
            ),
            (
                has_file && namespaces.own,
                "cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously",
            ),
        ];
        if let Some((_, what)) = contradictions.into_iter().find(|(holds, _)| *holds) {
            return Err(fields.invalid(what));
        }
        Ok(Self {
            api_server: api_server.map(|url| url.0),
            role,
            kubeconfig_file: Some(kubeconfig_file).filter(|file| !file.is_empty()),
            http,
            namespaces,
            selectors: checked(role, selectors).map_err(|what| fields.invalid(what))?,
            attach,
        })
    }
}

/// The selectors, if each is for another kind that `role` looks at.
fn checked(
    role: KubernetesRole,
    fields: Vec<SelectorFields>,
) -> Result<Vec<ObjectSelector>, String> {
    let mut selectors: Vec<ObjectSelector> = Vec::with_capacity(fields.len());
    for SelectorFields {
        role: kind,
        label,
        field,
    } in fields
    {
        let allowed = role.selectable();
        let Some(kind) = kind.filter(|kind| allowed.contains(kind)) else {
            let names: Vec<_> = allowed.iter().map(|role| role.as_str()).collect();
            return Err(format!(
                "{role} role supports only {} selectors",
                names.join(", ")
            ));
        };
        if selectors.iter().any(|known| known.role == kind) {
            return Err(format!("duplicated selector role: {kind}"));
        }
        selector::check_fields(&field)?;
        selector::check_labels(&label)?;
        selectors.push(ObjectSelector {
            role: kind,
            label,
            field,
        });
    }
    Ok(selectors)
}

struct SelectorFields {
    role: Option<KubernetesRole>,
    label: String,
    field: String,
}

impl Decode for SelectorFields {
    const GO: &'static str = "kubernetes.SelectorConfig";

    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "kubernetes.SelectorConfig")?;
        let selector = Self {
            role: fields.get("role")?,
            label: fields.or_default("label")?,
            field: fields.or_default("field")?,
        };
        fields.finish()?;
        Ok(selector)
    }
}

impl Decode for Namespaces {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "kubernetes.plain")?;
        let namespaces = Self {
            own: fields.or_default("own_namespace")?,
            names: fields.or_default("names")?,
        };
        fields.finish()?;
        Ok(namespaces)
    }
}

impl Decode for AttachMetadata {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "kubernetes.AttachMetadataConfig")?;
        let attach = Self {
            node: fields.or_default("node")?,
            namespace: fields.or_default("namespace")?,
            deployment: fields.or_default("deployment")?,
            job: fields.or_default("job")?,
            cronjob: fields.or_default("cronjob")?,
        };
        fields.finish()?;
        Ok(attach)
    }
}

//! Where targets come from.
mod consul;
mod dns;
mod docker;
mod foreign;
mod http;

pub use self::{
    consul::ConsulDiscovery,
    dns::{DnsDiscovery, DnsRecord},
    docker::{DockerDiscovery, DockerFilter},
    http::HttpDiscovery,
};

use std::path::Path;

use model::{Labels, Millis};

use crate::{
    Error, HttpClient, KubernetesDiscovery,
    decode::{Decode, Fields, Texts},
    glob::glob,
    path::join,
    yaml::{self, Node, Value},
};

/// Targets that share labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetGroup {
    /// Tells the groups of one mechanism apart.
    pub source: String,
    /// The labels of each target; `__address__` among them.
    pub targets: Vec<Labels>,
    /// Labels of all of them; a target's own go before.
    pub labels: Labels,
}

/// One way to find targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// Written in the configuration.
    Static(Vec<TargetGroup>),
    /// Written in files that are watched.
    File(FileDiscovery),
    /// Found in a Kubernetes cluster.
    Kubernetes(Box<KubernetesDiscovery>),
    /// Told by a server over HTTP.
    Http(Box<HttpDiscovery>),
    /// Told by the domain name system.
    Dns(DnsDiscovery),
    /// Told by Consul.
    Consul(Box<ConsulDiscovery>),
    /// The containers of a Docker daemon.
    Docker(Box<DockerDiscovery>),
    /// A mechanism that Prometheus knows and we do not.
    Unsupported {
        /// The field's name: `consul_sd_configs`.
        field: String,
        /// Where it stands, counted from 1.
        line: usize,
    },
}

/// Files that hold target groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDiscovery {
    /// Paths, of which the last part may hold a `*`.
    pub files: Vec<String>,
    /// How often they are read in any case.
    pub refresh_interval: Millis,
}

impl FileDiscovery {
    /// The files that there are now, in the order of the patterns.
    pub fn paths(&self) -> Vec<String> {
        let found = self.files.iter().flat_map(|pattern| glob(pattern));
        found.collect()
    }
}

/// The mechanisms that run here, beside static targets.
const OWN: [&str; 6] = ["file", "kubernetes", "http", "dns", "consul", "docker"];

/// True if `field` holds sections of a mechanism that Prometheus knows.
fn is_mechanism(field: &str) -> bool {
    let mechanism = field.strip_suffix("_sd_configs");
    field == "static_configs"
        || mechanism.is_some_and(|name| OWN.contains(&name) || foreign::is_known(name))
}

impl Discovery {
    /// Takes all mechanisms out of the fields of a section.
    pub(crate) fn take(fields: &mut Fields<'_>) -> Result<Vec<Self>, Error> {
        let mut found = Vec::new();
        for (field, line, node) in fields.matching(is_mechanism) {
            if matches!(node.value, Value::Null) {
                continue;
            }
            let sections = fields.fitting(sections(field, node))?.unwrap_or_default();
            match field {
                "static_configs" => {
                    let groups = each::<TargetGroup>(fields, sections)?;
                    let numbered = groups
                        .into_iter()
                        .enumerate()
                        .map(|(i, group)| TargetGroup {
                            source: i.to_string(),
                            ..group
                        });
                    let groups: Vec<_> = numbered.collect();
                    if !groups.is_empty() {
                        found.push(Self::Static(groups));
                    }
                }
                "file_sd_configs" => {
                    let all = each::<FileDiscovery>(fields, sections)?;
                    found.extend(all.into_iter().map(Self::File));
                }
                "kubernetes_sd_configs" => {
                    let all = each::<KubernetesDiscovery>(fields, sections)?;
                    found.extend(all.into_iter().map(|one| Self::Kubernetes(Box::new(one))));
                }
                "http_sd_configs" => {
                    let all = each::<HttpDiscovery>(fields, sections)?;
                    found.extend(all.into_iter().map(|one| Self::Http(Box::new(one))));
                }
                "dns_sd_configs" => {
                    let all = each::<DnsDiscovery>(fields, sections)?;
                    found.extend(all.into_iter().map(Self::Dns));
                }
                "consul_sd_configs" => {
                    let all = each::<ConsulDiscovery>(fields, sections)?;
                    found.extend(all.into_iter().map(|one| Self::Consul(Box::new(one))));
                }
                "docker_sd_configs" => {
                    let all = each::<DockerDiscovery>(fields, sections)?;
                    found.extend(all.into_iter().map(|one| Self::Docker(Box::new(one))));
                }
                _ => {
                    let name = field.trim_end_matches("_sd_configs");
                    for section in sections {
                        fields.fitting(foreign::check(name, section))?;
                        found.push(Self::Unsupported {
                            field: field.to_owned(),
                            line,
                        });
                    }
                }
            }
        }
        Ok(found)
    }

    /// Makes relative paths begin at `directory`.
    pub(crate) fn set_directory(&mut self, directory: &Path) {
        match self {
            Self::File(FileDiscovery { files, .. }) => {
                files.iter_mut().for_each(|file| join(directory, file));
            }
            Self::Kubernetes(kubernetes) => kubernetes.set_directory(directory),
            Self::Http(http) => http.http.set_directory(directory),
            Self::Consul(consul) => consul.http.set_directory(directory),
            Self::Docker(docker) => docker.http.set_directory(directory),
            Self::Static(_) | Self::Dns(_) | Self::Unsupported { .. } => {}
        }
    }

    /// How it speaks HTTP, if it does.
    pub fn http(&self) -> Option<&HttpClient> {
        match self {
            Self::Kubernetes(kubernetes) => Some(&kubernetes.http),
            Self::Http(http) => Some(&http.http),
            Self::Consul(consul) => Some(&consul.http),
            Self::Docker(docker) => Some(&docker.http),
            Self::Static(_) | Self::File(_) | Self::Dns(_) | Self::Unsupported { .. } => None,
        }
    }
}

/// The items of a list of sections, none of them null.
fn sections<'n>(field: &str, node: &'n Node) -> Result<Vec<&'n Node>, Error> {
    let Value::Sequence(items) = &node.value else {
        return crate::decode::wrong_kind(node, "[]*discovery.Config");
    };
    match items.iter().find(|item| matches!(item.value, Value::Null)) {
        Some(null) => {
            let what = format!("empty or null section in {field}");
            Err(Error::invalid(null.place.line, what))
        }
        None => Ok(items.iter().collect()),
    }
}

fn each<T: Decode>(fields: &mut Fields<'_>, sections: Vec<&Node>) -> Result<Vec<T>, Error> {
    let mut all = Vec::with_capacity(sections.len());
    for section in sections {
        all.extend(fields.fitting(T::decode(section))?);
    }
    Ok(all)
}

impl Decode for TargetGroup {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(
            node,
            "struct { Targets []string \"yaml:\\\"targets\\\"\"; Labels model.LabelSet \"yaml:\\\"labels\\\"\" }",
        )?;
        let targets: Vec<String> = fields.or_default("targets")?;
        let labels: Texts = fields.or_default("labels")?;
        fields.finish()?;
        if let Some(name) = labels.keys().find(|name| name.is_empty()) {
            return Err(fields.invalid(format!("{name:?} is not a valid label name")));
        }
        Ok(Self {
            source: String::new(),
            targets: targets
                .iter()
                .map(|address| Labels::from_pairs([("__address__", address)]))
                .collect(),
            labels: labels.iter().collect(),
        })
    }
}

impl Decode for FileDiscovery {
    fn decode(node: &Node) -> Result<Self, Error> {
        let mut fields = Fields::of(node, "file.plain")?;
        let discovery = Self {
            files: fields.or_default("files")?,
            refresh_interval: fields.or("refresh_interval", Millis::from_seconds(300))?,
        };
        fields.finish()?;
        if discovery.files.is_empty() {
            return Err(
                fields.invalid("file service discovery config must contain at least one path name")
            );
        }
        match discovery.files.iter().find(|file| !is_target_file(file)) {
            Some(file) => Err(fields.invalid(format!(
                "path name {file:?} is not valid for file discovery"
            ))),
            None => Ok(discovery),
        }
    }
}

/// True if `path` ends as JSON or YAML and has at most one `*`, in its last part.
fn is_target_file(path: &str) -> bool {
    let Some((stem, extension)) = path.rsplit_once('.') else {
        return false;
    };
    let known = matches!(extension, "json" | "yml" | "yaml" | "JSON" | "YML" | "YAML");
    let star_is_last = stem
        .split_once('*')
        .is_none_or(|(_, after)| !after.contains('/'));
    known && star_is_last
}

/// Reads the target groups of a file of `file_sd_configs`, YAML or JSON.
///
/// # Errors
/// [`Error`] if the text is no list of groups.
pub fn parse_target_groups(text: &str) -> Result<Vec<TargetGroup>, Error> {
    let root = yaml::parse(text)?;
    let groups = Option::<Vec<Option<TargetGroup>>>::decode(&root)?.unwrap_or_default();
    groups
        .into_iter()
        .enumerate()
        .map(|(i, group)| {
            let source = i.to_string();
            group
                .map(|group| TargetGroup { source, ..group })
                .ok_or_else(|| {
                    Error::invalid(
                        root.place.line,
                        format!("nil target group item found (index {i})"),
                    )
                })
        })
        .collect()
}

/// Checks that `address` is no URL.
pub(crate) fn check_address(address: &str) -> Result<(), String> {
    match address.contains('/') {
        true => Err(format!("{address:?} is not a valid hostname")),
        false => Ok(()),
    }
}

/// Checks the addresses of static targets, which nothing is going to change.
pub(crate) fn check_static_addresses(all: &[Discovery]) -> Result<(), String> {
    all.iter()
        .filter_map(|discovery| match discovery {
            Discovery::Static(groups) => Some(groups),
            _ => None,
        })
        .flatten()
        .flat_map(|group| &group.targets)
        .try_for_each(|target| check_address(target.value("__address__")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_files_are_yaml_or_json() {
        let groups = parse_target_groups(r#"[{"targets": ["a:1", "b"], "labels": {"x": "y"}}]"#);
        let [group] = <[_; 1]>::try_from(groups.unwrap()).unwrap();
        assert_eq!(group.targets.len(), 2);
        assert_eq!(group.targets[0].value("__address__"), "a:1");
        assert_eq!(group.labels.value("x"), "y");
        let error = parse_target_groups("- targets: [a]\n  label: {}\n").unwrap_err();
        assert!(
            error.to_string().contains("line 2: field label not found"),
            "{error}"
        );
        assert_eq!(parse_target_groups("").unwrap(), []);
        assert!(parse_target_groups("- null").is_err());
    }

    #[test]
    fn json_may_be_written_as_it_likes() {
        let text = "[\n\t{\n\t\t\"targets\": [\"a:1\"],\n\t\t\"labels\": {\"x\": \"\\u00e9\\/\\ud83d\\ude00\"}\n\t}\n]\n";
        let groups = parse_target_groups(text).unwrap();
        assert_eq!(groups[0].targets[0].value("__address__"), "a:1");
        assert_eq!(groups[0].labels.value("x"), "é/😀");
    }

    #[test]
    fn file_names_may_hold_a_star_in_their_last_part() {
        for good in ["a.json", "a/*.yml", "a/b*c.YAML", "a*b*.yml"] {
            assert!(is_target_file(good), "{good}");
        }
        for bad in ["a", "a.txt", "*/a.yml", "a.json.bak"] {
            assert!(!is_target_file(bad), "{bad}");
        }
    }
}

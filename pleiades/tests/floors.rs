//! The workspace's arrows point down, and each heavy dependency has its one house.
use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package};

/// Lowest first; a crate depends only on crates of lower floors.
const FLOORS: &[&[&str]] = &[
    &["column"],
    &["model"],
    &["exposition", "tsdb", "promql", "hashring", "template"],
    &["proto", "config", "kv"],
    &["runtime"],
    &["fetch", "operator"],
    &["discoverer", "ingester", "querier", "ruler"],
    &["pleiades", "loadtest", "sim"],
];

/// Where each heavy dependency may be named.
const HOUSES: &[(&str, &[&str])] = &[
    ("rocksdb", &["kv"]),
    ("kube", &["discoverer"]),
    ("k8s-openapi", &["discoverer"]),
    ("openraft", &["discoverer"]),
    ("consistent_hash", &["hashring"]),
    ("serde-saphyr", &["config", "operator"]),
    ("opentelemetry", &["runtime"]),
    ("turmoil", &["sim"]),
];

/// What the pure crates of the three lowest floors may not name.
const SHELL: &[&str] = &["tokio", "hyper", "tonic", "axum", "serde"];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .no_deps()
        .exec()
        .expect("cargo metadata")
}

fn shipped(package: &Package) -> impl Iterator<Item = &Dependency> {
    let shipped = |dependency: &&Dependency| dependency.kind == DependencyKind::Normal;
    package.dependencies.iter().filter(shipped)
}

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|crates| crates.contains(&name))
}

#[test]
fn dependencies_point_down() {
    for package in metadata().workspace_packages() {
        let above = floor(&package.name).unwrap_or_else(|| panic!("{} has no floor", package.name));
        for dependency in shipped(package) {
            if let Some(below) = floor(&dependency.name) {
                assert!(
                    below < above,
                    "{} must not depend on {}",
                    package.name,
                    dependency.name
                );
            }
        }
    }
}

#[test]
fn heavy_dependencies_stay_in_their_houses() {
    for package in metadata().workspace_packages() {
        for (heavy, houses) in HOUSES {
            let named = shipped(package).any(|dependency| dependency.name == *heavy);
            let at_home = houses.contains(&package.name.as_str());
            assert!(!named || at_home, "{} must not name {heavy}", package.name);
        }
    }
}

#[test]
fn the_lowest_floors_are_pure() {
    for package in metadata().workspace_packages() {
        if floor(&package.name).is_none_or(|floor| floor > 2) {
            continue;
        }
        for dependency in shipped(package) {
            let name = dependency.name.as_str();
            assert!(
                !SHELL.contains(&name),
                "{} must not name {name}",
                package.name
            );
        }
        let lints = package.manifest_path.with_file_name("clippy.toml");
        let lints = lints
            .canonicalize()
            .unwrap_or_else(|e| panic!("{lints}: {e}"));
        assert!(
            lints.ends_with("clippy-pure.toml"),
            "{} has lints of its own",
            package.name
        );
    }
}

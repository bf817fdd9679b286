//! The one-way arrows between the crates: who may depend on whom, read from `cargo metadata`.
//!
//! A new dependency that breaks an arrow fails here. Either the dependency is wrong, or the design changes: then change this file
//! and ARCHITECTURE.md in the same commit.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The workspace as cargo resolves it for this machine; read once, offline.
static WORKSPACE: LazyLock<Graph> = LazyLock::new(Graph::read);

/// Crates of this workspace that no plugin may see.
const FLEET: [&str; 3] = ["isoscope-worker", "isoscope-coordinator", "isoscope-proto"];

struct Graph {
    metadata: Metadata,
    /// Packages by id.
    names: BTreeMap<PackageId, String>,
    /// Normal dependencies of each package as resolved.
    edges: BTreeMap<PackageId, Vec<PackageId>>,
}

impl Graph {
    fn read() -> Self {
        let root = repository();
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .other_options(vec!["--offline".into(), "--filter-platform".into(), host()])
            .exec()
            .expect("cargo metadata works offline after a build");
        let names = metadata.packages.iter().map(|p| (p.id.clone(), p.name.to_string())).collect();
        let nodes = &metadata.resolve.as_ref().expect("the graph was asked for").nodes;
        let edges = nodes
            .iter()
            .map(|node| {
                let normal = node
                    .deps
                    .iter()
                    .filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal))
                    .map(|dep| dep.pkg.clone())
                    .collect();
                (node.id.clone(), normal)
            })
            .collect();
        Self { metadata, names, edges }
    }

    fn member(&self, name: &str) -> &Package {
        let found = self.members().find(|package| package.name.as_str() == name);
        found.unwrap_or_else(|| panic!("the workspace has no crate {name}"))
    }

    fn members(&self) -> impl Iterator<Item = &Package> {
        self.metadata.packages.iter().filter(|package| self.metadata.workspace_members.contains(&package.id))
    }

    /// Names of what a crate's manifest lists under `[dependencies]`.
    fn direct(&self, name: &str) -> BTreeSet<String> {
        let listed = self.member(name).dependencies.iter();
        listed.filter(|dep| dep.kind == DependencyKind::Normal).map(|dep| dep.name.clone()).collect()
    }

    /// Names of everything that a crate's normal dependencies bring in, itself excepted.
    fn transitive(&self, name: &str) -> BTreeSet<String> {
        let start = self.member(name).id.clone();
        let mut seen = BTreeSet::from([start.clone()]);
        let mut open = vec![start.clone()];
        while let Some(id) = open.pop() {
            for next in &self.edges[&id] {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen.into_iter().filter(|id| *id != start).map(|id| self.names[&id].clone()).collect()
    }

    /// Crates of the workspace that lie under a folder of the repository.
    fn under(&self, folder: &str) -> Vec<&Package> {
        let folder = repository().join(folder);
        self.members().filter(|package| package.manifest_path.starts_with(&folder)).collect()
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the repository")
        .canonicalize()
        .unwrap()
}

/// The triple of this machine, so that packages of other platforms need not be at hand.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

/// Panics with the offenders when `found` has any of `banned`; a name that ends in `*` stands for all that begin so.
fn assert_none(who: &str, found: &BTreeSet<String>, banned: &[&str]) {
    let matches = |name: &str| {
        banned.iter().any(|ban| match ban.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == *ban,
        })
    };
    let offenders: Vec<&String> = found.iter().filter(|name| matches(name)).collect();
    assert!(offenders.is_empty(), "{who} must not depend on {offenders:?}");
}

/// Panics with the offenders when `found` has anything beside `allowed`.
fn assert_only(who: &str, found: &BTreeSet<String>, allowed: &[&str]) {
    let offenders: Vec<&String> = found.iter().filter(|name| !allowed.contains(&name.as_str())).collect();
    assert!(offenders.is_empty(), "{who} may depend on {allowed:?} only, not on {offenders:?}");
}

/// The crates of this workspace among others.
fn ours(found: BTreeSet<String>) -> BTreeSet<String> {
    found.into_iter().filter(|name| name.starts_with("isoscope")).collect()
}

#[test]
fn tiles_know_nothing_but_the_vectors_of_a_processor() {
    assert_only("tiles", &WORKSPACE.direct("isoscope-tiles"), &["pulp"]);
}

#[test]
fn core_knows_no_runtime_no_wire_no_encoder_and_no_loader() {
    let found = WORKSPACE.transitive("isoscope-core");
    assert_none("core", &found, &["tokio*", "tonic*", "prost*", "candle*", "libloading", "hyper*", "sqlx*"]);
    assert_only("core", &ours(found.clone()), &["isoscope-tiles"]);
    assert!(found.contains("ndarray"), "the walk over the graph found nothing: {found:?}");
}

#[test]
fn the_abi_depends_on_nothing() {
    assert_only("plugin-abi", &WORKSPACE.transitive("isoscope-plugin-abi"), &[]);
}

#[test]
fn the_sdk_needs_the_abi_and_a_few_small_crates() {
    let allowed =
        ["isoscope-plugin-abi", "serde", "serde_json", "postcard", "ndarray", "thiserror", "strsim"];
    assert_only("plugin-sdk", &WORKSPACE.direct("isoscope-plugin-sdk"), &allowed);
    // cblas-sys alone is no offence: it holds declarations, and core switches it on in the ndarray that all share here.
    let brought = WORKSPACE.transitive("isoscope-plugin-sdk");
    assert_none(
        "plugin-sdk",
        &brought,
        &["isoscope-core", "openblas*", "lapack*", "lax", "tokio*", "candle*"],
    );
}

#[test]
fn the_plugin_host_loads_plugins_and_knows_nothing_of_studies() {
    let found = WORKSPACE.transitive("isoscope-plugin-host");
    assert_none(
        "plugin-host",
        &found,
        &["isoscope-core", "isoscope-plugin-sdk", "tokio*", "tonic*", "candle*"],
    );
    assert!(WORKSPACE.direct("isoscope-plugin-host").contains("isoscope-plugin-abi"));
}

#[test]
fn a_plugin_needs_the_sdk_alone_and_perhaps_another_family() {
    let families: Vec<&Package> =
        WORKSPACE.under("plugins").into_iter().filter(|package| !package.name.ends_with("-dylib")).collect();
    assert!(families.len() >= 13, "plugins/ lost a family");
    for family in families {
        let name = family.name.as_str();
        let allowed =
            ["isoscope-plugin-sdk", "serde", "serde_json", "ndarray", "libm", "num-traits", "multiversion"];
        // k-means serves metrics and enhancements, log-sum-exp the partition function of clusters.
        let others = ["isoscope-cluster", "isoscope-partition"];
        assert_only(name, &WORKSPACE.direct(name), &[&allowed[..], &others[..]].concat());
        assert_none(name, &WORKSPACE.transitive(name), &FLEET);
    }
}

#[test]
fn a_dylib_wraps_its_own_family_only() {
    for wrapper in WORKSPACE.under("plugins").into_iter().filter(|package| package.name.ends_with("-dylib")) {
        let name = wrapper.name.as_str();
        let family = name.trim_end_matches("-dylib");
        assert_only(name, &WORKSPACE.direct(name), &["isoscope-plugin-sdk", family]);
    }
}

#[test]
fn what_is_lent_to_plugins_is_made_of_core_alone() {
    let found = WORKSPACE.direct("isoscope-plugin-services");
    assert_only("plugin-services", &found, &["isoscope-core", "isoscope-plugin-host", "ndarray"]);
}

#[test]
fn encoders_know_core_tiles_and_the_kernels_of_gpus_alone() {
    let found = ours(WORKSPACE.transitive("isoscope-encoders"));
    assert_only("encoders", &found, &["isoscope-core", "isoscope-cuda", "isoscope-tiles"]);
}

#[test]
fn the_coordinator_never_loads_a_model_or_a_plugin() {
    let found = WORKSPACE.transitive("isoscope-coordinator");
    let banned = [
        "candle*",
        "tokenizers",
        "libloading",
        "isoscope-encoders",
        "isoscope-plugin-host",
        "isoscope-worker",
    ];
    assert_none("coordinator", &found, &banned);
}

#[test]
fn a_worker_never_holds_the_truth() {
    let found = WORKSPACE.transitive("isoscope-worker");
    assert_none("worker", &found, &["isoscope-coordinator", "isoscope", "sqlx*", "libsqlite3-sys"]);
}

#[test]
fn proto_knows_core_and_what_it_stands_on_alone_of_this_workspace() {
    let found = ours(WORKSPACE.transitive("isoscope-proto"));
    assert_only("proto", &found, &["isoscope-core", "isoscope-tiles"]);
}

#[test]
fn wire_types_are_named_where_the_wire_is() {
    for package in WORKSPACE.members() {
        let name = package.name.as_str();
        let direct = WORKSPACE.direct(name);
        if name != "isoscope-proto" {
            assert_none(name, &direct, &["prost*", "tonic-prost*"]);
        }
        if !["isoscope-proto", "isoscope-worker", "isoscope-coordinator", "isoscope"].contains(&name) {
            assert_none(name, &direct, &["tonic*"]);
        }
    }
}

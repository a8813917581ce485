//! What cargo knows of the workspace and of all it depends on.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

use crate::{Result, cargo};

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) packages: Vec<Package>,
    workspace_members: Vec<String>,
    workspace_root: String,
    resolve: Resolve,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Package {
    id: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) license: Option<String>,
    pub(super) dependencies: Vec<Dependency>,
    manifest_path: String,
}

/// A dependency as a manifest declares it, optional ones too.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    kind: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Clone, Debug, Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Clone, Debug, Deserialize)]
struct Kind {
    kind: Option<String>,
}

impl Dependency {
    /// Whether it is needed at run time, not only by tests or to build.
    pub(super) fn is_normal(&self) -> bool {
        self.kind.is_none()
    }
}

impl Metadata {
    pub(super) fn read() -> Result<Self> {
        let output = cargo().args(["metadata", "--format-version", "1"]).output()?;
        if !output.status.success() {
            return Err(format!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// The workspace's own packages.
    pub(super) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// The path of a member's manifest below the root.
    pub(super) fn manifest(&self, package: &Package) -> String {
        let path = package.manifest_path.strip_prefix(&self.workspace_root).unwrap_or(&package.manifest_path);
        path.trim_start_matches(['/', '\\']).replace('\\', "/")
    }

    /// The names of all that a package needs at run time, directly and indirectly, as far as it is switched on. Below `leaves`
    /// nobody looks.
    pub(super) fn closure(&self, package: &Package, leaves: &[&str]) -> BTreeSet<&str> {
        let nodes: HashMap<&str, &Node> = self.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let is_leaf = |id: &str| self.packages.iter().any(|known| known.id == id && leaves.contains(&&*known.name));
        let mut seen = BTreeSet::new();
        let mut open = vec![package.id.as_str()];
        while let Some(node) = open.pop().and_then(|id| nodes.get(id)) {
            if is_leaf(&node.id) {
                continue;
            }
            let normal = node.deps.iter().filter(|edge| edge.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            open.extend(normal.map(|edge| edge.pkg.as_str()).filter(|id| seen.insert(*id)));
        }
        self.packages.iter().filter(|known| seen.contains(known.id.as_str())).map(|known| known.name.as_str()).collect()
    }

    /// A workspace of `(name, normal dependencies, dev-dependencies)`; names that are no members are other people's.
    #[cfg(test)]
    pub(super) fn of(members: &[(&str, &[&str], &[&str])]) -> Self {
        let dependency =
            |name: &&str, kind: Option<&str>| Dependency { name: (*name).to_owned(), kind: kind.map(str::to_owned) };
        let edge = |name: &&str| Edge { pkg: (*name).to_owned(), dep_kinds: vec![Kind { kind: None }] };
        let package = |name: &str, dependencies| Package {
            id: name.to_owned(),
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: Some("MIT".to_owned()),
            dependencies,
            manifest_path: format!("/x/crates/{name}/Cargo.toml"),
        };
        let mut packages: Vec<Package> = members
            .iter()
            .map(|(name, normal, dev)| {
                let normal = normal.iter().map(|name| dependency(name, None));
                package(name, normal.chain(dev.iter().map(|name| dependency(name, Some("dev")))).collect())
            })
            .collect();
        let known: BTreeSet<&str> = members.iter().map(|(name, ..)| *name).collect();
        let foreign: BTreeSet<&str> = members.iter().flat_map(|(_, normal, _)| normal.iter().copied()).collect();
        packages.extend(foreign.difference(&known).map(|name| package(name, Vec::new())));
        Self {
            packages,
            workspace_members: known.iter().map(|name| (*name).to_owned()).collect(),
            workspace_root: "/x".to_owned(),
            resolve: Resolve {
                nodes: members
                    .iter()
                    .map(|(name, normal, _)| Node { id: (*name).to_owned(), deps: normal.iter().map(edge).collect() })
                    .collect(),
            },
        }
    }
}

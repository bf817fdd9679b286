//! `isoscope plugin list --coordinator`: what the workers of a fleet offer and refuse.

use super::{print, short};
use crate::args::PlanFormat;
use crate::client::Client;
use crate::connect::Remote;
use crate::output;
use comfy_table::Table;
use isoscope_proto::v1::Worker;
use serde::Serialize;
use std::collections::BTreeMap;

/// A plugin, or a file that is none, and the workers that have it. Lines differ in what comes before the workers.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Listed {
    id: String,
    version: String,
    source: String,
    digest: String,
    workers: Vec<String>,
    status: String,
}

/// Id, version, source, digest and status of a line; refused files, which have no id, come last.
type Key = (bool, String, String, String, String, String);

/// Lists the plugins of every worker.
pub(super) async fn run(coordinator: Remote, format: PlanFormat) -> anyhow::Result<()> {
    let workers = Client::elsewhere(coordinator).workers().await?;
    print(&listed(workers), format, table)
}

fn listed(workers: Vec<Worker>) -> Vec<Listed> {
    let mut found: BTreeMap<Key, Vec<String>> = BTreeMap::new();
    for worker in workers {
        let capabilities = worker.capabilities.unwrap_or_default();
        let offered = capabilities.plugins.into_iter();
        let offered = offered.map(|p| (false, p.id, p.version, p.source, p.digest, "ok".to_owned()));
        let rejected = capabilities.rejected_plugins.into_iter();
        let rejected = rejected.map(|p| (true, String::new(), String::new(), p.source, p.digest, p.reason));
        for key in offered.chain(rejected) {
            found.entry(key).or_default().push(worker.name.clone());
        }
    }
    let lines = found.into_iter().map(|((_, id, version, source, digest, status), workers)| Listed {
        id,
        version,
        source,
        digest,
        workers,
        status,
    });
    lines.collect()
}

fn table(listed: &[Listed]) -> Table {
    let mut table = output::sheet(&["plugin", "version", "source", "digest", "workers", "status"]);
    for plugin in listed {
        let (workers, digest) = (plugin.workers.join("\n"), short(&plugin.digest));
        table.add_row([&plugin.id, &plugin.version, &plugin.source, &digest, &workers, &plugin.status]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use isoscope_proto::v1::{Capabilities, OfferedPlugin, RejectedPlugin};

    fn worker(name: &str, version: &str, refused: &[&str]) -> Worker {
        let offered = OfferedPlugin {
            id: "org.example.gap".to_owned(),
            version: version.to_owned(),
            digest: format!("sha256:{version}"),
            source: "gap.so".to_owned(),
            ..OfferedPlugin::default()
        };
        let rejected = refused.iter().map(|file| RejectedPlugin {
            source: (*file).to_owned(),
            reason: "it is text".to_owned(),
            ..RejectedPlugin::default()
        });
        let capabilities = Capabilities {
            plugins: vec![offered],
            rejected_plugins: rejected.collect(),
            ..Capabilities::default()
        };
        Worker { name: name.to_owned(), capabilities: Some(capabilities), ..Worker::default() }
    }

    #[test]
    fn workers_with_the_same_file_share_a_line_and_refused_files_come_last() {
        let lines =
            listed(vec![worker("a", "1.0", &["b.so"]), worker("b", "1.0", &[]), worker("c", "2.0", &[])]);
        let shown: Vec<_> =
            lines.iter().map(|l| (l.version.as_str(), l.workers.join(","), l.status.as_str())).collect();
        let expected = [
            ("1.0", "a,b".to_owned(), "ok"),
            ("2.0", "c".to_owned(), "ok"),
            ("", "a".to_owned(), "it is text"),
        ];
        assert_eq!(shown, expected);
    }
}

//! Files that come, change and go.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::PluginDirectory;
use crate::lease::tests::compile_plugin;
use crate::offer::Offer;
use crate::plugins::PluginSet;
use std::fs;
use std::path::Path;
use tempfile::tempdir;

fn open(path: &Path) -> PluginDirectory {
    PluginDirectory::open(path, PluginSet::empty()).unwrap()
}

fn ids(offer: &Offer) -> Vec<String> {
    offer.plugins.facts().into_iter().map(|plugin| plugin.manifest.id).collect()
}

/// Looks until nothing changes any more.
fn settled(directory: &mut PluginDirectory) -> Offer {
    directory.poll();
    directory.poll()
}

#[test]
fn a_file_is_taken_once_it_rests_and_refused_while_it_is_half_there() {
    let (built, folder) = (tempdir().unwrap(), tempdir().unwrap());
    let whole = fs::read(compile_plugin(built.path(), "a.so", "org.example.half")).unwrap();
    let mut directory = open(folder.path());
    assert!(ids(&directory.load()).is_empty());
    let file = folder.path().join("a.so");
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let first = directory.poll();
    assert!(first.rejected.is_empty() && ids(&first).is_empty(), "a file that changes is not judged");
    let half = directory.poll();
    assert_eq!(half.rejected.len(), 1);
    assert_eq!(half.rejected[0].source, file.display().to_string());
    assert_eq!(half.rejected[0].digest, isoscope_core::digest::sha256(&whole[..whole.len() / 2]));
    assert!(half.is_same(&directory.poll()), "a file that rests is judged once");
    fs::write(&file, &whole).unwrap();
    assert_eq!(directory.poll().rejected, half.rejected, "the last verdict stands until the file rests");
    let taken = directory.poll();
    assert_eq!(ids(&taken), ["org.example.half"]);
    assert!(taken.rejected.is_empty());
}

#[test]
fn a_plugin_stays_while_its_file_is_replaced_and_leaves_with_it() {
    let (built, folder) = (tempdir().unwrap(), tempdir().unwrap());
    let file = compile_plugin(folder.path(), "a.so", "org.example.before");
    let mut directory = open(folder.path());
    assert_eq!(ids(&directory.load()), ["org.example.before"]);
    fs::copy(compile_plugin(built.path(), "b.so", "org.example.replaced"), &file).unwrap();
    assert_eq!(ids(&directory.poll()), ["org.example.before"]);
    assert_eq!(ids(&directory.poll()), ["org.example.replaced"]);
    fs::remove_file(&file).unwrap();
    assert!(ids(&directory.poll()).is_empty());
}

#[test]
fn of_two_files_with_one_id_the_first_by_path_is_offered_and_the_other_refused_with_the_reason() {
    let folder = tempdir().unwrap();
    let first = compile_plugin(folder.path(), "a.so", "org.example.twice");
    let second = compile_plugin(folder.path(), "b.so", "org.example.twice");
    let mut directory = open(folder.path());
    let offer = directory.load();
    assert_eq!(ids(&offer), ["org.example.twice"]);
    assert_eq!(offer.rejected[0].source, second.display().to_string());
    assert!(offer.rejected[0].reason.contains(&first.display().to_string()), "{}", offer.rejected[0].reason);
    fs::remove_file(first).unwrap();
    let offer = settled(&mut directory);
    assert_eq!(offer.plugins.facts()[0].source, second.display().to_string());
    assert!(offer.rejected.is_empty());
}

#[test]
fn a_file_with_the_id_of_a_built_in_plugin_is_refused() {
    let folder = tempdir().unwrap();
    let base = PluginSet::built_in().unwrap();
    let taken = base.facts()[0].manifest.id.clone();
    let count = base.facts().len();
    compile_plugin(folder.path(), "a.so", &taken);
    let offer = PluginDirectory::open(folder.path(), base).unwrap().load();
    assert_eq!(offer.plugins.facts().len(), count);
    assert!(offer.rejected[0].reason.starts_with(&format!("plugin {taken} is built-in already")));
}

#[test]
fn a_directory_that_is_not_there_is_an_error_and_one_that_vanishes_empties_the_offer() {
    let folder = tempdir().unwrap();
    let missing = folder.path().join("none");
    let Err(error) = PluginDirectory::open(&missing, PluginSet::empty()) else { panic!("it was opened") };
    assert!(error.to_string().contains(missing.to_str().unwrap()));
    compile_plugin(folder.path(), "a.so", "org.example.gone");
    let mut directory = open(folder.path());
    assert_eq!(ids(&directory.load()).len(), 1);
    folder.close().unwrap();
    assert!(ids(&directory.poll()).is_empty());
}

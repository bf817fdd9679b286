//! Plugins in C, compiled here against the header: the good one runs, the others are refused with their reason.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;

use isoscope_plugin_host::{
    Collected, LoadError, OpError, Plugin, Source, openblas_in_use, read_dynamic, read_manifest, scan,
    use_one_blas_thread,
};
use support::{batch, compile, open};
use tempfile::tempdir;

fn mean(plugin: &Plugin, shards: &[&[f64]]) -> Collected {
    let op = open(plugin, "c_mean", 2, "{}");
    let mut reduction = op.begin(&[], 0).unwrap();
    for shard in shards {
        let mut run = op.begin(&[], 0).unwrap();
        run.update(&batch(shard, 2)).unwrap();
        reduction.merge(&run.save().unwrap()).unwrap();
    }
    let mut out = Collected::default();
    let finished = reduction.finish(&mut out).unwrap();
    assert!(!finished.again && finished.model.is_empty());
    out
}

#[test]
fn a_plugin_in_c_measures_and_shards_merge_to_the_same_value() {
    let dir = tempdir().unwrap();
    let path = compile(dir.path(), "mean.so", &[]);
    let plugin = Plugin::load(&path).unwrap();
    assert_eq!((plugin.id(), plugin.version()), ("org.example.c-mean", "1.2.3"));
    assert_eq!(plugin.source(), &Source::File(path.clone()));
    assert_eq!(plugin.op_ids(), ["c_mean"]);
    assert_eq!(plugin.manifest_json(), read_manifest(&path).unwrap());

    let whole = mean(&plugin, &[&[1.0, 2.0, 3.0, 4.0, 5.0, 9.0]]);
    let parts = mean(&plugin, &[&[1.0, 2.0], &[], &[3.0, 4.0, 5.0, 9.0]]);
    assert_eq!(whole, parts);
    assert_eq!(whole.rows[0].value, Some(4.0));
    assert_eq!((whole.rows[0].std_err, whole.rows[0].n, whole.rows[0].status.as_str()), (Some(0.5), 3, "ok"));
}

#[test]
fn a_value_that_is_not_a_number_becomes_a_null_with_a_reason() {
    let dir = tempdir().unwrap();
    let plugin = Plugin::load(&compile(dir.path(), "mean.so", &[])).unwrap();
    let row = mean(&plugin, &[]).rows.remove(0);
    assert_eq!((row.value, row.std_err), (None, None));
    assert_eq!(row.status, "the plugin returned a value that is not finite");
}

#[test]
fn errors_name_the_plugin_and_the_op() {
    let dir = tempdir().unwrap();
    let plugin = Plugin::load(&compile(dir.path(), "mean.so", &[])).unwrap();
    let input = isoscope_plugin_host::OpInput { cols: vec![2], rows: 0, seed: 0 };
    let refuse = |op: &str, params: &str| {
        plugin.open(op, std::sync::Arc::new(support::Services), &input, params).unwrap_err().to_string()
    };
    assert_eq!(
        refuse("c_mean", "{\"a\":1}"),
        "plugin org.example.c-mean, op c_mean: this op takes no parameters"
    );
    assert_eq!(
        refuse("c_men", "{}"),
        "plugin org.example.c-mean, op c_men: the plugin has no such op; it has c_mean"
    );
    let op = open(&plugin, "c_mean", 2, "{}");
    let mut run = op.begin(&[], 0).unwrap();
    assert!(matches!(run.merge(&[1, 2, 3]), Err(OpError::Invalid { .. })));
    assert!(matches!(run.update(&batch(&[1.0, 2.0, 3.0], 3)), Err(OpError::Invalid { .. })));
    assert!(matches!(run.apply(&batch(&[1.0, 2.0], 2), &mut [0.0; 2], 2), Err(OpError::Unsupported { .. })));
    assert!(!op.can_apply() && !op.can_measure());
}

#[test]
fn a_result_that_the_manifest_does_not_list_is_refused() {
    let dir = tempdir().unwrap();
    let plugin = Plugin::load(&compile(dir.path(), "undeclared.so", &["OUTPUT=\"other\""])).unwrap();
    let mut run = open(&plugin, "c_mean", 2, "").begin(&[], 0).unwrap();
    let mut out = Collected::default();
    let error = run.finish(&mut out).unwrap_err();
    assert!(matches!(&error, OpError::Failed { message, .. } if message.contains("\"other\"")), "{error}");
    assert_eq!(out, Collected::default());
}

#[test]
fn a_file_that_is_rewritten_in_place_does_not_disturb_the_loaded_plugin() {
    let dir = tempdir().unwrap();
    let path = compile(dir.path(), "mean.so", &["ID=\"org.example.rewritten\""]);
    let plugin = Plugin::load(&path).unwrap();
    let before = plugin.digest().to_owned();
    let op = open(&plugin, "c_mean", 2, "{}");
    let size = fs::metadata(&path).unwrap().len();
    fs::write(&path, vec![0xCC; usize::try_from(size).unwrap()]).unwrap();
    let mut run = op.begin(&[], 0).unwrap();
    run.update(&batch(&[1.0, 3.0], 2)).unwrap();
    let mut out = Collected::default();
    run.finish(&mut out).unwrap();
    assert_eq!(out.rows[0].value, Some(2.0));
    assert_eq!(plugin.digest(), before);

    let other = compile(dir.path(), "mean.so", &["ID=\"org.example.successor\""]);
    let successor = Plugin::load(&other).unwrap();
    assert_eq!(successor.id(), "org.example.successor");
    assert_ne!(successor.digest(), before);
    assert_eq!(plugin.id(), "org.example.rewritten");
}

#[test]
fn another_major_version_is_refused_before_any_code_runs() {
    let dir = tempdir().unwrap();
    // Without the symbol: the manifest alone decides.
    let path = compile(dir.path(), "future.so", &["MAJOR=2", "ID=\"org.example.future\"", "NO_SYMBOL"]);
    let error = Plugin::load(&path).unwrap_err();
    assert!(matches!(error, LoadError::WrongMajor { major: 2, .. }));
    assert_eq!(
        error.to_string(),
        "plugin org.example.future speaks ABI 2.0, this worker speaks 1.0: rebuild it with isoscope-plugin-sdk 1.x, \
         or use a worker that speaks ABI 2"
    );
}

#[test]
fn a_table_of_another_major_version_is_refused_too() {
    let dir = tempdir().unwrap();
    let error = Plugin::load(&compile(dir.path(), "liar.so", &["TABLE_MAJOR=3"])).unwrap_err();
    assert!(matches!(error, LoadError::WrongMajor { major: 3, .. }), "{error}");
}

#[test]
fn every_other_broken_file_is_refused_with_its_own_reason() {
    let dir = tempdir().unwrap();
    let load = |name: &str, macros: &[&str]| Plugin::load(&compile(dir.path(), name, macros)).unwrap_err();
    let error = load("a.so", &["NO_SYMBOL"]);
    assert!(matches!(error, LoadError::NoSymbol { .. }), "{error}");
    assert!(error.to_string().contains("a.so exports no symbol isoscope_plugin_entry_v1"), "{error}");
    let error = load("b.so", &["OTHER_MANIFEST"]);
    assert!(matches!(error, LoadError::ManifestMismatch { .. }), "{error}");
    let error = load("c.so", &["TWO_MANIFESTS"]);
    assert!(matches!(error, LoadError::TwoManifests { .. }), "{error}");
    let error = load("d.so", &["NO_MERGE"]);
    assert!(error.to_string().contains("op c_mean has no function merge"), "{error}");

    let text = dir.path().join("text.so");
    fs::write(&text, "not a library").unwrap();
    let error = Plugin::load(&text).unwrap_err();
    assert!(matches!(error, LoadError::NotElf { .. }), "{error}");

    let plain = dir.path().join("plain.c");
    fs::write(&plain, "int answer(void) { return 42; }").unwrap();
    let error = Plugin::load(&support::compile_source(dir.path(), "plain.so", &plain, &[])).unwrap_err();
    assert!(matches!(error, LoadError::NotAPlugin { .. }), "{error}");

    let error = Plugin::load(&dir.path().join("absent.so")).unwrap_err();
    assert!(matches!(error, LoadError::Io { .. }), "{error}");
}

#[test]
fn static_thread_local_storage_is_refused_before_any_code_runs() {
    let dir = tempdir().unwrap();
    let path = compile(dir.path(), "tls.so", &["STATIC_TLS", "NO_SYMBOL"]);
    assert!(read_dynamic(&path).unwrap().static_tls);
    let error = Plugin::load(&path).unwrap_err();
    assert!(matches!(error, LoadError::StaticTls { .. }), "{error}");
    let found = scan(dir.path()).unwrap();
    assert!(matches!(found[0].manifest, Err(LoadError::StaticTls { .. })));
}

#[test]
fn exported_symbols_and_the_c_library_are_read_from_the_file() {
    let dir = tempdir().unwrap();
    let facts = read_dynamic(&compile(dir.path(), "mean.so", &[])).unwrap();
    assert_eq!(facts.exported, ["isoscope_plugin_entry_v1"]);
    assert!(!facts.static_tls);
    assert!(facts.newest_glibc.is_some_and(|version| version >= (2, 2)), "{facts:?}");
}

#[test]
fn the_same_bytes_are_mapped_once() {
    let dir = tempdir().unwrap();
    let first = compile(dir.path(), "mean.so", &["ID=\"org.example.once\""]);
    let second = dir.path().join("copy.so");
    fs::copy(&first, &second).unwrap();
    let (first, second) = (Plugin::load(&first).unwrap(), Plugin::load(&second).unwrap());
    assert_eq!(first.digest(), second.digest());
    assert_eq!(first.manifest_json().as_ptr(), second.manifest_json().as_ptr());
    assert_ne!(first.source(), second.source());
}

#[test]
fn a_scan_lists_every_library_by_name_with_the_reason_of_a_refusal() {
    let dir = tempdir().unwrap();
    compile(dir.path(), "b_good.so", &[]);
    compile(dir.path(), "c_future.so", &["MAJOR=2"]);
    fs::write(dir.path().join("a_text.so"), "hello").unwrap();
    fs::write(dir.path().join("notes.txt"), "hello").unwrap();
    let found = scan(dir.path()).unwrap();
    let names: Vec<_> = found.iter().map(|c| c.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["a_text.so", "b_good.so", "c_future.so"]);
    assert!(matches!(found[0].manifest, Err(LoadError::NotElf { .. })));
    assert!(found[1].manifest.as_ref().unwrap().contains("org.example.c-mean"));
    assert!(matches!(found[2].manifest, Err(LoadError::WrongMajor { .. })));
    assert_eq!(
        found[0].digest.as_deref(),
        Some("sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
    );
    assert!(scan(&dir.path().join("absent")).is_err());
}

#[test]
fn there_is_no_openblas_in_this_process() {
    assert!(!use_one_blas_thread());
    assert_eq!(openblas_in_use(), None);
}

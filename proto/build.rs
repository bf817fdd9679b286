//! Generates the messages and services from the proto files, without a protoc binary.

use std::path::PathBuf;

const FILES: [&str; 6] = [
    "isoscope/v1/blob.proto",
    "isoscope/v1/fleet.proto",
    "isoscope/v1/job.proto",
    "isoscope/v1/result.proto",
    "isoscope/v1/task.proto",
    "isoscope/v1/worker.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
    }
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_source_info(true).include_imports(true).open_files(FILES)?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("isoscope_descriptor.bin"), compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

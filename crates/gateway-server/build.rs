//! Compresses the OpenAPI document, which the server hands out.

use std::path::Path;
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;

const DOCUMENT: &str = "../../docs/openapi.json";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={DOCUMENT}");
    let output = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    let file = fs::File::create(Path::new(&output).join("openapi.json.gz"))?;
    let mut encoder = GzEncoder::new(file, Compression::best());
    io::copy(&mut fs::File::open(DOCUMENT)?, &mut encoder)?;
    encoder.finish()?;
    Ok(())
}

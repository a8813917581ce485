//! Compresses the OpenAPI document, which the server hands out, and tells the linker how to lay the binary out.

use std::path::Path;
use std::process::Command;
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;

const DOCUMENT: &str = "../../docs/openapi.json";
/// Which functions run, so that they lie together; `cargo xtask layout` writes it.
const LAYOUT: &str = "layout.ld";
/// Leaves the layout to the linker, for one that understands no scripts.
const PLAIN: &str = "TOLLGATE_PLAIN_LINK";
/// The same, and has the linker write to a file where it put what. An argument of cargo's would do, but would change names.
const MAP: &str = "TOLLGATE_LINK_MAP";

fn main() -> io::Result<()> {
    compress_document()?;
    println!("cargo::rerun-if-changed={LAYOUT}");
    println!("cargo::rerun-if-env-changed={PLAIN}");
    println!("cargo::rerun-if-env-changed={MAP}");
    if let Ok(map) = env::var(MAP) {
        println!("cargo::rustc-link-arg-bins=-Wl,-Map={map}");
    } else if env::var_os(PLAIN).is_none() && is("PROFILE", "release") && is("TARGET", "x86_64-unknown-linux-gnu") {
        lay_out()?;
    }
    Ok(())
}

fn compress_document() -> io::Result<()> {
    println!("cargo::rerun-if-changed={DOCUMENT}");
    let output = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    let file = fs::File::create(Path::new(&output).join("openapi.json.gz"))?;
    let mut encoder = GzEncoder::new(file, Compression::best());
    io::copy(&mut fs::File::open(DOCUMENT)?, &mut encoder)?;
    encoder.finish()?;
    Ok(())
}

/// Less of the program is resident then: see `docs/decisions/0028-layout-of-the-binary.md`.
fn lay_out() -> io::Result<()> {
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    // They read no `INSERT`.
    if !["mold", "wild"].iter().any(|linker| flags.contains(linker)) {
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", Path::new(LAYOUT).canonicalize()?.display());
    }
    // The loader would refuse such a program before this version.
    if is("HOST", "x86_64-unknown-linux-gnu") && glibc().is_some_and(|version| version >= (2, 36)) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    Ok(())
}

/// The version of the C library that is linked with, if it is this machine's and tells.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn is(variable: &str, value: &str) -> bool {
    env::var(variable).is_ok_and(|found| found == value)
}

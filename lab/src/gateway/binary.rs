//! Where the gateway's binary is: `--gateway`, else `TIDEGATE_GATEWAY`, else beside the lab's own.
//!
//! Under `cargo run` the one beside is built first, so that nobody tests yesterday's gateway.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::leash::own_binary;
use crate::provider::ProviderError;

/// Which of the gateway's binaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The gateway.
    Real,
    /// The one that also knows bad placement rules.
    WithControlHashes,
}

/// Finds the binary. `named` is what `--gateway` or `TIDEGATE_GATEWAY` said.
pub(crate) fn find(named: Option<&Path>, kind: Kind) -> Result<PathBuf, ProviderError> {
    match named {
        Some(path) if path.is_file() => Ok(path.to_owned()),
        Some(path) => Err(ProviderError::Unfit {
            what: format!("no gateway binary at {}", path.display()),
            remedy: "correct --gateway or TIDEGATE_GATEWAY".to_owned(),
        }),
        None => beside_the_lab(kind),
    }
}

fn beside_the_lab(kind: Kind) -> Result<PathBuf, ProviderError> {
    let beside = own_binary()?.with_file_name(kind.name());
    if let (Some(cargo), Some(_)) = (
        std::env::var_os("CARGO"),
        std::env::var_os("CARGO_MANIFEST_DIR"),
    ) {
        build(&cargo, &beside, kind)?;
    }
    if beside.is_file() {
        return Ok(beside);
    }
    Err(ProviderError::Unfit {
        what: format!("no gateway binary at {}", beside.display()),
        remedy: format!(
            "build it with `cargo build {}`, or name one with --gateway",
            kind.selection().join(" ")
        ),
    })
}

/// Has cargo build the binary where the lab's own came from.
fn build(cargo: &OsString, beside: &Path, kind: Kind) -> Result<(), ProviderError> {
    let mut build = Command::new(cargo);
    build
        .arg("build")
        .args(kind.selection())
        .stdout(Stdio::null());
    if beside
        .parent()
        .is_some_and(|folder| folder.ends_with("release"))
    {
        build.arg("--release");
    }
    let built = build
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .context("cannot run cargo")?;
    if built.success() {
        return Ok(());
    }
    Err(ProviderError::Unfit {
        what: "cargo could not build the gateway".to_owned(),
        remedy: "see above what it says".to_owned(),
    })
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Real => "gateway",
            Self::WithControlHashes => "gateway-control-hashes",
        }
    }

    /// What cargo is told. Features are united over the whole workspace, as `cargo test` unites them, so that nothing is built twice.
    fn selection(self) -> &'static [&'static str] {
        match self {
            Self::Real => &["--workspace", "--bin", "gateway"],
            Self::WithControlHashes => &[
                "--workspace",
                "--bin",
                "gateway-control-hashes",
                "--features",
                "gateway/control-hashes",
            ],
        }
    }
}

/// What `gateway --version` says, for the record.
pub(crate) fn version(binary: &Path) -> String {
    let said = Command::new(binary).arg("--version").output();
    let version = said
        .ok()
        .filter(|out| out.status.success())
        .map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    format!(
        "{} ({})",
        version.unwrap_or_else(|| "unknown version".to_owned()),
        binary.display()
    )
}

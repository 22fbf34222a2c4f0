//! The programs under test, built before the first cell needs them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The lab, built by cargo for this test.
pub(crate) const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// The gateway: what `TIDEGATE_GATEWAY` names, else built now.
pub(crate) fn gateway() -> Result<PathBuf, String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| match std::env::var_os("TIDEGATE_GATEWAY") {
        Some(path) => Ok(path.into()),
        None => build("gateway", &[]),
    });
    built.clone()
}

/// The gateway with the known-bad hashes.
pub(crate) fn gateway_with_control_hashes() -> Result<PathBuf, String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            build(
                "gateway-control-hashes",
                &["--features", "gateway/control-hashes"],
            )
        })
        .clone()
}

/// Builds a binary beside the lab, in the lab's profile; features are united as `cargo test` unites them, so that nothing is built twice.
fn build(name: &str, features: &[&str]) -> Result<PathBuf, String> {
    let lab = Path::new(LAB);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--workspace", "--bin", name])
        .args(features);
    cargo.current_dir(crate::root());
    if let Some(folder) = lab.parent() {
        // target/<profile>/lab; the profile `dev` lives in `debug`.
        if folder
            .file_name()
            .is_some_and(|profile| profile == "release")
        {
            cargo.arg("--release");
        }
        if let Some(target) = folder.parent() {
            cargo.arg("--target-dir").arg(target);
        }
    }
    let built = cargo
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if built.success() {
        Ok(lab.with_file_name(name))
    } else {
        Err(format!("cargo could not build {name}"))
    }
}

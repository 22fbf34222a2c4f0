//! Where the gateway's binary is: `--gateway`, else `TIDEGATE_GATEWAY`, else beside the lab's own.

use std::path::{Path, PathBuf};

use crate::leash::own_binary;
use crate::provider::ProviderError;

/// Finds the binary. `named` is what `--gateway` or `TIDEGATE_GATEWAY` said.
pub(crate) fn find(named: Option<&Path>) -> Result<PathBuf, ProviderError> {
    match named {
        Some(path) if path.is_file() => Ok(path.to_owned()),
        Some(path) => Err(ProviderError::Unfit {
            what: format!("no gateway binary at {}", path.display()),
            remedy: "correct --gateway or TIDEGATE_GATEWAY".to_owned(),
        }),
        None => beside_the_lab(),
    }
}

fn beside_the_lab() -> Result<PathBuf, ProviderError> {
    let beside = own_binary()?.with_file_name("gateway");
    if beside.is_file() {
        return Ok(beside);
    }
    Err(ProviderError::Unfit {
        what: format!("no gateway binary at {}", beside.display()),
        remedy: "build it with `cargo build -p gateway`, or name it with --gateway".to_owned(),
    })
}

/// What `gateway --version` says, for the record.
pub(crate) fn version(binary: &Path) -> String {
    let said = std::process::Command::new(binary).arg("--version").output();
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

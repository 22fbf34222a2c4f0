//! A child that outlives this process for a moment, and removes its containers.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use super::owner::{OWNER_LABEL, Owner};

/// Waits for the end of its input, which is this process's end; then removes what carries the label `$1`.
///
/// Twice, because a container may be in the making when its owner is killed.
const SCRIPT: &str = r#"
read -r _
for _ in 1 2; do
    docker ps -aq --filter "label=$1" | while read -r id; do docker rm -fv "$id"; done
    sleep 0.5
done
"#;

/// Starts the reaper, once. Without a `docker` command there is none, and what a killed lab leaves is swept by the next one.
pub(crate) fn start() {
    static REAPER: OnceLock<Option<Child>> = OnceLock::new();
    REAPER.get_or_init(|| {
        Command::new("sh")
            .args([
                "-c",
                SCRIPT,
                "lab-reaper",
                &format!("{OWNER_LABEL}={}", Owner::this_process()),
            ])
            // Ours alone; the kernel closes it with this process.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C goes to the terminal's process group; the reaper has work to do after it.
            .process_group(0)
            .spawn()
            .ok()
    });
}

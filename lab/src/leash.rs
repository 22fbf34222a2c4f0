//! Children that die with the lab, however the lab dies.
//!
//! A child is started as `lab leash PARENT-PID PROGRAM ARGS…`, which asks the kernel for SIGKILL at the parent's death, closes what it inherited by accident
//! and then becomes the program.
//! The kernel means the *thread* that started the child: start children from threads that live as long as they should.

use std::ffi::OsStr;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal, setpgid};

/// A command for `program` that dies with this thread.
pub(crate) fn leashed(program: impl AsRef<OsStr>) -> anyhow::Result<Command> {
    lent(program, None)
}

/// The same for a program that inherits a descriptor.
pub(crate) fn leashed_with(program: impl AsRef<OsStr>, keep: RawFd) -> anyhow::Result<Command> {
    lent(program, Some(keep))
}

fn lent(program: impl AsRef<OsStr>, keep: Option<RawFd>) -> anyhow::Result<Command> {
    let mut command = Command::new(own_binary()?);
    command.arg("leash");
    if let Some(keep) = keep {
        command.arg("--keep").arg(keep.to_string());
    }
    command.arg(std::process::id().to_string()).arg(program);
    Ok(command)
}

/// The `lab` binary: this process, or, when this process is a test of the lab, the one built beside it.
pub(crate) fn own_binary() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe().context("cannot find the lab's own binary")?;
    if here.file_stem() == Some(OsStr::new("lab")) {
        return Ok(here);
    }
    // Tests live in target/<profile>/deps, binaries one level up.
    let built = here
        .parent()
        .and_then(|deps| deps.parent())
        .map(|profile| profile.join("lab"));
    match built {
        Some(lab) if lab.is_file() => Ok(lab),
        _ => bail!(
            "no lab binary beside {}; build it first: cargo build -p lab",
            here.display()
        ),
    }
}

/// What `lab leash` does: binds this process to its parent's life, then becomes the program. Returns only an error.
pub(crate) fn become_program(
    keep: Option<RawFd>,
    parent: i32,
    program: &OsStr,
    arguments: &[std::ffi::OsString],
) -> anyhow::Error {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return anyhow::Error::new(error)
            .context("cannot ask the kernel to end this process with its parent");
    }
    // The parent may have died before the request; nobody would tell us any more.
    if getppid().map(Pid::as_raw_pid) != Some(parent) {
        return anyhow::anyhow!("the parent process {parent} is gone");
    }
    // Ctrl-C goes to the terminal's whole process group; the lab alone decides in which order its children end.
    if let Err(error) = setpgid(None, None) {
        return anyhow::Error::new(error).context("cannot leave the terminal's process group");
    }
    if let Err(error) = drop_inherited(keep) {
        return anyhow::Error::new(error).context("cannot close what the parent had open");
    }
    let error = Command::new(program).args(arguments).exec();
    anyhow::Error::new(error).context(format!("cannot start {}", program.display()))
}

/// Closes every descriptor but the standard ones and the one to keep. librdkafka's mock cluster does not mark its sockets close-on-exec: a connection that it cuts would stay open
/// in whichever child inherited it, and the gateway at its other end would never be told.
fn drop_inherited(keep: Option<RawFd>) -> std::io::Result<()> {
    let open: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    let stays = |descriptor: &RawFd| *descriptor <= 2 || Some(*descriptor) == keep;
    for descriptor in open.into_iter().filter(|descriptor| !stays(descriptor)) {
        // The one that listed the others is closed already.
        let _ = nix::unistd::close(descriptor);
    }
    Ok(())
}

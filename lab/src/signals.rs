//! Ctrl-C and SIGTERM, turned into an [`Interrupt`].

use std::process::exit;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::interrupt::Interrupt;

/// Raises the interrupt at the first signal; at the second one ends the process, and its children with it.
pub(crate) fn watch(interrupt: &Interrupt) -> anyhow::Result<()> {
    let interrupt = interrupt.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("cannot watch for signals")?;
    std::thread::Builder::new()
        .name("lab-signals".to_owned())
        .spawn(move || {
            // Without signals to wait for there is nothing to do; Ctrl-C then ends the process the kernel's way.
            let _ = runtime.block_on(wait(&interrupt));
        })
        .context("cannot watch for signals")?;
    Ok(())
}

async fn wait(interrupt: &Interrupt) -> std::io::Result<()> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
        if interrupt.is_raised() {
            exit(130);
        }
        interrupt.raise();
        eprintln!("\ninterrupted: taking the stage down (again to leave at once)");
    }
}

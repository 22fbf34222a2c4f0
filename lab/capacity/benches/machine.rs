//! Says on which machine the benchmarks were run, in a file beside criterion's results: `lab capacity` uses no number of another machine.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use lab_capacity::criterion::Stamp;
use lab_capacity::results::Machine;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo test --benches` runs this as well, and has measured nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let stamp = Stamp {
        machine: machine(),
        unix_ms: u64::try_from(since.as_millis())?,
    };
    let folder = folder()?;
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("machine.json");
    std::fs::write(&file, serde_json::to_string_pretty(&stamp)?)?;
    println!("machine: {}", file.display());
    Ok(())
}

/// As criterion decides it: this program is in `target/release/deps`.
fn folder() -> std::io::Result<PathBuf> {
    if let Some(home) = std::env::var_os("CRITERION_HOME") {
        return Ok(home.into());
    }
    let own = std::env::current_exe()?;
    let target = own
        .ancestors()
        .nth(3)
        .map(|target| target.join("criterion"));
    target.ok_or_else(|| std::io::Error::other("not in a target folder"))
}

fn machine() -> Machine {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
    Machine {
        cpu_model: model
            .and_then(|line| line.split_once(':'))
            .map_or_else(String::new, |(_, name)| name.trim().to_owned()),
        cores: std::thread::available_parallelism()
            .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX)),
        kernel: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
        ..Machine::default()
    }
}

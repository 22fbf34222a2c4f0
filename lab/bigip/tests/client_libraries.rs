//! Client libraries that are not ours drive the stand-in over HTTPS: F5's own SDK for Python, and bigrest. What each does
//! is in `clients/`.
//!
//! `.ci/f5-clients` installs both below `target/`. Where they are missing the tests are ignored, and say why; no index of Python
//! packages is required anywhere.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lab_bigip::certificate::Certificate;
use lab_bigip::icontrol::device::Device;
use lab_bigip::icontrol::server::Server;
use lab_bigip::translate::Stage;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// A script makes some hundred requests.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let trials = [
        ("f5.bigip", "with_f5_sdk.py"),
        ("bigrest", "with_bigrest.py"),
    ]
    .map(|(library, script)| {
        let name = format!("{library} drives the stand-in");
        Trial::ignorable_test(name, move || match python_with(library) {
            Some(python) => drive(&python, script)
                .map(|()| Completion::Completed)
                .map_err(Failed::from),
            None => Ok(Completion::ignored_with(
                "no Python here has it: run .ci/f5-clients",
            )),
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

/// A Python that has the library.
fn python_with(library: &str) -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("f5-clients/bin/python");
    let has_it = |python: &PathBuf| {
        Command::new(python)
            .args(["-c", &format!("import {library}")])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    [installed, PathBuf::from("python3")]
        .into_iter()
        .find(has_it)
}

fn drive(python: &Path, script: &str) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let certificate = Certificate::make().map_err(|error| error.to_string())?;
    let server = runtime
        .block_on(Server::bind(([127, 0, 0, 1], 0).into(), &certificate))
        .map_err(|error| error.to_string())?;
    let address = server.address.to_string();
    let stage = Stage {
        data: ([127, 0, 0, 1], 0).into(),
        tmms: 2,
        accept_proxy: false,
        snat_ports_each: None,
        monitor_second: Duration::from_secs(1),
        seed: 1,
        certificate: None,
    };
    let device = Device::new(stage, "admin", "admin");
    runtime.spawn(server.run(Arc::new(tokio::sync::Mutex::new(device))));

    let trusted = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    std::fs::write(trusted.path(), &certificate.pem).map_err(|error| error.to_string())?;
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(python);
    command
        .arg(crate_folder.join("tests/clients").join(script))
        .arg(address)
        .arg(trusted.path())
        .arg(crate_folder.join("../../f5-irules/tls-passthrough.as3.json"));
    ended_well(command)
}

/// Runs a command whose last word is `well`; what it complained about is the error.
fn ended_well(mut command: Command) -> Result<(), String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status.to_string(),
            None if Instant::now() > deadline => {
                child.kill().map_err(|error| error.to_string())?;
                break format!("not done after {PATIENCE:?}");
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let mut said = String::new();
    if let Some(mut output) = child.stdout.take() {
        output
            .read_to_string(&mut said)
            .map_err(|error| error.to_string())?;
    }
    let mut complaint = String::new();
    if let Some(mut errors) = child.stderr.take() {
        errors
            .read_to_string(&mut complaint)
            .map_err(|error| error.to_string())?;
    }
    match said.trim_end().ends_with("well") {
        true => Ok(()),
        false => Err(format!("{status}\n{said}{complaint}")),
    }
}

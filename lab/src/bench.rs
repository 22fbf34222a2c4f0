//! `lab bench`: what the gateway costs beside its controls. What is measured is in [`lab_bench`]; here it gets its processes.

use std::cell::{Cell, OnceCell};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use lab_bench::host::{Host, Process};
use lab_bench::outcome::{Row, Verdict};
use lab_bench::target::{TARGETS, Target};
use lab_bench::{BenchError, KafkaChoice, Options, million, namespace, table};
use tempfile::TempDir;

use crate::args::Bench;
use crate::certificate::{self, Certificate};
use crate::gateway::Gateway;
use crate::gateway::binary::{self, Kind};
use crate::interrupt::Interrupt;
use crate::leash::{leashed, own_binary};
use crate::options::UsageError;
use crate::provider::{self, ProviderError};
use crate::{machine, options, signals};

/// At least one row does not hold what it must.
const BROKEN: u8 = 1;

/// A row could not be measured on this machine.
const UNFIT: u8 = 3;

/// A row could not be measured because the lab failed.
const LAB_FAILED: u8 = 5;

/// The user wanted out.
const INTERRUPTED: u8 = 130;

/// Carries out `lab bench`; answers the exit status.
pub(crate) fn bench(typed: &Bench) -> anyhow::Result<u8> {
    let options = read(typed)?;
    if typed.list {
        say!("{}", table::list());
        return Ok(0);
    }
    if cfg!(debug_assertions) && !typed.unoptimised {
        return optimised();
    }
    // While there is one thread only; the namespace is a thread's.
    let place = enter_namespace(&options);
    machine::raise_descriptors();
    if typed.million {
        machine::lower_descriptors(million::DESCRIPTORS);
    }
    let interrupt = Interrupt::default();
    signals::watch(&interrupt)?;
    let host = match LabHost::new(typed.gateway.as_deref(), interrupt) {
        Ok(host) => host,
        Err(ProviderError::Unfit { what, remedy }) => {
            eprintln!("{what}; {remedy}");
            return Ok(UNFIT);
        }
        Err(error) => return Err(error.into()),
    };
    let measured = lab_bench::run(&options, &host, |line| eprintln!("{line}"));
    let (mut facts, rows) = match measured {
        Ok(measured) => measured,
        Err(BenchError::Interrupted) => return Ok(INTERRUPTED),
        Err(error) => return Err(error.into()),
    };
    facts.push(place);
    if cfg!(debug_assertions) {
        facts.push("an unoptimised build: these figures mean nothing".to_owned());
    }
    say!("{}", table::render(&rows, &facts));
    if let Some(file) = &typed.json {
        write_json(file, &rows)?;
    }
    Ok(status(&rows))
}

fn read(typed: &Bench) -> Result<Options, UsageError> {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    if let Some(wrong) = typed.rows.iter().find(|row| !names.contains(&row.as_str())) {
        return Err(options::unknown_row(wrong, &names));
    }
    let wanted =
        |target: &Target| typed.rows.is_empty() || typed.rows.iter().any(|row| row == target.name);
    let devices = match typed.devices {
        Some(devices) => devices as usize,
        None if typed.quick => million::QUICK,
        None => million::DEVICES,
    };
    if typed.quick && devices > million::QUICK {
        return Err(UsageError::UnknownPart {
            option: "devices",
            typed: devices.to_string(),
            advice: format!("--quick is for {} at most", million::QUICK),
        });
    }
    if typed.million && typed.kafka != "embedded" {
        return Err(UsageError::UnknownPart {
            option: "kafka",
            typed: typed.kafka.clone(),
            advice: "--million needs a network of its own, where only the embedded Kafka is"
                .to_owned(),
        });
    }
    Ok(Options {
        targets: if typed.million {
            vec![million::target(devices)]
        } else {
            TARGETS.into_iter().filter(wanted).collect()
        },
        devices: typed.million.then_some(devices),
        quick: typed.quick,
        kafka: match options::kafka(&typed.kafka)? {
            provider::KafkaChoice::Embedded => KafkaChoice::Embedded,
            provider::KafkaChoice::Container => KafkaChoice::Container,
            provider::KafkaChoice::External(bootstrap) => KafkaChoice::External(bootstrap),
        },
        backend: match typed.backend.as_str() {
            "epoll" => "epoll",
            "io-uring" => "io-uring",
            _ => "auto",
        },
    })
}

/// Has cargo build everything optimised, and becomes that; without cargo, says how.
fn optimised() -> anyhow::Result<u8> {
    const COMMAND: [&str; 5] = ["run", "--release", "--bin", "lab", "--"];
    let typed: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let (Some(cargo), Some(folder)) = (
        std::env::var_os("CARGO"),
        std::env::var_os("CARGO_MANIFEST_DIR"),
    ) {
        eprintln!(
            "figures of an unoptimised build mean nothing: building the lab and the gateway with --release"
        );
        let manifest = Path::new(&folder).join("Cargo.toml");
        let error = Command::new(cargo)
            .args(&COMMAND[..1])
            .arg("--manifest-path")
            .arg(manifest)
            .args(&COMMAND[1..])
            .args(typed)
            .exec();
        return Err(error).context("cannot run cargo");
    }
    let typed: Vec<_> = typed.iter().map(|word| word.to_string_lossy()).collect();
    eprintln!(
        "figures of an unoptimised build mean nothing; run: cargo {} {}",
        COMMAND.join(" "),
        typed.join(" ")
    );
    Ok(UNFIT)
}

/// Where it is measured, in words.
fn enter_namespace(options: &Options) -> String {
    if options.kafka != KafkaChoice::Embedded {
        return "in the machine's own network, where Kafka is: rules of a firewall or a container engine cost here".to_owned();
    }
    let entered = match options.devices {
        // Both ends of each connection are here.
        Some(devices) => namespace::enter_for(2 * devices),
        None => namespace::enter(),
    };
    match entered {
        Ok(()) => "in a network namespace of its own, without rules".to_owned(),
        Err(why) => format!(
            "in the machine's own network ({why}): rules of a firewall or a container engine cost here"
        ),
    }
}

fn write_json(file: &Path, rows: &[Row]) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(rows)?;
    text.push('\n');
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// What the rows come to: a broken promise beats the rest, then the lab's own failure.
fn status(rows: &[Row]) -> u8 {
    let any = |verdict| rows.iter().any(|row| row.verdict == verdict);
    if any(Verdict::Broken) {
        BROKEN
    } else if any(Verdict::Failed) {
        LAB_FAILED
    } else if any(Verdict::Unfit) {
        UNFIT
    } else {
        0
    }
}

/// Starts what the bench needs, each on a leash.
struct LabHost {
    gateway: PathBuf,
    folder: TempDir,
    interrupt: Interrupt,
    started: Cell<u32>,
    certificate: OnceCell<Certificate>,
}

impl LabHost {
    fn new(gateway: Option<&Path>, interrupt: Interrupt) -> Result<Self, ProviderError> {
        Ok(Self {
            gateway: binary::find(gateway, Kind::Real)?,
            folder: tempfile::tempdir().context("no temporary folder")?,
            interrupt,
            started: Cell::new(0),
            certificate: OnceCell::new(),
        })
    }

    fn start(&self, config: &str) -> Result<Gateway, ProviderError> {
        let number = self.started.get();
        self.started.set(number + 1);
        let file = |kind: &str| self.folder.path().join(format!("gateway-{number}.{kind}"));
        std::fs::write(file("toml"), config).context("cannot write the gateway's configuration")?;
        let mut gateway = Gateway::start(
            number,
            &self.gateway,
            &file("toml"),
            &file("log"),
            &self.interrupt,
        )?;
        gateway.await_ready(&self.interrupt)?;
        Ok(gateway)
    }
}

impl Host for LabHost {
    fn part(&self) -> anyhow::Result<Command> {
        let mut command = leashed(own_binary()?)?;
        command.arg("bench-part");
        Ok(command)
    }

    fn gateway(&self, config: &str) -> Result<Box<dyn Process>, BenchError> {
        let gateway = self.start(config).map_err(|error| match error {
            ProviderError::Unfit { what, remedy } => BenchError::Unfit { what, remedy },
            ProviderError::Gateway(what) => BenchError::Gateway(what),
            ProviderError::Failed(error) => BenchError::Failed(error),
            ProviderError::Interrupted => BenchError::Interrupted,
        })?;
        Ok(Box::new(Running(gateway)))
    }

    fn certificate(&self) -> anyhow::Result<lab_bench::host::Certificate> {
        let made = match self.certificate.get() {
            Some(made) => made,
            None => {
                let made = Certificate::make(self.folder.path())?;
                self.certificate.get_or_init(|| made)
            }
        };
        Ok(lab_bench::host::Certificate {
            file: made.file.clone(),
            key: made.key.clone(),
            der: made.der.to_vec(),
            name: certificate::NAME,
        })
    }

    fn interrupted(&self) -> bool {
        self.interrupt.is_raised()
    }
}

struct Running(Gateway);

impl Process for Running {
    fn pid(&self) -> u32 {
        self.0.pid()
    }

    fn listener(&self) -> SocketAddr {
        self.0.listener
    }

    fn counted(&self, metric: &str) -> anyhow::Result<u64> {
        Ok(self.0.admin.metrics()?.sum(metric))
    }
}

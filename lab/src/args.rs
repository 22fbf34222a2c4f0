//! What was typed. What it means is decided in [`crate::options`].

mod capacity;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use lab_adc::model::Tls;

use crate::replay::arguments::{DeviceArguments, ReplayArguments};
use crate::units::{Span, UnitError};
pub(crate) use capacity::Capacity;

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "lab",
    version,
    about = "Starts Kafka, a load balancer, gateways and a fleet of devices from one scenario file, and judges what it sees.",
    after_help = AFTER_HELP,
    max_term_width = 110
)]
pub(crate) struct Typed {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  lab run scenarios/distribution/even-ports-fill-every-workgroup.toml
  lab run scenarios --kafka container --adc haproxy
  lab plan scenarios/messaging        what it takes, and what cannot run here
  lab doctor                          what this machine can do, and why not

Exit status:
  0    every expectation held
  1    at least one did not
  2    wrong usage, or a mistake in a scenario file
  3    this machine cannot play the scenario; the output says what to do
  4    inconclusive: too few devices for the question, or the lab could not keep up
  5    the lab itself failed
  130  interrupted
Over several files 1 beats 5 beats 3 beats 4.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Plays scenarios and gives a verdict
    #[command(after_help = RUN_HELP)]
    Run(Run),
    /// Lists scenarios, their cells and what they claim
    List {
        /// Scenario files, or folders to search for them
        #[arg(default_value = "scenarios", value_name = "FILE-OR-FOLDER")]
        paths: Vec<PathBuf>,
        /// Also list every cell
        #[arg(long)]
        cells: bool,
    },
    /// Shows what scenarios take: processes, ports, descriptors, memory. Starts nothing
    Plan {
        /// Scenario files, or folders to search for them
        #[arg(required = true, value_name = "FILE-OR-FOLDER")]
        paths: Vec<PathBuf>,
        #[command(flatten)]
        parts: Parts,
        /// Only cells with all of these choices: `workgroups=8 adc.snat-ports=range`
        #[arg(long, value_name = "CHOICES")]
        cell: Option<String>,
    },
    /// Says what this machine can play, and why not
    Doctor,
    /// Renders records again: report.html beside every run.json below DIR, and one page over all of them
    Report {
        /// A folder that `lab run --out` wrote, or a folder of such folders
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        #[command(flatten)]
        also: Renderings,
    },
    /// Compares two folders of runs: what differs by more than noise. Exit status 1 when something got worse
    #[command(after_help = COMPARE_HELP)]
    Compare {
        /// The runs to compare with
        #[arg(value_name = "BEFORE")]
        before: PathBuf,
        /// The runs in question
        #[arg(value_name = "AFTER")]
        after: PathBuf,
        /// Differences up to this many percent are noise whatever the statistics say
        #[arg(long, value_name = "PERCENT", default_value_t = 10.0)]
        threshold: f64,
        /// Also write compare.html into DIR
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Measures what the gateway costs, each row beside its control in the same run
    #[command(after_help = BENCH_HELP)]
    Bench(Bench),
    /// Says how many machines a fleet takes, from measurements on this machine (some minutes) or stored ones
    #[command(after_help = CAPACITY_HELP)]
    Capacity(Capacity),
    /// Load balancers of the lab, on their own
    #[command(subcommand)]
    Adc(Adc),
    /// A fleet or a control of the bench, which gives it orders on standard input
    #[command(hide = true)]
    BenchPart {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Becomes PROGRAM, but dies with the process PARENT
    #[command(hide = true)]
    Leash {
        /// A descriptor that the program inherits besides the standard ones.
        #[arg(long)]
        keep: Option<i32>,
        parent: i32,
        program: OsString,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

const RUN_HELP: &str = "\
A run writes run.json (what happened, as data), report.html and junit.xml into --out, and ends with its verdict and the command that repeats it.
Files are read and checked before anything starts.";

/// `lab run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Scenario files, or folders to search for them
    #[arg(required = true, value_name = "FILE-OR-FOLDER")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) parts: Parts,
    /// Only cells with all of these choices: `workgroups=8 adc.snat-ports=range`
    #[arg(long, value_name = "CHOICES")]
    pub(crate) cell: Option<String>,
    /// Where all randomness comes from; drawn, and printed, when absent
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u32>,
    /// Where run.json, report.html and junit.xml go [default: out/NAME-SEED]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// The gateway to test [default: the one beside the lab]
    #[arg(long, value_name = "PATH", env = "TIDEGATE_GATEWAY")]
    pub(crate) gateway: Option<PathBuf>,
    /// Lets the gateway place clients by a known-bad hash, to see the lab catch it. Needs a gateway built with
    /// `--features control-hashes`
    #[arg(long, value_name = "HASH", value_parser = ["port-modulo", "fnv-multiply-shift", "ip-only"])]
    pub(crate) control_hash: Option<String>,
    #[command(flatten)]
    pub(crate) also: Renderings,
}

const BENCH_HELP: &str = "\
Some minutes on a quiet machine; `--quick` takes about one. Machines are noisy, so what must hold is mostly a ratio to the control.

--million takes about 9 GiB of memory for a million devices, nearly all of it the kernel's sockets, and some ten minutes (with --quick,
20,000 devices and pings every 10 s instead of 60: half a minute). The gateway and the fleet may open 20,000 descriptors each. It stops, and says so, before 3 GiB are left.

Exit status:
  0    every row measured holds what it must
  1    at least one does not
  3    a row cannot be measured on this machine; it says why
  5    the lab itself failed on a row";

/// `lab bench`.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Rows to measure [default: all of them, see --list]
    #[arg(value_name = "ROW")]
    pub(crate) rows: Vec<String>,
    /// Lists the rows and what must hold. Measures nothing
    #[arg(long)]
    pub(crate) list: bool,
    /// Few rounds and small fleets: to see that it works
    #[arg(long)]
    pub(crate) quick: bool,
    /// How many live devices one gateway process holds, up to a million, instead of the table
    #[arg(long, conflicts_with_all = ["rows", "list"])]
    pub(crate) million: bool,
    /// With --million: as many as this
    #[arg(long, value_name = "N", requires = "million", value_parser = clap::value_parser!(u32).range(1_000..=2_000_000))]
    pub(crate) devices: Option<u32>,
    /// Also write the rows as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// The log: `embedded`, part of the lab; `container`, Apache Kafka; or HOST:PORT of your own cluster
    #[arg(long, value_name = "KAFKA", default_value = "embedded")]
    pub(crate) kafka: String,
    /// How the gateway's loop waits for its sockets
    #[arg(long, value_name = "BACKEND", default_value = "auto", value_parser = ["auto", "epoll", "io-uring"])]
    pub(crate) backend: String,
    /// The gateway to measure [default: the one beside the lab]
    #[arg(long, value_name = "PATH", env = "TIDEGATE_GATEWAY")]
    pub(crate) gateway: Option<PathBuf>,
    /// Measures an unoptimised build, to try the command out
    #[arg(long)]
    pub(crate) unoptimised: bool,
}

const COMPARE_HELP: &str = "\
Cells are matched by scenario, cell and providers. Of one run the spread within it is used; from three runs on both sides on, the spread between
runs. To get three: run three times with --out before/1, before/2, before/3.";

const CAPACITY_HELP: &str = "\
Example:
  cargo bench && lab capacity --devices 10000000 --rate 1/min --bytes 512
  lab capacity --devices 2000000 --rate 4/min --cores 16 --memory 64 --from out/capacity/results.json
What goes beyond 4 times the measured is marked with †. Prices are yours: without them no costs are told.";

/// Renderings that are wanted besides the usual ones.
#[derive(Debug, Clone, Args)]
pub(crate) struct Renderings {
    /// Also write a Markdown summary, for a pull request
    #[arg(long, value_name = "FILE")]
    pub(crate) summary: Option<PathBuf>,
    /// Also write the numbers in the OpenMetrics text format
    #[arg(long, value_name = "FILE")]
    pub(crate) openmetrics: Option<PathBuf>,
}

/// Who plays which part.
#[derive(Debug, Args)]
pub(crate) struct Parts {
    /// The log: `embedded`, part of the lab; `container`, Apache Kafka; or HOST:PORT of your own cluster
    #[arg(long, value_name = "KAFKA", default_value = "embedded")]
    pub(crate) kafka: String,
    /// The load balancer: `builtin`, part of the lab; `haproxy`, the real one; `bigip-standin`, F5's files and
    /// iRules on the lab's engine; or `bigip`, a device of yours
    #[arg(long, value_name = "ADC", default_value = "builtin")]
    pub(crate) adc: String,
    #[command(flatten)]
    pub(crate) replay: ReplayArguments,
}

/// `lab adc`.
#[derive(Debug, Subcommand)]
pub(crate) enum Adc {
    /// Runs a load balancer until it is told to stop
    #[command(subcommand)]
    Serve(Serve),
    /// Looks for mistakes in F5 configuration: tmsh, AS3, iRules. Exit status 1 when there are errors
    Lint {
        /// Files, or folders to search for them
        #[arg(required = true, value_name = "FILE-OR-FOLDER")]
        paths: Vec<PathBuf>,
    },
    /// Removes from a device what an interrupted replay has left there
    Remove {
        /// The list of changes: changes.json in the run's evidence
        #[arg(value_name = "FILE")]
        changes: PathBuf,
        #[command(flatten)]
        device: DeviceArguments,
    },
    /// Writes the configuration that one loads into an appliance
    #[command(subcommand)]
    Render(Render),
}

/// What a load balancer shows to devices where it ends TLS.
#[derive(Debug, Args)]
pub(crate) struct TlsArguments {
    /// The certificate that devices are shown where TLS ends, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,
}

impl TlsArguments {
    /// Both files, when they are given.
    pub(crate) fn files(self) -> Option<Tls> {
        Some(Tls {
            certificate: self.tls_certificate?,
            key: self.tls_key?,
        })
    }
}

/// `lab adc render`.
#[derive(Debug, Subcommand)]
pub(crate) enum Render {
    /// For F5 BIG-IP: tmsh, AS3 and iRules
    F5 {
        /// Addresses and sizes of the installation, see f5-irules/site.toml
        #[arg(long, value_name = "FILE")]
        site: PathBuf,
        /// Sizes the SNAT pool for this scenario's fleet as well
        #[arg(long, value_name = "FILE")]
        scenario: Option<PathBuf>,
        /// Where the files go
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// `lab adc serve`.
#[derive(Debug, Subcommand)]
pub(crate) enum Serve {
    /// The lab's own, from a model as JSON
    Builtin {
        /// The model: virtual servers, pools, monitors, SNAT
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Where it takes orders and answers questions
        #[arg(long, value_name = "ADDRESS")]
        rest: SocketAddr,
    },
    /// A BIG-IP stand-in: F5's own files and iRules on real connections, steered over iControl REST and AS3
    Bigip {
        /// tmsh files and AS3 declarations to begin with; a file or a folder
        #[arg(long, value_name = "DIR")]
        config: Option<PathBuf>,
        /// Where iControl REST answers, over HTTPS with a self-signed certificate
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
        rest: SocketAddr,
        /// Where devices arrive
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
        data: SocketAddr,
        /// TMMs, each with its own iRule interpreter and source ports
        #[arg(long, value_name = "N", default_value_t = 4)]
        tmms: usize,
        /// Ports of each SNAT address towards a member: a few, to see them run out
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=20_000))]
        snat_ports_each: Option<u16>,
        /// How long a second of the monitors lasts
        #[arg(long, value_name = "TIME", default_value = "1s", value_parser = a_while)]
        monitor_second: Span,
        /// Devices begin with a PROXY header and are who it says
        #[arg(long)]
        accept_proxy: bool,
        /// Makes random choices repeatable
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
        /// The account
        #[arg(long, default_value = "admin")]
        user: String,
        /// Its password
        #[arg(
            long,
            default_value = "admin",
            env = "TIDEGATE_BIGIP_PASSWORD",
            hide_env_values = true
        )]
        password: String,
        /// Writes the certificate that clients are shown, in PEM
        #[arg(long, value_name = "FILE")]
        certificate: Option<PathBuf>,
        #[command(flatten)]
        tls: TlsArguments,
    },
}

/// A time that something can be done in.
fn a_while(typed: &str) -> Result<Span, String> {
    const LEAST: Duration = Duration::from_millis(10);
    let span: Span = typed
        .parse()
        .map_err(|error: UnitError| error.to_string())?;
    match span.get() {
        time if time < LEAST => Err(format!("it takes {LEAST:?} and more, not {span}")),
        _ => Ok(span),
    }
}

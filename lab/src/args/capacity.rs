//! What `lab capacity` is asked.

use std::path::PathBuf;

use clap::Args;
use lab_capacity::question::rate;

/// `lab capacity`.
#[derive(Debug, Args)]
pub(crate) struct Capacity {
    /// Devices, all connected
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000_000_000))]
    pub(crate) devices: u64,
    /// Messages to each device: `1/min`, `20/s`, `4/h`
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) rate: f64,
    /// Bytes of each message's data
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(32..=1_000_000))]
    pub(crate) bytes: u32,
    /// How often each device connects anew: `2/day`
    #[arg(long, value_name = "RATE", default_value = "0/day", value_parser = rate)]
    pub(crate) churn: f64,
    /// The gateways end TLS; what is measured is measured with it
    #[arg(long)]
    pub(crate) tls: bool,
    /// A load balancer sends PROXY headers
    #[arg(long)]
    pub(crate) proxy: bool,
    /// Gateways that may be missing
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) spare: u64,
    /// Processors of a gateway machine [default: as measured]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) cores: Option<u32>,
    /// Memory of a gateway machine, in GiB [default: as measured]
    #[arg(long, value_name = "GIB", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) memory: Option<u64>,
    /// Network card of a gateway machine, in Gbit/s [default: 10, assumed]
    #[arg(long, value_name = "GBIT", value_parser = positive)]
    pub(crate) network: Option<f64>,
    /// Descriptors a gateway may hold, where that cannot be raised
    #[arg(long, value_name = "N")]
    pub(crate) descriptors: Option<u64>,
    /// Price of a gateway machine per month; no prices, no costs
    #[arg(long, value_name = "PRICE", value_parser = positive)]
    pub(crate) price_gateway: Option<f64>,
    /// Price of a gigabyte that leaves to devices
    #[arg(long, value_name = "PRICE", value_parser = positive)]
    pub(crate) price_egress: Option<f64>,
    /// Answers from stored results instead of measuring; given twice, two machines stand beside each other
    #[arg(long, value_name = "RESULTS.JSON")]
    pub(crate) from: Vec<PathBuf>,
    /// Where criterion's results are [default: target/criterion]
    #[arg(long, value_name = "DIR")]
    pub(crate) criterion: Option<PathBuf>,
    /// Where capacity.html and results.json go [default: out/capacity]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// The gateway to measure [default: the one beside the lab]
    #[arg(long, value_name = "PATH", env = "TIDEGATE_GATEWAY")]
    pub(crate) gateway: Option<PathBuf>,
}

/// A number above zero.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("a number above zero is wanted".to_owned()),
    }
}

//! What is asked: a fleet, and the machines one thinks of.

/// A fleet, and how much of a machine it may use.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Devices, all connected.
    pub devices: u64,
    /// Messages to each device per second.
    pub rate: f64,
    /// Bytes of each message's data.
    pub bytes: u64,
    /// How often a device connects anew, per second.
    pub churn: f64,
    /// Whether the gateways end TLS.
    pub tls: bool,
    /// Whether a load balancer sends PROXY headers.
    pub proxy: bool,
    /// Gateways that may be missing.
    pub spare: u64,
    /// The machine a gateway gets; where it is not told, the measured one.
    pub machine: Wish,
    /// What things cost, as the user says; without prices there are no costs.
    pub prices: Prices,
}

/// What is known of the machines to buy.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Wish {
    /// Processors.
    pub cores: Option<u32>,
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// Bits per second of its network card.
    pub network_bits: Option<f64>,
    /// Descriptors that a process may hold.
    pub descriptors: Option<u64>,
}

/// Prices, in a currency that only the user knows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Prices {
    /// Of one gateway machine per month.
    pub gateway_month: Option<f64>,
    /// Of one gigabyte that leaves to devices.
    pub egress_gigabyte: Option<f64>,
}

/// The share of processors and network that may be used at the busiest moment: queues grow without bound towards 1.
pub const USABLE: f64 = 0.7;

/// The share of memory that may be used: the rest is the kernel's, for socket buffers under load, and page cache.
pub const USABLE_MEMORY: f64 = 0.8;

/// The network card that is assumed where none is told, in bits per second.
pub const NETWORK_BITS: f64 = 10e9;

/// What a wrong rate deserves to hear.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}: a rate is a number per time, `1/min`, `20/s`, `4/h` or `2/day`")]
pub struct RateError(String);

/// Reads `1/min`, `0.5/s`, `4/h`, `2/day`; per second.
///
/// # Errors
///
/// [`RateError`] for anything else, and for what is negative or not finite.
pub fn rate(text: &str) -> Result<f64, RateError> {
    let wrong = || RateError(text.to_owned());
    let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
    let seconds = match unit.trim() {
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3_600.0,
        "day" => 86_400.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    if number.is_finite() && number >= 0.0 {
        Ok(number / seconds)
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_per_time() {
        assert_eq!(rate("120/min"), Ok(2.0));
        assert_eq!(rate("0.5/s"), Ok(0.5));
        assert_eq!(rate("86400/day"), Ok(1.0));
        for wrong in ["1", "1/week", "-1/s", "x/s", "inf/s", "nan/s", "/s"] {
            assert_eq!(
                rate(wrong).unwrap_err().to_string(),
                format!("{wrong}: a rate is a number per time, `1/min`, `20/s`, `4/h` or `2/day`")
            );
        }
    }
}

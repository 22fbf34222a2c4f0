//! Durations and rates as people write them: `"5s"`, `"200ms"`, `"200/s"`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A span of time, written with its unit: `"250us"`, `"200ms"`, `"5s"`, `"3m"`, `"1h"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A rate, written per second, minute or hour: `"200/s"`, `"30/m"`, `"1/h"`. Always above zero.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(f64);

/// What is wrong with a duration or a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a duration.
    #[error(
        "\"{0}\" is no duration; write a number and a unit, such as \"5s\" or \"200ms\" (us, ms, s, m, h)"
    )]
    Duration(String),
    /// Not a rate.
    #[error(
        "\"{0}\" is no rate; write a number above zero and a unit, such as \"200/s\" or \"1/m\" (s, m, h)"
    )]
    Rate(String),
}

impl Span {
    /// The duration itself.
    pub fn get(self) -> Duration {
        self.0
    }
}

impl Rate {
    /// So many a second; at least one.
    pub(crate) fn a_second(count: u32) -> Self {
        Self(f64::from(count.max(1)))
    }

    /// Events per second.
    pub fn per_second(self) -> f64 {
        self.0
    }

    /// How long `count` events take at this rate.
    pub fn time_for(self, count: u64) -> Duration {
        #[expect(
            clippy::cast_precision_loss,
            reason = "event counts stay far below 2^52"
        )]
        let seconds = count as f64 / self.0;
        Duration::from_secs_f64(seconds.min(1e9))
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::Duration(text.to_owned());
        let (number, unit) = split(text).ok_or_else(wrong)?;
        let seconds = match unit {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        Duration::try_from_secs_f64(number * seconds)
            .map(Self)
            .map_err(|_| wrong())
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::Rate(text.to_owned());
        let (number, unit) = split(text).ok_or_else(wrong)?;
        let seconds = match unit {
            "/s" => 1.0,
            "/m" => 60.0,
            "/h" => 3600.0,
            _ => return Err(wrong()),
        };
        if number > 0.0 {
            Ok(Self(number / seconds))
        } else {
            Err(wrong())
        }
    }
}

/// The number and the unit after it; a number begins with a digit and is finite.
fn split(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number: f64 = text[..end].parse().ok()?;
    (text.starts_with(|c: char| c.is_ascii_digit()) && number.is_finite())
        .then_some((number, text[end..].trim_start()))
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        match micros {
            m if m % 1_000 != 0 => write!(f, "{m}us"),
            m if m % 1_000_000 != 0 => write!(f, "{}ms", m / 1_000),
            m => write!(f, "{}s", m / 1_000_000),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        let read = |text: &str| text.parse::<Span>().map(Span::get);

        assert_eq!(read("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(read("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(read("200 ms"), Ok(Duration::from_millis(200)));
        assert_eq!(read("2m"), Ok(Duration::from_secs(120)));
        for wrong in [
            "",
            "5",
            "s",
            "-1s",
            "5 days",
            "1e400s",
            "1..2s",
            ".s",
            "999999999999999999999h",
        ] {
            assert_eq!(
                read(wrong),
                Err(UnitError::Duration(wrong.to_owned())),
                "{wrong}"
            );
        }
    }

    #[test]
    fn rates_are_above_zero_and_name_their_period() {
        assert_eq!("200/s".parse(), Ok(Rate(200.0)));
        assert_eq!("30/m".parse(), Ok(Rate(0.5)));
        for wrong in ["200", "0/s", "/s", "5s"] {
            assert_eq!(
                wrong.parse::<Rate>(),
                Err(UnitError::Rate(wrong.to_owned()))
            );
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in ["250us", "200ms", "5s", "120s"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("200/s".parse::<Rate>().unwrap().to_string(), "200/s");
    }
}

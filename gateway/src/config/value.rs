//! The kinds of values a configuration holds, each with the words that ask for it.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use ipnet::IpNet;
use toml::Spanned;
use toml::de::DeValue;

/// What a key may hold. An error is the remedy: what to write instead.
pub(crate) trait Value: Sized {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, String>;
}

/// A number of bytes: `4096`, `"64KiB"`, `"1MiB"`, `"2GiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) usize);

/// How often something may happen: `"200/s"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) u32);

/// Sixteen secret bytes, as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) [u8; 16]);

impl Value for bool {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, String> {
        value
            .get_ref()
            .as_bool()
            .ok_or_else(|| "write true or false".to_owned())
    }
}

impl Value for String {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, String> {
        text(value, "write a text in quotes").map(str::to_owned)
    }
}

impl Value for NonZeroUsize {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, String> {
        let wanted = || "write a whole number from 1 upwards".to_owned();
        let number = value.get_ref().as_integer().ok_or_else(wanted)?;
        usize::from_str_radix(number.as_str(), number.radix())
            .ok()
            .and_then(Self::new)
            .ok_or_else(wanted)
    }
}

impl Value for usize {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, String> {
        let wanted = || "write a whole number from 0 upwards".to_owned();
        let number = value.get_ref().as_integer().ok_or_else(wanted)?;
        Self::from_str_radix(number.as_str(), number.radix()).map_err(|_| wanted())
    }
}

impl Value for Duration {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, String> {
        let wanted = "write a duration such as \"200ms\", \"5s\", \"3m\" or \"1h\"";
        duration(text(value, wanted)?).ok_or_else(|| wanted.to_owned())
    }
}

impl Value for Size {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, String> {
        let wanted = "write bytes as a number, or a text such as \"64KiB\", \"1MiB\", \"2GiB\"";
        if value.get_ref().is_integer() {
            return usize::read(value).map(Self).map_err(|_| wanted.to_owned());
        }
        size(text(value, wanted)?).ok_or_else(|| wanted.to_owned())
    }
}

impl Value for Rate {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, String> {
        let wanted = "write a rate such as \"200/s\"";
        text(value, wanted)?
            .strip_suffix("/s")
            .and_then(|count| count.trim().parse().ok())
            .filter(|count| *count > 0)
            .map(Self)
            .ok_or_else(|| wanted.to_owned())
    }
}

impl Value for Key {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, String> {
        let wanted = "write exactly 32 hexadecimal digits in quotes";
        let digits = text(value, wanted)?;
        if digits.len() != 32 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wanted.to_owned());
        }
        u128::from_str_radix(digits, 16)
            .map(|number| Self(number.to_be_bytes()))
            .map_err(|_| wanted.to_owned())
    }
}

impl Value for SocketAddr {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, String> {
        let wanted = "write an address and port such as \"0.0.0.0:8800\" or \"[::]:8800\"; port 0 takes a free one";
        text(value, wanted)?.parse().map_err(|_| wanted.to_owned())
    }
}

impl Value for IpNet {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, String> {
        let wanted = "write networks such as \"10.0.0.0/8\" or \"fd00::/8\", or single addresses";
        let text = text(value, wanted)?;
        text.parse()
            .or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()))
            .map_err(|_| wanted.to_owned())
    }
}

impl<T: Value> Value for Vec<Spanned<T>> {
    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, String> {
        let array = value
            .get_ref()
            .as_array()
            .ok_or_else(|| "write a list: [ … ]".to_owned())?;
        array
            .iter()
            .map(|element| Ok(Spanned::new(element.span(), T::read(element)?)))
            .collect()
    }
}

/// A value out of a short list of words.
macro_rules! words {
    ($name:ty { $($word:literal => $meaning:expr),+ $(,)? }) => {
        impl $crate::config::value::Value for $name {
            fn read(
                value: &toml::Spanned<toml::de::DeValue<'_>>,
            ) -> Result<Self, String> {
                const WORDS: &[&str] = &[$($word),+];
                match value.get_ref().as_str() {
                    $(Some($word) => Ok($meaning),)+
                    Some(other) => Err($crate::config::value::choose(other, WORDS)),
                    None => Err($crate::config::value::choose("", WORDS)),
                }
            }
        }
    };
}
pub(crate) use words;

/// The remedy for a word that is not on the list.
pub(crate) fn choose(word: &str, words: &[&str]) -> String {
    match super::complaint::nearest(word, words.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("write one of \"{}\"", words.join("\", \"")),
    }
}

fn text<'a>(value: &'a Spanned<DeValue<'_>>, wanted: &str) -> Result<&'a str, String> {
    value.get_ref().as_str().ok_or_else(|| wanted.to_owned())
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    // A year is longer than anything here can mean, and keeps sums of times from overflowing.
    number
        .checked_mul(milliseconds)
        .filter(|total| *total <= 365 * 24 * 3_600_000)
        .map(Duration::from_millis)
}

fn size(text: &str) -> Option<Size> {
    let (number, unit) = split_unit(text)?;
    let bytes: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    usize::try_from(number.checked_mul(bytes)?).ok().map(Size)
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text[..digits].parse().ok()?;
    Some((number, text[digits..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("200ms"), Some(Duration::from_millis(200)));
        assert_eq!(duration("5s"), Some(Duration::from_secs(5)));
        assert_eq!(duration("3m"), Some(Duration::from_secs(180)));
        assert_eq!(duration("5"), None);
        assert_eq!(duration("s"), None);
        assert_eq!(duration("-5s"), None);
        assert_eq!(duration("99999999999999999h"), None);
    }

    #[test]
    fn sizes_are_powers_of_two() {
        assert_eq!(size("64KiB"), Some(Size(65_536)));
        assert_eq!(size("2 MiB"), Some(Size(2_097_152)));
        assert_eq!(size("64kb"), None);
    }
}

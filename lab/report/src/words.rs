//! Numbers and times as a reader wants them.

/// A p-value; below what a double can tell from nothing it is a bound.
pub fn p_value(p: f64) -> String {
    if p < 1e-300 {
        "below 1e-300".to_owned()
    } else {
        figure(p)
    }
}

/// A whole number in groups of three: `12,345`.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three significant digits, large numbers in groups: `0.0123`, `4.56`, `12,345`.
pub fn figure(value: f64) -> String {
    let magnitude = value.abs();
    if !value.is_finite() {
        "–".to_owned()
    } else if magnitude >= 1000.0 {
        let text = grouped(magnitude.round() as u64);
        if value < 0.0 {
            format!("-{text}")
        } else {
            text
        }
    } else if magnitude == 0.0 {
        "0".to_owned()
    } else if magnitude < 0.001 {
        format!("{value:.1e}")
    } else {
        let decimals = (2 - magnitude.log10().floor() as i32).clamp(0, 5) as usize;
        trimmed(&format!("{value:.decimals$}"))
    }
}

/// A span in the unit a person would choose: `850 µs`, `12.3 ms`, `4.2 s`, `3 min 20 s`.
pub fn span_us(us: u64) -> String {
    match us {
        0 => "0".to_owned(),
        1..=999 => format!("{us} µs"),
        1_000..=999_999 => format!("{} ms", figure(us as f64 / 1e3)),
        1_000_000..=119_999_999 => format!("{} s", figure(us as f64 / 1e6)),
        _ => {
            let seconds = us / 1_000_000;
            format!("{} min {} s", seconds / 60, seconds % 60)
        }
    }
}

/// A span given in milliseconds.
pub fn span_ms(ms: u64) -> String {
    span_us(ms.saturating_mul(1_000))
}

/// A time of the run's own clock, which is negative before the first step.
pub fn moment(ms: i64) -> String {
    let text = span_ms(ms.unsigned_abs());
    if ms < 0 { format!("-{text}") } else { text }
}

/// Bytes in binary units: `463 B`, `4.4 KiB`, `1.5 GiB`.
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if value < 1024 {
        return format!("{value} B");
    }
    let mut scaled = value as f64 / 1024.0;
    let mut unit = 0;
    while scaled >= 1024.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{} {}", figure(scaled), UNITS[unit])
}

/// A date and time in UTC, from milliseconds since 1970: `2026-11-22 14:03:05 UTC`.
pub fn utc(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000;
    let (year, month, day) = civil(seconds / 86_400);
    let of_day = seconds % 86_400;
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

/// `1 cell`, `3 cells`.
pub fn count(number: usize, one: &str, many: &str) -> String {
    counted(number as u64, one, many)
}

/// The same of what is counted in 64 bits.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    let word = if number == 1 { one } else { many };
    format!("{} {word}", grouped(number))
}

/// The Gregorian date of a day since 1970-01-01, by eras of 400 years that begin in March, so that the leap day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

/// Without the zeros, and the point, that say nothing.
fn trimmed(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_easily() {
        assert_eq!(
            ["0", "999", "1,000", "1,234,567"].map(str::to_owned),
            [0, 999, 1000, 1_234_567].map(grouped)
        );
        assert_eq!(
            [0.0, 0.012_34, 1.139, 45.67, 456.7, 12_345.6, -1.5, 1.2e-7].map(figure),
            [
                "0", "0.0123", "1.14", "45.7", "457", "12,346", "-1.5", "1.2e-7"
            ]
            .map(str::to_owned)
        );
        assert_eq!(figure(f64::NAN), "–");
    }

    #[test]
    fn spans_take_the_unit_a_person_would() {
        assert_eq!(
            [850, 12_300, 4_200_000, 200_000_000].map(span_us),
            ["850 µs", "12.3 ms", "4.2 s", "3 min 20 s"].map(str::to_owned)
        );
    }

    #[test]
    fn bytes_take_binary_units() {
        assert_eq!(
            [463, 4_506, 1_610_612_736].map(bytes),
            ["463 B", "4.4 KiB", "1.5 GiB"].map(str::to_owned)
        );
    }

    #[test]
    fn dates_agree_with_the_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_400_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(1_795_356_185_000), "2026-11-22 14:03:05 UTC");
    }
}

//! Criterion's results: `benchmark.json` and `estimates.json` of every benchmark, and whether they can be believed.

use serde::{Deserialize, Serialize};

use crate::results::Machine;

/// What the benchmarks said, and what is doubtful about it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Benches {
    /// Every benchmark that could be used, by name.
    pub list: Vec<Bench>,
    /// Why some, or all, could not; each a sentence for the reader.
    pub cautions: Vec<String>,
}

/// One benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bench {
    /// Criterion's full name: `fan-out/single/epoll`.
    pub name: String,
    /// The mean of one thing done, in nanoseconds.
    pub mean_ns: f64,
    /// Where the mean lies with 95 % confidence.
    pub low_ns: f64,
    /// And below what.
    pub high_ns: f64,
}

/// What a bench leaves beside criterion's files, so that nobody takes one machine's numbers for another's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The machine the benchmarks ran on.
    pub machine: Machine,
    /// When, in milliseconds since 1970.
    pub unix_ms: u64,
}

/// One folder `target/criterion/…/new`, as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Text of `benchmark.json`.
    pub benchmark: String,
    /// Text of `estimates.json`.
    pub estimates: String,
    /// When the estimates were written, in milliseconds since 1970.
    pub unix_ms: u64,
}

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
    #[serde(default)]
    throughput: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Estimates {
    mean: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    confidence_interval: Bounds,
    point_estimate: f64,
}

#[derive(Deserialize)]
struct Bounds {
    lower_bound: f64,
    upper_bound: f64,
}

impl Bench {
    /// One benchmark out of its two files; per element where criterion was told how many there are.
    ///
    /// # Errors
    ///
    /// When a file is not criterion's.
    pub fn read(benchmark: &str, estimates: &str) -> Result<Self, serde_json::Error> {
        let about: Benchmark = serde_json::from_str(benchmark)?;
        let Estimates { mean } = serde_json::from_str(estimates)?;
        let elements = about.throughput.as_ref().and_then(|t| t.get("Elements"));
        let each = elements
            .and_then(serde_json::Value::as_f64)
            .unwrap_or(1.0)
            .max(1.0);
        Ok(Self {
            name: about.full_id,
            mean_ns: mean.point_estimate / each,
            low_ns: mean.confidence_interval.lower_bound / each,
            high_ns: mean.confidence_interval.upper_bound / each,
        })
    }
}

impl Benches {
    /// What of the found can be used here: nothing from another machine, nothing older than the code. Whatever is left out is said.
    #[must_use]
    pub fn of(
        found: &[Found],
        stamp: Option<&Stamp>,
        here: &Machine,
        code_unix_ms: Option<u64>,
    ) -> Self {
        let mut benches = Self::default();
        if found.is_empty() {
            benches.caution("there are no results of criterion here; `cargo bench` makes them");
            return benches;
        }
        match stamp {
            None => {
                benches.caution("criterion's results do not say on which machine they were made, so they are left out; run `cargo bench` as a whole");
                return benches;
            }
            Some(stamp) if !same_machine(&stamp.machine, here) => {
                benches.caution(format!(
                    "criterion's results are of another machine ({} × {}, {}), so they are left out; run `cargo bench` here",
                    stamp.machine.cores, stamp.machine.cpu_model, stamp.machine.kernel
                ));
                return benches;
            }
            Some(_) => {}
        }
        let (mut old, mut foreign) = (0, 0);
        for one in found {
            if code_unix_ms.is_some_and(|code| one.unix_ms < code) {
                old += 1;
                continue;
            }
            match Bench::read(&one.benchmark, &one.estimates) {
                Ok(bench) => benches.list.push(bench),
                Err(_) => foreign += 1,
            }
        }
        if code_unix_ms.is_none() {
            benches.caution("whether criterion's results are older than the code is not known, because its source is not here; run `lab capacity` where it is");
        }
        if old > 0 {
            benches.caution(format!("{old} of {} benchmarks are older than the code, so they are left out; run `cargo bench` again", found.len()));
        }
        if foreign > 0 {
            benches.caution(format!(
                "{foreign} files are not what criterion writes, so they are left out"
            ));
        }
        benches.list.sort_by(|a, b| a.name.cmp(&b.name));
        benches
    }

    /// What the most expensive of the benchmarks whose names begin so takes, in seconds; none without such a benchmark.
    #[must_use]
    pub fn most_expensive(&self, prefix: &str) -> Option<f64> {
        let named = self.list.iter().filter(|b| b.name.starts_with(prefix));
        named.map(|b| b.mean_ns * 1e-9).max_by(f64::total_cmp)
    }

    fn caution(&mut self, words: impl Into<String>) {
        self.cautions.push(words.into());
    }
}

/// Memory and descriptors may be set anew; processor, their number and the kernel make the numbers.
fn same_machine(one: &Machine, other: &Machine) -> bool {
    (&one.cpu_model, one.cores, &one.kernel) == (&other.cpu_model, other.cores, &other.kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BENCHMARK: &str = r#"{"group_id":"fan-out/single","function_id":"epoll","value_str":null,"throughput":{"Elements":1000},"full_id":"fan-out/single/epoll","directory_name":"x","title":"x"}"#;
    const ESTIMATES: &str = r#"{"mean":{"confidence_interval":{"confidence_level":0.95,"lower_bound":6000000.0,"upper_bound":8000000.0},"point_estimate":7000000.0,"standard_error":1.0},"median":{}}"#;

    #[test]
    fn a_benchmark_is_read_per_element() {
        assert_eq!(
            Bench::read(BENCHMARK, ESTIMATES).unwrap(),
            Bench {
                name: "fan-out/single/epoll".to_owned(),
                mean_ns: 7_000.0,
                low_ns: 6_000.0,
                high_ns: 8_000.0,
            }
        );
    }

    #[test]
    fn nothing_doubtful_is_used_silently() {
        let here = machine("A");
        let stamp = |name| Stamp {
            machine: machine(name),
            unix_ms: 5,
        };
        let found = [found(100), found(10)];
        let of = |found: &[Found], stamp: Option<Stamp>| {
            Benches::of(found, stamp.as_ref(), &here, Some(50))
        };

        let missing = of(&[], Some(stamp("A")));
        let unstamped = of(&found, None);
        let foreign = of(&found, Some(stamp("B")));
        let old = of(&found, Some(stamp("A")));

        assert_eq!(
            [&missing, &unstamped, &foreign, &old].map(|b| (b.list.len(), b.cautions.clone())),
            [
                (0, "there are no results of criterion here; `cargo bench` makes them"),
                (0, "criterion's results do not say on which machine they were made, so they are left out; run `cargo bench` as a whole"),
                (0, "criterion's results are of another machine (2 × B, Linux 6), so they are left out; run `cargo bench` here"),
                (1, "1 of 2 benchmarks are older than the code, so they are left out; run `cargo bench` again"),
            ]
            .map(|(count, words)| (count, vec![words.to_owned()]))
        );
    }

    fn machine(name: &str) -> Machine {
        Machine {
            cpu_model: name.to_owned(),
            cores: 2,
            kernel: "Linux 6".to_owned(),
            ..Machine::default()
        }
    }

    fn found(unix_ms: u64) -> Found {
        Found {
            benchmark: BENCHMARK.to_owned(),
            estimates: ESTIMATES.to_owned(),
            unix_ms,
        }
    }
}

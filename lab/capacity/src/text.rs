//! The answer for a terminal.

use std::fmt::Write as _;

use lab_report::words::{bytes, figure, grouped};

use crate::answer::{Answer, FAR};
use crate::costs::{Costs, shown};
use crate::published;
use crate::question::Question;
use crate::results::Results;

/// The text; its first line is the answer.
#[must_use]
pub fn text(question: &Question, answer: &Answer, results: &Results, costs: &Costs) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(out, "{}\n", answer.sentence(question));
    for row in &answer.rows {
        let mark = if row.is_far() { "†" } else { " " };
        let both = match (row.each.is_empty(), row.whole.is_empty()) {
            (false, false) => format!("{} each, {} in all", row.each, row.whole),
            (true, _) => format!("{} in all", row.whole),
            (_, true) => format!("{} each", row.each),
        };
        let _ = writeln!(
            out,
            "{mark} {:<22} {both}\n  {:<22} {}",
            row.what, "", row.note
        );
    }
    let _ = writeln!(
        out,
        "\nwhat each resource asks for{}",
        if answer.groups > 1 {
            ", in each group"
        } else {
            ""
        }
    );
    for demand in &answer.demands {
        let count = demand
            .gateways
            .map_or_else(|| "no number is enough".to_owned(), grouped)
            + answer.mark();
        let _ = writeln!(out, "  {:<14} {count}: {}", demand.resource, demand.because);
    }
    let _ = writeln!(
        out,
        "\n{}\n\nmeasured on {}",
        answer.reading,
        machine(results)
    );
    for (what, value) in units(costs) {
        let _ = writeln!(out, "  {what:<34} {value}");
    }
    let _ = writeln!(out, "  {:<34} {}", "how workgroups add up", law(costs));
    let _ = writeln!(
        out,
        "\nbeside the published record ({} clients on {} processors of 2010)",
        grouped(published::CLIENTS as u64),
        published::CORES
    );
    for (what, theirs, ours) in beside(costs) {
        let _ = writeln!(out, "  {what:<34} theirs {theirs}, ours {ours}");
    }
    for caution in &answer.cautions {
        let _ = writeln!(out, "caution  {caution}");
    }
    if let Some(costs) = money(question, answer) {
        let _ = writeln!(out, "{costs}");
    }
    if out.contains('†') {
        let _ = writeln!(
            out,
            "†  more than {FAR} times what was measured: an extrapolation, not a measurement"
        );
    }
    out
}

/// Where it was measured.
#[must_use]
pub fn machine(results: &Results) -> String {
    let m = &results.machine;
    let ends = if results.tls {
        "TLS at the gateway"
    } else {
        "no TLS at the gateway"
    };
    format!(
        "{} × {}, {}, {}, {}, {ends}",
        m.cores,
        m.cpu_model,
        bytes(m.memory_bytes),
        m.kernel,
        results.gateway
    )
}

/// Every unit cost with its interval.
#[must_use]
pub fn units(costs: &Costs) -> Vec<(&'static str, String)> {
    let size = |value: f64| bytes(value.max(0.0) as u64);
    let micros = |value: f64| format!("{} µs", figure(value * 1e6));
    vec![
        (
            "gateway's memory per connection",
            shown(&costs.user.slope, size),
        ),
        (
            "kernel's memory per connection",
            shown(&costs.kernel.slope, size),
        ),
        (
            "gateway's memory with nobody there",
            shown(&costs.user.base, size),
        ),
        (
            "memory per record remembered",
            shown(&costs.remember.slope, size),
        ),
        (
            "processor per handshake",
            shown(&costs.handshake.slope, micros),
        ),
        (
            "processor per record and delivery",
            shown(&costs.deliver.slope, micros),
        ),
        (
            "processor per record nobody wants",
            shown(&costs.read.slope, micros),
        ),
    ]
}

/// How workgroups add up: the law's parameters where it was fitted, else why it was not and what is assumed instead.
#[must_use]
pub fn law(costs: &Costs) -> String {
    let law = match &costs.scaling {
        Ok(law) => law,
        Err(unfit) => return unfit.to_string(),
    };
    let peak = law.peak().map_or_else(
        || "more always do more".to_owned(),
        |peak| format!("most at {} workgroups", figure(peak.max(1.0))),
    );
    format!(
        "universal scalability law: λ {} deliveries/s for one, σ {} for waiting, κ {} for agreeing; {peak}",
        figure(law.lambda),
        figure(law.sigma.max(0.0)),
        figure(law.kappa.max(0.0))
    )
}

/// Per client and per message: the published record's and ours.
#[must_use]
pub fn beside(costs: &Costs) -> Vec<(&'static str, String, String)> {
    let ours = costs.user.slope.value + costs.kernel.slope.value;
    let budget = f64::from(published::CORES) / published::RATE;
    let times = costs.top_times_us.map_or_else(
        || "not timed".to_owned(),
        |(p50, p99)| {
            format!(
                "median {} ms, p99 {} ms at {}/s on this machine",
                figure(p50 as f64 / 1e3),
                figure(p99 as f64 / 1e3),
                figure(costs.top_rate)
            )
        },
    );
    vec![
        (
            "memory per client",
            bytes(published::BYTES_PER_CLIENT as u64),
            bytes(ours.max(0.0) as u64),
        ),
        (
            "processor per message",
            format!(
                "at most {} µs, with all {} processors busy",
                figure(budget * 1e6),
                published::CORES
            ),
            format!("{} µs", figure(costs.deliver.slope.value * 1e6)),
        ),
        (
            "time to the client",
            format!(
                "mean {} ms, p99 {} ms at {}/s",
                published::MEAN_MS,
                published::P99_MS,
                figure(published::RATE)
            ),
            times,
        ),
    ]
}

/// What it costs, from the prices that were given; none without a price.
#[must_use]
pub fn money(question: &Question, answer: &Answer) -> Option<String> {
    let mark = answer.mark();
    let gateways = question.prices.gateway_month.and_then(|price| {
        let total = answer.total(question)? as f64;
        Some(format!("gateways {}{mark} a month", figure(total * price)))
    });
    let egress = question.prices.egress_gigabyte.map(|price| {
        let bytes = question.bytes as f64 + crate::answer::around(question);
        let month = question.devices as f64 * question.rate * bytes * 30.0 * 86_400.0 / 1e9;
        format!(
            "egress {}{mark} a month for {} GB{mark}",
            figure(month * price),
            figure(month)
        )
    });
    let parts: Vec<String> = gateways.into_iter().chain(egress).collect();
    (!parts.is_empty()).then(|| format!("cost, from your prices: {}", parts.join(", ")))
}

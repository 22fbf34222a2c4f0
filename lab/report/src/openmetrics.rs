//! The numbers of a run for a metrics store, in the OpenMetrics text format (RFC draft-richih-opsawg-openmetrics-00).

use lab_record::run::{Cell, Run};
use std::fmt::Write as _;

/// All cells of all runs; ends with the `# EOF` that the format demands.
pub fn render(runs: &[Run]) -> String {
    let mut text = String::new();
    family(
        &mut text,
        "tidegate_lab_expectation_held",
        "gauge",
        "1 held, 0 broken, NaN undecided.",
    );
    each(&mut text, runs, |text, labels, cell| {
        for e in &cell.expectations {
            let value = e.held.map_or("NaN", |held| if held { "1" } else { "0" });
            let _ = writeln!(
                text,
                "tidegate_lab_expectation_held{{{labels},expectation=\"{}\"}} {value}",
                escaped(&e.name)
            );
        }
    });
    family(
        &mut text,
        "tidegate_lab_workgroup_connections",
        "gauge",
        "Connections per workgroup at the end of the run.",
    );
    each(&mut text, runs, |text, labels, cell| {
        for w in &cell.workgroups {
            let _ = writeln!(
                text,
                "tidegate_lab_workgroup_connections{{{labels},gateway=\"{}\",workgroup=\"{}\"}} {}",
                w.gateway, w.workgroup, w.connections
            );
        }
    });
    family(
        &mut text,
        "tidegate_lab_time_microseconds",
        "gauge",
        "Times measured, by quantile.",
    );
    each(&mut text, runs, |text, labels, cell| {
        for h in cell.histograms.iter().filter(|h| h.unit == "us") {
            for (quantile, value) in [("0.5", h.p50), ("0.99", h.p99), ("1", h.max)] {
                let _ = writeln!(
                    text,
                    "tidegate_lab_time_microseconds{{{labels},what=\"{}\",quantile=\"{quantile}\"}} {value}",
                    escaped(&h.name)
                );
            }
        }
    });
    family(
        &mut text,
        "tidegate_lab_process_cpu_milliseconds",
        "gauge",
        "Processor time each process used.",
    );
    each(&mut text, runs, |text, labels, cell| {
        for r in &cell.resources {
            let _ = writeln!(
                text,
                "tidegate_lab_process_cpu_milliseconds{{{labels},process=\"{}\"}} {}",
                escaped(&r.process),
                r.cpu_ms
            );
        }
    });
    family(
        &mut text,
        "tidegate_lab_recovery_milliseconds",
        "gauge",
        "Time from a fault to a station on the touched devices' way back, by quantile.",
    );
    each(&mut text, runs, |text, labels, cell| {
        for fault in cell.recovery.iter().flat_map(|recovery| &recovery.faults) {
            for station in &fault.stations {
                for (quantile, ms) in [
                    ("0.5", station.p50_ms),
                    ("0.99", station.p99_ms),
                    ("1", station.max_ms),
                ] {
                    let _ = writeln!(
                        text,
                        "tidegate_lab_recovery_milliseconds{{{labels},fault=\"{} {}\",station=\"{}\",quantile=\"{quantile}\"}} {ms}",
                        escaped(&fault.kind),
                        escaped(&fault.target),
                        escaped(&station.name)
                    );
                }
            }
        }
    });
    text.push_str("# EOF\n");
    text
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# TYPE {name} {kind}\n# HELP {name} {help}");
}

fn each(text: &mut String, runs: &[Run], write: impl Fn(&mut String, &str, &Cell)) {
    for run in runs {
        for cell in &run.cells {
            let labels = format!(
                "scenario=\"{}\",cell=\"{}\",kafka=\"{}\",adc=\"{}\"",
                escaped(&run.scenario.file),
                escaped(&cell.name),
                escaped(&cell.providers.kafka),
                escaped(&cell.providers.adc)
            );
            write(text, &labels, cell);
        }
    }
}

/// A label value: backslash, quote and line feed are escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

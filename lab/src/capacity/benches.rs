//! Criterion's results on disk: where they are, how old they are, and how old the code is.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use lab_capacity::criterion::{Benches, Found, Stamp};
use lab_capacity::results::Machine;

/// Folders inside folders are searched this deep.
const DEPTH: usize = 8;

/// What the benchmark `machine` leaves beside the others' results.
const STAMP: &str = "machine.json";

/// The results below `folder`, else where criterion puts them; whatever cannot be used is said in them.
pub(super) fn find(folder: Option<&Path>, here: &Machine) -> Benches {
    let folder = folder.map_or_else(default_folder, Path::to_owned);
    let mut found = vec![];
    search(&folder, DEPTH, &mut |file| {
        if file.ends_with("new/benchmark.json") {
            found.extend(read(file));
        }
    });
    let stamp = std::fs::read_to_string(folder.join(STAMP)).ok();
    let stamp: Option<Stamp> = stamp.and_then(|text| serde_json::from_str(&text).ok());
    Benches::of(&found, stamp.as_ref(), here, newest_code())
}

/// As criterion decides it.
fn default_folder() -> PathBuf {
    if let Some(home) = std::env::var_os("CRITERION_HOME") {
        return home.into();
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    target.join("criterion")
}

fn read(benchmark: &Path) -> Option<Found> {
    let estimates = benchmark.with_file_name("estimates.json");
    Some(Found {
        unix_ms: modified(&estimates)?,
        benchmark: std::fs::read_to_string(benchmark).ok()?,
        estimates: std::fs::read_to_string(estimates).ok()?,
    })
}

/// When the gateway's code was last changed, where one stands in its source; none elsewhere.
fn newest_code() -> Option<u64> {
    let mut newest = None;
    search(Path::new("gateway"), DEPTH, &mut |file| {
        if file.extension().is_some_and(|end| end == "rs") {
            newest = newest.max(modified(file));
        }
    });
    newest
}

/// Every file below a folder; what cannot be read is as good as absent.
fn search(folder: &Path, depth: usize, visit: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => search(&path, depth - 1, visit),
            Ok(kind) if kind.is_file() => visit(&path),
            _ => {}
        }
    }
}

fn modified(file: &Path) -> Option<u64> {
    let time = std::fs::metadata(file).ok()?.modified().ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_results_says_how_to_make_them() {
        let empty = tempfile::tempdir().unwrap();

        let benches = find(Some(empty.path()), &Machine::default());

        assert_eq!(
            benches.cautions,
            ["there are no results of criterion here; `cargo bench` makes them"]
        );
    }

    #[test]
    fn results_of_another_machine_are_found_and_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("json_encode/new");
        std::fs::create_dir_all(&new).unwrap();
        std::fs::write(new.join("benchmark.json"), "{}").unwrap();
        std::fs::write(new.join("estimates.json"), "{}").unwrap();
        let stamp = Stamp {
            machine: Machine {
                cpu_model: "another".to_owned(),
                ..Machine::default()
            },
            unix_ms: 0,
        };
        let text = serde_json::to_string(&stamp).unwrap();
        std::fs::write(folder.path().join(STAMP), text).unwrap();

        let benches = find(Some(folder.path()), &Machine::default());

        assert!(
            benches.list.is_empty() && benches.cautions[0].contains("another machine"),
            "{benches:?}"
        );
    }
}

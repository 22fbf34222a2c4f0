//! What a run is about to change on a device, on disk before it does: a crash leaves the list of what there is to remove.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// Its name in the evidence.
pub(crate) const FILE: &str = "changes.json";
/// The shape of the file.
const FORMAT: u32 = 1;

/// A list of changes and where it is kept. Every change of it reaches the disk before the call returns.
#[derive(Debug)]
pub(crate) struct Journal {
    file: PathBuf,
    written: Written,
}

/// The file's contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
    format: u32,
    /// The device, as `https://HOST`.
    target: String,
    changes: Vec<Change>,
}

/// One partition that was, or was about to be, made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Change {
    /// The partition, an AS3 tenant.
    pub(crate) partition: String,
    /// Nodes in /Common that were not there before: AS3 makes them for members, and removes them with the last.
    pub(crate) nodes: Vec<String>,
    /// Where it stands.
    pub(crate) state: State,
}

/// Where a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Ordered, or about to be.
    Ordered,
    /// The device no longer has it.
    Removed,
}

impl Journal {
    /// A new list in this folder.
    pub(crate) fn create(folder: &Path, target: &str) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let journal = Self {
            file: folder.join(FILE),
            written: Written {
                format: FORMAT,
                target: target.to_owned(),
                changes: vec![],
            },
        };
        journal.keep()?;
        Ok(journal)
    }

    /// One that a run has left behind.
    pub(crate) fn open(file: &Path) -> anyhow::Result<Self> {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let written: Written = serde_json::from_str(&text).with_context(|| {
            format!(
                "{} is not a list of changes that `lab run --adc bigip` wrote",
                file.display()
            )
        })?;
        if written.format != FORMAT {
            bail!(
                "{} has format {}, this lab reads {FORMAT}",
                file.display(),
                written.format
            );
        }
        Ok(Self {
            file: file.to_owned(),
            written,
        })
    }

    /// The device, as `https://HOST`.
    pub(crate) fn target(&self) -> &str {
        &self.written.target
    }

    /// Where it is kept.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// A partition is about to be made.
    pub(crate) fn order(&mut self, partition: &str, nodes: Vec<String>) -> anyhow::Result<()> {
        self.written.changes.push(Change {
            partition: partition.to_owned(),
            nodes,
            state: State::Ordered,
        });
        self.keep()
    }

    /// What the device still has.
    pub(crate) fn left(&self) -> Vec<Change> {
        let left = self
            .written
            .changes
            .iter()
            .filter(|change| change.state == State::Ordered);
        left.cloned().collect()
    }

    /// A partition is gone.
    pub(crate) fn removed(&mut self, partition: &str) -> anyhow::Result<()> {
        for change in &mut self.written.changes {
            if change.partition == partition {
                change.state = State::Removed;
            }
        }
        self.keep()
    }

    /// Whole or not at all, and on the disk.
    fn keep(&self) -> anyhow::Result<()> {
        let writing = || format!("cannot write {}", self.file.display());
        let half = self.file.with_extension("json.new");
        let mut file = File::create(&half).with_context(writing)?;
        file.write_all(serde_json::to_string_pretty(&self.written)?.as_bytes())
            .with_context(writing)?;
        file.sync_all().with_context(writing)?;
        fs::rename(&half, &self.file).with_context(writing)?;
        if let Some(folder) = self.file.parent() {
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .with_context(writing)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_ordered_is_left_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(folder.path(), "https://bigip.example").unwrap();
        journal
            .order("tidegate_lab_1", vec!["/Common/10.0.0.1".to_owned()])
            .unwrap();
        journal.order("tidegate_lab_2", vec![]).unwrap();
        journal.removed("tidegate_lab_1").unwrap();

        let again = Journal::open(&folder.path().join(FILE)).unwrap();

        assert_eq!(again.target(), "https://bigip.example");
        let left: Vec<String> = again
            .left()
            .into_iter()
            .map(|change| change.partition)
            .collect();
        assert_eq!(left, ["tidegate_lab_2"]);
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("run.json");
        fs::write(&file, "{\"format\":1}").unwrap();

        let refused = Journal::open(&file).unwrap_err();

        assert!(
            refused.to_string().contains("not a list of changes"),
            "{refused}"
        );
    }
}

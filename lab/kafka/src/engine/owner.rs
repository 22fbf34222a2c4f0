//! Which process a container belongs to.

use std::fmt;
use std::fs;
use std::str::FromStr;

/// The label that names a container's owner.
pub(crate) const OWNER_LABEL: &str = "tidegate.lab.owner";

/// A process, told apart from a later one with the same id by when it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    process: u32,
    /// Clock ticks from boot to its start.
    started: u64,
}

impl Owner {
    pub(crate) fn this_process() -> Self {
        let process = std::process::id();
        Self {
            process,
            started: started(process).unwrap_or(0),
        }
    }

    pub(crate) fn is_alive(self) -> bool {
        started(self.process) == Some(self.started)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.process, self.started)
    }
}

impl FromStr for Owner {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (process, started) = text.split_once('-').ok_or(())?;
        Ok(Self {
            process: process.parse().map_err(drop)?,
            started: started.parse().map_err(drop)?,
        })
    }
}

/// Field 22 of proc(5)'s stat; the fields are counted after the name, which is in parentheses and may hold anything.
fn started(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_survives_its_label() {
        let owner = Owner::this_process();

        assert_eq!(owner.to_string().parse(), Ok(owner));
        assert!(owner.is_alive());
    }

    #[test]
    fn a_reused_process_id_is_another_owner() {
        let earlier = Owner {
            started: 1,
            ..Owner::this_process()
        };

        assert!(!earlier.is_alive());
    }

    #[test]
    fn a_foreign_label_names_nobody() {
        for label in ["", "12", "a-b", "12-"] {
            assert_eq!(label.parse::<Owner>(), Err(()));
        }
    }
}

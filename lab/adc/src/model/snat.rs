//! Which source addresses and ports members see.

use std::{fmt, net::IpAddr, ops::RangeInclusive};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Source address translation of a virtual server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Snat {
    /// The translation addresses, used in turn. Empty: the address that this machine uses towards the member (F5: automap).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// How a source port is chosen for each connection.
    #[serde(default)]
    pub ports: SnatPorts,
    /// First and last port a model may use; absent: its usual span. Not for ports that the kernel or the client chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_range: Option<(u16, u16)>,
}

impl Snat {
    /// The span of [`Self::port_range`].
    pub fn span(&self) -> Option<RangeInclusive<u16>> {
        self.port_range.map(|(first, last)| first..=last)
    }
}

/// How a source port is chosen, per member: a port may be used towards each member at once, so that one address carries up
/// to about 64,000 connections *per member*.
///
/// Written as one word: `linux-connect`, `bind-first`, `preserve`, `preserve-strict` or the name of a
/// [model](lab_ports::Model).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SnatPorts {
    /// The kernel's own choice at `connect()`: one parity, in small random steps. What HAProxy and every other program on
    /// Linux does.
    #[default]
    LinuxConnect,
    /// The kernel's own choice at `bind(0)`, before it knows the member: the other parity.
    BindFirst,
    /// The client's own port if it is free, else any (F5: `source-port preserve`).
    Preserve,
    /// The client's own port or none at all (F5: `source-port preserve-strict`).
    PreserveStrict,
    /// Exactly the sequence of a model.
    Model(lab_ports::Model),
}

impl SnatPorts {
    /// The word used in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::LinuxConnect => lab_ports::Model::LinuxConnect.name(),
            Self::BindFirst => lab_ports::Model::BindFirst.name(),
            Self::Preserve => "preserve",
            Self::PreserveStrict => "preserve-strict",
            Self::Model(model) => model.name(),
        }
    }

    /// The choice of this name, if there is one.
    ///
    /// # Errors
    /// The list of names, when it is none of them.
    pub fn named(name: &str) -> Result<Self, String> {
        match name {
            "preserve" => Ok(Self::Preserve),
            "preserve-strict" => Ok(Self::PreserveStrict),
            name => match name.parse() {
                // What the kernel does is had from the kernel; a copy would only be less true.
                Ok(lab_ports::Model::LinuxConnect) => Ok(Self::LinuxConnect),
                Ok(lab_ports::Model::BindFirst) => Ok(Self::BindFirst),
                Ok(model) => Ok(Self::Model(model)),
                Err(unknown) => Err(format!("{unknown}, preserve, preserve-strict")),
            },
        }
    }
}

impl fmt::Display for SnatPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for SnatPorts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for SnatPorts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::named(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_read_back_from_its_name() {
        let models = lab_ports::Model::ALL.map(|model| SnatPorts::named(model.name()).unwrap());

        for choice in models
            .into_iter()
            .chain([SnatPorts::Preserve, SnatPorts::PreserveStrict])
        {
            assert_eq!(SnatPorts::named(choice.name()), Ok(choice));
        }
    }

    #[test]
    fn an_unknown_choice_is_answered_with_the_known_ones() {
        let refusal = SnatPorts::named("modulo").unwrap_err();

        assert!(
            refusal.starts_with("no source-port model is called `modulo`"),
            "{refusal}"
        );
        assert!(refusal.ends_with("preserve, preserve-strict"), "{refusal}");
    }
}

//! The names of the models.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::setting::Setting;
use crate::sources::Sources;

/// How sources are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// Linux `connect()` without `bind()`: even ports only, in steps of 2 to 16, as long as even ones are free.
    LinuxConnect,
    /// Linux `bind()` to port 0 before `connect()`: odd ports only, at random, as long as odd ones are free.
    BindFirst,
    /// One after the other, as HAProxy does with `source ADDRESS:LOW-HIGH`.
    Range,
    /// Every 4th port: what one of four packet engines of a load balancer may use.
    #[serde(rename = "stride-4")]
    Stride4,
    /// Every 8th port.
    #[serde(rename = "stride-8")]
    Stride8,
    /// Every 16th port.
    #[serde(rename = "stride-16")]
    Stride16,
    /// Eight cores, each with the ports of its own residue; the busy cores hand out most.
    PerCoreResidue,
    /// A carrier's NAT: few public addresses, a block of ports per customer, handed out from the start of the block.
    CgnatBlocks,
    /// Home routers: one to four devices behind a public address, each keeping the port it chose itself.
    HomeNat,
    /// IPv6 without NAT: a /64 per home, a random interface identifier per device (RFC 8981).
    Ipv6Privacy,
}

impl Model {
    /// Every model, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::LinuxConnect,
        Self::BindFirst,
        Self::Range,
        Self::Stride4,
        Self::Stride8,
        Self::Stride16,
        Self::PerCoreResidue,
        Self::CgnatBlocks,
        Self::HomeNat,
        Self::Ipv6Privacy,
    ];

    /// The name in scenarios.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LinuxConnect => "linux-connect",
            Self::BindFirst => "bind-first",
            Self::Range => "range",
            Self::Stride4 => "stride-4",
            Self::Stride8 => "stride-8",
            Self::Stride16 => "stride-16",
            Self::PerCoreResidue => "per-core-residue",
            Self::CgnatBlocks => "cgnat-blocks",
            Self::HomeNat => "home-nat",
            Self::Ipv6Privacy => "ipv6-privacy",
        }
    }

    /// Whether sockets on 127.0.0.0/8 can have such sources; if not, only a PROXY header can tell them.
    #[must_use]
    pub fn fits_loopback(self) -> bool {
        self != Self::Ipv6Privacy
    }

    /// The span of ports when a setting names none: the kernel's default `ip_local_port_range` for what one host hands out, all
    /// unprivileged ports for NATs.
    #[must_use]
    pub fn usual_ports(self) -> RangeInclusive<u16> {
        match self {
            Self::LinuxConnect | Self::BindFirst | Self::Range => 32_768..=60_999,
            Self::Stride4
            | Self::Stride8
            | Self::Stride16
            | Self::PerCoreResidue
            | Self::CgnatBlocks => 1_024..=65_535,
            // What devices choose themselves: RFC 6335 section 6 (Apple, Windows) together with Linux and Android.
            Self::HomeNat | Self::Ipv6Privacy => 32_768..=65_535,
        }
    }

    /// The sequence of sources for a setting.
    #[must_use]
    pub fn sources(self, setting: &Setting) -> Sources {
        Sources::new(self, setting)
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no model's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no source-port model is called `{name}`; there are {}", Model::ALL.map(Model::name).join(", "))]
pub struct UnknownModel {
    /// What was written.
    pub name: String,
}

impl FromStr for Model {
    type Err = UnknownModel;

    fn from_str(name: &str) -> Result<Self, UnknownModel> {
        Self::ALL
            .into_iter()
            .find(|model| model.name() == name)
            .ok_or_else(|| UnknownModel {
                name: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for model in Model::ALL {
            assert_eq!(model.name().parse(), Ok(model));
            assert_eq!(serde_json::to_value(model).unwrap(), model.name());
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "stride-5".parse::<Model>().unwrap_err();

        assert_eq!(
            error.to_string(),
            "no source-port model is called `stride-5`; there are linux-connect, bind-first, range, stride-4, stride-8, stride-16, \
             per-core-residue, cgnat-blocks, home-nat, ipv6-privacy"
        );
    }
}

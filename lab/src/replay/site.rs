//! The operator's own addresses, `--site FILE`.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use serde::Deserialize;

use crate::options::UsageError;

/// What a replay must know of the network around the device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ReplaySite {
    /// Where the devices of the lab connect to: an address that the BIG-IP may have.
    pub(crate) virtual_address: SocketAddr,
    /// The VLANs it listens on; all when there are none.
    #[serde(default)]
    pub(crate) vlans: Vec<String>,
    /// Addresses the BIG-IP uses towards the gateways.
    pub(crate) snat_addresses: Vec<IpAddr>,
    /// The route domain of all of these; 0 is the BIG-IP's own.
    #[serde(default)]
    pub(crate) route_domain: u16,
    /// The address of this machine at which the BIG-IP reaches the gateways that the lab starts.
    pub(crate) gateways_at: IpAddr,
    /// Addresses of this machine that the lab's devices come from, in turn.
    pub(crate) devices_from: Vec<IpAddr>,
}

impl ReplaySite {
    /// Reads and checks it.
    pub(crate) fn read(file: &Path) -> Result<Self, UsageError> {
        let text = std::fs::read_to_string(file).map_err(|error| UsageError::Unreadable {
            file: file.to_owned(),
            error: error.to_string(),
        })?;
        Self::parse(&text).map_err(|error| UsageError::Site {
            file: file.to_owned(),
            error,
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let site: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if site.snat_addresses.is_empty() {
            return Err("snat-addresses: there is none; name the addresses that the BIG-IP uses towards the gateways".to_owned());
        }
        if let Some(other) = differs(&site.snat_addresses, site.gateways_at) {
            return Err(format!(
                "snat-addresses: {other} cannot reach {}; name addresses of its family",
                site.gateways_at
            ));
        }
        if site.devices_from.is_empty() {
            return Err("devices-from: there is none; name addresses of this machine that reach the virtual address".to_owned());
        }
        if let Some(other) = differs(&site.devices_from, site.virtual_address.ip()) {
            return Err(format!(
                "devices-from: {other} cannot reach {}; name addresses of its family",
                site.virtual_address
            ));
        }
        Ok(site)
    }
}

fn differs(addresses: &[IpAddr], family_of: IpAddr) -> Option<&IpAddr> {
    addresses
        .iter()
        .find(|address| address.is_ipv4() != family_of.is_ipv4())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../../../f5-irules/replay.toml");

    #[test]
    fn the_shipped_example_is_a_site() {
        let site = ReplaySite::parse(GOOD).unwrap();

        assert_eq!(site.virtual_address, "192.0.2.10:443".parse().unwrap());
        assert_eq!(site.vlans, ["/Common/external"]);
    }

    #[test]
    fn addresses_that_cannot_meet_are_refused_with_their_key() {
        let complaint = |old: &str, new: &str| {
            let text = GOOD.replace(old, new);
            assert_ne!(text, GOOD, "{old}");
            ReplaySite::parse(&text).unwrap_err()
        };

        assert!(
            complaint("\"10.20.0.50\"", "\"2001:db8::5\"")
                .starts_with("snat-addresses: 10.20.0.241 cannot reach 2001:db8::5")
        );
        assert!(complaint("[\"198.51.100.20\"]", "[]").starts_with("devices-from: there is none"));
        assert!(
            complaint("virtual-address", "virtual-addres")
                .contains("unknown field `virtual-addres`")
        );
    }
}

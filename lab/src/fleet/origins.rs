//! Which address and port each device comes from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use gateway_protocol::proxy_header;
use lab_ports::{Addresses, Network, Setting, Sources};

use crate::provider::{FleetSetup, Refusal, RefusalKind};
use crate::stage::{Family, SendProxy, Stage};

/// Devices that come out of one loopback address when only a header tells where they are: well below what `connect()` can give.
const DEVICES_PER_ADDRESS: u32 = 20_000;

/// The addresses that the model gives this fleet: sockets' own, or those that headers tell.
pub(super) fn sources(setup: &FleetSetup) -> Sources {
    let addresses = match (setup.preface, setup.family) {
        (SendProxy::Off, _) if !setup.from.is_empty() => Addresses::Given(setup.from.clone()),
        (SendProxy::Off, Family::Ipv4) => Addresses::drawn(Network::Loopback),
        // A host has one IPv6 loopback address, not 2^24.
        (SendProxy::Off, Family::Ipv6) => Addresses::Given(vec![Ipv6Addr::LOCALHOST.into()]),
        (_, Family::Ipv4) => Addresses::drawn(Network::Documentation),
        (_, Family::Ipv6) => Addresses::drawn(Network::DocumentationV6),
    };
    setup.ports.sources(&Setting {
        addresses,
        ports: None,
        seed: setup.seed,
    })
}

/// Why sockets of this machine cannot have the fleet's addresses, and nobody tells them in a header; none if all is well.
pub(super) fn refusal(stage: &Stage) -> Option<Refusal> {
    (!stage.fleet.fits_loopback() && !stage.devices_tell_addresses()).then(|| Refusal {
        kind: RefusalKind::ByNature,
        reason: format!(
            "{} addresses of the model {} need a header that tells them; this machine has one IPv6 loopback address",
            stage.fleet.addresses, stage.fleet.ports
        ),
        remedy: "set listener.proxy-protocol = \"required\" and, with a load balancer, adc.proxy-protocol = \"v2\"".to_owned(),
    })
}

/// What a device's socket is bound to, and what it says before its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// None leaves address and port to the kernel.
    pub(super) local: Option<SocketAddr>,
    pub(super) preface: Vec<u8>,
}

/// How device `device` with source `source` goes to `target`.
pub(super) fn origin(
    source: SocketAddr,
    device: u32,
    target: SocketAddr,
    preface: SendProxy,
) -> Origin {
    let preface = match preface {
        SendProxy::Off => {
            return Origin {
                local: Some(source),
                preface: Vec::new(),
            };
        }
        SendProxy::V1 => proxy_header::encode_v1(source, target),
        // Without TLVs of our own nothing can be too long.
        SendProxy::V2 => proxy_header::encode_v2(source, target, &[], false).unwrap_or_default(),
        SendProxy::V2Crc32c => {
            proxy_header::encode_v2(source, target, &[], true).unwrap_or_default()
        }
    };
    Origin {
        local: any_port(device, target),
        preface,
    }
}

/// An address of loopback that has ports left; the port is the kernel's choice.
fn any_port(device: u32, target: SocketAddr) -> Option<SocketAddr> {
    let IpAddr::V4(ip) = target.ip() else {
        return None;
    };
    let host = u8::try_from(device / DEVICES_PER_ADDRESS).unwrap_or(u8::MAX);
    ip.is_loopback()
        .then(|| (Ipv4Addr::new(127, 1, host, 1), 0).into())
}

#[cfg(test)]
mod tests {
    use gateway_protocol::proxy_header::{Header, Limits, Source, parse};

    use super::*;
    use crate::stage::PortModel;

    const TARGET: &str = "127.0.0.1:8800";

    #[test]
    fn without_a_header_the_socket_itself_has_the_address() {
        let source = "127.8.9.10:40000".parse().unwrap();

        let origin = origin(source, 3, TARGET.parse().unwrap(), SendProxy::Off);

        assert_eq!(
            origin,
            Origin {
                local: Some(source),
                preface: Vec::new()
            }
        );
    }

    #[test]
    fn a_header_tells_the_address_and_the_socket_has_any() {
        let target: SocketAddr = TARGET.parse().unwrap();
        for source in ["198.18.3.4:40000", "[2001:db8::7]:50001"] {
            let client: SocketAddr = source.parse().unwrap();
            for version in [SendProxy::V1, SendProxy::V2, SendProxy::V2Crc32c] {
                let origin = origin(client, 45_000, target, version);

                assert_eq!(origin.local, Some("127.1.2.1:0".parse().unwrap()));
                let header = parse(&origin.preface, &Limits::default());
                let Ok(Some(Header {
                    source: Source::Proxied { client: told, .. },
                    len,
                    ..
                })) = header
                else {
                    panic!("{version:?} {source}: {header:?}");
                };
                assert_eq!((told, len), (client, origin.preface.len()));
            }
        }
    }

    #[test]
    fn addresses_that_no_socket_here_has_need_a_header() {
        let mut stage = Stage::default();
        stage.fleet.ports = PortModel::Ipv6Privacy;

        assert_eq!(
            refusal(&stage).map(|refusal| refusal.reason),
            Some(
                "IPv4 addresses of the model ipv6-privacy need a header that tells them; this machine has one IPv6 loopback address"
                    .to_owned()
            )
        );

        stage.adc.proxy_protocol = SendProxy::V2;
        assert_eq!(refusal(&stage), None);
    }
}

//! A setup in the words of a site file, and what cannot be said in them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, anyhow};
use lab_f5::render::{self, Variant};
use lab_f5::site::{self, ProxyVersion, Site};
use serde_json::Value as Json;

use crate::provider::{AdcSetup, MonitorSetup, Refusal, RefusalKind};
use crate::scenario::step::Action;
use crate::scenario::step::faults::AdcFault;
use crate::stage::{Balance, Check, PortModel, SendProxy, Stage};

/// The pool's name in the declaration.
const POOL: &str = "tidegate/gateways";

/// What a setup becomes on a device.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Declared {
    /// The body of `POST /mgmt/shared/appsvcs/declare`.
    pub(crate) declaration: Json,
    /// The partition that AS3 makes for it.
    pub(crate) tenant: String,
    /// The pool's path.
    pub(crate) pool: String,
}

/// The setup as a site. Devices arrive at `listen`.
pub(super) fn of(setup: &AdcSetup, tenant: &str, listen: SocketAddr) -> Site {
    let monitor = setup.monitor.map_or((5, 3, 0), seconds);
    Site {
        partition: "Common".to_owned(),
        tenant: tenant.to_owned(),
        virtual_addresses: vec![listen.ip()],
        virtual_port: listen.port(),
        gateways: setup.members.iter().map(|member| member.address).collect(),
        health_port: 0,
        health_ports: setup
            .members
            .iter()
            .map(|member| member.admin.port())
            .collect(),
        monitor_interval: monitor.0,
        monitor_fall: monitor.1,
        time_until_up: monitor.2,
        route_domain: setup.route_domain,
        balance: match setup.balance {
            Balance::RoundRobin => site::Balance::RoundRobin,
            // A hash of the source is refused while planning.
            Balance::LeastConnections | Balance::Source => site::Balance::LeastConnections,
        },
        devices: u64::from(setup.connections),
        snat_addresses: setup.snat_addresses.clone(),
        proxy_protocol: match setup.proxy_protocol {
            SendProxy::Off => ProxyVersion::Off,
            SendProxy::V1 => ProxyVersion::V1,
            // The CRC is refused while planning.
            SendProxy::V2 | SendProxy::V2Crc32c => ProxyVersion::V2,
        },
        idle_timeout: 300,
        slow_ramp: setup.slow_ramp.as_secs(),
        certificate: "/Common/default.crt".to_owned(),
        key: "/Common/default.key".to_owned(),
        event_trace: false,
        vlans: vec![],
    }
}

/// The shipped declaration for a site.
pub(super) fn declare(site: &Site, variant: Variant) -> anyhow::Result<Declared> {
    site.check()
        .map_err(|error| anyhow!("the stage does not fit a BIG-IP: {error}"))?;
    let name = format!("{}.as3.json", variant.name());
    let file = render::files(site)
        .into_iter()
        .find(|file| file.name == name)
        .with_context(|| format!("no file {name} is rendered"))?;
    Ok(Declared {
        declaration: serde_json::from_str(&file.text)
            .with_context(|| format!("{name} is rendered as something else than JSON"))?,
        tenant: site.tenant.clone(),
        pool: format!("/{}/{POOL}", site.tenant),
    })
}

/// A virtual address of no network; a stand-in listens on the lab's own loopback instead.
pub(super) fn documentation_address(family_of: IpAddr) -> SocketAddr {
    let address: IpAddr = match family_of {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 10).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10).into(),
    };
    SocketAddr::new(address, 443)
}

/// How long a second of the stand-in's monitors lasts. BIG-IP's count whole seconds; where a scenario's interval is none, that is one.
pub(super) fn monitor_second(monitor: Option<MonitorSetup>) -> Duration {
    match monitor {
        Some(monitor) if is_fraction(monitor.interval) => monitor.interval,
        _ => Duration::from_secs(1),
    }
}

fn is_fraction(time: Duration) -> bool {
    time.subsec_nanos() != 0
}

/// What a device, which has seconds of its own, does not do.
pub(super) fn refuses_fractions(stage: &Stage) -> Option<Refusal> {
    let interval = stage.adc.monitor.as_ref()?.interval.get();
    is_fraction(interval).then(|| Refusal {
        kind: RefusalKind::ByNature,
        reason: format!("BIG-IP's monitors count whole seconds, not {interval:?}"),
        remedy: "use --adc bigip-standin, or adc.monitor.interval = \"1s\"".to_owned(),
    })
}

/// What cannot be ordered of a BIG-IP.
pub(super) fn refuses_step(action: &Action) -> Option<Refusal> {
    let Action::Adc(on) = action else {
        return None;
    };
    let reason = match on.fault {
        AdcFault::Cut | AdcFault::Heal => return None,
        AdcFault::BlackHole => "a BIG-IP has no order to fall silent",
        AdcFault::Reset => {
            "a BIG-IP that is told to refuse a virtual server's clients keeps those it has"
        }
        AdcFault::FailOver => "a BIG-IP fails over to a second one, and there is only this",
    };
    Some(Refusal {
        kind: RefusalKind::ByNature,
        reason: reason.to_owned(),
        remedy: "use --adc builtin".to_owned(),
    })
}

/// What no BIG-IP does.
pub(super) fn refusal(stage: &Stage) -> Option<Refusal> {
    let by_nature = |reason: String, remedy: &str| {
        Some(Refusal {
            kind: RefusalKind::ByNature,
            reason,
            remedy: remedy.to_owned(),
        })
    };
    if stage.adc.balance == Balance::Source {
        return by_nature(
            "BIG-IP has no balancing by a hash of the source, only persistence".to_owned(),
            "use --adc builtin or haproxy, or adc.balance = \"least-connections\"",
        );
    }
    if stage.adc.proxy_protocol == SendProxy::V2Crc32c {
        return by_nature(
            "the shipped iRules send no CRC32C with the PROXY header".to_owned(),
            "use --adc builtin or haproxy, or adc.proxy-protocol = \"v2\"",
        );
    }
    if let Some(ramp) = stage.adc.slow_ramp
        && is_fraction(ramp.get())
    {
        return by_nature(
            format!("BIG-IP ramps up in whole seconds, not {ramp}"),
            "use --adc builtin or haproxy, or adc.slow-ramp = \"1s\"",
        );
    }
    let monitor = stage.adc.monitor.as_ref()?;
    if monitor.check == Check::Connect {
        return by_nature(
            "the shipped configuration asks GET /ready: BIG-IP's monitors bypass the iRule that sends the PROXY header".to_owned(),
            "use --adc builtin or haproxy, or adc.monitor.check = \"ready\"",
        );
    }
    None
}

/// How many TMMs hand out source ports like this. What is nobody's habit but the kernel's is left to the device: it strides by its four TMMs.
pub(super) fn tmms(ports: PortModel) -> Result<usize, Refusal> {
    match ports {
        PortModel::Range => Ok(1),
        PortModel::LinuxConnect | PortModel::Stride4 => Ok(4),
        PortModel::PerCoreResidue => Ok(8),
        PortModel::Stride16 => Ok(16),
        other => Err(Refusal {
            kind: RefusalKind::ByNature,
            reason: format!("no number of TMMs hands out source ports like {other}"),
            remedy: "use --adc builtin, or adc.snat-ports = range, stride-4, per-core-residue or stride-16".to_owned(),
        }),
    }
}

/// Interval, bad answers that take a member out, and seconds of good ones that bring it back; in seconds of [`monitor_second`].
fn seconds(monitor: MonitorSetup) -> (u32, u32, u32) {
    let interval = match is_fraction(monitor.interval) {
        true => 1,
        false => u32::try_from(monitor.interval.as_secs()).unwrap_or(u32::MAX),
    };
    let interval = interval.max(1);
    let until_up = interval.saturating_mul(monitor.rise.saturating_sub(1));
    (interval, monitor.fall.max(1), until_up)
}

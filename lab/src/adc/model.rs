//! A setup in the words of the neutral model.

use lab_adc::model::{
    Balance, Member, MemberState, Model, Monitor, MonitorKind, MonitorProxy, Pool, ProxyProtocol,
    Snat, SnatPorts, Tls, VirtualServer,
};

use crate::provider::{self, AdcSetup, MonitorSetup, Refusal, RefusalKind};
use crate::stage::{self, Check, PortModel, SendProxy};

/// A probe that takes longer than this has failed, however rarely one is made.
const SLOWEST_PROBE: std::time::Duration = std::time::Duration::from_secs(2);

/// The name of the one pool.
pub(crate) const POOL: &str = "gateways";
/// The name of the one virtual server.
pub(crate) const VIRTUAL_SERVER: &str = "devices";

/// Everything a setup says.
pub(crate) fn of(setup: &AdcSetup) -> Model {
    let mut server = VirtualServer::new(VIRTUAL_SERVER, (setup.listen, 0).into(), POOL);
    server.accept_proxy = setup.accept_proxy;
    server.tls = setup.certificate.as_ref().map(|shown| Tls {
        certificate: shown.file.clone(),
        key: shown.key.clone(),
    });
    server.snat = Snat {
        addresses: setup.snat_addresses.clone(),
        ports: ports(setup.snat_ports),
        port_range: setup.snat_ports_each.map(few_ports),
    };
    server.proxy_protocol = match setup.proxy_protocol {
        SendProxy::Off => ProxyProtocol::Off,
        SendProxy::V1 => ProxyProtocol::V1,
        SendProxy::V2 => ProxyProtocol::V2,
        SendProxy::V2Crc32c => ProxyProtocol::V2Crc,
    };
    let mut pool = Pool::new(
        POOL,
        setup
            .members
            .iter()
            .map(|member| of_member(*member, setup.monitor))
            .collect(),
    );
    pool.balance = match setup.balance {
        stage::Balance::RoundRobin => Balance::RoundRobin,
        stage::Balance::LeastConnections => Balance::LeastConnections,
        stage::Balance::Source => Balance::SourceAddress,
    };
    pool.slow_ramp = setup.slow_ramp;
    pool.monitors = setup
        .monitor
        .map(|monitor| of_monitor(monitor, setup.proxy_protocol))
        .into_iter()
        .collect();
    Model {
        seed: setup.seed,
        virtual_servers: vec![server],
        pools: vec![pool],
    }
}

/// Only BIG-IP has route domains, and a rule that drains.
pub(crate) fn refuses_what_only_bigip_has(stage: &stage::Stage) -> Option<Refusal> {
    let only = |what: &str, key: &str| {
        Some(Refusal {
            kind: RefusalKind::ByNature,
            reason: format!("only BIG-IP has {what}"),
            remedy: format!("use --adc bigip-standin, or leave {key} out"),
        })
    };
    match &stage.adc {
        adc if adc.route_domain != 0 => only("route domains", "adc.route-domain"),
        adc if adc.drain_closes => only("an iRule that closes WebSockets", "adc.drain-closes"),
        _ => None,
    }
}

/// So many ports, below those that kernels choose, so that they are nobody else's.
pub(crate) fn few_ports(count: u16) -> (u16, u16) {
    const FIRST: u16 = 10_000;
    (FIRST, FIRST.saturating_add(count.saturating_sub(1)))
}

/// An operator's wish; a member that is down also loses what it has.
pub(crate) fn state(wish: provider::MemberState) -> MemberState {
    match wish {
        provider::MemberState::Enabled => MemberState::Enabled,
        provider::MemberState::Draining => MemberState::Disabled,
        provider::MemberState::Down => MemberState::ForcedOffline,
    }
}

fn ports(model: PortModel) -> SnatPorts {
    match model {
        PortModel::LinuxConnect => SnatPorts::LinuxConnect,
        PortModel::BindFirst => SnatPorts::BindFirst,
        model => SnatPorts::Model(model),
    }
}

fn of_member(member: provider::Member, monitor: Option<MonitorSetup>) -> Member {
    let asks_admin = monitor.is_some_and(|monitor| monitor.check == Check::Ready);
    Member {
        monitor_address: asks_admin.then_some(member.admin),
        ..Member::new(member.address)
    }
}

fn of_monitor(monitor: MonitorSetup, header: SendProxy) -> Monitor {
    let (kind, proxy_protocol) = match monitor.check {
        Check::Ready => (MonitorKind::http("/ready"), MonitorProxy::Off),
        Check::Connect => (MonitorKind::Tcp, of_probe(header)),
    };
    Monitor {
        interval: monitor.interval,
        timeout: monitor.interval.min(SLOWEST_PROBE),
        fall: monitor.fall,
        rise: monitor.rise,
        proxy_protocol,
        ..Monitor::new(kind)
    }
}

fn of_probe(header: SendProxy) -> MonitorProxy {
    match header {
        SendProxy::Off => MonitorProxy::Off,
        SendProxy::V1 => MonitorProxy::V1,
        SendProxy::V2 => MonitorProxy::V2Local,
        SendProxy::V2Crc32c => MonitorProxy::V2LocalCrc,
    }
}

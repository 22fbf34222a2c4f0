//! Causes around connections: who has them, who should, and who says otherwise.

use std::collections::HashSet;
use std::net::SocketAddr;

use crate::evidence::{Evidence, Sighting};
use crate::scenario::expect::{Connected, Expect};

/// Why devices are connected, or not.
pub(super) fn connected(expect: &Expect, seen: &Evidence) -> String {
    let counts = &seen.counts;
    match (&counts.first_failure, expect.connected) {
        (_, Connected::None) => {
            "gateways let in whom they should refuse; whom they believe is in their configuration"
                .to_owned()
        }
        (Some(reason), Connected::All | Connected::AsOnGateways) => {
            format!("the first failure: {reason}")
        }
        (None, Connected::All | Connected::AsOnGateways) if counts.lost > 0 => format!(
            "{} connections ended, and no gateway gave a reason: somebody on the way cut them",
            counts.lost
        ),
        (None, Connected::All | Connected::AsOnGateways) => {
            "attempts were not answered in time: a gateway or the load balancer accepts too slowly"
                .to_owned()
        }
    }
}

/// A connection that only one of two witnesses has.
pub(super) fn miscounted(sightings: &[Sighting]) -> Option<String> {
    let sighting = sightings.iter().find(|sighting| !sighting.is_coherent())?;
    let own: HashSet<SocketAddr> = sighting.connections.iter().map(|one| one.peer).collect();
    let gateway = sighting.gateway;
    if let Some(stale) = own.difference(&sighting.kernel_peers).min() {
        return Some(format!(
            "gateway {gateway} still lists {stale}, which the kernel has closed"
        ));
    }
    if let Some(unknown) = sighting.kernel_peers.difference(&own).min() {
        return Some(format!(
            "the kernel has {unknown}, which gateway {gateway} does not list: accepted and never upgraded, or forgotten"
        ));
    }
    Some(format!(
        "gateway {gateway} lists every connection, and its workgroups' counters add up to {} instead of {}",
        sighting.placed(),
        own.len()
    ))
}

/// A device whose address no gateway tells.
pub(super) fn missing(seen: &Evidence) -> Option<String> {
    let told: HashSet<SocketAddr> = seen
        .sightings
        .iter()
        .flat_map(|sighting| &sighting.connections)
        .map(|connection| connection.client)
        .collect();
    let devices = seen.devices.iter().map(|device| device.client);
    match devices.filter(|client| !told.contains(client)).min() {
        Some(absent) => Some(format!("no gateway tells of {absent}")),
        None => Some("a gateway tells of one client twice".to_owned()),
    }
}

/// Why connections that should share a workgroup do not.
pub(super) fn told_apart(sightings: &[Sighting]) -> Option<String> {
    let clients = || {
        sightings
            .iter()
            .flat_map(|sighting| &sighting.connections)
            .map(|connection| connection.client)
    };
    let addresses: HashSet<_> = clients().map(|client| client.ip()).collect();
    let ports: HashSet<_> = clients().map(|client| client.port()).collect();
    (!ports.is_empty()).then(|| {
        format!(
            "placement saw {} addresses and {} ports, and something it hashes tells them apart",
            addresses.len(),
            ports.len()
        )
    })
}

/// The first gateway that has not what it should.
pub(super) fn displaced(wanted: &[u64], sightings: &[Sighting]) -> Option<String> {
    (0u32..).zip(wanted).find_map(|(gateway, wanted)| {
        let sighting = sightings.iter().find(|one| one.gateway == gateway);
        let has = sighting.map_or(0, Sighting::placed);
        (has != *wanted).then(|| match sighting {
            Some(_) => format!("gateway {gateway} has {has} connections instead of {wanted}: the load balancer, or whoever names servers, sent them elsewhere"),
            None => format!("gateway {gateway} serves nobody at the end: it is gone, or leaving"),
        })
    })
}

/// Which members a load balancer holds for down, or for up although they should not be.
pub(super) fn down(seen: &Evidence) -> Option<String> {
    let of = |up: bool| -> Vec<String> {
        let members = seen.members.iter().enumerate();
        members
            .filter(|(_, member)| member.up == up)
            .map(|(gateway, _)| gateway.to_string())
            .collect()
    };
    let (up, down) = (of(true), of(false));
    if up.is_empty() && down.is_empty() {
        return Some("the load balancer told of no member".to_owned());
    }
    Some(format!(
        "its monitor holds {} for up and {} for down",
        listed(&up),
        listed(&down)
    ))
}

fn listed(gateways: &[String]) -> String {
    match gateways {
        [] => "no gateway".to_owned(),
        [one] => format!("gateway {one}"),
        many => format!("gateways {}", many.join(", ")),
    }
}

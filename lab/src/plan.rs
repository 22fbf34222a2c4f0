//! What a cell takes, counted before anything starts: processes, descriptors, memory, source ports. Pure.

use std::net::Ipv4Addr;

use lab_ports::{Addresses, Setting};

use crate::machine::Machine;
use crate::provider::{AdcChoice, Refusal, RefusalKind};
use crate::stage::{Family, PortModel, Stage, Via};

/// Descriptors a process holds besides its connections.
const OWN_DESCRIPTORS: u64 = 200;

/// Memory a process takes without connections.
const OWN_MEMORY: u64 = 40 << 20;

/// Memory of one connection: socket in the kernel and state of its owner, for one end.
const ENDPOINT_MEMORY: u64 = 4_000 + 1_500;

/// Connections of a run besides those of its devices: questions to admin ports, Kafka, health checks.
const OTHER_CONNECTIONS: u64 = 1_000;

/// What a cell takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The processes.
    pub(crate) processes: Vec<Process>,
    /// Memory of all, with the kernel's part, in bytes.
    pub(crate) memory: u64,
    /// Source ports towards one gateway.
    pub(crate) ports: Option<PortBudget>,
    /// Why it cannot be played; empty when it can.
    pub(crate) refusals: Vec<Refusal>,
}

/// One process of the stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    /// What it is.
    pub(crate) name: String,
    /// Descriptors it holds at most.
    pub(crate) descriptors: u64,
}

/// Source ports of the load balancer towards one gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PortBudget {
    /// Connections to the gateway.
    pub(crate) needed: u64,
    /// What one address can give.
    pub(crate) per_address: u64,
    /// Addresses.
    pub(crate) addresses: u64,
}

impl Plan {
    /// Counts what a stage takes and compares it with the machine. `refusals` are what the providers said.
    pub(crate) fn new(
        stage: &Stage,
        adc: &AdcChoice,
        machine: &Machine,
        refusals: Vec<Refusal>,
    ) -> Self {
        let mut plan = Self {
            processes: processes(stage, adc),
            memory: memory(stage),
            ports: (stage.fleet.via == Via::Adc && stage.adc.snat_ports_each.is_none())
                .then(|| port_budget(stage)),
            refusals,
        };
        let lacks = [
            plan.lacks_descriptors(machine),
            plan.lacks_memory(machine),
            plan.lacks_ports(),
            lacks_tracking(stage, machine),
            lacks_ipv6(stage, machine),
        ];
        plan.refusals.extend(lacks.into_iter().flatten());
        plan
    }

    /// The most descriptors that one process holds.
    pub(crate) fn descriptors(&self) -> u64 {
        self.processes
            .iter()
            .map(|process| process.descriptors)
            .max()
            .unwrap_or(0)
    }

    fn lacks_descriptors(&self, machine: &Machine) -> Option<Refusal> {
        let greedy = self
            .processes
            .iter()
            .max_by_key(|process| process.descriptors)?;
        (greedy.descriptors > machine.descriptors).then(|| Refusal {
            kind: RefusalKind::Machine,
            reason: format!(
                "{} needs {} file descriptors, a process may hold {}",
                greedy.name, greedy.descriptors, machine.descriptors
            ),
            remedy: format!(
                "raise the limit (ulimit -Hn {}), or use fewer devices",
                greedy.descriptors
            ),
        })
    }

    fn lacks_memory(&self, machine: &Machine) -> Option<Refusal> {
        (self.memory > machine.memory_available).then(|| Refusal {
            kind: RefusalKind::Machine,
            reason: format!(
                "the stage takes {} MB of memory, {} MB can be had",
                self.memory >> 20,
                machine.memory_available >> 20
            ),
            remedy: "free memory, or use fewer devices".to_owned(),
        })
    }

    fn lacks_ports(&self) -> Option<Refusal> {
        let budget = self.ports?;
        let available = budget.per_address * budget.addresses;
        (budget.needed > available).then(|| Refusal {
            kind: RefusalKind::ByNature,
            reason: format!(
                "{} connections to one gateway need {} source ports, {} address(es) have {available}",
                budget.needed, budget.needed, budget.addresses
            ),
            remedy: format!("set adc.snat-addresses = {}", budget.needed.div_ceil(budget.per_address.max(1))),
        })
    }
}

fn processes(stage: &Stage, adc: &AdcChoice) -> Vec<Process> {
    let devices = u64::from(stage.fleet.devices);
    let gateways = u64::from(stage.gateways);
    // A balancer is not exact, and a gateway may have to take over from another.
    let share = if gateways == 1 {
        devices
    } else {
        devices.div_ceil(gateways) * 3 / 2
    };
    let mut processes = vec![Process {
        name: "the lab (its fleet)".to_owned(),
        // A relay holds both ends of its connections.
        descriptors: devices * if stage.relay { 3 } else { 1 } + OWN_DESCRIPTORS,
    }];
    if stage.fleet.via == Via::Adc {
        processes.push(Process {
            name: format!("the load balancer ({adc})"),
            descriptors: 2 * devices + OWN_DESCRIPTORS,
        });
    }
    processes.extend((0..gateways).map(|number| Process {
        name: format!("gateway {number}"),
        descriptors: share + OWN_DESCRIPTORS + 4 * u64::from(stage.workgroups),
    }));
    processes
}

fn memory(stage: &Stage) -> u64 {
    let endpoints = if stage.fleet.via == Via::Adc { 4 } else { 2 };
    let processes = 2 + u64::from(stage.gateways);
    u64::from(stage.fleet.devices) * endpoints * ENDPOINT_MEMORY + processes * OWN_MEMORY
}

fn port_budget(stage: &Stage) -> PortBudget {
    PortBudget {
        needed: u64::from(stage.fleet.devices.div_ceil(stage.gateways)),
        per_address: ports_per_address(stage.adc.snat_ports),
        addresses: u64::from(stage.adc.snat_addresses),
    }
}

/// How many connections one address can have towards one gateway before the model loses its shape.
fn ports_per_address(model: PortModel) -> u64 {
    match model {
        // Once one parity is used up the kernel takes the other.
        PortModel::LinuxConnect | PortModel::BindFirst => model.usual_ports().len() as u64 / 2,
        // Every port is given in the end; counting them one by one takes long.
        PortModel::Range | PortModel::PerCoreResidue => model.usual_ports().len() as u64,
        _ => {
            let one_address = Setting {
                addresses: Addresses::Given(vec![Ipv4Addr::LOCALHOST.into()]),
                ports: None,
                seed: 0,
            };
            model.sources(&one_address).count() as u64
        }
    }
}

/// Room in the kernel's connection tracking, with some for what else goes on.
fn lacks_tracking(stage: &Stage, machine: &Machine) -> Option<Refusal> {
    let room = machine.tracking_room?;
    let hops = if stage.fleet.via == Via::Adc { 2 } else { 1 };
    let needed = u64::from(stage.fleet.devices) * hops + OTHER_CONNECTIONS;
    (needed > room).then(|| Refusal {
        kind: RefusalKind::Machine,
        reason: format!(
            "the kernel tracks connections and has room for {room} more, the stage makes {needed}"
        ),
        remedy: format!(
            "wait until it has forgotten old ones, or: sysctl -w net.netfilter.nf_conntrack_max={}",
            (needed + room) * 4
        ),
    })
}

fn lacks_ipv6(stage: &Stage, machine: &Machine) -> Option<Refusal> {
    (stage.fleet.addresses == Family::Ipv6 && !machine.ipv6).then(|| Refusal {
        kind: RefusalKind::Machine,
        reason: "the devices use IPv6, and ::1 cannot be bound here".to_owned(),
        remedy: "enable IPv6 on the loopback interface (sysctl net.ipv6.conf.lo.disable_ipv6=0)"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_within_the_machine_is_not_refused() {
        let plan = plan(&Stage::default());

        assert_eq!(plan.refusals, []);
        assert_eq!(plan.descriptors(), 2 * 100 + OWN_DESCRIPTORS);
    }

    #[test]
    fn too_few_descriptors_name_the_process_and_the_remedy() {
        let mut stage = Stage::default();
        stage.fleet.devices = 12_000;

        assert_eq!(
            plan(&stage).refusals,
            [Refusal {
                kind: RefusalKind::Machine,
                reason: "the load balancer (builtin) needs 24200 file descriptors, a process may hold 20000".to_owned(),
                remedy: "raise the limit (ulimit -Hn 24200), or use fewer devices".to_owned(),
            }]
        );
    }

    #[test]
    fn a_snat_address_has_only_so_many_ports_of_a_kind() {
        let mut stage = Stage::default();
        stage.fleet.devices = 5_000;
        stage.adc.snat_ports = PortModel::Stride16;

        assert_eq!(
            plan(&stage).refusals,
            [Refusal {
                kind: RefusalKind::ByNature,
                reason: "5000 connections to one gateway need 5000 source ports, 1 address(es) have 4032".to_owned(),
                remedy: "set adc.snat-addresses = 2".to_owned(),
            }]
        );
    }

    #[test]
    fn a_full_table_of_tracked_connections_is_said_before_packets_vanish() {
        let machine = Machine {
            tracking_room: Some(1_100),
            ..machine()
        };

        let refusals = Plan::new(&Stage::default(), &AdcChoice::Builtin, &machine, vec![]).refusals;

        assert_eq!(
            refusals.first().map(|refusal| refusal.reason.as_str()),
            Some("the kernel tracks connections and has room for 1100 more, the stage makes 1200")
        );
    }

    fn plan(stage: &Stage) -> Plan {
        Plan::new(stage, &AdcChoice::Builtin, &machine(), vec![])
    }

    fn machine() -> Machine {
        Machine {
            descriptors: 20_000,
            memory_available: 8 << 30,
            memory_total: 16 << 30,
            cpus: 2,
            cpu_model: String::new(),
            kernel: String::new(),
            local_ports: 32_768..=60_999,
            tracking_room: None,
            ipv6: true,
            haproxy: None,
            container_engine: Err(String::new()),
            sysctls: std::collections::BTreeMap::new(),
        }
    }
}

//! A real BIG-IP as the load balancer of a stage: a partition of its own for the time of the run, and evidence of what happened there.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, anyhow};
use lab_f5::render::Variant;
use lab_f5::site::Site;
use lab_icontrol::declaration;
use lab_icontrol::facts::DeviceFacts;
use lab_icontrol::pool::tilde;
use lab_icontrol::session::Session;

use super::appliance::{Appliance, provider_error};
use super::site::{self, Declared};
use crate::interrupt::Interrupt;
use crate::provider::{
    Adc, AdcSetup, Member, MemberCount, MemberState, ProviderError, Refusal, RefusalKind,
    Surroundings,
};
use crate::replay::Replay;
use crate::replay::evidence::{Counted, Evidence};
use crate::replay::journal::Journal;
use crate::replay::removal::{partition_exists, remove_all};
use crate::replay::site::ReplaySite;
use crate::scenario::step::Action;
use crate::scenario::step::faults::AdcFault;
use crate::stage::{PortModel, Stage};

/// The gateways' ports in a preview; a run has others.
const EXAMPLE_PORTS: (u16, u16) = (8800, 8900);

/// A device, changed only between [`Adc::start`] and [`Adc::stop`].
pub(crate) struct Bigip {
    replay: Replay,
    version: String,
    running: Option<Running>,
}

struct Running {
    replay: Replay,
    appliance: Appliance,
    journal: Journal,
    evidence: Evidence,
    counted: Counted,
}

impl Bigip {
    /// The device of this replay; nothing is asked yet.
    pub(crate) fn new(replay: &Replay) -> Self {
        Self {
            replay: replay.clone(),
            version: "BIG-IP".to_owned(),
            running: None,
        }
    }

    fn running(&mut self) -> Result<&mut Running, ProviderError> {
        Ok(self
            .running
            .as_mut()
            .context("nothing of the lab is on the BIG-IP")?)
    }
}

impl Adc for Bigip {
    fn refuses(&self, stage: &Stage) -> Option<Refusal> {
        refusal(stage, &self.replay.site)
    }

    fn refuses_step(&self, action: &Action) -> Option<Refusal> {
        site::refuses_step(action)
    }

    fn inflict(
        &mut self,
        fault: AdcFault,
        member: Option<SocketAddr>,
    ) -> Result<(), ProviderError> {
        self.running()?.appliance.inflict(fault, member)
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            gateways: self.replay.site.gateways_at,
            trusted: self.replay.site.snat_addresses.clone(),
            devices: self.replay.site.devices_from.clone(),
        }
    }

    fn start(
        &mut self,
        setup: &AdcSetup,
        interrupt: &Interrupt,
    ) -> Result<SocketAddr, ProviderError> {
        let replay = self.replay.clone();
        let mut session = replay.device.open(interrupt).map_err(provider_error)?;
        let facts = DeviceFacts::read(&mut session).map_err(provider_error)?;
        self.version = format!("{} {}", facts.product, facts.version);
        if facts.as3.is_none() {
            return Err(ProviderError::Unfit {
                what: format!("{} has no AS3", replay.device.target),
                remedy: "install the f5-appsvcs package on it".to_owned(),
            });
        }
        let tenant = format!("tidegate_lab_{:08x}", rand::random::<u32>());
        let declared = declared(setup, &replay.site, &tenant)?;
        let folder = replay.evidence.join(&tenant);
        let evidence = Evidence::begin(&folder, &mut session, &facts, &declared.declaration)?;
        let mut journal = Journal::create(&folder, &replay.device.target.to_string())?;

        // Whether the device would take it is asked before anything is ordered.
        declaration::dry_run(&mut session, &declared.declaration).map_err(provider_error)?;
        if partition_exists(&mut session, &tenant).map_err(provider_error)? {
            return Err(anyhow!("the BIG-IP has a partition {tenant} already").into());
        }
        journal.order(&tenant, missing_nodes(&mut session, &setup.members)?)?;
        let running = self.running.insert(Running {
            replay,
            counted: Counted {
                pool: declared.pool.clone(),
                virtual_server: format!("/{tenant}/tidegate/devices"),
            },
            appliance: Appliance {
                session,
                pool: declared.pool,
            },
            journal,
            evidence,
        });
        let session = &mut running.appliance.session;
        declaration::declare(session, &declared.declaration).map_err(provider_error)?;
        running.appliance.await_verdicts(interrupt)?;
        running.count("before")?;
        Ok(running.replay.site.virtual_address)
    }

    fn set_member(&mut self, member: SocketAddr, state: MemberState) -> Result<(), ProviderError> {
        self.running()?.appliance.set_member(member, state)
    }

    fn set_weight(&mut self, member: SocketAddr, weight: u32) -> Result<(), ProviderError> {
        self.running()?.appliance.set_weight(member, weight)
    }

    fn members(&mut self) -> Result<Vec<MemberCount>, ProviderError> {
        let running = self.running()?;
        // Connections still stand when this is asked for the last time.
        running.count("after")?;
        running.appliance.members()
    }

    fn processes(&self) -> Vec<u32> {
        vec![]
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn stop(&mut self) -> Result<(), ProviderError> {
        match self.running.take() {
            Some(mut running) => Ok(running.leave()?),
            None => Ok(()),
        }
    }
}

impl Drop for Bigip {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take()
            && let Err(error) = running.leave()
        {
            eprintln!("{error:#}");
        }
    }
}

impl Running {
    fn count(&mut self, when: &str) -> anyhow::Result<()> {
        self.evidence
            .count(&mut self.appliance.session, &self.counted, when)
    }

    /// Takes the log, and everything that was made; Ctrl-C does not shorten it.
    fn leave(&mut self) -> anyhow::Result<()> {
        let journal = self.journal.file().display().to_string();
        let finish = || {
            format!(
                "the BIG-IP still has what this run made; finish with: lab adc remove {journal} --credentials-from …"
            )
        };
        let mut session = self.replay.device.open_to_the_end().with_context(finish)?;
        let logged = self.evidence.keep_log(&mut session);
        remove_all(&mut session, &mut self.journal).with_context(finish)?;
        logged
    }
}

/// Nodes that AS3 will have to make for the gateways.
fn missing_nodes(session: &mut Session, members: &[Member]) -> Result<Vec<String>, ProviderError> {
    let mut missing = vec![];
    let addresses: std::collections::BTreeSet<IpAddr> =
        members.iter().map(|member| member.address.ip()).collect();
    for address in addresses {
        let node = format!("/Common/{address}");
        let found = session.find(&format!("/mgmt/tm/ltm/node/{}", tilde(&node)));
        if found.map_err(provider_error)?.is_none() {
            missing.push(node);
        }
    }
    Ok(missing)
}

/// The declaration of a setup at the operator's addresses.
fn declared(setup: &AdcSetup, at: &ReplaySite, tenant: &str) -> anyhow::Result<Declared> {
    let site = Site {
        snat_addresses: at.snat_addresses.clone(),
        route_domain: at.route_domain,
        vlans: at.vlans.clone(),
        ..site::of(setup, tenant, at.virtual_address)
    };
    site::declare(&site, Variant::TlsPassthrough)
}

/// What a device would be told for a stage; the tenant and the gateways' ports are examples.
pub(crate) fn preview(stage: &Stage, at: &ReplaySite) -> anyhow::Result<Declared> {
    let port =
        |first: u16, number: u32| first.saturating_add(u16::try_from(number).unwrap_or(u16::MAX));
    let member = |number| Member {
        address: SocketAddr::new(at.gateways_at, port(EXAMPLE_PORTS.0, number)),
        admin: SocketAddr::new(at.gateways_at, port(EXAMPLE_PORTS.1, number)),
    };
    let members = (0..stage.gateways).map(member).collect();
    let setup = AdcSetup::new(stage, members, at.snat_addresses.clone(), None, 0);
    declared(&setup, at, "tidegate_lab_preview")
}

/// What cannot be had of a device, or at these addresses.
pub(crate) fn refusal(stage: &Stage, at: &ReplaySite) -> Option<Refusal> {
    let by_nature = |reason: String, remedy: String| {
        Some(Refusal {
            kind: RefusalKind::ByNature,
            reason,
            remedy,
        })
    };
    if let Some(refusal) = site::refusal(stage).or_else(|| site::refuses_fractions(stage)) {
        return Some(refusal);
    }
    if stage.adc.snat_ports != PortModel::LinuxConnect {
        return by_nature(
            format!(
                "a BIG-IP chooses source ports by itself, nobody can tell it {}",
                stage.adc.snat_ports
            ),
            "use --adc bigip-standin, or leave adc.snat-ports out".to_owned(),
        );
    }
    if stage.adc.tls {
        return by_nature(
            "devices of the lab believe the certificate that it makes, and a BIG-IP shows its own"
                .to_owned(),
            "use --adc bigip-standin, or leave adc.tls out".to_owned(),
        );
    }
    if stage.relay && !at.gateways_at.is_loopback() {
        return by_nature(
            "the lab's relay stands on this machine's loopback, which a device does not reach"
                .to_owned(),
            "use --adc bigip-standin, or leave relay out".to_owned(),
        );
    }
    if stage.devices_tell_addresses() {
        return by_nature(
            format!(
                "no socket has the addresses of {}, and a BIG-IP believes no header of a device",
                stage.fleet.ports
            ),
            "use --adc bigip-standin, or fleet.ports = \"linux-connect\"".to_owned(),
        );
    }
    if stage.adc.route_domain != 0 && stage.adc.route_domain != at.route_domain {
        return by_nature(
            format!(
                "the site is in route domain {}, the scenario in {}",
                at.route_domain, stage.adc.route_domain
            ),
            "name route-domain and addresses of it in the site file".to_owned(),
        );
    }
    if stage.fleet.addresses.loopback().is_ipv4() != at.virtual_address.is_ipv4() {
        return by_nature(
            format!(
                "the site's virtual address {} is not {}",
                at.virtual_address, stage.fleet.addresses
            ),
            "name a virtual address of that family in the site file".to_owned(),
        );
    }
    None
}

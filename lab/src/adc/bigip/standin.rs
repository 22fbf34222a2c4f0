//! The stand-in as the load balancer of a stage: configured and steered as one would the appliance.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use lab_bigip::serve::ReadyLine;
use lab_f5::render::Variant;
use lab_icontrol::credentials::Credentials;
use lab_icontrol::declaration;
use lab_icontrol::session::Session;
use lab_icontrol::target::{Target, Trust};

use super::appliance::{Appliance, provider_error};
use super::site::{self, documentation_address};
use crate::adc::descriptors;
use crate::adc::served::ServedChild;
use crate::interrupt::Interrupt;
use crate::leash::{leashed, own_binary};
use crate::provider::{Adc, AdcSetup, MemberCount, MemberState, ProviderError, Refusal};
use crate::replay::evidence::log;
use crate::scenario::step::Action;
use crate::scenario::step::faults::AdcFault;
use crate::stage::Stage;
use crate::units::Span;

const USER: &str = "admin";
const TENANT: &str = "Tidegate";
/// Where a stand-in says which of the lab's addresses its virtual servers have. No device has that.
const LISTENING: &str = "/mgmt/shared/tidegate/listening";

/// A BIG-IP stand-in, a child process.
#[derive(Default)]
pub(crate) struct Standin {
    running: Option<Running>,
}

struct Running {
    // First, as its last act is to give its token back to the child.
    appliance: Appliance,
    child: ServedChild,
    monitor_second: Duration,
}

impl Adc for Standin {
    fn refuses(&self, stage: &Stage) -> Option<Refusal> {
        site::refusal(stage)
            .or_else(|| site::tmms(stage.adc.snat_ports).err())
            .or_else(|| descriptors::refusal(stage))
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

    fn start(
        &mut self,
        setup: &AdcSetup,
        interrupt: &Interrupt,
    ) -> Result<SocketAddr, ProviderError> {
        let site = site::of(setup, TENANT, documentation_address(setup.listen));
        let variant = match setup.certificate {
            Some(_) => Variant::TlsOffload,
            None => Variant::TlsPassthrough,
        };
        let declared = site::declare(&site, variant)?;
        let (child, mut session) = launch(setup, interrupt)?;
        declaration::declare(&mut session, &declared.declaration).map_err(provider_error)?;
        let listening = session.get(LISTENING).map_err(provider_error)?;
        let listening: BTreeMap<String, SocketAddr> = serde_json::from_value(listening)
            .with_context(|| format!("{LISTENING} answered something else than its contract"))?;
        let address = listening
            .into_values()
            .next()
            .context("the BIG-IP stand-in runs no virtual server")?;
        let appliance = Appliance {
            session,
            pool: declared.pool,
        };
        let running = self.running.insert(Running {
            appliance,
            child,
            monitor_second: site::monitor_second(setup.monitor),
        });
        running.appliance.await_verdicts(interrupt)?;
        Ok(address)
    }

    fn set_member(&mut self, member: SocketAddr, state: MemberState) -> Result<(), ProviderError> {
        self.running()?.appliance.set_member(member, state)
    }

    fn set_weight(&mut self, member: SocketAddr, weight: u32) -> Result<(), ProviderError> {
        self.running()?.appliance.set_weight(member, weight)
    }

    fn members(&mut self) -> Result<Vec<MemberCount>, ProviderError> {
        self.running()?.appliance.members()
    }

    fn log(&mut self) -> Result<Vec<String>, ProviderError> {
        log(&mut self.running()?.appliance.session).map_err(provider_error)
    }

    fn processes(&self) -> Vec<u32> {
        self.running
            .iter()
            .map(|running| running.child.id())
            .collect()
    }

    fn version(&self) -> String {
        let haste =
            self.running
                .as_ref()
                .map_or(String::new(), |running| match running.monitor_second {
                    second if second == Duration::from_secs(1) => String::new(),
                    second => format!(", a second of its monitors lasts {second:?}"),
                });
        format!("BIG-IP stand-in {}{haste}", env!("CARGO_PKG_VERSION"))
    }

    fn stop(&mut self) -> Result<(), ProviderError> {
        self.running = None;
        Ok(())
    }
}

impl Standin {
    fn running(&mut self) -> Result<&mut Running, ProviderError> {
        Ok(self
            .running
            .as_mut()
            .context("the BIG-IP stand-in is not running")?)
    }
}

/// An empty device, and a session with it. Its password is the child's and ours alone.
fn launch(
    setup: &AdcSetup,
    interrupt: &Interrupt,
) -> Result<(ServedChild, Session), ProviderError> {
    let directory = tempfile::Builder::new()
        .prefix("lab-bigip-")
        .tempdir()
        .context("cannot make a directory for the BIG-IP stand-in")?;
    let certificate = directory.path().join("certificate.pem");
    let password = format!("{:032x}", rand::random::<u128>());
    let tmms = site::tmms(setup.snat_ports).map_err(|refusal| ProviderError::Unfit {
        what: refusal.reason,
        remedy: refusal.remedy,
    })?;

    let mut command = leashed(own_binary()?)?;
    command.args(["adc", "serve", "bigip", "--rest", "127.0.0.1:0"]);
    command.args(["--data", &SocketAddr::new(setup.listen, 0).to_string()]);
    command.args(["--tmms", &tmms.to_string()]);
    let second = Span(site::monitor_second(setup.monitor));
    command.args(["--monitor-second", &second.to_string()]);
    if let Some(count) = setup.snat_ports_each {
        command.args(["--snat-ports-each", &count.to_string()]);
    }
    command.args(["--seed", &setup.seed.to_string()]);
    command.args(["--user", USER]);
    command.arg("--certificate").arg(&certificate);
    if let Some(shown) = &setup.certificate {
        command.arg("--tls-certificate").arg(&shown.file);
        command.arg("--tls-key").arg(&shown.key);
    }
    command.env("TIDEGATE_BIGIP_PASSWORD", &password);
    if setup.accept_proxy {
        command.arg("--accept-proxy");
    }
    let (child, ready): (_, ReadyLine) =
        ServedChild::start(command, "the BIG-IP stand-in", interrupt)?;

    let trust = Trust::from_pem_file(&certificate).map_err(anyhow::Error::msg)?;
    let target = Target {
        host: ready.rest.ip().to_string(),
        port: ready.rest.port(),
    };
    let stop = interrupt.clone();
    let credentials = Credentials::new(USER, password);
    let session = Session::open(target, &trust, credentials, move || stop.is_raised())
        .map_err(provider_error)?;
    Ok((child, session))
}

//! A device that has the configuration: its pool, asked and told over iControl REST.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::anyhow;
use lab_icontrol::pool::{self, Wish};
use lab_icontrol::session::{DeviceError, Session};

use crate::interrupt::Interrupt;
use crate::provider::{MemberCount, MemberState, ProviderError};
use crate::replay::remedy;
use crate::scenario::step::faults::AdcFault;

/// From the declaration to a verdict on every member.
const TO_CHECK: Duration = Duration::from_secs(60);

/// A session, and the pool of the gateways.
pub(super) struct Appliance {
    pub(super) session: Session,
    pub(super) pool: String,
}

impl Appliance {
    /// Takes a member out, or back in. A member that is down also loses what it has, for which forcing it offline is not enough.
    pub(super) fn set_member(
        &mut self,
        member: SocketAddr,
        wanted: MemberState,
    ) -> Result<(), ProviderError> {
        let wish = match wanted {
            MemberState::Enabled => Wish::Enabled,
            MemberState::Draining => Wish::Disabled,
            MemberState::Down => Wish::ForcedOffline,
        };
        pool::set(&mut self.session, &self.pool, member, wish).map_err(provider_error)?;
        if wanted == MemberState::Down {
            pool::end_connections(&mut self.session, member).map_err(provider_error)?;
        }
        Ok(())
    }

    /// A share of new connections, or none at all.
    pub(super) fn set_weight(
        &mut self,
        member: SocketAddr,
        weight: u32,
    ) -> Result<(), ProviderError> {
        let state = match weight {
            0 => MemberState::Draining,
            _ => MemberState::Enabled,
        };
        if weight > 0 {
            pool::set_ratio(&mut self.session, &self.pool, member, weight)
                .map_err(provider_error)?;
        }
        // Until then the pool shares as the shipped configuration says.
        if weight > 1 {
            pool::share_by_ratio(&mut self.session, &self.pool).map_err(provider_error)?;
        }
        self.set_member(member, state)
    }

    /// Ends the connections of a member, or of all.
    pub(super) fn inflict(
        &mut self,
        fault: AdcFault,
        member: Option<SocketAddr>,
    ) -> Result<(), ProviderError> {
        // The others are refused in the plan, but for the end of what lasts: a cut does not.
        if fault != AdcFault::Cut {
            return Ok(());
        }
        let cut: Vec<SocketAddr> = match member {
            Some(member) => vec![member],
            None => self
                .members()?
                .iter()
                .map(|member| member.address)
                .collect(),
        };
        for member in cut {
            pool::end_connections(&mut self.session, member).map_err(provider_error)?;
        }
        Ok(())
    }

    /// What the device counts.
    pub(super) fn members(&mut self) -> Result<Vec<MemberCount>, ProviderError> {
        let counts = pool::members(&mut self.session, &self.pool).map_err(provider_error)?;
        let count = |member: pool::MemberState| MemberCount {
            address: member.address,
            up: member.takes_new,
            current: member.current,
            total: member.total,
        };
        Ok(counts.into_iter().map(count).collect())
    }

    /// Waits until every monitor has seen every member once.
    pub(super) fn await_verdicts(&mut self, interrupt: &Interrupt) -> Result<(), ProviderError> {
        let checked = interrupt.wait_until(TO_CHECK, || {
            let members = pool::members(&mut self.session, &self.pool).map_err(provider_error)?;
            Ok(!members.is_empty() && members.iter().all(|member| member.is_checked))
        })?;
        if checked {
            Ok(())
        } else {
            Err(anyhow!("the device's monitors came to no verdict in {TO_CHECK:?}").into())
        }
    }
}

/// A device's error in the lab's words.
pub(super) fn provider_error(error: DeviceError) -> ProviderError {
    match (remedy(&error), error) {
        (_, DeviceError::Interrupted) => ProviderError::Interrupted,
        (Some(remedy), error) => ProviderError::Unfit {
            what: error.to_string(),
            remedy: remedy.to_owned(),
        },
        (None, error) => ProviderError::Failed(error.into()),
    }
}
